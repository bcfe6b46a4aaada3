"""The lane's level and the drift watch: what they follow, what they don't, and what a restart keeps."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.drift import Drift, Reference, freeze, limit_of, watch
from checkpoint.level import LaneLevel, LevelState, stream_of
from checkpoint.policy_schema import KEPT_READINGS
from tests.checkpoint.temperature_kit import NOW_MS, SETTINGS

STREAM = "forehead/surface/2"
HOUR_MS = 3_600_000
centi = st.integers(3300, 3900).map(lambda hundredths: hundredths / 100)


def _lane(*values_c: float, at_ms: int = NOW_MS, every_ms: int = 0) -> LaneLevel:
    lane = LaneLevel(SETTINGS)
    for number, value_c in enumerate(values_c):
        lane.add(STREAM, value_c, at_ms + number * every_ms)
    return lane


def test_nineteen_people_are_no_level_and_twenty_are_one() -> None:
    assert _lane(*[36.2] * 19).now(STREAM, NOW_MS) is None
    level = _lane(*[36.2] * 20).now(STREAM, NOW_MS)
    assert level is not None
    assert (level.level_c, level.mad_c, level.count, level.recent) == (36.2, 0.0, 20, True)


def test_readings_of_the_last_hour_come_before_older_ones() -> None:
    lane = _lane(*[35.0] * 150, at_ms=NOW_MS - HOUR_MS)
    for _ in range(20):
        lane.add(STREAM, 36.0, NOW_MS - HOUR_MS + 1)
    recent = lane.now(STREAM, NOW_MS)
    assert recent is not None
    assert (recent.level_c, recent.count, recent.recent) == (36.0, 20, True)
    older = lane.now(STREAM, NOW_MS + 1)
    assert older is not None
    assert (older.level_c, older.count, older.recent) == (35.0, 170, False), "one second later the hour is empty"


def test_a_reading_dated_in_the_future_is_not_of_the_last_hour() -> None:
    lane = _lane(*[39.0] * 30, at_ms=NOW_MS + 1)
    for _ in range(25):
        lane.add(STREAM, 36.0, NOW_MS)
    level = lane.now(STREAM, NOW_MS)
    assert level is not None
    assert (level.level_c, level.count) == (36.0, 25)


@given(st.lists(st.tuples(centi, st.integers(0, HOUR_MS - 1)), min_size=20, max_size=60), st.randoms())
def test_within_the_hour_the_order_of_arrival_changes_nothing(people: list[tuple[float, int]], order: object) -> None:
    shuffled = list(people)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    lanes = [LaneLevel(SETTINGS), LaneLevel(SETTINGS)]
    for lane, readings in zip(lanes, (people, shuffled), strict=True):
        for value_c, ago_ms in readings:
            lane.add(STREAM, value_c, NOW_MS - ago_ms)
    assert lanes[0].now(STREAM, NOW_MS) == lanes[1].now(STREAM, NOW_MS)


@pytest.mark.parametrize(
    ("ambient_c", "band"),
    [(-10.0, "0"), (4.99, "0"), (5.0, "1"), (15.99, "1"), (16.0, "2"), (30.0, "3"), (None, "unknown")],
)
def test_readings_of_another_band_place_or_kind_are_another_stream(ambient_c: float | None, band: str) -> None:
    assert stream_of("wrist", "surface", ambient_c, SETTINGS) == f"wrist/surface/{band}"
    assert _lane(*[36.2] * 50).now(f"wrist/surface/{band}", NOW_MS) is None


def test_the_level_follows_the_people_two_degrees_from_its_reference_and_no_further() -> None:
    lane = _lane(*[36.2] * 200)
    for _ in range(30):
        lane.add(STREAM, 40.0, NOW_MS + 2 * HOUR_MS)
    level = lane.now(STREAM, NOW_MS + 2 * HOUR_MS)
    assert level is not None
    assert level.level_c == 38.2


def test_memory_is_bounded() -> None:
    lane = _lane(*[36.2] * (KEPT_READINGS + 50))
    assert len(lane.state.streams[STREAM].kept) == KEPT_READINGS


@given(st.lists(centi, min_size=0, max_size=250))
def test_a_restart_loses_nothing(values_c: list[float]) -> None:
    lane = _lane(*values_c, every_ms=1000)
    saved = msgspec.json.encode(lane.state)
    again = LaneLevel(SETTINGS, msgspec.json.decode(saved, type=LevelState))
    for each in (lane, again):
        each.add(STREAM, 36.5, NOW_MS + HOUR_MS)
    assert again.state == lane.state
    assert again.now(STREAM, NOW_MS + HOUR_MS) == lane.now(STREAM, NOW_MS + HOUR_MS)


def test_what_was_commissioned_replaces_what_the_policy_expects() -> None:
    lane = LaneLevel(SETTINGS, commissioned={"forehead/surface": 35.8, "wrist/surface": 36.0})
    assert lane.expected_c("forehead", "surface") == 35.8
    assert lane.expected_c("forehead", "body") == 36.6
    assert lane.offset_c("forehead", "wrist", "surface") == pytest.approx(0.2)
    # The device's bias would spoil a difference between a commissioned place and a presumed one.
    assert lane.offset_c("forehead", "neck", "surface") == pytest.approx(0.7)


def test_the_reference_is_frozen_at_two_hundred_readings() -> None:
    lane = _lane(*[36.2] * 199)
    assert lane.state.streams[STREAM].reference is None
    for value_c in (36.2, 39.0, 39.0):
        lane.add(STREAM, value_c, NOW_MS)
    assert lane.state.streams[STREAM].reference == Reference(36.2, 0.0)


def test_a_step_of_eight_tenths_alarms_at_the_sixth_reading_without_noise() -> None:
    drift = Drift()
    for number in range(1, 7):
        drift = watch(drift, Reference(36.2, 0.09), 37.0, SETTINGS)
        assert drift.alarmed == (number == 6), "0.4 a reading against a limit of 2.0"


def test_the_limit_grows_with_the_spread_of_people() -> None:
    assert limit_of(Reference(36.2, 0.09), SETTINGS) == 2.0
    assert limit_of(Reference(33.2, 1.0), SETTINGS) == 13.5


def test_a_few_feverish_people_in_a_row_are_not_a_broken_device() -> None:
    drift = Drift()
    for value_c in (40.0, 40.0, 40.0):
        drift = watch(drift, Reference(36.2, 0.09), value_c, SETTINGS)
    assert not drift.alarmed


def test_a_device_that_reads_low_is_found_too() -> None:
    drift = Drift()
    for _ in range(6):
        drift = watch(drift, Reference(36.2, 0.09), 35.4, SETTINGS)
    assert drift.alarmed


def test_an_alarm_stays_until_the_device_was_checked() -> None:
    lane = _lane(*[36.2] * 200, *[37.0] * 10)
    assert lane.drifting == (STREAM,)
    for _ in range(50):
        lane.add(STREAM, 36.2, NOW_MS)
    assert lane.drifting == (STREAM,)
    lane.device_checked()
    assert lane.drifting == ()
    assert lane.state.streams[STREAM].reference == Reference(36.2, 0.0)


def test_one_outlier_hardly_moves_the_reference() -> None:
    assert freeze([36.2] * 199 + [39.0]).centre_c == 36.2
