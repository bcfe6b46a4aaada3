"""The simulated city: it runs the gate's own rule, always the same way for one seed, and says what the page says."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from random import Random
from statistics import fmean, pstdev

import msgspec
import pytest
from click.testing import CliRunner

from checkpoint.policy_schema import TemperatureSettings
from checkpoint.window import judge_window
from edge.city.devices import CHANGING, RIGHT, STEADY, Device
from edge.city.drift_runs import delays_of
from edge.city.figures import Row, ahead, retuned_limit_c, row_of, stopped
from edge.city.lane_run import LaneRun, Scene
from edge.city.page import cells
from edge.city.people import CLIMATES, Climate, Person, draw_fever_c, draw_person
from edge.city.required import demands_of
from edge.city.tally import Probe, Tally
from edge.city.temperature_city import SETTINGS, TIMEOUTS, City, row_for, scenes_of
from edge.cli import main
from tools.city_page import PAGE, PEOPLE, SEED, between

INDOORS, COLD, FROST, SUN = CLIMATES


@cache
def _lane(climate: str, device: Device, people: int, noted: bool) -> Tally:
    weather = next(each for each in CLIMATES if each.name == climate)
    scene = Scene(weather, 200, device, people, people // 2, noted=noted)
    return LaneRun(scene, SETTINGS, TIMEOUTS, "7").run()


def lane(climate: Climate, device: Device = RIGHT, people: int = 700, noted: bool = False) -> Tally:
    return _lane(climate.name, device, people, noted)


def row(climate: Climate, device: Device = RIGHT) -> Row:
    return row_of(Scene(climate, 200, device, 700, 350), lane(climate, device))


def test_synthetic_people_are_as_published() -> None:
    random = Random(1)
    people = [draw_person(random, 0.5) for _ in range(8000)]
    for climate, mean_c, sd_c in ((INDOORS, 36.2, 0.30), (COLD, 35.9, 0.30), (FROST, 33.17, 1.45)):
        skin = [person.skin_c("forehead", climate.at_once) for person in people]
        assert fmean(skin) == pytest.approx(mean_c, abs=0.05)
        assert pstdev(skin) == pytest.approx(sd_c, rel=0.03)


def test_half_of_a_fever_reaches_the_skin_in_the_second_model() -> None:
    random = Random(2)
    whole, half = ([draw_fever_c(random, model) for _ in range(4000)] for model in ("F1", "F2"))
    assert (min(whole) >= 1.0, max(whole) <= 2.5, min(half) >= 0.5, max(half) <= 1.25) == (True,) * 4
    healthy = [draw_person(random, 1.0).skin_c("forehead", INDOORS.at_once) for _ in range(4000)]
    seen = sum(skin + fever >= 37.5 for skin, fever in zip(healthy, half, strict=True)) / 4000
    assert 0.13 < seen < 0.25, "a study of 265 people found 16 %"


def test_the_city_asks_the_gates_own_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a copy: with the rule broken, the city's figures break."""
    before = row(INDOORS)
    strict = msgspec.structs.replace(SETTINGS, high_c=0.1, high_mads=0.1, second_factor=0.1)
    after = row_of(scene := Scene(INDOORS, 200, RIGHT, 700), LaneRun(scene, strict, TIMEOUTS, "7").run())
    assert after.false_of_1000 > 50 + before.false_of_1000
    asked: list[int] = []

    def counting(frames: object, settings: TemperatureSettings) -> object:
        asked.append(1)
        return judge_window(frames, settings)  # type: ignore[arg-type]

    monkeypatch.setattr("edge.taking.judge_window", counting)
    LaneRun(Scene(INDOORS, 200, RIGHT, 20), SETTINGS, TIMEOUTS, "7").run()
    assert len(asked) >= 20 * SETTINGS.min_frames, "every frame goes through the gate's own taking"


def test_one_seed_is_one_city() -> None:
    scene = Scene(INDOORS, 200, RIGHT, 300)
    first, again, other = (LaneRun(scene, SETTINGS, TIMEOUTS, seed).run() for seed in ("a", "a", "b"))
    assert first == again != other


