"""The hours of the week that rules tell apart, and their words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from checkpoint.explain_words import Said, joined
from checkpoint.policy_schema import Policy
from checkpoint.policy_time import LocalTime, minute_of

_DAY: Final = 1440
_WEEK: Final = 7 * _DAY
_DAYS_ZH: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_DAYS_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# From so many days in a row on they are said as a span.
_RUN: Final = 3


@dataclass(frozen=True, slots=True)
class Slot:
    """Times at which the same rules hold. `at`: one of them; `spans`: all, in minutes of the week from Monday 00:00."""

    at: LocalTime | None
    spans: tuple[tuple[int, int], ...]


ALWAYS: Final = Slot(None, ((0, _WEEK),))


def slots_of(policies: Sequence[Policy]) -> tuple[Slot, ...]:
    """The fewest slots that tell apart all that the rules of these policies do; one if none has hours."""
    rules = [rule for policy in policies for rule in policy.rules if rule.has_hours]
    if not rules:
        return (ALWAYS,)
    clocks = {minute_of(clock) for rule in rules for clock in (rule.begins, rule.ends) if clock is not None}
    edges = sorted({0, _DAY, *clocks})
    found: dict[tuple[bool, ...], list[tuple[int, int]]] = {}
    for day in range(7):
        for begins, ends in pairwise(edges):
            held = tuple(rule.holds_at(LocalTime(day, begins)) for rule in rules)
            found.setdefault(held, []).append((day * _DAY + begins, day * _DAY + ends))
    return tuple(Slot(LocalTime(*divmod(spans[0][0], _DAY)), tuple(spans)) for spans in found.values())


def hours_said(slots: Iterable[Slot]) -> Said:
    """When: days and times; empty for the whole week."""
    spans = _united(sorted(span for slot in slots for span in slot.spans))
    if spans == [(0, _WEEK)]:
        return Said()
    days_of: dict[tuple[int, int], set[int]] = {}
    for begins, ends in (part for span in spans for part in _by_day(*span)):
        day, minute = divmod(begins % _WEEK, _DAY)
        days_of.setdefault((minute, ends - begins), set()).add(day)
    return joined(tuple(_span_said(*span, sorted(days)) for span, days in days_of.items()), "、", ", ")


def _united(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours made one, also from Sunday night into Monday."""
    made: list[tuple[int, int]] = []
    for begins, ends in spans:
        if made and made[-1][1] == begins:
            made[-1] = (made[-1][0], ends)
        else:
            made.append((begins, ends))
    if len(made) > 1 and made[0][0] == 0 and made[-1][1] == _WEEK:
        made = [*made[1:-1], (made[-1][0], _WEEK + made[0][1])]
    return made


def _by_day(begins: int, ends: int) -> list[tuple[int, int]]:
    """A span of at most a day as it is; a longer one day by day."""
    if ends - begins <= _DAY:
        return [(begins, ends)]
    midnights = range((begins // _DAY + 1) * _DAY, ends, _DAY)
    edges = [begins, *midnights, ends]
    return list(pairwise(edges))


def _span_said(minute: int, length: int, days: Sequence[int]) -> Said:
    day = _days_said(days)
    if length == _DAY and minute == 0:
        return day
    end = minute + length
    clock = f"{_clock(minute)}–{_clock(end if end <= _DAY else end - _DAY)}"
    return Said(f"{day.zh} {clock}", f"{day.en} {clock}")


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days_said(days: Sequence[int]) -> Said:
    if len(days) == len(_DAYS_EN):
        return Said("每天", "daily")
    first, last = days[0], days[-1]
    if len(days) >= _RUN and last - first == len(days) - 1:
        return Said(f"{_DAYS_ZH[first]}至{_DAYS_ZH[last]}", f"{_DAYS_EN[first]}–{_DAYS_EN[last]}")
    return Said("、".join(_DAYS_ZH[day] for day in days), "/".join(_DAYS_EN[day] for day in days))
