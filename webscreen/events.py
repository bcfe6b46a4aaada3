"""Server-sent events: numbered pages, and one reader's stream of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

_encoder = msgspec.json.Encoder()


class EventStreams:
    """Numbers a server's events and feeds its readers until it is closed. All calls come from the server's thread.

    `retry_ms`: what a browser waits before it connects again. `turn_s`: how often a reader looks for a new event.
    """

    def __init__(self, retry_ms: int, turn_s: float) -> None:
        self._retry_ms = retry_ms
        self._turn_s = turn_s
        self._closing = False
        self.counter = 0

    def close(self) -> None:
        """Ends every stream at its next turn."""
        self._closing = True

    def event(self, page: msgspec.Struct) -> bytes:
        """The next event: `{"n": counter, "page": page}`."""
        self.counter += 1
        return b"id: %d\ndata: %s\n\n" % (self.counter, _encoder.encode({"n": self.counter, "page": page}))

    async def read(self, newest: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
        """One reader's stream: the newest event at once, then each new one."""
        yield b"retry: %d\n\n" % self._retry_ms
        seen = b""
        while not self._closing:
            event = await newest()
            if event != seen:
                seen = event
                yield event
            await asyncio.sleep(self._turn_s)
