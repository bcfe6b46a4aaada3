"""Facts about numbered events and their readers."""

from __future__ import annotations

import asyncio
import json

from webscreen.events import EventStreams
from webscreen.words import Words


def test_events_are_numbered_from_one() -> None:
    streams = EventStreams(1000, 0.01)
    assert streams.event(Words("放行", "GO")) == 'id: 1\ndata: {"n":1,"page":{"zh":"放行","en":"GO"}}\n\n'.encode()
    assert streams.event(Words()).startswith(b"id: 2\n")
    assert streams.counter == 2


def test_a_reader_gets_the_newest_event_once_and_ends_with_the_server() -> None:
    async def read() -> list[bytes]:
        streams = EventStreams(1500, 0.0)
        newest = streams.event(Words())
        looks = 0

        async def look() -> bytes:
            nonlocal newest, looks
            looks += 1
            if looks == 5:
                newest = streams.event(Words())
            if looks == 9:
                streams.close()
            return newest

        return [piece async for piece in streams.read(look)]

    hello, *events = asyncio.run(read())
    assert hello == b"retry: 1500\n\n"
    assert [json.loads(event.split(b"data: ")[1])["n"] for event in events] == [1, 2]
