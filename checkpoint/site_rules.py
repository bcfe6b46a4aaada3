"""What the gates of one site know together, judged: a pass that goes in twice, and a household that went out already.

Pure rules over crossings, in whatever order they are given. Only what really went through is a crossing: outcomes
`passed` and `opened_unconfirmed`, also by a guard's hand, never a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Annotated, Final, Literal, Protocol

import msgspec

from checkpoint.records import Direction
from checkpoint.verdict_facts import CheckFact

# `cleared`: a guard has looked into it, and what the pass did before is not held against it any more.
Move = Literal["in", "out", "cleared"]
PassbackReason = Literal["", "passback", "seen_elsewhere"]
_GateId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{1,32}\Z")]
_Id8 = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
_Id16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
_Id4 = Annotated[bytes, msgspec.Meta(min_length=4, max_length=4)]
# Up to the year 9999, so that every time can be shown.
_AtMs = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
_People = Annotated[int, msgspec.Meta(ge=1, le=1000)]

# 1949 onwards all of China keeps UTC+8.
CHINA: Final = timezone(timedelta(hours=8))
_NEVER: Final = -1


class Crossing(msgspec.Struct, array_like=True, frozen=True):
    """One pass went through one gate. (`gate`, `passage`) names it; pseudonyms only.

    `at_ms` UTC by that gate's clock. `people`: how many went through on this pass. Of a `cleared` one `passage` is the
    passage that it was cleared in.
    """

    at_ms: _AtMs
    gate: _GateId
    passage: _Id16
    move: Move
    pass_id: _Id8
    household: _Id4 | None
    people: _People

    @property
    def age_key(self) -> tuple[int, str, bytes, str]:
        """Orders crossings by time; two different ones never compare equal."""
        return self.at_ms, self.gate, self.passage, self.move


def passback(
    crossings: Collection[Crossing], direction: Direction, gate: str, now_ms: int, window_s: float, walk_s: float
) -> PassbackReason:
    """Whether this pass may be in two hands. `crossings`: of this pass, any order, any age.

    `passback`: it went this way last, less than `window_s` ago, and has not come back since. `seen_elsewhere`: it was
    at another gate less than `walk_s` ago, which nobody walks in that time. Clocks of two gates may differ: what seems
    to lie ahead was just now.
    """
    cleared_ms = max((one.at_ms for one in crossings if one.move == "cleared"), default=_NEVER)
    last = _last(one for one in crossings if one.move != "cleared" and one.at_ms > cleared_ms)
    if last is None:
        return ""
    age_ms = now_ms - last.at_ms
    if last.gate != gate and age_ms < walk_s * 1000:
        return "seen_elsewhere"
    return "passback" if last.move == direction and age_ms < window_s * 1000 else ""


def entries_of(crossings: Collection[Crossing]) -> int:
    """How often this pass has let somebody in: what a pass with a number of uses is held against."""
    return sum(one.move == "in" for one in crossings)


class QuotaRule(Protocol):
    """The policy's table `[quota]`: `people` of a household may go out in `every_days` days, and are back in time."""

    @property
    def every_days(self) -> int: ...
    @property
    def back_within_h(self) -> float: ...
    @property
    def people(self) -> int: ...


def quota(
    exits: Collection[Crossing],
    settings: QuotaRule,
    now_ms: int,
    people: int = 1,
    zone: tzinfo = CHINA,
) -> CheckFact:
    """Whether `people` more of this household may go out now. `exits`: the household's, since `quota_since_ms`.

    Days are days of the calendar in `zone`: whoever goes out on day D with `every_days` 2 counts on D and D + 1, at
    whatever hour. `quota_used` has the local time from which they may go, as ISO 8601; a party larger than the quota
    never may. Somebody who came back and goes again counts again.
    """
    today = _day(now_ms, zone)
    counted = sorted((_day(one.at_ms, zone), one.people) for one in exits if one.move == "out")
    counted = [(day, number) for day, number in counted if today - settings.every_days < day]
    used = sum(number for _, number in counted)
    if used + people <= settings.people:
        return CheckFact("ok", "quota_ok", float(used), float(settings.people))
    return CheckFact("failed", "quota_used", _next(counted, used, people, settings, zone), float(settings.people))


def quota_since_ms(settings: QuotaRule, now_ms: int, zone: tzinfo = CHINA) -> int:
    """From when on exits count now, ms UTC."""
    return round(_start(_day(now_ms, zone) - settings.every_days + 1, zone).timestamp() * 1000)


def quota_late(crossings: Collection[Crossing], settings: QuotaRule, now_ms: int) -> CheckFact:
    """Somebody comes in: were they away longer than they may be? `crossings`: of this pass. Never holds anybody up."""
    last = _last(one for one in crossings if one.move != "cleared")
    if last is None or last.move != "out":
        return CheckFact("ok", "quota_ok")
    away_h = round((now_ms - last.at_ms) / 3_600_000, 1)
    reason = "quota_late" if away_h > settings.back_within_h else "quota_ok"
    return CheckFact("ok", reason, away_h, settings.back_within_h)


def _next(counted: list[tuple[int, int]], used: int, people: int, settings: QuotaRule, zone: tzinfo) -> str | None:
    """Exits run out day by day; on the first day on which enough of them have, the party may go."""
    for day, number in counted:
        used -= number
        if used + people <= settings.people:
            return _start(day + settings.every_days, zone).isoformat(timespec="minutes")
    return None


def _last(crossings: Iterable[Crossing]) -> Crossing | None:
    return max(crossings, key=lambda one: one.age_key, default=None)


def _day(at_ms: int, zone: tzinfo) -> int:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).toordinal()


def _start(day: int, zone: tzinfo) -> datetime:
    return datetime.fromordinal(day).replace(tzinfo=zone)
