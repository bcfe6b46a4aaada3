"""One person's reading against the lane: every limit to the hundredth of a degree, and what nothing may ever clear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.level import LaneLevel
from checkpoint.temperature import Judged, TemperatureJudge, judge_manual, second_site
from checkpoint.window import WindowResult
from tests.checkpoint.temperature_kit import NOW_MS, SETTINGS, judge_at, value

celsius = st.integers(3000, 4300).map(lambda hundredths: hundredths / 100)
MANY_MS = NOW_MS + 400_000


@pytest.mark.parametrize(
    ("level_c", "mad_c", "reading_c", "result"),
    [
        # The smallest limit: 0.80 over the level.
        (36.2, 0.10, 36.99, "normal"),
        (36.2, 0.10, 37.00, "high"),
        # A lane that spreads more: 3.5 x 0.3 = 1.05.
        (36.2, 0.30, 37.24, "normal"),
        (36.2, 0.30, 37.25, "high"),
        # A device that reads 0.5 low or high moves both limits with it.
        (35.7, 0.10, 36.50, "high"),
        (36.7, 0.10, 37.49, "normal"),
        # Low: 1.00 below the level.
        (36.2, 0.10, 35.21, "normal"),
        (36.2, 0.10, 35.20, "low"),
        # 3.5 x 0.4 = 1.40 below.
        (36.2, 0.40, 34.81, "normal"),
        (36.2, 0.40, 34.80, "low"),
        # Never below the floor of the place, whatever the lane reads.
        (34.9, 0.10, 33.99, "low"),
    ],
)
def test_a_forehead_is_judged_against_the_lane(level_c: float, mad_c: float, reading_c: float, result: str) -> None:
    judged = judge_at(level_c, mad_c).first(value(reading_c), "forehead", NOW_MS)
    assert judged.result == result
    assert judged.excess_c == round(reading_c - level_c, 2)
    assert judged.level is not None
    assert judged.readings[0].object_c == reading_c


@pytest.mark.parametrize(
    ("site", "reading_c", "result"),
    [
        ("forehead", 36.69, "normal"), ("forehead", 36.70, "high"),
        ("forehead", 34.00, "normal"), ("forehead", 33.99, "low"),
        ("wrist", 36.79, "normal"), ("wrist", 36.80, "high"), ("wrist", 32.50, "normal"), ("wrist", 32.49, "low"),
        ("neck", 37.39, "normal"), ("neck", 37.40, "high"), ("neck", 34.50, "normal"), ("neck", 34.49, "low"),
    ],
)  # fmt: skip
def test_without_a_level_absolute_limits_hold_and_the_record_says_so(site: str, reading_c: float, result: str) -> None:
    judged = TemperatureJudge(SETTINGS, LaneLevel(SETTINGS)).first(value(reading_c), site, NOW_MS)  # type: ignore[arg-type]
    assert judged.result == result
    assert (judged.level, judged.excess_c) == (None, None)
    assert "no_level" in judged.readings[0].quality


@pytest.mark.parametrize(
    ("reading_c", "result"), [(35.49, "low"), (35.50, "normal"), (37.29, "normal"), (37.30, "high"), (38.6, "high")]
)
def test_body_equivalent_values_have_absolute_limits_beside_the_relative_ones(reading_c: float, result: str) -> None:
    # 3.5 x 0.32 = 1.12 either way, so that the relative limits lie outside the absolute ones.
    judge = judge_at(36.55, 0.32, "forehead/body/2")
    assert judge.first(value(reading_c, mode="body"), "forehead", NOW_MS).result == result


def test_two_body_values_over_their_limit_are_a_fever_even_in_a_lane_that_reads_high() -> None:
    judge = judge_at(37.1, 0.1, "forehead/body/2")
    first = judge.first(value(37.3, mode="body"), "forehead", NOW_MS)
    assert first.excess_c == 0.2
    assert judge.second(first, value(37.3, mode="body"), "wrist", MANY_MS).result == "fever"


@pytest.mark.parametrize(
    ("wrist_c", "result"),
    # Forehead 37.2 is 1.0 over its level; the wrist's level is 36.3. Mean 0.80 needs an excess of 0.60 there.
    [(36.89, "normal"), (36.90, "fever"), (38.0, "fever"), (36.0, "normal"), (35.31, "normal"), (35.30, "unstable")],
)
def test_a_fever_is_what_both_places_say_together(wrist_c: float, result: str) -> None:
    judge = judge_at(36.2)
    first = judge.first(value(37.2), "forehead", NOW_MS)
    assert first.wants_second
    judged = judge.second(first, value(wrist_c), "wrist", NOW_MS + 5000)
    assert judged.result == result
    assert [reading.body_site for reading in judged.readings] == ["forehead", "wrist"]
    assert not judged.wants_second


@given(first_c=celsius, second_c=celsius, mad=st.integers(0, 60))
def test_the_limit_that_is_shown_is_the_limit_that_decides(first_c: float, second_c: float, mad: int) -> None:
    judge = judge_at(36.2, mad / 100)
    first = judge.first(value(first_c), "forehead", NOW_MS)
    judged = judge.second(first, value(second_c), "wrist", NOW_MS + 5000)
    assert judged.limit_c is not None
    if judged.result == "fever" and min(first_c, second_c) < SETTINGS.extreme_c:
        assert second_c >= judged.limit_c - 0.011
    elif judged.result in ("normal", "not_obtained") and len(judged.readings) == 2:
        assert second_c < judged.limit_c + 0.011


@pytest.mark.parametrize("wrist_c", [36.83, 36.84])
def test_without_a_level_the_second_place_is_held_against_absolute_limits_too(wrist_c: float) -> None:
    judge = TemperatureJudge(SETTINGS, LaneLevel(SETTINGS))
    first = judge.first(value(36.7), "forehead", NOW_MS)
    # 36.7 is 0.80 over its base, so the wrist (base 36.0) must bring 0.80.
    assert judge.second(first, value(36.79), "wrist", NOW_MS + 5000).result == "normal"
    assert judge.second(first, value(36.80), "wrist", NOW_MS + 5000).result == "fever"
    assert judge.second(first, value(wrist_c), "wrist", NOW_MS + 5000).result == "fever"


@given(low_c=st.integers(3000, 3520), second_c=celsius, site=st.sampled_from(["wrist", "neck"]))
def test_a_second_place_never_clears_a_low_reading(low_c: int, second_c: float, site: str) -> None:
    judge = judge_at(36.2)
    first = judge.first(value(low_c / 100), "forehead", NOW_MS)
    assert first.result == "low"
    assert judge.second(first, value(second_c), site, MANY_MS) == first  # type: ignore[arg-type]


@given(
    first_c=celsius,
    second_c=celsius,
    window=st.sampled_from(["none", "unstable", "out_of_range", "stuck"]),
)
def test_a_second_place_without_a_value_leaves_the_first_as_it_was(
    first_c: float, second_c: float, window: str
) -> None:
    judge = judge_at(36.2)
    first = judge.first(value(first_c), "forehead", NOW_MS)
    assert judge.second(first, WindowResult(window), "wrist", MANY_MS) == first  # type: ignore[arg-type]
    assert judge.second(first, value(second_c), "forehead", MANY_MS) == first, "the same place is no second one"
    assert judge.second(first, value(second_c, mode="body"), "wrist", MANY_MS) == first, "nor is another kind of value"


def test_over_thirty_degrees_the_second_place_counts_only_after_five_minutes_of_shade() -> None:
    judge = judge_at(36.2, stream="forehead/surface/3")
    first = judge.first(value(37.4, ambient_c=30.1), "forehead", NOW_MS)
    assert judge.second(first, value(36.0, 30.1), "wrist", NOW_MS + 299_999).result == "high"
    assert judge.second(first, value(36.0, 30.1), "wrist", NOW_MS + 300_000).result == "normal"
    cool = judge_at(36.2).first(value(37.4, ambient_c=30.0), "forehead", NOW_MS)
    assert cool.second_after_ms == NOW_MS


@pytest.mark.parametrize(
    ("level_c", "mad_c", "ambient_c", "reason"),
    [
        (36.2, 0.40, 22.0, "temperature_ok"),
        (36.2, 0.41, 22.0, "not_obtained_heat"),
        (36.2, 0.41, 15.9, "not_obtained_cold"),
        (35.2, 0.10, 22.0, "temperature_ok"),
        (35.19, 0.10, 22.0, "not_obtained_cold"),
        (37.2, 0.10, 22.0, "temperature_ok"),
        (37.21, 0.10, 22.0, "not_obtained_heat"),
        (37.21, 0.10, 15.0, "not_obtained_cold"),
    ],
)
def test_nothing_is_normal_where_readings_mean_nothing(
    level_c: float, mad_c: float, ambient_c: float, reason: str
) -> None:  # fmt: skip
    band = "1" if ambient_c < 16 else "2"
    judge = judge_at(level_c, mad_c, f"forehead/surface/{band}")
    judged = judge.first(value(level_c, ambient_c), "forehead", NOW_MS)
    assert judged.reason == reason
    assert judged.result == ("normal" if reason == "temperature_ok" else "not_obtained")


def test_an_extreme_value_is_high_even_where_readings_mean_nothing() -> None:
    judge = judge_at(36.2, 1.0)
    assert judge.first(value(38.49), "forehead", NOW_MS).result == "not_obtained"
    first = judge.first(value(38.50), "forehead", NOW_MS)
    assert first.result == "high"
    assert judge.second(first, value(36.0), "wrist", MANY_MS).result == "not_obtained"
    assert judge.second(first, value(38.5), "wrist", MANY_MS).result == "fever"


def test_how_long_readings_have_meant_nothing_is_remembered_until_they_mean_something() -> None:
    judge = judge_at(36.2, 1.0)
    first = judge.first(value(36.0), "forehead", NOW_MS)
    judge.keep(first)
    later = judge.first(value(36.1), "forehead", NOW_MS + 60_000)
    assert (first.meaningless_since_ms, later.meaningless_since_ms) == (NOW_MS, NOW_MS)
    assert judge_at(36.2).first(value(36.0), "forehead", NOW_MS).meaningless_since_ms is None


@pytest.mark.parametrize(
    ("ambient_c", "site"),
    [(22.0, "forehead"), (5.0, "forehead"), (4.99, "wrist"), (-12.0, "wrist"), (None, "forehead")],
)
def test_in_the_cold_the_wrist_is_asked_for_first(ambient_c: float | None, site: str) -> None:
    assert judge_at(36.2).first_site(ambient_c) == site


def test_the_second_place_is_never_the_first() -> None:
    assert all(second_site(site) != site for site in ("forehead", "wrist", "neck"))


@pytest.mark.parametrize(
    ("kind", "result", "reason"),
    [
        ("none", "missing", "temperature_missing"),
        ("out_of_range", "missing", "temperature_missing"),
        ("stuck", "missing", "thermometer_stuck"),
        ("unstable", "unstable", "temperature_unstable"),
    ],
)
def test_a_window_without_a_value_is_never_a_temperature(kind: str, result: str, reason: str) -> None:
    judge = judge_at(36.2)
    judged = judge.first(WindowResult(kind), "forehead", NOW_MS)  # type: ignore[arg-type]
    assert (judged.result, judged.reason, judged.readings) == (result, reason, ())
    judge.keep(judged)


@pytest.mark.parametrize(
    ("ambient_c", "mark"), [(15.99, "ambient_low"), (16.0, "ok"), (35.0, "ok"), (35.01, "ambient_high"), (None, "ok")]
)
def test_ambient_is_a_mark_and_decides_nothing(ambient_c: float | None, mark: str) -> None:
    band = {None: "unknown", 15.99: "1", 16.0: "2"}.get(ambient_c, "3")
    judged = judge_at(36.2, stream=f"forehead/surface/{band}").first(value(36.2, ambient_c), "forehead", NOW_MS)
    assert judged.readings[0].quality == (mark,)
    assert judged.result == "normal"


@pytest.mark.parametrize(
    ("typed_c", "result"),
    [(35.49, "low"), (35.5, "normal"), (37.29, "normal"), (37.3, "fever"), (3.66, "missing"), (366.0, "missing")],
)
def test_a_value_typed_by_the_guard_is_marked_and_held_against_body_limits(typed_c: float, result: str) -> None:
    judged = judge_manual(typed_c, NOW_MS, SETTINGS)
    assert (judged.result, judged.manual, judged.readings[0].manual) == (result, True, True)
    assert judged.stream == "", "a clinical thermometer says nothing about the lane's device"


@given(st.lists(celsius, min_size=1, max_size=30), celsius)
def test_a_reading_is_judged_by_who_came_before_and_changes_nothing_itself(others: list[float], mine: float) -> None:
    lane = LaneLevel(SETTINGS)
    judge = TemperatureJudge(SETTINGS, lane)
    for number, other in enumerate(others):
        judge.keep(judge.first(value(other), "forehead", NOW_MS - 1000 + number))
    before = lane.state
    assert isinstance(judge.first(value(mine), "forehead", NOW_MS), Judged)
    assert lane.state == before


def test_high_and_low_first_readings_count_towards_the_level_like_any_other() -> None:
    lane = LaneLevel(SETTINGS)
    judge = TemperatureJudge(SETTINGS, lane)
    for number in range(20):
        judged = judge.first(value(38.0 if number % 2 else 33.0), "forehead", NOW_MS + number)
        assert judged.result in ("high", "low")
        judge.keep(judged)
    level = lane.now("forehead/surface/2", NOW_MS + 60)
    assert level is not None
    assert level.level_c == 35.5
