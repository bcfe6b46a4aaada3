"""A lane's own alarms: somebody followed through, a barrier that did not move, a thermometer that can't be believed."""

from __future__ import annotations

from checkpoint.level import LaneLevel
from edge.effects import ClearAlarm, Effect, RaiseAlarm

# The level's stream names are short; a fault's detail is one line.
_MOST_STREAMS = 4


class Tailgating:
    """One alarm for a run of people who follow through, over after a quiet while."""

    def __init__(self) -> None:
        self._since_ms: int | None = None

    def seen(self, detail: str, now_ms: int) -> list[Effect]:
        first, self._since_ms = self._since_ms is None, now_ms
        return [RaiseAlarm("tailgating", "beam", detail, 2)] if first else []

    def over(self, now_ms: int, quiet_ms: float) -> list[Effect]:
        if self._since_ms is None or now_ms - self._since_ms <= quiet_ms:
            return []
        self._since_ms = None
        return [ClearAlarm("tailgating", "beam")]


def of_barrier(part: str, ok: bool, detail: str) -> Effect:
    """`part`: `barrier` for a pulse that was asked for, `way_out` for a button or the fire input that frees it."""
    return ClearAlarm("barrier_not_moved", part) if ok else RaiseAlarm("barrier_not_moved", part, detail, 1)


def of_thermometer(level: LaneLevel, stream: str) -> list[Effect]:
    """What the readings so far say of the device, and of the weather; to be told after each one that `stream` kept."""
    drifting = ", ".join(level.drifting[:_MOST_STREAMS])
    off = stream if level.meaningless_since_ms(stream) is not None else ""
    return [
        RaiseAlarm(name, "thermometer", detail, 4) if detail else ClearAlarm(name, "thermometer")
        for name, detail in (("drift", drifting), ("level_off", off))
    ]