@pytest.mark.parametrize("climate", [INDOORS, COLD], ids=lambda climate: climate.name)
@pytest.mark.parametrize("device", STEADY, ids=lambda device: device.name)
def test_where_readings_mean_something_few_healthy_people_are_troubled(climate: Climate, device: Device) -> None:
    found = row(climate, device)
    assert found.false_of_1000 <= 15, "the first 20 people among 700; 10,000 stand on the page"
    assert (found.second <= 0.02, found.retest <= 0.01, found.not_obtained <= 0.01) == (True,) * 3
    assert found.found_f1 > 0.88
    assert found.found_f2 > 0.35


@pytest.mark.parametrize("climate", [FROST, SUN], ids=lambda climate: climate.name)
@pytest.mark.parametrize("device", [RIGHT, CHANGING[0]], ids=lambda device: device.name)
def test_where_they_mean_nothing_nobody_is_called_normal_and_everybody_has_an_outcome(
    climate: Climate, device: Device
) -> None:  # fmt: skip
    tally = lane(climate, device)
    assert (tally.normal, tally.normal_while_meaningless) == (0, 0)
    assert tally.outcomes == tally.healthy
    assert tally.longest_ms <= TIMEOUTS.measure_s * 1000
    assert not [probe for probes in tally.probes.values() for probe in probes if probe.ending == "normal"]


def test_a_line_grows_where_a_guard_measures_everybody_and_not_where_they_are_let_on() -> None:
    assert max(lane(FROST).line) > 100
    assert max(lane(FROST, noted=True).line) < 20
    assert lane(FROST).longest_wait_ms > 3_600_000 > 20 * lane(FROST, noted=True).longest_wait_ms
    assert lane(FROST, noted=True).normal == 0, "let on is not normal"


@pytest.mark.parametrize("device", CHANGING[:2], ids=lambda device: device.name)
@pytest.mark.parametrize("climate", [INDOORS, COLD], ids=lambda climate: climate.name)
def test_a_step_is_reported_within_fifty_people(climate: Climate, device: Device) -> None:
    delays = delays_of(climate, device, 6, SETTINGS, TIMEOUTS, 5)
    assert delays.within_50 == 1.0
    assert delays.median <= delays.p95 <= 50


def test_a_step_that_nobody_reports_counts_as_late() -> None:
    deaf = msgspec.structs.replace(SETTINGS, drift_slack_c=2.0)
    delays = delays_of(INDOORS, CHANGING[0], 3, deaf, TIMEOUTS, 5)
    assert (delays.within_50, delays.median) == (0.0, 300)


def test_a_device_changes_when_its_time_has_come() -> None:
    step, _, ramp = CHANGING
    assert [step.error_c(number, 100) for number in (0, 99, 100, 5000)] == [0, 0, 0.8, 0.8]
    assert [round(ramp.error_c(number, 100), 3) for number in (99, 100, 200, 300, 9000)] == [0, 0, 0.4, 0.8, 0.8]


def test_the_retuned_limit_is_the_lowest_that_stops_no_more_people() -> None:
    foreheads_c = [36.0, 36.5, None, 36.5, 37.0, 37.4]
    assert [retuned_limit_c(foreheads_c, may_stop) for may_stop in (0, 1, 2, 4)] == [37.41, 37.01, 36.51, 36.01]
    for may_stop in range(6):
        assert stopped(foreheads_c, retuned_limit_c(foreheads_c, may_stop)) <= may_stop
    assert stopped(foreheads_c, 36.5) == 4


def test_ahead_counts_the_fevers_that_one_rule_finds_and_the_other_does_not() -> None:
    probes = [Probe(38.0, "fever"), Probe(36.0, "fever"), Probe(38.0, "normal"), Probe(None, "fever")]
    mean, error = ahead(probes, 37.3)
    assert mean == 0.25
    assert error == pytest.approx(2 * (0.6875 / 4) ** 0.5, abs=1e-4)


def test_skin_of_one_person_differs_from_place_to_place_as_far_as_is_said() -> None:
    person = Person(1.0, {"forehead": -1.0, "wrist": -1.0, "neck": 0.0}, alike=1.0, fever_c=0.5)
    assert person.skin_c("forehead", INDOORS.at_once) == pytest.approx(36.2 + 0.3 + 0.5)
    apart = replace(person, alike=0.0)
    assert apart.skin_c("forehead", INDOORS.at_once) == pytest.approx(36.2 - 0.3 + 0.5)


