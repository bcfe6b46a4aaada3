"""The stream of events behind the page: a new one at every change, and two a second as the heartbeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from edge.screen.view import GuardPage
from edge.status import Snapshot
from webscreen.events import EventStreams

LOOK_EVERY_S: Final = 0.05
# The page's curtain falls 2.2 s after the last event. An event shows a moment that is at most as old as this pause and
# the core's own (250 ms): so the curtain is down 3 s after the core's last moment.
HEARTBEAT_S: Final = 0.5
FROZEN_AFTER_S: Final = 3.0
_RETRY_MS: Final = 1000


class Feed:
    """Turns snapshots into numbered events. All calls come from the server's own thread.

    A snapshot that stands still (neither of its times moves) makes no event: the page then draws its curtain, as it
    does when this server is gone. The screen must never look alive while the gate's core hangs.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        page: Callable[[Snapshot], GuardPage],
        monotonic: Callable[[], float],
    ) -> None:
        self._snapshot = snapshot
        self._page = page
        self._monotonic = monotonic
        self._shown: Snapshot | None = None
        self._looked_s = float("-inf")
        self._sent_s = float("-inf")
        self._event = b""
        self._streams = EventStreams(_RETRY_MS, LOOK_EVERY_S)

    @property
    def counter(self) -> int:
        """How many events there have been."""
        return self._streams.counter

    def close(self) -> None:
        """Ends every stream at its next look."""
        self._streams.close()

    def silent_s(self) -> float:
        """How long there has been no event."""
        return self._monotonic() - self._sent_s

    def look(self) -> bytes:
        """The newest event, made now if there is something new."""
        now_s = self._monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._take(self._snapshot(), now_s)
        return self._event

    def events(self) -> AsyncIterator[bytes]:
        """One reader's stream."""

        async def newest() -> bytes:
            return self.look()

        return self._streams.read(newest)

    def _take(self, snapshot: Snapshot, now_s: float) -> None:
        if self._shown is not None:
            beat = _moved(snapshot, self._shown) and now_s - self._sent_s >= HEARTBEAT_S
            if not beat and _essence(snapshot) == _essence(self._shown):
                return
        self._shown, self._sent_s = snapshot, now_s
        self._event = self._streams.event(self._page(snapshot))


def _moved(one: Snapshot, other: Snapshot) -> bool:
    """Whether the core has worked in between. The wall clock alone may stand still for a while when it is stepped."""
    return (one.at_ms, one.mono_ms) != (other.at_ms, other.mono_ms)


def _essence(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what changes by itself as time goes."""
    return msgspec.structs.replace(snapshot, at_ms=0, mono_ms=0, link_age_s=None)
