"""In frost and heat a lane has to show that its readings mean something; once it told nothing, again."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from checkpoint.level import LaneLevel
from checkpoint.temperature import Judged, TemperatureJudge
from tests.checkpoint.temperature_kit import NOW_MS, SETTINGS, value

SUN_C = 33.0


def judged_one(judge: TemperatureJudge, reading_c: float, ambient_c: float, number: int = 0) -> Judged:
    judged = judge.first(value(reading_c, ambient_c), judge.first_site(ambient_c), NOW_MS + number * 1000)
    judge.keep(judged)
    return judged


def lane_in_the_sun(sd_c: float, people: int, seed: int = 1) -> tuple[TemperatureJudge, list[Judged]]:
    random = Random(seed)
    judge = TemperatureJudge(SETTINGS, LaneLevel(SETTINGS))
    return judge, [judged_one(judge, round(random.gauss(36.2, sd_c), 2), SUN_C, number) for number in range(people)]


@pytest.mark.parametrize(
    ("ambient_c", "result", "reason"),
    [
        (4.99, "not_obtained", "not_obtained_cold"),
        (5.0, "normal", "temperature_ok"),
        (30.0, "normal", "temperature_ok"),
        (30.01, "not_obtained", "not_obtained_heat"),
        (None, "normal", "temperature_ok"),
    ],
)
def test_without_a_level_nobody_is_normal_in_frost_or_heat(
    ambient_c: float | None, result: str, reason: str
) -> None:  # fmt: skip
    judge = TemperatureJudge(SETTINGS, LaneLevel(SETTINGS))
    judged = judge.first(value(36.2, ambient_c), judge.first_site(ambient_c), NOW_MS)
    assert (judged.result, judged.reason) == (result, reason)
    assert judged.meaningless_since_ms == (None if result == "normal" else NOW_MS)


def test_without_a_level_a_high_reading_in_the_sun_still_asks_for_the_shade() -> None:
    judged = judged_one(TemperatureJudge(SETTINGS, LaneLevel(SETTINGS)), 37.2, SUN_C)
    assert judged.result == "high"
    assert judged.second_after_ms == NOW_MS + 300_000


def test_a_lane_in_the_heat_is_believed_after_a_hundred_people_who_read_alike() -> None:
    _, people = lane_in_the_sun(0.3, 140)
    assert {judged.result for judged in people[:100]} <= {"not_obtained", "high", "low"}
    assert all(judged.meaningless_since_ms == NOW_MS for judged in people[:100])
    assert people[100].meaningless_since_ms is None
    assert sum(judged.result == "normal" for judged in people[100:]) >= 35


@pytest.mark.parametrize("seed", range(4))
def test_where_people_spread_by_about_the_limit_chance_calls_nobody_normal(seed: int) -> None:
    _, people = lane_in_the_sun(SETTINGS.informative_sd_c, 600, seed)
    assert not [judged for judged in people if judged.result == "normal"]


def test_a_lane_that_was_believed_is_believed_on_up_to_the_limit_itself() -> None:
    judge = TemperatureJudge(SETTINGS, level := LaneLevel(SETTINGS))
    for number in range(120):
        level.add("forehead/surface/2", 36.2 + (number % 3 - 1) * 0.35, NOW_MS - number)
    assert judged_one(judge, 36.2, 22.0).result == "normal", "1.4826 x 0.35 is 0.52: over 0.45, under 0.60"
    level.add("forehead/surface/2", 36.2, NOW_MS, NOW_MS)
    assert judged_one(judge, 36.2, 22.0).result == "not_obtained", "once it told nothing, 0.45 is asked"


def test_a_policy_that_keeps_few_readings_is_believed_again_by_these() -> None:
    few = msgspec.structs.replace(SETTINGS, level_fallback=30)
    level = LaneLevel(few)
    for number in range(40):
        level.add("forehead/surface/3", 36.2, NOW_MS - 40 + number, NOW_MS - 40)
    assert level.latest_mad_c("forehead/surface/3", 100) == 0
    assert judged_one(TemperatureJudge(few, level), 36.2, SUN_C).result == "normal"
