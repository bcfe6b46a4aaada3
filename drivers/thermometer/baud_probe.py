"""Which baud to listen at: each in turn until a frame with the right checksum arrives. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Long enough for one frame of a module at 1 Hz, or for a question and its answer.
_PROBE_S = 1.0


class BaudProbe:
    """Walks round `bauds` until `found`; a single baud is never left. Times are seconds of one monotonic clock."""

    def __init__(self, bauds: Sequence[int], now_s: float) -> None:
        self._bauds = tuple(bauds)
        self._place = 0
        self.found_baud: int | None = None
        self.next_change_at_s = now_s + _PROBE_S if len(self._bauds) > 1 else math.inf

    @property
    def baud(self) -> int:
        """The baud to listen at now."""
        return self._bauds[self._place]

    def change(self, now_s: float) -> int | None:
        """The baud to change to, if it is time."""
        if now_s < self.next_change_at_s:
            return None
        self._place = (self._place + 1) % len(self._bauds)
        self.next_change_at_s = now_s + _PROBE_S
        return self.baud

    def hopeful(self, now_s: float) -> None:
        """An answer came that is not yet a whole reading: give it the same time again."""
        if self.found_baud is None and len(self._bauds) > 1:
            self.next_change_at_s = now_s + _PROBE_S

    def search_again(self, now_s: float) -> None:
        """What spoke at the baud that was found is silent: it may have been changed for a module at another one."""
        if self.found_baud is not None and len(self._bauds) > 1:
            self.found_baud = None
            self.next_change_at_s = now_s + _PROBE_S

    def found(self) -> None:
        """A good frame came at this baud: stay."""
        self.found_baud = self.baud
        self.next_change_at_s = math.inf
