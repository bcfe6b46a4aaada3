"""Recorded readings held against other limits: only as far as the record tells how wide the lane's limits were.

A record keeps each reading with the lane's level and the limit that it was held against, but not how far the lane's
people spread. Where the spread set the limit, it follows from that; where it did not, it was somewhere below. Both ends
of what it may have been are tried. Settings that would have given other readings, or another level, can't be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from checkpoint.bounds import Bounds, absolute_bounds, relative_bounds
from checkpoint.level import LevelNow
from checkpoint.policy_schema import Site, TemperatureSettings
from checkpoint.records import CheckResult, ReadingKept
from checkpoint.replay_evidence import Recorded
from checkpoint.verdict_facts import CheckFact

# Settings that a kept reading can be held against again.
LIMITS: Final = frozenset({
    "high_c", "high_mads", "second_factor", "low_c", "low_mads", "low_forehead_c", "low_wrist_c", "low_neck_c",
    "extreme_c", "body_high_c", "body_low_c", "absolute",
})  # fmt: skip
# Settings that the verdict itself looks at: the ages of a retest are tried like any other.
_OF_THE_VERDICT: Final = frozenset({"retest_after_s", "retest_valid_s"})
# Recorded limits are rounded to hundredths.
_ROUNDING_C: Final = 0.011
_WIDEST_C: Final = 20.0
_OK: Final = CheckFact("ok", "temperature_ok")
_FEVER: Final = CheckFact("failed", "fever")
_HIGH: Final = CheckFact("failed", "temperature_high")
_LOW: Final = CheckFact("failed", "temperature_low")
_UNSTABLE: Final = CheckFact("failed", "temperature_unstable")

Facts = tuple[CheckFact, ...]


def is_measured_anew(then: TemperatureSettings, new: TemperatureSettings) -> bool:
    """Whether a reading might be judged otherwise under the new settings."""
    return bool(_unlike(then, new) - _OF_THE_VERDICT)


def differ_in_limits(then: TemperatureSettings, new: TemperatureSettings) -> bool:
    """Whether the new settings would have given the same readings and levels, and only the limits are others."""
    return not _unlike(then, new) - LIMITS - _OF_THE_VERDICT


def measured(recorded: Recorded) -> object:
    """All that judged_anew looks at."""
    readings = tuple(
        (each.body_site, each.judged_c, each.body_c == each.judged_c, each.level_c, each.excess_c, each.manual)
        for each in recorded.verdict.readings
    )
    return recorded.people, recorded.results("temperature"), readings


def judged_anew(recorded: Recorded, then: TemperatureSettings, new: TemperatureSettings) -> tuple[object, ...]:
    """What other limits may make of the recorded readings, each as the facts of a check; empty if nobody can say.

    Only of one person: of several the record does not tell whose reading is whose.
    """
    results = recorded.results("temperature")
    readings = recorded.verdict.readings
    if len(results) != 1 or recorded.people != 1 or not 1 <= len(readings) <= 2:
        return ()
    if any(reading.manual or reading.judged_c is None for reading in readings):
        return ()
    found: list[CheckFact] = []
    for mad_c in _spreads(results[0], readings, then):
        found += _judged(mad_c, results[0], readings, then, new)
    return tuple((fact,) for fact in dict.fromkeys(found))


def _unlike(then: TemperatureSettings, new: TemperatureSettings) -> frozenset[str]:
    names = TemperatureSettings.__struct_fields__
    return frozenset(name for name in names if getattr(then, name) != getattr(new, name))


def _judged(
    mad_c: float, result: CheckResult, readings: tuple[ReadingKept, ...], then: TemperatureSettings,
    new: TemperatureSettings,
) -> tuple[CheckFact, ...]:  # fmt: skip
    """With this spread of the lane; nothing if the settings then would not have given what is on record."""
    before = _facts_of(_Held.under(then, mad_c), readings, result)
    if not any((fact.result, fact.reason) == _as_fact(result) for fact in before):
        return ()
    return _facts_of(_Held.under(new, mad_c), readings, result)


def _as_fact(result: CheckResult) -> tuple[str, str]:
    reason = "temperature_low" if result.reason == "temperature_low_again" else result.reason
    return result.result, reason


@dataclass(frozen=True, slots=True)
class _Held:
    """Settings and the spread of the lane's people, degrees Celsius."""

    settings: TemperatureSettings
    mad_c: float

    @classmethod
    def under(cls, settings: TemperatureSettings, mad_c: float) -> _Held:
        return cls(settings, mad_c)

    def bounds(self, reading: ReadingKept) -> Bounds:
        site = cast(Site, reading.body_site)
        mode = "body" if reading.body_c is not None and reading.body_c == reading.judged_c else "surface"
        value_c, excess_c = reading.judged_c or 0.0, reading.excess_c
        if reading.level_c is None or excess_c is None:
            return absolute_bounds(site, mode, self.settings)
        level = LevelNow("", value_c - excess_c, self.mad_c, 0, recent=False)
        return relative_bounds(level, 0.0, site, mode, self.settings)


