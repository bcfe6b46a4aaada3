"""Cards, plates, documents and vehicles in the verdict: what a number is worth, and what settles it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from checkpoint.passes import PassClass, Presented, Variant
from checkpoint.policy import PolicyError
from checkpoint.policy_schema import CheckName
from checkpoint.status_list import REVOKED, StatusAnswer
from checkpoint.verdict import CheckFact, Decision, PassUse, decide
from tests.checkpoint.verdict_kit import NOW_S, gate, held, policy, shown

DOCUMENT_OK = CheckFact("ok", "document_ok")
PASS_ONLY = '["pass"]'


def given(variant: Variant, reason: str = "pass_valid", pass_class: PassClass = "resident") -> Presented:
    return replace(shown(reason, held(pass_class)), variant=variant)


def decided(
    variant: Variant, passes: str = "", facts: dict[CheckName, tuple[CheckFact, ...]] | None = None, **state: Any
) -> Decision:
    under = policy(f"\n[pass]\n{passes}\n", checks=PASS_ONLY)
    return decide(given(variant), facts or {}, under, gate(**state), NOW_S)


def said(decision: Decision) -> tuple[str, str]:
    return decision.verdict, decision.reason


@pytest.mark.parametrize(
    ("variant", "passes", "lane_kind", "expected"),
    [
        ("card", "", "person", ("escalate", "card_ask")),
        ("card", 'card = "escalate"', "vehicle", ("escalate", "card_ask")),
        ("card", 'card = "allow"', "person", ("allow", "all_ok")),
        ("card", 'card = "off"', "person", ("deny", "card_off")),
        ("plate", "", "vehicle", ("deny", "plate_off")),
        ("plate", 'plate = "escalate"', "vehicle", ("escalate", "plate_ask")),
        ("plate", 'plate = "allow"', "vehicle", ("allow", "all_ok")),
        ("plate", 'plate = "allow"', "person", ("deny", "plate_off")),
    ],
)
def test_what_a_number_is_worth_is_the_policys_to_say(
    variant: Variant, passes: str, lane_kind: str, expected: tuple[str, str]
) -> None:
    decision = decided(variant, passes, lane_kind=lane_kind)
    assert said(decision) == expected
    assert variant in decision.tags


@pytest.mark.parametrize("variant", ["card", "plate"])
def test_the_pass_behind_a_number_is_judged_as_ever(variant: Variant) -> None:
    both = 'card = "allow"\nplate = "allow"'
    revoked = decided(variant, both, lane_kind="vehicle", status=StatusAnswer(REVOKED, False))
    assert said(revoked) == ("deny", "pass_revoked")
    under = policy(f"\n[pass]\n{both}\n", checks=PASS_ONLY)
    over = decide(given(variant, "pass_expired"), {}, under, gate(lane_kind="vehicle"), NOW_S)
    assert said(over) == ("deny", "pass_expired")
    elsewhere = replace(given(variant), pass_=held(scope=("elsewhere",)))
    assert said(decide(elsewhere, {}, under, gate(lane_kind="vehicle"), NOW_S)) == ("deny", "out_of_scope")


@pytest.mark.parametrize(
    ("passes", "variant"),
    [("", "card"), ('plate = "escalate"', "plate"), ('static_needs_document = ["resident"]', "static"),
     ('card = "allow"\nstatic_needs_document = ["resident"]', "card")],
)  # fmt: skip
def test_the_holders_document_settles_what_could_be_a_copy_and_anothers_does_not(passes: str, variant: Variant) -> None:
    assert decided(variant, passes, lane_kind="vehicle").verdict == "escalate"
    assert said(decided(variant, passes, {"document": (DOCUMENT_OK,)}, lane_kind="vehicle")) == ("allow", "all_ok")
    other = CheckFact("failed", "document_mismatch")
    assert decided(variant, passes, {"document": (other,)}, lane_kind="vehicle").verdict == "escalate"


def test_a_card_used_too_often_is_looked_at() -> None:

    use = PassUse(entries=9, last_hour=9)
    decision = decided("card", 'card = "allow"\nstatic_repeat_per_h = 4', use=use)
    assert said(decision) == ("escalate", "static_repeat")


@pytest.mark.parametrize(
    ("check", "fact", "expected"),
    [
        ("document", CheckFact("failed", "document_mismatch"), ("escalate", "document_mismatch")),
        ("document", CheckFact("failed", "document_expired"), ("deny", "document_expired")),
        ("document", CheckFact("missing", "document_unbound"), ("escalate", "document_unbound")),
        ("document", DOCUMENT_OK, ("allow", "all_ok")),
        ("document", None, ("escalate", "document_missing")),
        ("vehicle", CheckFact("failed", "plate_mismatch"), ("escalate", "plate_mismatch")),
        ("vehicle", CheckFact("failed", "plate_several"), ("escalate", "plate_several")),
        ("vehicle", CheckFact("missing", "plate_unread"), ("escalate", "plate_unread")),
        ("vehicle", CheckFact("missing", "plate_unbound"), ("escalate", "plate_unbound")),
        ("vehicle", CheckFact("ok", "vehicle_ok"), ("allow", "all_ok")),
        ("vehicle", None, ("escalate", "vehicle_missing")),
    ],
)
def test_each_answer_of_document_and_vehicle(
    check: CheckName, fact: CheckFact | None, expected: tuple[str, str]
) -> None:
    asked = policy(checks=f'["pass", "{check}"]')
    facts = {check: (fact,)} if fact else {}
    assert said(decide(shown(), facts, asked, gate(), NOW_S)) == expected
    warned = policy(checks=f'["pass", "{check}"]', modes=f'{{ {check} = "warn" }}')
    assert decide(shown(), facts, warned, gate(), NOW_S).verdict == "allow"


@pytest.mark.parametrize(
    ("check", "reason"),
    [("document", "document_unchecked"), ("vehicle", "vehicle_unchecked"), ("document", "document_undated")],
)
def test_a_broken_part_locks_no_resident_out_for_a_limited_time_where_nobody_is(check: CheckName, reason: str) -> None:
    asked = policy(checks=f'["pass", "{check}"]')

    def at(for_s: float, attendance: str, pass_class: PassClass = "resident") -> str:
        facts = {check: (CheckFact("not_obtained", reason, for_s=for_s),)}
        return decide(shown(pass_=held(pass_class)), facts, asked, gate(attendance=attendance), NOW_S).verdict

    assert at(60, "none") == "allow"
    assert at(20_000, "none") == "escalate"
    assert at(60, "guard") == "escalate"
    assert at(60, "none", "visitor") == "escalate"


def test_a_wrong_word_for_cards_is_told_with_those_there_are() -> None:
    with pytest.raises(PolicyError, match=r"pass\.card = 'yes'.*choose from allow escalate off"):
        policy('\n[pass]\ncard = "yes"\n')
