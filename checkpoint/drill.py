"""A drill at one gate: how long it lasts by clocks that may lie, and the mark that keeps its records uncounted."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from checkpoint.records import DRILL_VERSION, Note, OutcomeOf, Override, Payload, Verdict

# Code of everything that belongs to a drill: a case at the collector, a fact in a note.
DRILL: Final = "drill"
MOST_MINUTES: Final = 240
MOST_NAME: Final = 64
_MINUTE_MS: Final = 60_000
_MARKED: Final = Verdict | OutcomeOf | Override
_Any = TypeVar("_Any", bound=Payload)


class DrillError(ValueError):
    """No such drill can be held; the message names what is wrong and the remedy."""


class Drill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A drill that `by` has begun. `with_barrier`: its verdicts move the barrier.

    It began at `began_mono_ms` of the boot `boot_id`, and at `began_ms` UTC by a clock that was believed (`dated`) or
    not, and lasts at most `length_ms`.
    """

    by: str
    with_barrier: bool
    boot_id: str
    began_mono_ms: int
    began_ms: int
    dated: bool
    length_ms: int


def begin(
    by: str, minutes: int, with_barrier: bool, *, boot_id: bytes, at_ms: int, mono_ms: int, trusted: bool
) -> Drill:
    """A drill that begins now. Raises DrillError."""
    if not 0 < len(by.strip()) <= MOST_NAME or not by.isprintable():
        raise DrillError(f"by: {by[:MOST_NAME]!r}; name in 1 to {MOST_NAME} signs who holds the drill")
    if not 1 <= minutes <= MOST_MINUTES:
        raise DrillError(f"minutes: {minutes}; a drill lasts 1 to {MOST_MINUTES} minutes, then begin another")
    return Drill(by.strip(), with_barrier, boot_id.hex(), mono_ms, at_ms, trusted, minutes * _MINUTE_MS)


def left_ms(drill: Drill, *, boot_id: bytes, at_ms: int, mono_ms: int, trusted: bool) -> int:
    """How much of it is left, 0 when it is over: the least that any clock says, 0 where none can be gone by.

    A wall clock that is stepped can so end a drill early, and never lengthen it. After a restart of the machine only
    the wall clock knows how long that took, so both ends must be dated by a clock that was believed.
    """
    length_ms = min(drill.length_ms, MOST_MINUTES * _MINUTE_MS)
    dated = drill.dated and trusted and at_ms >= drill.began_ms
    ran_ms = [at_ms - drill.began_ms] if dated else []
    if drill.boot_id == boot_id.hex():
        if mono_ms < drill.began_mono_ms:
            return 0
        ran_ms.append(mono_ms - drill.began_mono_ms)
    return max(0, length_ms - max(ran_ms)) if ran_ms else 0


def carried(drill: Drill, *, boot_id: bytes, at_ms: int, mono_ms: int, trusted: bool) -> Drill | None:
    """The rest of a drill under this boot's clock, after a restart; None when it is over."""
    rest_ms = left_ms(drill, boot_id=boot_id, at_ms=at_ms, mono_ms=mono_ms, trusted=trusted)
    if rest_ms == 0:
        return None
    if drill.boot_id == boot_id.hex():
        return drill
    return msgspec.structs.replace(
        drill, boot_id=boot_id.hex(), began_mono_ms=mono_ms, began_ms=at_ms, dated=trusted, length_ms=rest_ms
    )


def as_drill(payload: _Any) -> _Any:
    """The payload as a record of a drill. Of kinds without the mark a note says so in its facts."""
    if isinstance(payload, _MARKED):
        return msgspec.structs.replace(payload, version=DRILL_VERSION, drill=True)
    if isinstance(payload, Note):
        return msgspec.structs.replace(payload, facts={**payload.facts, DRILL: "yes"})
    return payload


def is_drill(payload: Payload | None) -> bool:
    """Whether a verdict, outcome or override belongs to a drill: it is stored, shown as such, and counted nowhere."""
    return isinstance(payload, _MARKED) and payload.drill
