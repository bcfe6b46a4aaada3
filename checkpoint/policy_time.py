"""The time of day and the day of the week by which a rule holds, in the local time of the place."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Final, Literal, NamedTuple, get_args

import msgspec

ClockTime = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)


class LocalTime(NamedTuple):
    """A moment as the clock on the wall of the place shows it: `weekday` 0 for Monday, `minute` of the day."""

    weekday: int
    minute: int


def local_time(at_ms: int, zone: tzinfo) -> LocalTime:
    """The moment `at_ms`, in milliseconds since 1970-01-01 UTC, at a place of this time zone."""
    here = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone)
    return LocalTime(here.weekday(), 60 * here.hour + here.minute)


def minute_of(clock: str) -> int:
    """Minutes since midnight of "HH:MM"."""
    return 60 * int(clock[:2]) + int(clock[3:5])


def is_in_hours(at: LocalTime, begins: str | None, ends: str | None, days: tuple[Day, ...] | None) -> bool:
    """Whether `at` lies from `begins` on and before `ends`; over midnight if `ends` is the earlier of the two.

    A span over midnight belongs to the day on which it begins: 22:00 to 06:00 of `fri` ends on Saturday morning.
    """
    weekday = at.weekday
    if begins is not None and ends is not None:
        first, end = minute_of(begins), minute_of(ends)
        is_over_midnight = end <= first
        if is_over_midnight and at.minute < end:
            weekday = (weekday - 1) % 7
        elif not (first <= at.minute and (is_over_midnight or at.minute < end)):
            return False
    return days is None or DAYS[weekday] in days
