"""The verdict, situation by situation: who stands where, what is missing, and what the gate does about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from checkpoint.passes import Presented
from checkpoint.policy import parse_policy
from checkpoint.verdict import CheckFact, Decision, GateState, Retest, decide
from tests.checkpoint.verdict_kit import (
    COLD,
    FEVER,
    GRID,
    HIGH,
    LOW,
    MISSING,
    NOW_S,
    OK,
    POLICY,
    POLICY_TOML,
    SITE,
    UNSTABLE,
    VISITOR,
    gate,
    held,
    policy,
    shown,
)

DOWN = {"thermometer_down": 60.0}
LONG_DOWN = {"thermometer_down": 14_401.0}
ABROAD = held(scope=("hillside",))


def _decide(
    presented: Presented | None, *people: CheckFact, state: GateState | None = None, under: Any = POLICY
) -> Decision:  # fmt: skip
    return decide(presented, {"temperature": people} if people else {}, under, state or gate(), NOW_S)


# Who, what was measured, what is different about the gate -> verdict, reason.
SITUATIONS = [
    # The pass.
    (shown(), (OK,), {}, "allow", "all_ok"),
    (VISITOR, (OK,), {}, "allow", "all_ok"),
    (None, (OK,), {}, "escalate", "pass_missing"),
    (shown("not_a_pass"), (), {}, "deny", "not_a_pass"),
    (shown("pass_malformed"), (), {}, "deny", "pass_malformed"),
    (shown("pass_forged"), (OK,), {}, "deny", "pass_forged"),
    (shown("pass_revoked"), (OK,), {}, "deny", "pass_revoked"),
    (shown("pass_expired"), (OK,), {}, "deny", "pass_expired"),
    (shown("pass_not_yet"), (OK,), {}, "deny", "pass_not_yet"),
    (shown("format_not_enabled"), (), {}, "deny", "format_not_enabled"),
    (shown(pass_=ABROAD), (OK,), {}, "deny", "out_of_scope"),
    (shown(pass_=held(scope=(GRID,))), (OK,), {}, "allow", "all_ok"),
    (shown(pass_=replace(held(), format="HC1")), (OK,), {}, "deny", "format_not_enabled"),
    (Presented("GK1", None, "pass_valid"), (OK,), {}, "escalate", "unexplained"),
    (shown("something_new"), (OK,), {}, "escalate", "unexplained"),
    (shown("passed"), (OK,), {}, "escalate", "unexplained"),
    # Whose key is it? Only a fresh list can say.
    (shown("key_unknown"), (), {}, "deny", "key_unknown"),
    (shown("key_unknown"), (), {"lists_age_s": 1001.0}, "escalate", "key_unknown"),
    (shown("key_unknown"), (), {"lists_age_s": None}, "escalate", "key_unknown"),
    # Temperature.
    (shown(), (), {}, "escalate", "temperature_missing"),
    (shown(), (MISSING,), {}, "escalate", "temperature_missing"),
    (shown(), (FEVER,), {}, "escalate", "fever"),
    (shown(), (HIGH,), {}, "escalate", "temperature_high"),
    (shown(), (UNSTABLE,), {}, "escalate", "temperature_unstable"),
    (shown(), (COLD,), {}, "escalate", "not_obtained_cold"),
    (shown(), (COLD,), {"attendance": "none"}, "allow", "allowed_by_fail_table"),
    (shown(), (replace(COLD, for_s=14_401.0),), {"attendance": "none"}, "escalate", "not_obtained_cold"),
    (VISITOR, (COLD,), {"attendance": "none"}, "escalate", "not_obtained_cold"),
    # Low: warm up and come back where there is a warm place; else, or low again, a person decides.
    (shown(), (LOW,), {"warm_place": True}, "deny", "temperature_low"),
    (shown(), (LOW,), {}, "escalate", "temperature_low"),
    (shown(), (LOW,), {"attendance": "none"}, "escalate", "temperature_low"),
    (shown(), (LOW,), {"warm_place": True, "retest": Retest(b"x", 400.0)}, "escalate", "temperature_low_again"),
    (shown(), (LOW,), {"warm_place": True, "retest": Retest(b"x", 1801.0)}, "deny", "temperature_low"),
    (shown(), (OK,), {"retest": Retest(b"x", 299.0)}, "deny", "retest_too_early"),
    (shown(), (OK,), {"retest": Retest(b"x", 300.0)}, "allow", "all_ok"),
    (shown(), (replace(LOW, manual=True),), {"warm_place": True}, "escalate", "temperature_low"),
    # The thermometer is down: the guard measures; nobody there: residents, for four hours.
    (shown(), (), {"down_for_s": DOWN}, "escalate", "temperature_unmeasured"),
    (shown(), (), {"down_for_s": DOWN, "attendance": "remote"}, "escalate", "temperature_unmeasured"),
    (shown(), (), {"down_for_s": DOWN, "attendance": "none"}, "allow", "allowed_by_fail_table"),
    (shown(), (), {"down_for_s": LONG_DOWN, "attendance": "none"}, "escalate", "temperature_unmeasured"),
    (VISITOR, (), {"down_for_s": DOWN, "attendance": "none"}, "escalate", "temperature_unmeasured"),
    (shown(), (OK,), {"down_for_s": DOWN}, "escalate", "temperature_unmeasured"),
    (shown(), (replace(OK, manual=True),), {"down_for_s": DOWN}, "allow", "all_ok"),
    (shown(), (FEVER,), {"down_for_s": DOWN, "attendance": "none"}, "escalate", "fever"),
    (shown(), (HIGH,), {"down_for_s": DOWN, "attendance": "none"}, "escalate", "temperature_high"),
    # A clock that nobody vouches for proves nothing, neither way.
    (shown(), (OK,), {"clock_untrusted_for_s": 60.0}, "escalate", "clock_untrusted"),
    (shown("pass_expired"), (OK,), {"clock_untrusted_for_s": 60.0}, "escalate", "clock_untrusted"),
    (shown(), (OK,), {"clock_untrusted_for_s": 60.0, "attendance": "none"}, "allow", "allowed_by_fail_table"),
    (VISITOR, (OK,), {"clock_untrusted_for_s": 60.0, "attendance": "none"}, "escalate", "clock_untrusted"),
    (shown(), (OK,), {"clock_untrusted_for_s": 14_401.0, "attendance": "none"}, "escalate", "clock_untrusted"),
    (shown("pass_forged"), (), {"clock_untrusted_for_s": 60.0}, "deny", "pass_forged"),
    (shown("pass_expired", ABROAD), (), {"clock_untrusted_for_s": 60.0}, "deny", "out_of_scope"),
    # Lists and policy that are too old.
    (shown(), (OK,), {"lists_age_s": 1000.0}, "allow", "all_ok"),
    (shown(), (OK,), {"lists_age_s": 1001.0}, "allow", "allowed_by_fail_table"),
    (shown(), (OK,), {"lists_age_s": 1501.0}, "escalate", "lists_stale"),
    (shown(), (OK,), {"lists_age_s": None}, "escalate", "lists_stale"),
    (VISITOR, (OK,), {"lists_age_s": 1001.0}, "escalate", "lists_stale"),
    (VISITOR, (OK,), {"policy_age_s": 1001.0}, "escalate", "policy_stale"),
    (shown(), (OK,), {"policy_age_s": 1001.0, "attendance": "none"}, "allow", "allowed_by_fail_table"),
    # The lane itself.
    (shown(), (OK,), {"halt": "two_people"}, "escalate", "two_people"),
    (shown(), (OK,), {"halt": "two_codes"}, "deny", "two_codes"),
    (shown(), (OK,), {"halt": "not_recorded"}, "escalate", "not_recorded"),
    (shown(), (OK,), {"halt": "never_heard_of"}, "escalate", "unexplained"),
    (shown(), (OK,), {"weak_binding": True}, "escalate", "binding_weak"),
    # No link: everything else as ever.
    (shown(), (OK,), {"offline": True}, "allow", "all_ok"),
    # The first failing step decides; a refusal that is listed overrules an escalation.
    (shown("pass_expired"), (FEVER,), {}, "escalate", "fever"),
    (shown("not_a_pass"), (HIGH,), {}, "deny", "not_a_pass"),
    (shown("pass_revoked"), (HIGH,), {"halt": "two_people"}, "deny", "pass_revoked"),
]


@pytest.mark.parametrize(("presented", "people", "changes", "verdict", "reason"), SITUATIONS)
def test_a_situation_has_one_verdict(
    presented: Presented | None, people: tuple[CheckFact, ...], changes: dict[str, Any], verdict: str, reason: str
) -> None:
    decision = _decide(presented, *people, state=gate(**changes))
    assert (decision.verdict, decision.reason) == (verdict, reason)


@pytest.mark.parametrize(("presented", "people", "changes", "verdict", "reason"), SITUATIONS)
def test_a_lane_that_leads_out_holds_nobody_and_says_what_was_wrong(
    presented: Presented | None, people: tuple[CheckFact, ...], changes: dict[str, Any], verdict: str, reason: str
) -> None:
    decision = _decide(presented, *people, state=gate(**changes, direction="out"))
    assert decision.verdict == "allow"
    if verdict != "allow":
        assert decision.reason == "way_out"
        assert decision.warnings[0] == reason
        assert "way_out" in decision.tags
    elsewhere = _decide(presented, *people, state=gate(**changes, direction="out", other_free_exit=True))
    assert (elsewhere.verdict, elsewhere.reason) == (verdict, reason)


def test_a_fever_calls_the_health_officer_also_on_the_way_out() -> None:
    assert _decide(shown(), FEVER).call == "health"
    assert _decide(shown(), FEVER, state=gate(direction="out")).call == "health"


def test_where_nobody_is_on_guard_the_administrator_is_called() -> None:
    assert _decide(shown(), HIGH).call == "guard"
    assert _decide(shown(), HIGH, state=gate(attendance="none")).call == "administrator"


def test_what_was_let_in_without_a_check_says_so() -> None:
    decision = _decide(shown(), state=gate(down_for_s=DOWN, attendance="none", offline=True, assisted=True))
    assert decision.tags == ("unmeasured", "offline", "assisted")
    assert decision.warnings == ("temperature_unmeasured",)
    assert [(result.check, result.result) for result in decision.results] == [
        ("pass", "ok"),
        ("temperature", "not_obtained"),
    ]


def test_a_low_reading_that_the_fail_table_lets_home_is_never_called_all_right() -> None:
    home = policy('[fail.temperature_low]\nnone = { residents = "allow", for_s = 600 }\n')
    decision = _decide(shown(), LOW, state=gate(attendance="none"), under=home)
    assert (decision.verdict, decision.reason) == ("allow", "allowed_by_fail_table")
    assert "unmeasured" in decision.tags


def test_a_measurement_by_hand_is_marked() -> None:
    assert _decide(shown(), replace(OK, manual=True), state=gate(down_for_s=DOWN)).tags == ("manual",)


def test_two_conditions_at_once_must_both_let_the_resident_in() -> None:
    both = gate(attendance="none", clock_untrusted_for_s=60.0, lists_age_s=1100.0, down_for_s=DOWN)
    decision = _decide(shown(), state=both)
    assert (decision.verdict, decision.tags) == ("allow", ("clock_untrusted", "lists_stale", "unmeasured"))
    assert _decide(shown(), state=replace(both, lists_age_s=None)).verdict == "escalate"


def test_everybody_of_a_party_is_measured() -> None:
    family = shown(pass_=held(party_size=3))
    assert _decide(family, OK, OK).reason == "temperature_missing"
    assert _decide(family, OK, OK, FEVER).reason == "fever"
    decision = _decide(family, OK, OK, OK)
    assert (decision.verdict, decision.tags, len(decision.results)) == ("allow", ("party",), 4)


def test_a_policy_may_measure_only_the_holder_of_a_party_pass() -> None:
    family = shown(pass_=held(party_size=3))
    assert _decide(family, OK, under=policy(party='"holder"')).verdict == "allow"


@pytest.mark.parametrize(
    ("mode", "fact", "verdict", "warnings"),
    [
        ("warn", HIGH, "allow", ("temperature_high",)),
        ("record", HIGH, "allow", ()),
        ("off", HIGH, "allow", ()),
        ("warn", LOW, "allow", ("temperature_low",)),
        ("record", FEVER, "escalate", ()),
        ("off", FEVER, "allow", ()),
    ],
)
def test_only_an_enforced_check_holds_anybody_except_for_a_confirmed_fever(
    mode: str, fact: CheckFact, verdict: str, warnings: tuple[str, ...]
) -> None:
    decision = _decide(shown(), fact, under=policy(modes=f'{{ temperature = "{mode}" }}'))
    assert (decision.verdict, decision.warnings) == (verdict, warnings)
    assert decision.results[1].mode == mode
    assert decision.results[1].result == ("skipped" if mode == "off" else "failed")


@pytest.mark.parametrize("check", ["mask", "travel", "document", "vehicle", "quota", "watch"])
def test_a_check_that_nobody_makes_is_missing_and_never_passed(check: str) -> None:
    asked = policy(checks=f'["pass", "{check}"]')
    decision = decide(shown(), {}, asked, gate(), NOW_S)
    # What the watch list says, or that there is none, is no reason that anybody is told.
    reason = "wait_staff" if check == "watch" else f"{check}_missing"
    assert (decision.verdict, decision.reason) == ("escalate", reason)
    made = decide(shown(), {check: (CheckFact("ok", ""),)}, asked, gate(), NOW_S)  # type: ignore[dict-item]
    assert made.verdict == "allow"


def test_a_mask_that_the_broken_camera_cannot_see_follows_the_fail_table() -> None:
    asked = policy(checks='["pass", "mask"]')
    alone = gate(attendance="none", down_for_s={"camera_down": 60.0})
    assert decide(shown(), {}, asked, alone, NOW_S).verdict == "allow"
    assert decide(VISITOR, {}, asked, alone, NOW_S).verdict == "escalate"


def test_steps_after_the_first_failing_one_are_not_asked() -> None:
    decision = _decide(shown("pass_forged"))
    assert [(result.check, result.result, result.reason) for result in decision.results] == [
        ("pass", "failed", "pass_forged"),
        ("temperature", "skipped", ""),
    ]


def test_a_policy_that_measures_first_still_refuses_a_forged_pass() -> None:
    first = policy(checks='["temperature", "pass"]')
    assert _decide(shown("pass_forged"), HIGH, under=first).reason == "pass_forged"
    assert _decide(shown("pass_forged"), FEVER, under=first).reason == "fever"
    assert _decide(shown("pass_not_yet"), HIGH, under=first).reason == "temperature_high"


@pytest.mark.parametrize(("now_s", "reason"), [(1_893_455_999, "all_ok"), (1_893_456_000, "policy_expired")])
def test_a_policy_ends_to_the_second(now_s: int, reason: str) -> None:
    assert decide(shown(), {"temperature": (OK,)}, POLICY, gate(), now_s).reason == reason


def test_weak_binding_is_no_matter_where_only_one_thing_is_asked_or_policy_accepts_it() -> None:
    weak = gate(weak_binding=True)
    assert _decide(shown(), state=weak, under=policy(checks='["pass"]')).tags == ("weak_binding",)
    accepting = parse_policy(f"accept_weak_binding = true\n{POLICY_TOML}".encode())
    assert _decide(shown(), OK, state=weak, under=accepting).verdict == "allow"


def test_a_retest_names_the_passage_it_belongs_to() -> None:
    decision = _decide(shown(), OK, state=gate(retest=Retest(b"earlier", 400.0)))
    assert (decision.retest_of, decision.tags) == (b"earlier", ("retest",))


def test_the_decision_names_rule_and_zone_level() -> None:
    zoned = policy(f'\n[zones]\n{GRID} = "high"\n')
    decision = _decide(shown(), OK, under=zoned)
    assert (decision.rule, decision.zone_level) == ("pass and temperature", "high")
    assert _decide(shown(), OK).zone_level == "low"
    assert SITE not in zoned.zones
