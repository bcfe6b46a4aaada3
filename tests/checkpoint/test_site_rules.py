"""Passback and quota as rules over crossings, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.site_rules import (
    CHINA,
    Crossing,
    Move,
    entries_of,
    passback,
    quota,
    quota_late,
    quota_since_ms,
)

# Monday, 10 February 2020, 09:00 in Nanchang.
NOW_MS = 1_581_296_400_000
S, H = 1_000, 3_600_000


@dataclass(frozen=True)
class Rule:
    every_days: int = 2
    back_within_h: float = 3.0
    people: int = 1


def seen(ago_ms: int, move: Move = "in", gate: str = "east", people: int = 1) -> Crossing:
    return Crossing(NOW_MS - ago_ms, gate, abs(ago_ms).to_bytes(16), move, b"passport", b"home", people)


def judged(*crossings: Crossing, direction: str = "in", gate: str = "east") -> str:
    return passback(crossings, direction, gate, NOW_MS, 12 * 3600, 60)  # type: ignore[arg-type]


def test_a_pass_that_nobody_has_seen_goes_on() -> None:
    assert judged() == judged(direction="out") == ""


def test_in_twice_without_out_is_passback_and_so_is_out_twice() -> None:
    assert judged(seen(H)) == "passback"
    assert judged(seen(H), gate="west") == "passback"
    assert judged(seen(H, "out"), direction="out") == "passback"
    assert judged(seen(2 * H), seen(H, "out")) == ""
    assert judged(seen(H), direction="out") == ""


def test_what_is_longer_ago_than_the_window_is_forgotten() -> None:
    assert judged(seen(12 * H)) == ""
    assert judged(seen(12 * H - 1)) == "passback"


def test_two_gates_within_walking_time_are_two_people() -> None:
    assert judged(seen(60 * S - 1, "out"), gate="west") == "seen_elsewhere"
    assert judged(seen(60 * S, "out"), gate="west") == ""
    assert judged(seen(30 * S, "out")) == ""


def test_what_seems_to_lie_ahead_was_just_now() -> None:
    assert judged(seen(-20 * S)) == "passback"
    assert judged(seen(-20 * S, "out"), gate="west") == "seen_elsewhere"


def test_a_cleared_pass_begins_anew() -> None:
    assert judged(seen(H), seen(H, "cleared")) == ""
    assert judged(seen(H), seen(H - 1, "cleared"), seen(S)) == "passback"


def test_an_entry_is_a_way_in_and_nothing_else() -> None:
    assert entries_of([seen(3), seen(2, "out"), seen(1), seen(0, "cleared")]) == 2


CROSSINGS = st.lists(
    st.builds(
        seen, st.integers(-60 * S, 20 * H), st.sampled_from(("in", "out", "cleared")), st.sampled_from(("east", "west"))
    ),
    max_size=6,
)


@given(CROSSINGS, st.randoms(use_true_random=False), st.sampled_from(("in", "out")))
def test_order_and_repeats_change_no_judgement(crossings: list[Crossing], chance: object, direction: str) -> None:
    shuffled = crossings * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    unique = list({one.age_key: one for one in crossings}.values())
    assert judged(*shuffled, direction=direction) == judged(*unique, direction=direction)
    facts = [quota(list({one.age_key: one for one in some}.values()), Rule(), NOW_MS) for some in (unique, shuffled)]
    assert facts[0] == facts[1]


def test_one_person_in_two_days_of_the_calendar() -> None:
    assert quota([], Rule(), NOW_MS).result == "ok"
    used = quota([seen(H, "out")], Rule(), NOW_MS)
    assert (used.result, used.reason, used.value) == ("failed", "quota_used", "2020-02-12T00:00+08:00")
    # Late on Sunday counts on Sunday and Monday, late on Saturday no longer.
    assert quota([seen(10 * H, "out")], Rule(), NOW_MS).value == "2020-02-11T00:00+08:00"
    assert quota([seen(34 * H, "out")], Rule(), NOW_MS).reason == "quota_ok"


def test_only_ways_out_count_and_each_person_of_a_party() -> None:
    assert quota([seen(H, "in"), seen(H, "cleared")], Rule(), NOW_MS).result == "ok"
    assert quota([seen(H, "out", people=2)], Rule(people=3), NOW_MS).result == "ok"
    assert quota([seen(H, "out", people=2)], Rule(people=3), NOW_MS, people=2).result == "failed"


def test_the_next_time_is_when_enough_exits_have_run_out() -> None:
    exits = [seen(30 * H, "out"), seen(H, "out")]
    rule = Rule(every_days=3, people=2)
    assert quota(exits, rule, NOW_MS).value == "2020-02-12T00:00+08:00"
    assert quota(exits, rule, NOW_MS, people=2).value == "2020-02-13T00:00+08:00"


def test_a_party_larger_than_the_quota_has_no_next_time() -> None:
    fact = quota([], Rule(), NOW_MS, people=2)
    assert (fact.result, fact.value) == ("failed", None)


@given(st.lists(st.integers(0, 10 * 24 * H), max_size=8), st.integers(1, 7), st.integers(1, 3))
def test_at_the_next_time_they_may_go_and_a_moment_before_they_may_not(
    agos: list[int], every_days: int, people: int
) -> None:
    rule = Rule(every_days=every_days, people=people)
    exits = [seen(ago, "out") for ago in agos]
    fact = quota(exits, rule, NOW_MS)
    if fact.result == "failed":
        next_ms = round(datetime.fromisoformat(str(fact.value)).timestamp() * 1000)
        assert next_ms > NOW_MS
        assert quota(exits, rule, next_ms).result == "ok"
        assert quota(exits, rule, next_ms - 1).result == "failed"


@given(st.integers(0, 10 * 24 * H), st.integers(1, 7))
def test_exits_before_the_given_time_never_count(ago: int, every_days: int) -> None:
    rule = Rule(every_days=every_days)
    counts = quota([seen(ago, "out")], rule, NOW_MS).result == "failed"
    assert counts is (NOW_MS - ago >= quota_since_ms(rule, NOW_MS))


@pytest.mark.parametrize(("zone", "day"), [(CHINA, 10), (ZoneInfo("Asia/Urumqi"), 10), (UTC, 10)])
def test_a_day_is_a_day_of_the_zone(zone: object, day: int) -> None:
    start = quota_since_ms(Rule(every_days=1), NOW_MS, zone)  # type: ignore[arg-type]
    local = datetime.fromtimestamp(start / 1000, zone)  # type: ignore[arg-type]
    assert (local.day, local.hour, local.minute) == (day, 0, 0)


def test_back_too_late_is_said_and_holds_nobody_up() -> None:
    late = quota_late([seen(4 * H, "out")], Rule(), NOW_MS)
    assert (late.result, late.reason, late.value, late.limit) == ("ok", "quota_late", 4.0, 3.0)
    assert quota_late([seen(2 * H, "out")], Rule(), NOW_MS).reason == "quota_ok"
    assert quota_late([seen(4 * H, "out"), seen(H)], Rule(), NOW_MS).reason == "quota_ok"
    assert quota_late([], Rule(), NOW_MS).reason == "quota_ok"
