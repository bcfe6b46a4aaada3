"""Curfew, closed zones and who is told, through the verdict; and what becomes of them without a clock."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.passes import PassClass, Presented
from checkpoint.policy_schema import Attendance, Policy
from checkpoint.policy_time import LocalTime
from checkpoint.verdict import Decision, decide, ends_at_pass
from tests.checkpoint.verdict_kit import FEVER, NOW_S, OK, POLICY_TOML, VISITOR, gate, held, parse_policy, shown

CURFEW = """[[rule]]
name = "crews at any hour"
class = ["emergency"]
checks = ["pass"]

[[rule]]
name = "residents come home, and somebody looks"
class = ["resident"]
direction = "in"
from = "22:00"
until = "06:00"
checks = ["pass", "temperature"]
verdict = "escalate"
reason = "curfew"

[[rule]]
name = "night"
direction = "in"
from = "22:00"
until = "06:00"
checks = ["pass", "temperature"]
verdict = "deny"
reason = "curfew"
"""
NIGHT, DAY = LocalTime(0, 23 * 60), LocalTime(0, 12 * 60)


def policy(rules: str = CURFEW, more: str = "", level: str = "low") -> Policy:
    return parse_policy((policy_text(rules, level) + more).encode())


def policy_text(rules: str, level: str = "low") -> str:
    return POLICY_TOML.replace("[[rule]]", f'zone_level = "{level}"\n{rules}\n[[rule]]', 1)


def judged(presented: Presented | None, under: Policy, *people: Any, **state: Any) -> Decision:
    return decide(presented, {"temperature": people} if people else {}, under, gate(**state), NOW_S)


def test_a_curfew_refuses_visitors_asks_about_residents_and_lets_crews_through() -> None:
    under = policy()
    visitor, home = judged(VISITOR, under, OK, local=NIGHT), judged(shown(), under, OK, local=NIGHT)
    assert (visitor.verdict, visitor.reason, visitor.call) == ("deny", "curfew", "guard")
    assert (home.verdict, home.reason) == ("escalate", "curfew")
    assert judged(shown(pass_=held("emergency")), under, local=NIGHT).verdict == "allow"
    assert judged(VISITOR, under, OK, local=DAY).verdict == "allow"


def test_a_curfew_holds_nobody_in() -> None:
    out = judged(VISITOR, policy(CURFEW.replace('direction = "in"\n', "")), OK, local=NIGHT, direction="out")
    assert (out.verdict, out.reason, out.warnings) == ("allow", "way_out", ("curfew",))


def test_who_is_refused_by_the_hour_is_not_measured_first_and_who_is_looked_at_is() -> None:
    under, state = policy(), gate(local=NIGHT)
    assert ends_at_pass(VISITOR, under, state, NOW_S)
    assert not ends_at_pass(shown(), under, state, NOW_S)
    assert not ends_at_pass(VISITOR, under, gate(local=DAY), NOW_S)
    found = judged(VISITOR, under, local=NIGHT)
    assert [(check.check, check.result) for check in found.results] == [("pass", "ok"), ("temperature", "skipped")]


def test_a_forged_pass_is_forged_at_night_and_a_fever_is_a_fever() -> None:
    assert judged(shown("pass_forged"), policy(), local=NIGHT).reason == "pass_forged"
    assert judged(shown(), policy(), FEVER, local=NIGHT).reason == "fever"
    assert judged(None, policy(), local=NIGHT).verdict == "escalate"


_ALL_REFUSED = '[fail.policy_stale]\nafter_s = 1000\nguard = { residents = "deny", others = "deny" }\n'


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        ({"halt": "two_codes"}, ("deny", "two_codes")),
        ({"policy_age_s": None}, ("deny", "policy_stale")),
        ({"halt": "two_people"}, ("escalate", "curfew")),
        ({"halt": "two_people", "policy_age_s": None}, ("escalate", "curfew")),
        ({"weak_binding": True}, ("escalate", "curfew")),
    ],
)
def test_a_rule_that_wants_a_person_asked_lets_nobody_off_who_is_refused_without_it(
    state: dict[str, Any], refused: tuple[str, str]
) -> None:
    table = POLICY_TOML[POLICY_TOML.index("[fail.policy_stale]") :]
    under = parse_policy(policy_text(CURFEW).replace(table, _ALL_REFUSED).encode())
    asked = judged(shown(), under, OK, local=NIGHT, **state)
    assert (asked.verdict, asked.reason) == refused
    assert asked.verdict == judged(shown(), under, OK, local=DAY, **state).verdict
    # A rule's own refusal is heard first, as ever.
    assert judged(VISITOR, under, OK, local=NIGHT, **state).reason == "curfew"


def test_a_rule_may_only_warn() -> None:
    under = policy(CURFEW.replace('"deny"', '"warn"'))
    found = judged(VISITOR, under, OK, local=NIGHT)
    assert (found.verdict, found.reason, found.warnings, found.tags) == ("allow", "all_ok", ("curfew",), ("curfew",))
    assert found.call == "guard"


def test_a_closed_zone_refuses_all_but_those_named_and_asks_about_its_residents() -> None:
    named = '[[rule]]\nname = "named"\nlevel = ["closed"]\nclass = ["worker"]\nchecks = ["pass"]\n'
    under = policy(named, level="closed")
    verdicts = {who: judged(shown(pass_=held(who)), under, OK) for who in get_args(PassClass)}
    assert {who: found.verdict for who, found in verdicts.items()} == {
        "resident": "escalate", "visitor": "deny", "vehicle": "deny", "worker": "allow", "courier": "deny",
        "emergency": "escalate",
    }  # fmt: skip
    assert {found.reason for who, found in verdicts.items() if who != "worker"} == {"zone_closed"}
    assert verdicts["visitor"].zone_level == "closed"
    assert judged(shown(), under, direction="out").verdict == "allow"


def test_who_lives_in_the_area_around_a_closed_site_is_asked_about_and_who_lives_elsewhere_is_refused() -> None:
    under = policy(level="closed")
    around = judged(shown(pass_=held("resident", scope=(gate().here[-1],))), under, OK)
    assert (around.verdict, around.reason) == ("escalate", "zone_closed")
    elsewhere = judged(shown(pass_=held("resident", scope=("hillside",))), under, OK)
    assert (elsewhere.verdict, elsewhere.reason) == ("deny", "out_of_scope")


def test_without_a_clock_the_fail_table_decides_never_the_milder_rule() -> None:
    under = policy()
    visitor = judged(VISITOR, under, OK, clock_untrusted_for_s=60.0, local=DAY)
    assert (visitor.verdict, visitor.reason) == ("escalate", "clock_untrusted")
    home = judged(shown(), under, OK, clock_untrusted_for_s=60.0, attendance="none")
    assert (home.verdict, home.reason) == ("allow", "allowed_by_fail_table")
    assert judged(shown(), under, OK, clock_untrusted_for_s=5 * 3600.0, attendance="none").verdict == "escalate"
    # The rule at night asks for a temperature as well; a crew's rule has no hours and needs no clock for them.
    assert judged(shown(), under, clock_untrusted_for_s=60.0, attendance="none").reason == "temperature_missing"


def test_a_rule_without_a_pass_check_does_not_open_at_an_hour_that_cant_be_told() -> None:
    rules = (
        '[[rule]]\nname = "day"\nfrom = "06:00"\nuntil = "22:00"\nchecks = []\n'
        '[[rule]]\nname = "night"\nchecks = ["pass"]\n'
    )
    under = policy(rules)
    assert judged(None, under, local=DAY).verdict == "allow"
    assert judged(VISITOR, under, clock_untrusted_for_s=1.0).reason == "clock_untrusted"
    by_a_wrong_clock = judged(shown(pass_=held("visitor")), under, local=DAY, clock_untrusted_for_s=1.0)
    assert [result.check for result in by_a_wrong_clock.results] == ["pass"]
    assert judged(VISITOR, under).reason == "clock_untrusted"


passes = st.sampled_from(get_args(PassClass)).map(lambda who: shown(pass_=held(who))) | st.none()
moments = st.builds(LocalTime, st.integers(0, 6), st.integers(0, 1439))
POLICIES = [policy(), policy(CURFEW.replace('"deny"', '"warn"')), policy(level="closed")]


@given(passes, st.sampled_from(POLICIES), moments, st.sampled_from(get_args(Attendance)), st.booleans())
def test_not_knowing_the_hour_opens_for_nobody_but_by_the_fail_table(
    presented: Presented | None, under: Policy, local: LocalTime, attendance: Attendance, measured: bool
) -> None:
    people = (OK,) if measured else ()
    untold = judged(presented, under, *people, attendance=attendance, clock_untrusted_for_s=10.0)
    known = judged(presented, under, *people, attendance=attendance, local=local)
    if untold.verdict == "allow" and known.verdict != "allow":
        assert untold.reason == "allowed_by_fail_table"
        assert presented is not None
        assert presented.pass_ is not None
        assert presented.pass_.pass_class == "resident"


@given(moments, st.sampled_from(POLICIES), st.sampled_from(get_args(Attendance)))
def test_no_hour_and_no_zone_refuses_a_resident_the_way_home_or_a_crew(
    local: LocalTime, under: Policy, attendance: Attendance
) -> None:
    for who in (shown(), shown(pass_=held("emergency"))):
        assert judged(who, under, OK, local=local, attendance=attendance).verdict != "deny"


@pytest.mark.parametrize(
    ("told", "attendance", "call"),
    [
        ("", "guard", "health"),
        ('fever = "police"', "guard", "police"),
        ('fever = ["guard", "first_head", "health"]', "guard", "guard first_head health"),
        ('fever = ["guard", "administrator"]', "none", "administrator"),
        ('temperature_high = "head"', "guard", "health"),
    ],
)
def test_the_policy_says_who_is_told(told: str, attendance: Attendance, call: str) -> None:
    under = policy("", f"[told]\n{told}\n")
    assert judged(shown(), under, FEVER, attendance=attendance).call == call


def test_whom_a_mode_lets_in_is_not_said_to_come_in_by_the_fail_table() -> None:
    warned = parse_policy(
        POLICY_TOML.replace('"temperature"]\n', '"temperature"]\nmodes = { temperature = "warn" }\n').encode()
    )
    down = {"down_for_s": {"thermometer_down": 60.0}}
    visitor, home = judged(VISITOR, warned, **down), judged(shown(), warned, attendance="none", **down)
    assert (visitor.verdict, visitor.reason, visitor.warnings) == ("allow", "all_ok", ("temperature_unmeasured",))
    assert (home.verdict, home.reason) == ("allow", "allowed_by_fail_table")
