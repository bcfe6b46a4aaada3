"""What is held against a genuine pass: withdrawn, lists too old, used up, in two hands, a picture, of elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from checkpoint.passes import ForeignClaims, Pass, Presented
from checkpoint.policy_schema import FailTable, Policy
from checkpoint.status_list import StatusAnswer
from checkpoint.verdict import CheckFact, Decision, GateState, PassUse, decide, ends_at_pass
from tests.checkpoint.verdict_kit import GATE, NOW_S, OK, gate, held, policy, shown

HOUR_S = 3600.0
PLAIN = policy(checks='["pass"]')
INDEXED = replace(held(), status_index=7)
VALID, REVOKED, SUSPENDED, ASK = (StatusAnswer(value, False) for value in range(4))
NO_LIST = StatusAnswer(None, False)


def decided(pass_: Pass, under: Policy = PLAIN, state: GateState = GATE, **presented: Any) -> Decision:
    return decide(Presented("GK1", pass_, "pass_valid", **presented), {}, under, state, NOW_S)


def said(decision: Decision) -> tuple[str, str]:
    return decision.verdict, decision.reason


# --- the status lists ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (VALID, ("allow", "all_ok")),
        (REVOKED, ("deny", "pass_revoked")),
        (SUSPENDED, ("escalate", "pass_suspended")),
        (ASK, ("escalate", "status_ask")),
        (StatusAnswer(0, True), ("deny", "pass_revoked")),
        (StatusAnswer(None, True), ("deny", "pass_revoked")),
    ],
)
def test_what_the_list_says_decides(answer: StatusAnswer, expected: tuple[str, str]) -> None:
    assert said(decided(INDEXED, state=gate(status=answer))) == expected


@pytest.mark.parametrize("answer", [None, NO_LIST])
def test_a_pass_that_no_list_knows_is_let_in_only_by_the_fail_table(answer: StatusAnswer | None) -> None:
    unknown = gate(status=answer)
    home = decided(INDEXED, state=unknown)
    assert said(home) == ("allow", "allowed_by_fail_table")
    assert home.warnings == ("status_missing",)
    assert home.tags == ("lists_stale",)
    visitor = replace(held("visitor"), status_index=7)
    assert said(decided(visitor, state=unknown)) == ("escalate", "status_missing")
    assert said(decided(INDEXED, state=replace(unknown, lists_age_s=None))) == ("escalate", "status_missing")


def test_a_pass_without_an_index_needs_no_list() -> None:
    assert said(decided(held(), state=gate(status=NO_LIST))) == ("allow", "all_ok")


def test_a_revocation_overrules_old_lists_and_a_wrong_clock() -> None:
    for state in (gate(lists_age_s=None), gate(clock_untrusted_for_s=10.0), gate(lists_age_s=9e6, attendance="none")):
        assert said(decided(INDEXED, state=replace(state, status=REVOKED))) == ("deny", "pass_revoked")
        visitor = replace(held("visitor"), status_index=7)
        assert said(decided(visitor, state=replace(state, status=REVOKED))) == ("deny", "pass_revoked")


def test_the_way_out_is_open_to_a_revoked_pass_and_says_so() -> None:
    decision = decided(INDEXED, state=gate(direction="out", status=REVOKED))
    assert said(decision) == ("allow", "way_out")
    assert "pass_revoked" in decision.warnings


# --- their age -------------------------------------------------------------------------------------------------------

SILENT = msgspec.structs.replace(PLAIN, fail=FailTable())


def by_default(age_h: float, pass_: Pass | None = None) -> Decision:
    """Under a policy without a word on the age of lists."""
    return decided(pass_ or held(), SILENT, gate(lists_age_s=age_h * HOUR_S))


@pytest.mark.parametrize(
    ("age_h", "expected", "tags"),
    [
        (0.1, "all_ok", ()),
        (24.0, "all_ok", ()),
        (24.1, "all_ok", ("stale_revocation",)),
        (72.0, "all_ok", ("stale_revocation",)),
        (72.1, "allowed_by_fail_table", ("lists_stale",)),
    ],
)
def test_lists_grow_old_in_two_steps(age_h: float, expected: str, tags: tuple[str, ...]) -> None:
    decision = by_default(age_h)
    assert (said(decision), decision.tags) == (("allow", expected), tags)
    assert decision.warnings == tags


def test_after_three_days_only_residents_of_this_site_come_in() -> None:
    assert said(by_default(72.0, held("visitor"))) == ("allow", "all_ok")
    assert said(by_default(72.1, held("visitor"))) == ("escalate", "lists_stale")


# --- how often, and in how many hands --------------------------------------------------------------------------------

ONCE = replace(held("visitor"), uses=1)
GUARDED = policy('[passback]\nmode = "enforce"\n', checks='["pass"]')


def test_a_pass_for_one_entry_lets_in_once() -> None:
    assert said(decided(ONCE, state=gate(use=PassUse(0, 0)))) == ("allow", "all_ok")
    assert said(decided(ONCE, state=gate(use=PassUse(1, 1)))) == ("deny", "pass_used")
    assert said(decided(ONCE, state=gate(use=PassUse(1, 1), direction="out"))) == ("allow", "all_ok")


def test_a_pass_for_one_entry_is_no_good_where_nobody_counts() -> None:
    assert said(decided(ONCE, state=gate(use=None))) == ("escalate", "quota_unknown")


@pytest.mark.parametrize("code", ["passback", "seen_elsewhere"])
def test_one_pass_in_two_hands_is_for_a_person_to_decide(code: str) -> None:
    twice = gate(use=PassUse(1, 1, code))
    assert said(decided(held(), GUARDED, twice)) == ("escalate", code)
    assert said(decided(held("emergency"), GUARDED, twice)) == ("allow", "all_ok")
    assert said(decided(held(), PLAIN, twice)) == ("allow", "all_ok")
    warned = decided(held(), policy('[passback]\nmode = "warn"\n', checks='["pass"]'), twice)
    assert (said(warned), warned.warnings) == (("allow", "all_ok"), (code,))
    assert [(result.result, result.reason) for result in warned.results] == [("failed", code), ("ok", "pass_valid")]


def test_where_the_other_gates_are_not_heard_a_verdict_that_rests_on_them_says_so() -> None:
    assert decided(held(), GUARDED, gate(apart=True)).tags == ("site_apart",)
    assert decided(held(), PLAIN, gate(apart=True)).tags == ()
    assert decided(ONCE, PLAIN, gate(apart=True, use=PassUse(0, 0))).tags == ("site_apart",)


def test_the_next_way_out_stands_in_the_record_of_a_household_that_has_used_its_own() -> None:
    counted = policy("[quota]\nevery_days = 2\n", checks='["pass", "quota"]')
    used = {"quota": (CheckFact("failed", "quota_used", "2027-01-16T00:00+08:00", 1.0),)}
    other_exit = gate(direction="out", other_free_exit=True)
    decision = decide(shown(), used, counted, other_exit, NOW_S)  # type: ignore[arg-type]
    assert said(decision) == ("deny", "quota_used")
    assert decision.results[1].value == "2027-01-16T00:00+08:00"
    only_exit = decide(shown(), used, counted, gate(direction="out"), NOW_S)  # type: ignore[arg-type]
    assert (said(only_exit), only_exit.warnings) == (("allow", "way_out"), ("quota_used",))


def test_who_is_back_late_comes_in_and_the_guard_is_told() -> None:
    counted = policy("[quota]\nevery_days = 2\n", checks='["pass", "quota"]')
    late = decide(shown(), {"quota": (CheckFact("ok", "quota_late", 3.0, 2.0),)}, counted, GATE, NOW_S)
    assert (said(late), late.warnings, late.call) == (("allow", "all_ok"), ("quota_late",), "guard")


# --- how it was shown ------------------------------------------------------------------------------------------------

SHOWN = policy(
    '[pass]\nphone = ["rotating", "step"]\nstatic = ["resident", "vehicle"]\n'
    'static_needs_document = ["vehicle"]\nstatic_repeat_per_h = 4\n',
    checks='["pass"]',
)
ROTATING = replace(held(), not_before_s=1_799_999_900, expires_s=1_800_000_200)


def test_a_policy_chooses_the_variants_it_takes() -> None:
    assert said(decided(held(), SHOWN)) == ("allow", "all_ok")
    assert said(decided(held("visitor"), SHOWN)) == ("deny", "device_proof_missing")
    assert said(decided(held("visitor"), SHOWN, variant="step")) == ("allow", "all_ok")
    assert said(decided(held(), SHOWN, variant="device")) == ("deny", "format_not_enabled")
    assert said(decided(replace(ROTATING, pass_class="visitor"), SHOWN, variant="rotating")) == ("allow", "all_ok")


def test_an_expired_rotating_pass_is_expired_and_no_printed_one() -> None:
    late = Presented("GK1", replace(ROTATING, pass_class="visitor"), "pass_expired", by_clock=True)
    assert said(decide(late, {}, SHOWN, GATE, NOW_S)) == ("deny", "pass_expired")


def test_a_printed_code_may_need_a_look_at_the_document() -> None:
    assert said(decided(held("vehicle"), SHOWN)) == ("escalate", "document_ask")
    assert said(decided(held("vehicle"), SHOWN, variant="step")) == ("allow", "all_ok")
    assert said(decided(held("vehicle"), SHOWN, gate(direction="out"))) == ("allow", "all_ok")


def test_a_printed_code_that_is_used_again_and_again_is_looked_at() -> None:
    assert said(decided(held(), SHOWN, gate(use=PassUse(3, 3)))) == ("allow", "all_ok")
    assert said(decided(held(), SHOWN, gate(use=PassUse(4, 4)))) == ("escalate", "static_repeat")
    assert said(decided(held(), SHOWN, gate(use=PassUse(4, 4)), variant="step")) == ("allow", "all_ok")


# --- passes of other systems -----------------------------------------------------------------------------------------

CLAIMS = ForeignClaims("HC1", "XX", bytes(16), 0, 2**40, {})
CERTIFICATE = Presented("HC1", None, "foreign_valid", foreign=CLAIMS)
CITY = Presented("CITY:demo", None, "city_code_ok")
TAKES = '[pass]\nformats = ["GK1", "HC1", "CITY:demo"]\n'


@pytest.mark.parametrize("presented", [CERTIFICATE, CITY], ids=["certificate", "city"])
def test_a_genuine_pass_of_elsewhere_is_worth_what_the_policy_says(presented: Presented) -> None:
    name = presented.format
    for worth, expected in (
        ("", ("escalate", presented.reason)),
        (f'foreign = {{ "{name}" = "escalate" }}\n', ("escalate", presented.reason)),
        (f'foreign = {{ "{name}" = "deny" }}\n', ("deny", presented.reason)),
        (f'foreign = {{ "{name}" = "visitor" }}\n', ("allow", "all_ok")),
    ):
        under = policy(TAKES + worth, checks='["pass"]')
        assert said(decide(presented, {}, under, GATE, NOW_S)) == expected
    assert said(decide(presented, {}, PLAIN, GATE, NOW_S)) == ("deny", "format_not_enabled")


def test_a_certificate_that_counts_as_a_visitors_meets_the_visitors_rule_and_the_clock() -> None:
    under = policy('[pass]\nformats = ["GK1", "HC1"]\nforeign = { HC1 = "visitor" }\n')
    assert said(decide(CERTIFICATE, {}, under, GATE, NOW_S)) == ("escalate", "temperature_missing")
    assert said(decide(CERTIFICATE, {"temperature": (OK,)}, under, GATE, NOW_S)) == ("allow", "all_ok")
    wrong = gate(clock_untrusted_for_s=5.0)
    assert said(decide(CERTIFICATE, {"temperature": (OK,)}, under, wrong, NOW_S)) == ("escalate", "clock_untrusted")


# --- what need not be measured first ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("presented", "state", "ends"),
    [
        (shown(), GATE, False),
        (shown("pass_forged"), GATE, True),
        (shown(pass_=INDEXED), gate(status=REVOKED), True),
        (shown(pass_=INDEXED), gate(status=SUSPENDED), True),
        (shown(pass_=INDEXED), gate(status=NO_LIST), False),
        (shown(pass_=held("visitor")), gate(lists_age_s=None), False),
        (shown("pass_expired"), gate(clock_untrusted_for_s=5.0), False),
        (shown(), gate(use=PassUse(1, 1, "passback")), True),
        (shown(pass_=ONCE), gate(use=PassUse(1, 1)), True),
    ],
)
def test_only_what_the_pass_itself_is_wrong_with_ends_a_passage_at_once(
    presented: Presented, state: GateState, ends: bool
) -> None:
    assert ends_at_pass(presented, GUARDED, state, NOW_S) is ends