def a_city(*rows: Row) -> City:
    delays = delays_of(INDOORS, CHANGING[0], 2, SETTINGS, TIMEOUTS, 5)
    return City(7, 700, 2, rows, (delays,))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"false_of_1000": 8.1}, "called feverish"),
        ({"second": 0.0201}, "second place"),
        ({"retest": 0.0101}, "rest and come back"),
        ({"normal_while_meaningless": 1}, "told nothing"),
        ({"without_outcome": 1}, "without an outcome"),
        ({"longest_s": 15.1}, "before the thermometer"),
        ({"false_reports": 4}, "without a change"),
    ],
)
def test_one_bad_lane_fails_its_requirement(change: dict[str, object], what: str) -> None:
    good = msgspec.structs.replace(row(INDOORS), false_of_1000=4.0, ahead_f1=(0.01, 0.01), ahead_f2=(0.02, 0.01))
    frost = msgspec.structs.replace(row(FROST), longest_wait_s=60)
    assert all(demand.is_met for demand in demands_of(a_city(good, frost)))
    broken = demands_of(a_city(good, msgspec.structs.replace(good, **change), frost))
    assert [demand.what for demand in broken if not demand.is_met] == [d.what for d in broken if what in d.what]


@pytest.mark.parametrize(("points", "is_met"), [((-0.02, -0.03, -0.025), False), ((-0.02, 0.03, 0.01), True)])
@pytest.mark.parametrize("model", ["f1", "f2"])
def test_lanes_that_find_fewer_fevers_than_a_fixed_limit_fail_together(
    model: str, points: tuple[float, ...], is_met: bool
) -> None:  # fmt: skip
    lanes = (msgspec.structs.replace(row(INDOORS), **{f"ahead_{model}": (each, 0.01)}) for each in points)
    found = next(demand for demand in demands_of(a_city(*lanes, row(FROST))) if f"({model.upper()})" in demand.what)
    assert found.is_met is is_met


@pytest.mark.parametrize(
    ("rate", "is_noted", "what"),
    [(200, False, "200 an hour, each"), (100, False, "two lanes"), (200, True, "let on"), (5, False, "5 an hour")],
)
def test_a_long_line_is_no_outcome_in_time(rate: float, is_noted: bool, what: str) -> None:
    waits = msgspec.structs.replace(row(FROST), people_an_hour=rate, is_noted=is_noted, longest_wait_s=961)
    failed = [
        demand.what for demand in demands_of(a_city(row(INDOORS), waits)) if "wait" in demand.what and not demand.is_met
    ]
    assert len(failed) == 1
    assert what in failed[0]


def test_somebody_normal_in_the_sun_fails_the_requirement() -> None:
    sun = msgspec.structs.replace(row(SUN), normal=0.001)
    failed = [demand.what for demand in demands_of(a_city(row(INDOORS), sun)) if not demand.is_met]
    assert "recorded as normal at -3 °C and in the sun" in failed


def test_the_command_wants_to_know_what_to_simulate() -> None:
    found = CliRunner().invoke(main, ["city"])
    assert found.exit_code == 2
    assert "--temperature" in found.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_says_it_in_tables_and_in_json(monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    monkeypatch.setattr("edge.city.command.simulate", lambda *_: a_city(row(INDOORS), row(FROST)))
    found = CliRunner().invoke(main, ["city", "--temperature", *(["--json"] if as_json else [])])
    assert found.exit_code == 0, found.output
    if as_json:
        assert json.loads(found.stdout)["rows"][0]["climate"] == "indoors"
    else:
        assert "| " + " | ".join(cells(row(FROST))) + " |" in found.stdout


def test_the_pages_tables_are_what_the_city_gives() -> None:
    """One row of the page, run again to the letter."""
    tables = between(PAGE.read_text(encoding="utf-8"))
    assert tables.startswith(f"Seed {SEED}; {PEOPLE:,} people at each row;")
    scene = next(scenes_of(INDOORS, PEOPLE))
    assert "| " + " | ".join(cells(row_for(scene, SEED))) + " |" in tables.splitlines()
