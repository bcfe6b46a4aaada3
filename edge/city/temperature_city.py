"""All scenes of a city's temperature check, run one after another under the settings that the product ships with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from checkpoint.policy_schema import TemperatureSettings, Timeouts
from edge.city.devices import CHANGING, RIGHT, STEADY
from edge.city.drift_runs import Delays, delays_of
from edge.city.figures import Row, row_of
from edge.city.lane_run import LaneRun, Scene
from edge.city.people import CLIMATES, Climate

# Climates in which the lane's readings mean something; in the others nobody may be recorded as normal.
INFORMATIVE: Final = ("indoors", "8 °C")
RATES: Final = (200, 5)
# Device changes after this share of the people.
_ONSET: Final = 0.5
SETTINGS: Final = TemperatureSettings()
TIMEOUTS: Final = Timeouts()


class City(msgspec.Struct, frozen=True):
    """Everything that was found, and with what it can be found again."""

    seed: int
    people: int
    drift_runs: int
    rows: tuple[Row, ...]
    delays: tuple[Delays, ...]


def scenes_of(climate: Climate, people: int) -> Iterator[Scene]:
    """Every rate with every device, and what else is worth knowing in this climate."""
    onset = round(people * _ONSET)
    for rate in RATES:
        for device in (*STEADY, *CHANGING):
            yield Scene(climate, rate, device, people, onset)
    if climate.name in INFORMATIVE:
        yield Scene(climate, RATES[0], RIGHT, people, onset, alike=0.5)
    else:
        # Half of the people, as before two lanes.
        yield Scene(climate, RATES[0] / 2, RIGHT, people, onset)
        yield Scene(climate, RATES[0], RIGHT, people, onset, noted=True)


def row_for(scene: Scene, seed: int) -> Row:
    """One scene, with people of its own."""
    own = f"{seed} {scene.climate.name} {scene.people_an_hour:g} {scene.name}"
    return row_of(scene, LaneRun(scene, SETTINGS, TIMEOUTS, own).run())


def simulate(people: int, drift_runs: int, seed: int, tell: Callable[[str], None]) -> City:
    """The whole city; `tell` hears what is being run."""
    rows, delays = [], []
    for climate in CLIMATES:
        for scene in scenes_of(climate, people):
            tell(f"{climate.name}, {scene.people_an_hour:g} an hour, {scene.name}")
            rows.append(row_for(scene, seed))
        for device in CHANGING if climate.name in INFORMATIVE else ():
            tell(f"{climate.name}, {drift_runs} times {device.name}")
            delays.append(delays_of(climate, device, drift_runs, SETTINGS, TIMEOUTS, seed))
    return City(seed, people, drift_runs, tuple(rows), tuple(delays))
