"""Simulated people at a gate, always the same: how many fevers are found, how many healthy people are troubled.

The people are synthetic. Healthy foreheads: 36.2 °C, standard deviation 0.30 (IJERPH 2022, 19:15883); at the door in
frost 33.17, 1.45 (Wien Klin Wochenschr 2020, doi 10.1007/s00508-020-01754-2). Device noise 0.15, bias up to 0.3,
half a percent of fevers, whose whole excess reaches the skin: the kindest assumption there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from statistics import median

import pytest

from checkpoint.drift import Drift, freeze, watch
from checkpoint.level import LaneLevel
from checkpoint.temperature import TemperatureJudge, second_site
from tests.checkpoint.temperature_kit import NOW_MS, SETTINGS, value


@dataclass
class Tally:
    healthy: int = 0
    false: int = 0
    fevers: int = 0
    found: int = 0
    normal: int = 0
    seconds: int = 0


def _walk_through(people: int, centre_c: float, sd_c: float, ambient_c: float, bias_c: float, seed: int) -> Tally:
    """People one after another, twenty seconds apart, each measured at a second place if the first was high."""
    random = Random(seed)
    judge = TemperatureJudge(SETTINGS, LaneLevel(SETTINGS))
    tally = Tally()
    for number in range(people):
        fever_c = random.uniform(1.0, 2.5) if random.random() < 0.005 else 0.0
        own_c = random.gauss(0, sd_c) + fever_c + bias_c
        at_ms = NOW_MS + number * 20_000
        judged = judge.first(value(round(centre_c + own_c + random.gauss(0, 0.15), 2), ambient_c), "forehead", at_ms)
        judge.keep(judged)
        if judged.wants_second:
            tally.seconds += 1
            wrist_c = round(36.3 + own_c + random.gauss(0, 0.2), 2)
            judged = judge.second(judged, value(wrist_c, ambient_c), second_site("forehead"), at_ms + 5000)
        _count(tally, fever_c > 0, judged.result)
    return tally


def _count(tally: Tally, is_fever: bool, result: str) -> None:
    tally.fevers += is_fever
    tally.healthy += not is_fever
    tally.found += is_fever and result == "fever"
    tally.false += not is_fever and result == "fever"
    tally.normal += result == "normal"


@pytest.mark.parametrize("bias_c", [-0.3, 0.0, 0.3])
def test_indoors_most_simulated_fevers_are_found_and_few_healthy_people_troubled(bias_c: float) -> None:
    tally = _walk_through(3000, 36.2, 0.30, 22.0, bias_c, seed=11)
    assert tally.fevers > 8
    assert tally.found / tally.fevers > 0.85
    assert tally.false / tally.healthy < 0.012
    assert tally.seconds / tally.healthy < 0.03


def test_a_device_that_drifted_troubles_no_more_people_than_before() -> None:
    """One absolute limit of 37.3 would stop about one healthy person in seven here."""
    tally = _walk_through(3000, 36.2, 0.30, 22.0, 0.8, seed=12)
    assert tally.false / tally.healthy < 0.012


def test_at_a_door_in_frost_nobody_is_called_normal_once_the_lane_knows_itself() -> None:
    tally = _walk_through(1000, 33.17, 1.45, 8.0, 0.0, seed=13)
    assert tally.normal <= SETTINGS.level_min, "only before the lane has a level"


@pytest.mark.parametrize(("sd_c", "at_most"), [(0.30, 8), (0.50, 12), (0.80, 25)])
def test_a_step_of_eight_tenths_is_found_within_a_few_people(sd_c: float, at_most: int) -> None:
    random = Random(7)
    delays = []
    for _ in range(60):
        reference = freeze([random.gauss(36.2, sd_c) for _ in range(200)])
        drift, people = Drift(), 0
        while not drift.alarmed and people < 500:
            drift = watch(drift, reference, random.gauss(37.0, sd_c), SETTINGS)
            people += 1
        delays.append(people)
    assert median(delays) <= at_most


@pytest.mark.parametrize("sd_c", [0.30, 0.50, 0.80])
def test_without_a_step_false_drift_alarms_are_rare(sd_c: float) -> None:
    random = Random(8)
    alarms = 0
    for _ in range(40):
        reference, drift = freeze([random.gauss(36.2, sd_c) for _ in range(200)]), Drift()
        for _ in range(250):
            drift = watch(drift, reference, random.gauss(36.2, sd_c), SETTINGS)
        alarms += drift.alarmed
    assert alarms <= 2, "of 10,000 people"
