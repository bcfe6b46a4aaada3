"""Who stands in the lane: the interval that codes and readings are bound to, from a sensor or, weakly, activity."""

from __future__ import annotations

from typing import Final

# A beam flickers between two legs; only a longer gap means that somebody left.
HOLD_MS: Final = 300
# Without a sensor: this long without a code and without a target, and whoever was there has gone.
QUIET_MS: Final = 2500


class Presence:
    """One lane's presence. `occupied` while somebody is there; `weak` while no sensor says so."""

    def __init__(self, sensor: bool) -> None:
        self.weak = not sensor
        self.occupied = False
        self._leaving_since_ms: int | None = None
        self._active_ms = 0
        self._acted_until_ms = 0

    def sensed(self, occupied: bool, now_ms: int) -> None:
        """What the sensor said at `now_ms`."""
        if occupied:
            self._leaving_since_ms = None
            self.occupied = True
        elif self.occupied and self._leaving_since_ms is None:
            self._leaving_since_ms = now_ms

    def active(self, now_ms: int) -> None:
        """A code or a target is in view. Begins a presence only where no sensor says better."""
        self._active_ms = now_ms
        if self.weak:
            self.occupied = True

    def acted(self, now_ms: int, for_ms: int) -> None:
        """Somebody did something that leaves nothing in view, such as scanning a code: without a sensor they are taken
        to stand there for as long as the rest of them is waited for."""
        self.active(now_ms)
        self._acted_until_ms = max(self._acted_until_ms, now_ms + for_ms)

    def keep(self, now_ms: int, for_ms: int) -> None:
        """Whoever acted at a reader is waited for this long; who was only in view is not."""
        if self._acted_until_ms:
            self._acted_until_ms = max(self._acted_until_ms, now_ms + for_ms)

    def ended(self, now_ms: int) -> bool:
        """True once, when the interval is over."""
        if not self.occupied or now_ms < self._ends_ms():
            return False
        self.occupied, self._leaving_since_ms, self._acted_until_ms = False, None, 0
        return True

    def restart(self) -> None:
        """Whoever was admitted has gone through: what stands here now is somebody else."""
        if self.weak:
            self.occupied, self._acted_until_ms = False, 0

    def reset(self, sensor: bool) -> None:
        """The sensor was lost or is back: what it said before is about nobody that stands here now."""
        self.weak, self.occupied, self._leaving_since_ms = not sensor, False, None

    def _ends_ms(self) -> int:
        if self.weak:
            return max(self._active_ms + QUIET_MS, self._acted_until_ms)
        return self._leaving_since_ms + HOLD_MS if self._leaving_since_ms is not None else 2**62
