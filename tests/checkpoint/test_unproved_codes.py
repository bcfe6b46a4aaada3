"""Codes whose live part nobody here can check: they hide nothing that is known of the pass behind them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checkpoint.passes import ForeignClaims, Presented
from checkpoint.status_list import StatusAnswer
from checkpoint.steps import NO_STEPS
from checkpoint.verdict import GateState, decide
from tests.checkpoint.pass_samples import DAY_S
from tests.checkpoint.pass_samples import NOW_S as READ_S
from tests.checkpoint.variant_samples import PHONE_PUBLIC, STEP, code_of, parts, read, step_code
from tests.checkpoint.verdict_kit import GATE, NOW_S, gate, held, policy

PLAIN = policy(checks='["pass"]')
NOBODY_KNOWS = gate(site="site-a", here=("site-a",), attendance="none", clock_untrusted_for_s=10.0)
BY_CLOCK = policy('[fail.clock_untrusted]\nnone = { residents = "allow", for_s = 500 }\n', checks='["pass"]')


def said(presented: Presented, state: GateState = GATE, under: object = PLAIN) -> tuple[str, str]:
    decision = decide(presented, {}, under, state, NOW_S)  # type: ignore[arg-type]
    return decision.verdict, decision.reason


def unproved(**changes: object) -> Presented:
    """A genuine pass with a tag that anybody can make up, at a gate without the secret."""
    signed, step, _ = parts(step_code(**changes))  # type: ignore[arg-type]
    return read(code_of([signed, step, bytes(8)]), steps=NO_STEPS)


def test_a_made_up_tag_does_not_turn_a_revocation_into_a_question() -> None:
    presented = Presented("GK1T", replace(held(), status_index=7), "step_unknown", variant="step")
    assert said(presented) == ("escalate", "step_unknown")
    assert said(presented, gate(status=StatusAnswer(1, False))) == ("deny", "pass_revoked")
    assert said(presented, gate(status=StatusAnswer(0, True))) == ("deny", "pass_revoked")


def test_a_made_up_tag_does_not_hide_that_the_pass_is_for_elsewhere() -> None:
    elsewhere = Presented("GK1T", held(scope=("elsewhere",)), "step_unknown", variant="step")
    assert said(elsewhere) == ("deny", "out_of_scope")
    presented = Presented("GK1T", held(), "step_unknown", variant="step")
    rotating_only = policy('[pass]\nphone = ["rotating"]\n', checks='["pass"]')
    assert said(presented, under=rotating_only) == ("deny", "format_not_enabled")


def test_under_a_wrong_clock_a_made_up_tag_is_worth_no_more_than_a_picture() -> None:
    over = {"not_before_s": READ_S - DAY_S, "expires_s": READ_S}
    plain = unproved(**over)
    assert (plain.reason, plain.variant) == ("pass_expired", "static")
    assert said(plain, NOBODY_KNOWS, BY_CLOCK) == ("allow", "allowed_by_fail_table")
    live_only = policy(
        '[pass]\nstatic = []\n[fail.clock_untrusted]\nnone = { residents = "allow", for_s = 500 }\n', checks='["pass"]'
    )
    assert said(plain, NOBODY_KNOWS, live_only) == ("deny", "device_proof_missing")
    of_a_phone = unproved(device_key=PHONE_PUBLIC, **over)
    assert said(of_a_phone, NOBODY_KNOWS, BY_CLOCK) == ("deny", "device_proof_missing")


@pytest.mark.parametrize("weeks", [-2, 2])
def test_a_gate_that_does_not_know_the_week_refuses_nobody_for_it(weeks: int) -> None:
    """Its clock stands in a week whose secret it holds, the phone is right and shows one that it does not hold."""
    presented = read(step_code(STEP + weeks * 20_160))
    assert presented.reason == "step_stale"
    here = gate(site="site-a", here=("site-a",))
    assert said(presented, here) == ("deny", "step_stale")
    assert said(presented, replace(here, clock_untrusted_for_s=10.0)) == ("escalate", "step_stale")
    # Nothing vouches for the step: the fail table lets nobody in on it.
    assert said(presented, NOBODY_KNOWS, BY_CLOCK) == ("escalate", "step_stale")


def test_keys_of_other_systems_grow_old_like_all_lists() -> None:
    visitors = policy('[pass]\nformats = ["GK1", "HC1"]\nforeign = { HC1 = "visitor" }\n', checks='["pass"]')
    claims = ForeignClaims("HC1", "XX", bytes(16), 0, 2**40, {})
    genuine = Presented("HC1", None, "foreign_valid", foreign=claims)
    assert said(genuine, under=visitors)[0] == "allow"
    for age_s in (None, 5000.0):
        assert said(genuine, gate(lists_age_s=age_s), visitors) == ("escalate", "lists_stale")
