"""The streams behind the operators' page: one look at the store a second and chosen node, however many readers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from central.screen.view import BoardPage
from webscreen.events import EventStreams

LOOK_EVERY_S: Final = 1.0
HEARTBEAT_S: Final = 5.0
MOST_PATHS: Final = 64
_TURN_S: Final = 0.25
_RETRY_MS: Final = 2000


@dataclass
class _Channel:
    """The newest event of one chosen node."""

    page: BoardPage | None = None
    event: bytes = b""
    looked_s: float = float("-inf")
    sent_s: float = float("-inf")
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class BoardFeed:
    """Makes numbered events from pages; the store is read in a thread, so that a slow disk holds nobody's heartbeat."""

    def __init__(self, page: Callable[[str], BoardPage], monotonic: Callable[[], float]) -> None:
        self._page = page
        self._monotonic = monotonic
        self._channels: OrderedDict[str, _Channel] = OrderedDict()
        self._streams = EventStreams(_RETRY_MS, _TURN_S)

    @property
    def counter(self) -> int:
        """How many events there have been."""
        return self._streams.counter

    def close(self) -> None:
        """Ends every stream at its next turn."""
        self._streams.close()

    def events(self, path: str) -> AsyncIterator[bytes]:
        """One reader's stream."""
        return self._streams.read(lambda: self.look(path))

    async def look(self, path: str) -> bytes:
        """The newest event of a node, made now if it is due and something changed."""
        channel = self._channel(path)
        async with channel.turn:
            now_s = self._monotonic()
            if now_s - channel.looked_s >= LOOK_EVERY_S:
                channel.looked_s = now_s
                self._take(channel, await asyncio.to_thread(self._page, path), now_s)
        return channel.event

    def _take(self, channel: _Channel, page: BoardPage, now_s: float) -> None:
        same = channel.page is not None and _essence(page) == _essence(channel.page)
        if same and now_s - channel.sent_s < HEARTBEAT_S:
            return
        channel.page, channel.sent_s = page, now_s
        channel.event = self._streams.event(page)

    def _channel(self, path: str) -> _Channel:
        """Channels that nobody asked for lately are forgotten first, so that made-up paths can't fill the memory."""
        channel = self._channels.setdefault(path, _Channel())
        self._channels.move_to_end(path)
        if len(self._channels) > MOST_PATHS:
            self._channels.popitem(last=False)
        return channel


def _essence(page: BoardPage) -> BoardPage:
    """The page without the time of the look."""
    return msgspec.structs.replace(page, as_of="")
