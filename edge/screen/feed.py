"""The stream of events behind the page: a new one at every change, and one a second as the heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from edge.screen.view import GuardPage
from edge.status import Snapshot

LOOK_EVERY_S: Final = 0.05
HEARTBEAT_S: Final = 1.0
FROZEN_AFTER_S: Final = 3.0

_encoder = msgspec.json.Encoder()


class Feed:
    """Turns snapshots into numbered events. All calls come from the server's own thread.

    A snapshot that stands still (its `at_ms` doesn't move) makes no event: the page then draws its curtain, as it
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
        self.counter = 0
        self.closing = False

    def close(self) -> None:
        """Ends every stream at its next look."""
        self.closing = True

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

    async def events(self) -> AsyncIterator[bytes]:
        """One reader's stream: the newest event at once, then each new one."""
        yield b"retry: 1000\n\n"
        seen = 0
        while not self.closing:
            event = self.look()
            if self.counter != seen:
                seen = self.counter
                yield event
            await asyncio.sleep(LOOK_EVERY_S)

    def _take(self, snapshot: Snapshot, now_s: float) -> None:
        if self._shown is not None:
            beat = snapshot.at_ms != self._shown.at_ms and now_s - self._sent_s >= HEARTBEAT_S
            if not beat and _essence(snapshot) == _essence(self._shown):
                return
        self._shown, self._sent_s = snapshot, now_s
        self.counter += 1
        data = _encoder.encode({"n": self.counter, "page": self._page(snapshot)})
        self._event = b"id: %d\ndata: %s\n\n" % (self.counter, data)


def _essence(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what changes by itself as time goes."""
    return msgspec.structs.replace(snapshot, at_ms=0, mono_ms=0, link_age_s=None)