def _facts_of(held: _Held, readings: tuple[ReadingKept, ...], result: CheckResult) -> Facts:
    """What these settings make of one person; several where it hangs on a second place that was not measured."""
    first, bounds = readings[0], held.bounds(readings[0])
    value_c = first.judged_c or 0.0
    normal = CheckFact("not_obtained", result.reason) if result.result == "not_obtained" else _OK
    if bounds.is_high(value_c):
        return (_together(held, readings, bounds, normal),) if len(readings) == 2 else (_HIGH, normal, _FEVER)
    return (_LOW,) if bounds.is_low(value_c) else (normal,)


def _together(held: _Held, readings: tuple[ReadingKept, ...], at_first: Bounds, normal: CheckFact) -> CheckFact:
    first, second = readings
    bounds = held.bounds(second)
    first_c, second_c = first.judged_c or 0.0, second.judged_c or 0.0
    if bounds.is_low(second_c):
        return _UNSTABLE
    mean_c = (at_first.excess_of(first_c) + bounds.excess_of(second_c)) / 2
    fever_c = round(held.settings.second_factor * at_first.high_c, 2)
    is_fever = round(mean_c, 3) >= fever_c or min(first_c, second_c) >= bounds.always_high_c
    return _FEVER if is_fever else normal


def _spreads(
    result: CheckResult, readings: tuple[ReadingKept, ...], settings: TemperatureSettings
) -> tuple[float, ...]:  # fmt: skip
    """Both ends of what the median absolute deviation of the lane may have been."""
    first = readings[0]
    if first.level_c is None or first.excess_c is None:
        return (0.0,)
    width_c, floor_c, factor = _width(result, readings, settings)
    if width_c is None:
        return (0.0, _WIDEST_C)
    highest = (width_c + _ROUNDING_C) / factor
    lowest = (width_c - _ROUNDING_C) / factor if width_c > floor_c + _ROUNDING_C else 0.0
    middle = (width_c / factor,) if lowest else ()
    return (lowest, *middle, highest)


def _width(
    result: CheckResult, readings: tuple[ReadingKept, ...], settings: TemperatureSettings
) -> tuple[float | None, float, float]:  # fmt: skip
    """How far from the level the limit lay, the least that it may lie, and how many spreads that is."""
    first, limit_c = readings[0], result.limit
    level_c = (first.judged_c or 0.0) - (first.excess_c or 0.0)
    if not isinstance(limit_c, float | int):
        return None, settings.high_c, settings.high_mads
    if result.reason in ("temperature_low", "temperature_low_again"):
        width_c = level_c - limit_c
        is_floor = limit_c == getattr(settings, f"low_{first.body_site}_c", None)
        return (None if is_floor else width_c), settings.low_c, settings.low_mads
    if len(readings) == 2 and result.reason != "temperature_high":
        second = readings[1]
        base_c = (second.judged_c or 0.0) - (second.excess_c or 0.0)
        width_c = (limit_c - base_c + (first.excess_c or 0.0)) / 2 / settings.second_factor
        return (None if result.reason == "temperature_unstable" else width_c), settings.high_c, settings.high_mads
    return (None if limit_c == settings.extreme_c else limit_c - level_c), settings.high_c, settings.high_mads
