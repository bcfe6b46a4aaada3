"""The door of a lane, by its contact: opened without having been let, or left standing open."""

from __future__ import annotations

from edge.effects import ClearAlarm, Effect, RaiseAlarm

_PART = "door"


class Door:
    """`limit_ms`: how long it may stand open. Whether it is open is not known before the contact is first read."""

    def __init__(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self._open_since_ms: int | None = None
        self._let_until_ms = -1
        self._held = False

    def let(self, until_ms: int) -> None:
        """It may be opened until then."""
        self._let_until_ms = max(self._let_until_ms, until_ms)

    def unknown(self) -> None:
        """Its board is away: nobody knows how long it has stood open when that is back."""
        self._open_since_ms, self._held = None, False

    def moved(self, is_open: bool, first: bool, is_free: bool, at_ms: int) -> list[Effect]:
        """What the contact said at `at_ms`; `first`: it was found so. `is_free`: the way is open for everybody now."""
        if not is_open:
            self._open_since_ms, self._held = None, False
            return [ClearAlarm("door_forced", _PART), ClearAlarm("door_held", _PART)]
        if self._open_since_ms is not None:
            return []
        self._open_since_ms = at_ms
        if first or is_free or at_ms <= self._let_until_ms:
            return []
        return [RaiseAlarm("door_forced", _PART, "it opened without having been let", 1)]

    def stands(self, is_free: bool, now_ms: int) -> list[Effect]:
        """As time goes by. While the way is free for everybody, the door may stay open."""
        since_ms = self._open_since_ms
        if since_ms is None:
            return []
        if is_free:
            self._open_since_ms = max(since_ms, now_ms)
            return []
        if self._held or now_ms - since_ms < self._limit_ms:
            return []
        self._held = True
        return [RaiseAlarm("door_held", _PART, f"open for more than {self._limit_ms // 1000} s", 2)]
