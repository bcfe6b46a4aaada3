"""Rules with hours, a word of their own and closed zones: what is read, which rule holds when, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.policy import PolicyError, parse_policy
from checkpoint.policy_rule import CLOSED
from checkpoint.policy_schema import Policy
from checkpoint.policy_time import DAYS, LocalTime, is_in_hours, local_time
from tests.checkpoint.verdict_kit import POLICY_TOML

MON, FRI, SAT, SUN = 0, 4, 5, 6
NIGHT = """[[rule]]
name = "home"
class = ["resident", "emergency"]
checks = ["pass"]

[[rule]]
name = "night"
direction = "in"
from = "22:00"
until = "06:00"
checks = ["pass"]
verdict = "deny"
reason = "curfew"
"""


def with_rules(text: str) -> Policy:
    return parse_policy(POLICY_TOML.replace("[[rule]]", f"{text}\n[[rule]]", 1).encode())


def name_at(policy: Policy, weekday: int, hour: int, minute: int = 0, pass_class: str | None = "visitor") -> str:
    return policy.rule_for("low", pass_class, "in", "guard", "person", LocalTime(weekday, 60 * hour + minute)).name


def test_a_rule_over_midnight_holds_from_its_first_minute_to_before_its_last() -> None:
    policy = with_rules(NIGHT)
    assert [name_at(policy, MON, *at) for at in ((21, 59), (22, 0), (23, 59))] == [
        "pass and temperature",
        "night",
        "night",
    ]
    assert [name_at(policy, MON, *at) for at in ((0, 0), (5, 59), (6, 0))] == ["night", "night", "pass and temperature"]
    assert name_at(policy, MON, 23, pass_class="resident") == "home"


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    policy = with_rules(NIGHT.replace("checks = [", 'days = ["fri"]\nchecks = [').replace('days = ["fri"]\n', "", 1))
    assert [name_at(policy, day, 23) for day in (FRI, SAT)] == ["night", "pass and temperature"]
    assert [name_at(policy, day, 3) for day in (FRI, SAT)] == ["pass and temperature", "night"]


def test_days_alone_are_whole_days() -> None:
    policy = with_rules('[[rule]]\nname = "weekend"\ndays = ["sat", "sun"]\nchecks = ["pass"]\n')
    found = [name_at(policy, day, hour) for day in (FRI, SAT, SUN, MON) for hour in (0, 23)]
    assert found == ["pass and temperature"] * 2 + ["weekend"] * 4 + ["pass and temperature"] * 2


def test_the_hour_is_that_of_the_place() -> None:
    at_ms = round(datetime(2026, 11, 1, 16, 30, tzinfo=UTC).timestamp() * 1000)
    assert local_time(at_ms, ZoneInfo("Asia/Shanghai")) == LocalTime(MON, 30)
    assert local_time(at_ms, UTC) == LocalTime(SUN, 16 * 60 + 30)


minutes = st.integers(0, 1439)
clocks = minutes.map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")


@given(st.integers(0, 6), minutes, clocks, clocks)
def test_a_span_and_the_rest_of_the_day_share_no_minute_and_miss_none(
    weekday: int, minute: int, a: str, b: str
) -> None:
    at = LocalTime(weekday, minute)
    assert a == b or is_in_hours(at, a, b, None) != is_in_hours(at, b, a, None)


@given(st.integers(0, 6), minutes, clocks, clocks)
def test_every_moment_of_a_daily_span_belongs_to_one_day(weekday: int, minute: int, a: str, b: str) -> None:
    at = LocalTime(weekday, minute)
    days = [day for day in DAYS if is_in_hours(at, a, b, (day,))]
    assert len(days) == is_in_hours(at, a, b, None)


def test_where_the_hour_cant_be_told_everything_is_asked_that_any_rule_might_ask() -> None:
    warned = '[[rule]]\nname = "late"\nfrom = "20:00"\nuntil = "22:00"\nchecks = ["pass", "mask"]\n'
    policy = with_rules(f'{NIGHT}\n{warned}modes = {{ mask = "warn" }}\n')
    assert [rule.name for rule in policy.rules_for("low", "visitor", "in", "guard", "person")] == [
        "night",
        "late",
        "pass and temperature",
    ]
    rule = policy.rule_for("low", "visitor", "in", "guard", "person")
    assert rule.checks == ("pass", "mask", "temperature")
    assert (rule.mode_of("mask"), rule.mode_of("temperature"), rule.verdict) == ("warn", "enforce", None)
    assert policy.rule_for("low", "resident", "in", "guard", "person").name == "home"


def test_a_closed_zone_is_for_those_whom_a_rule_names() -> None:
    crews = '[[rule]]\nname = "crews"\nlevel = ["closed"]\nclass = ["emergency"]\nchecks = ["pass"]\n'
    policy = with_rules(crews)
    assert policy.rule_for("closed", "emergency", "in", "none", "person").name == "crews"
    assert [policy.rule_for("closed", who, "in", "none", "person") for who in ("visitor", None)] == [CLOSED, CLOSED]
    assert policy.rule_for("low", "visitor", "in", "none", "person").name == "pass and temperature"
    assert (
        parse_policy(POLICY_TOML.replace("[[rule]]", 'zone_level = "closed"\n[[rule]]').encode()).level_of(())
        == "closed"
    )


RULE = 'name = "pass and temperature"\n'
DENY = '[[rule]]\nname = "no"\nchecks = ["pass"]\nverdict = "deny"\nreason = "curfew"\n'


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('from = "22:00"\n', ["from", "22:00", "until"]),
        ('until = "22:00"\n', ["until", "from"]),
        ('from = "24:00"\nuntil = "06:00"\n', ["from = '24:00'", "HH:MM"]),
        ('from = "06:00"\nuntil = "06:00"\n', ["until", "whole day"]),
        ("from = 22:00:00\nuntil = 06:00:00\n", ["from", "`str", "HH:MM"]),
        ('days = ["mon", "mon"]\n', ["days", "twice"]),
        ("days = []\n", ["days", ">= 1"]),
        ('days = ["monday"]\n', ["'monday'", "mon tue wed"]),
        ('verdict = "deny"\n', ["verdict", "reason"]),
        ('reason = "curfew"\n', ["reason", "verdict"]),
        ('verdict = "allow"\nreason = "curfew"\n', ["'allow'", "deny escalate warn"]),
        ('verdict = "warn"\nreason = "fever"\n', ["'fever'", "curfew zone_closed"]),
        ('lane_kind = "person"\noccupants = "each"\n', ["occupants", "on foot"]),
        ('occupants = "all"\n', ["'all'", "driver each"]),
        ('lane_kind = "vehicle"\n', ["the last rule", "everything"]),
        ('from = "22:00"\nuntil = "06:00"\n', ["the last rule", "everything"]),
        ('verdict = "deny"\nreason = "curfew"\n', ["'deny'", "residents", "the way home"]),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(more: str, words: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY_TOML.replace(RULE, RULE + more).encode())
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("before", "rule", "taken"),
    [
        ("", 'class = ["visitor", "courier"]\n', True),
        ("", 'direction = "out"\n', True),
        ("", 'level = ["closed"]\n', False),
        ('class = ["resident"]\n', "", True),
        ('class = ["resident"]\n', 'level = ["low", "high"]\n', True),
        ('class = ["resident"]\n', 'level = ["closed"]\n', False),
        ('class = ["resident"]\nlevel = ["closed"]\n', 'level = ["closed"]\n', True),
        ('class = ["resident"]\nlevel = ["low"]\n', 'level = ["low", "high"]\n', False),
        ('class = ["resident"]\nattendance = ["guard"]\n', "", False),
        ('class = ["resident"]\nlane_kind = "person"\n', "", False),
        ('class = ["resident"]\nlane_kind = "person"\n', 'lane_kind = "person"\n', True),
        ('class = ["resident"]\nfrom = "21:00"\nuntil = "05:00"\n', 'from = "22:00"\nuntil = "05:00"\n', False),
        ('class = ["resident"]\nfrom = "22:00"\nuntil = "05:00"\n', 'from = "22:00"\nuntil = "05:00"\n', True),
        ('class = ["visitor"]\n', "", False),
    ],
)
def test_a_rule_that_refuses_is_taken_only_where_no_resident_can_meet_it(before: str, rule: str, taken: bool) -> None:
    first = f'[[rule]]\nname = "first"\nchecks = ["pass"]\n{before}\n' if before else ""
    text = POLICY_TOML.replace("[[rule]]", f"{first}{DENY}{rule}\n[[rule]]", 1).encode()
    if taken:
        assert parse_policy(text).rules[-2].verdict == "deny"
        return
    with pytest.raises(PolicyError, match="the way home"):
        parse_policy(text)


def test_who_is_told_is_a_role_or_several_and_a_code_of_the_table() -> None:
    told = parse_policy((POLICY_TOML + '[told]\nfever = ["health", "first_head"]\ncurfew = "head"\n').encode()).told
    assert told == {"fever": ("health", "first_head"), "curfew": "head"}
    for text, word in (
        ('fevers = "health"', "fevers"),
        ('fever = "mayor"', "'mayor'"),
        ('fever = ["mayor"]', "supervisor"),
        ("fever = []", "nobody"),
    ):
        with pytest.raises(PolicyError, match=word):
            parse_policy(f"{POLICY_TOML}[told]\n{text}\n".encode())


def test_what_a_place_may_do_by_itself_is_bounded() -> None:
    assert parse_policy(POLICY_TOML.encode()).local is None
    local = parse_policy((POLICY_TOML + '[local]\nmay = ["modes", "hours"]\nmax_days = 7\n').encode()).local
    assert local is not None
    assert (local.may, local.max_days) == (("modes", "hours"), 7)
    for text, word in (('may = ["levels"]', "modes hours zones told"), ('may = ["modes"]\nmax_days = 61', "<= 60")):
        with pytest.raises(PolicyError, match=word):
            parse_policy(f"{POLICY_TOML}[local]\n{text}\n".encode())
