"""What the temperature check has to keep, held against what a simulated city found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

from edge.city.devices import STEADY
from edge.city.figures import Row
from edge.city.temperature_city import INFORMATIVE, TIMEOUTS, City

# Who waits longer in the open has no outcome in time (assumed).
_IN_TIME_MIN: Final = 15
# Ways to run a lane that tells nothing.
_WAYS: Final[tuple[tuple[str, Callable[[Row], bool]], ...]] = (
    ("200 an hour, each measured by a guard", lambda row: row.people_an_hour == 200 and not row.is_noted),
    ("the same before two lanes", lambda row: row.people_an_hour == 100),
    ("200 an hour, let on and noted", lambda row: row.is_noted),
    ("5 an hour, each measured by a guard", lambda row: row.people_an_hour == 5),
)


@dataclass(frozen=True, slots=True)
class Demand:
    """One requirement: in words, what is asked, what the worst lane of the city came to, and whether that will do."""

    what: str
    asked: str
    found: str
    is_met: bool


def demands_of(city: City) -> list[Demand]:
    """Every requirement, in the order of the page."""
    informative = [row for row in city.rows if row.climate in INFORMATIVE]
    return [*_troubled(informative), *_found(informative), *_untold(city), *_drift(city, informative)]


def _at_most(what: str, most: float, worst: float, unit: str) -> Demand:
    return Demand(what, f"at most {most:g}{unit}", f"{worst:.4g}{unit}", worst <= most)


def _troubled(rows: list[Row]) -> list[Demand]:
    return [
        _at_most("healthy people called feverish, of 1,000", 8, max(row.false_of_1000 for row in rows), ""),
        _at_most("healthy people sent to a second place", 2, _percent(row.second for row in rows), " %"),
        _at_most("healthy people sent to rest and come back", 1, _percent(row.retest for row in rows), " %"),
    ]


def _percent(shares: Iterable[float]) -> float:
    return round(100 * max(shares), 2)


def _found(rows: list[Row]) -> list[Demand]:
    """A lane alone tells too little: its own retuned limit is as much chance as the people are that it was tuned on."""
    steady = [row for row in rows if row.device in {device.name for device in STEADY}]
    return [
        _not_behind(f"fevers found ({model}) beyond the retuned limit, at its false rate, {climate}", ahead)
        for model in ("F1", "F2")
        for climate in INFORMATIVE
        if (ahead := [_ahead(row, model) for row in steady if row.climate == climate])
    ]


def _ahead(row: Row, model: str) -> float:
    return 100 * (row.ahead_f1 if model == "F1" else row.ahead_f2)[0]


def _not_behind(what: str, ahead: list[float]) -> Demand:
    """`ahead`: percentage points, one for each lane. Behind is what lies under zero by over two standard errors."""
    mean = fmean(ahead)
    error = 2 * stdev(ahead) / len(ahead) ** 0.5 if len(ahead) > 1 else 0.0
    found = f"{mean:+.1f} ± {error:.1f} points in all lanes, {min(ahead):+.1f} in the worst"
    return Demand(what, "not behind", found, mean + error >= 0)


def _untold(city: City) -> list[Demand]:
    rows = [row for row in city.rows if row.climate not in INFORMATIVE]
    normal = sum(row.normal_while_meaningless for row in city.rows)
    longest_s = max(row.longest_s for row in city.rows)
    without = sum(row.without_outcome for row in city.rows)
    return [
        Demand("recorded as normal while the lane told nothing", "0", str(normal), normal == 0),
        _at_most("recorded as normal at -3 °C and in the sun", 0, _percent(row.normal for row in rows), " %"),
        Demand("people without an outcome", "0", str(without), without == 0),
        _at_most("longest before the thermometer", TIMEOUTS.measure_s, longest_s, " s"),
        *(_waiting(words, [row for row in rows if which(row)]) for words, which in _WAYS),
    ]


def _waiting(words: str, rows: list[Row]) -> Demand:
    longest_min = max((row.longest_wait_s for row in rows), default=0.0) / 60
    return _at_most(f"longest wait in the line there, {words}", _IN_TIME_MIN, round(longest_min), " min")


def _drift(city: City, rows: list[Row]) -> list[Demand]:
    steps = [delays for delays in city.delays if delays.device.startswith("step")]
    within = 100 * min(delays.within_50 for delays in steps)
    reports = sum(row.false_reports for row in rows)
    people = sum(row.people for row in rows)
    return [
        Demand("steps of 0.8 °C reported within 50 people", "at least 95 % of runs", f"{within:.4g} %", within >= 95),
        _at_most("reports without a change of the device, of 1,000", 1, 1000 * reports / people, ""),
    ]
