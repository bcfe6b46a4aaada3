"""The travel check: what the statement of a pass is worth beside the list of risk regions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.passes import Travel
from checkpoint.policy import PolicyError
from checkpoint.policy_schema import RiskLevel, TravelSettings
from checkpoint.reasons import reason
from checkpoint.regions import LEVELS, RegionList, RiskRegion
from checkpoint.travel import travel_fact
from checkpoint.verdict import Facts, decide
from tests.checkpoint.verdict_kit import NOW_S, gate, policy, shown

TODAY = 18_340
WUHAN, WUCHANG, NANCHANG = 420_100, 420_106, 360_100
ASKED = TravelSettings()
LISTED = RegionList([RiskRegion(WUHAN, "high", TODAY - 5, None), RiskRegion(WUHAN, "medium", TODAY - 40, TODAY - 6)])


def said(
    *codes: int, age_days: int = 0, regions: RegionList | None = LISTED, asked: TravelSettings = ASKED
) -> tuple[str, str]:
    fact = travel_fact(Travel(TODAY - age_days, codes), regions, TODAY, asked)
    return fact.result, fact.reason


def test_who_was_in_no_listed_region_has_travelled_in_order() -> None:
    assert said(NANCHANG) == ("ok", "travel_ok")
    assert said() == ("ok", "travel_ok")
    assert said(NANCHANG, regions=RegionList()) == ("ok", "travel_ok")


def test_who_was_in_a_listed_region_is_asked_by_the_health_officer() -> None:
    assert said(NANCHANG, WUCHANG) == ("failed", "travel_risk")
    row = reason("travel_risk")
    assert (row.verdict, row.call) == ("escalate", "health")


def test_the_level_that_the_policy_asks_for_is_the_least_that_counts() -> None:
    fact = travel_fact(Travel(TODAY, (WUHAN,)), LISTED, TODAY, TravelSettings(risk_level="high"))
    assert (fact.reason, fact.value, fact.limit) == ("travel_risk", "high", "high")
    medium = RegionList([RiskRegion(WUHAN, "medium", TODAY - 5, None)])
    assert said(WUHAN, regions=medium, asked=TravelSettings(risk_level="high")) == ("ok", "travel_ok")
    low = RegionList([RiskRegion(WUHAN, "low", TODAY - 5, None)])
    assert said(WUHAN, regions=low) == ("ok", "travel_ok")
    assert said(WUHAN, regions=low, asked=TravelSettings(risk_level="low")) == ("failed", "travel_risk")


@pytest.mark.parametrize(("until", "expected"), [(TODAY - 14, "travel_ok"), (TODAY - 13, "travel_risk")])
def test_a_region_that_ended_before_the_last_fourteen_days_counts_no_more(until: int, expected: str) -> None:
    regions = RegionList([RiskRegion(WUHAN, "high", TODAY - 60, until)])
    assert said(WUHAN, regions=regions)[1] == expected


@pytest.mark.parametrize(("until", "expected"), [(TODAY - 7, "travel_ok"), (TODAY - 6, "travel_risk")])
def test_a_policy_may_look_back_over_fewer_days(until: int, expected: str) -> None:
    regions = RegionList([RiskRegion(WUHAN, "high", TODAY - 60, until)])
    assert said(WUHAN, regions=regions, asked=TravelSettings(days=7))[1] == expected


def test_a_region_that_began_after_the_statement_says_nothing_about_it() -> None:
    regions = RegionList([RiskRegion(WUHAN, "high", TODAY, None)])
    assert said(WUHAN, age_days=4, regions=regions) == ("ok", "travel_ok")
    # The statement's day is counted in UTC and may be two days of the gate's calendar.
    assert said(WUHAN, age_days=1, regions=regions) == ("failed", "travel_risk")


@pytest.mark.parametrize(("age_days", "expected"), [(7, ("ok", "travel_ok")), (8, ("missing", "travel_old"))])
def test_a_statement_grows_too_old(age_days: int, expected: tuple[str, str]) -> None:
    assert said(NANCHANG, age_days=age_days) == expected


def test_an_old_statement_says_how_old_it_is() -> None:
    fact = travel_fact(Travel(TODAY - 30, ()), LISTED, TODAY, ASKED)
    assert (fact.reason, fact.value, fact.limit) == ("travel_old", 30.0, 7.0)


def test_nobody_can_state_days_that_are_still_to_come() -> None:
    assert said(NANCHANG, age_days=-1) == ("ok", "travel_ok")
    assert said(NANCHANG, age_days=-2) == ("missing", "travel_not_stated")


def test_a_pass_without_a_statement_is_missing_it() -> None:
    assert travel_fact(None, LISTED, TODAY, ASKED).reason == "travel_not_stated"


def test_without_a_list_nobody_can_tell_and_without_a_day_neither() -> None:
    fact = travel_fact(Travel(TODAY, ()), None, TODAY, ASKED, 60.0)
    assert (fact.result, fact.reason, fact.for_s) == ("not_obtained", "travel_unlisted", 60.0)
    assert travel_fact(Travel(TODAY, ()), None, TODAY, ASKED).for_s == math.inf
    assert travel_fact(Travel(TODAY, ()), LISTED, None, ASKED).reason == "travel_undated"


@given(
    stated=st.none() | st.builds(Travel, st.integers(0, 2**24), st.tuples(st.integers(1, 999_999))),
    today=st.none() | st.integers(0, 10**6),
    level=st.sampled_from(LEVELS),
    listed=st.booleans(),
)
def test_only_a_statement_and_a_list_can_make_it_ok(
    stated: Travel | None, today: int | None, level: RiskLevel, listed: bool
) -> None:
    regions = RegionList([RiskRegion(WUHAN, level, 0, None)]) if listed else None
    fact = travel_fact(stated, regions, today, ASKED)
    assert reason(fact.reason).step == "travel"
    if fact.result == "ok":
        assert stated is not None
        assert today is not None
        assert regions is not None
        assert abs(today - stated.attested_until_day) <= 7


@pytest.mark.parametrize(
    ("fact", "verdict", "call"),
    [
        (travel_fact(Travel(TODAY, (NANCHANG,)), LISTED, TODAY, ASKED), "allow", ""),
        (travel_fact(Travel(TODAY, (WUCHANG,)), LISTED, TODAY, ASKED), "escalate", "health"),
        (travel_fact(None, LISTED, TODAY, ASKED), "escalate", "guard"),
        (travel_fact(Travel(TODAY - 9, ()), LISTED, TODAY, ASKED), "escalate", "guard"),
    ],
)
def test_the_verdict_follows(fact: object, verdict: str, call: str) -> None:
    facts: Facts = {"travel": (fact,)}  # type: ignore[dict-item]
    decided = decide(shown(), facts, policy(checks='["pass", "travel"]'), gate(), NOW_S)
    assert (decided.verdict, decided.call) == (verdict, call)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("attested_within_days = 30", "attested_within_days = 30"),
        ('risk_level = "red"', r"travel.risk_level = 'red'.*choose from low medium high"),
        ("days = 0", r"travel.days = 0"),
        ("day = 14", "day"),
    ],
)
def test_a_bad_setting_is_named_with_its_bound(line: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        policy(f"[travel]\n{line}\n")
