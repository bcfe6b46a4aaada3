"""Frames of LCUS relay boards: A0, channel from 1, state, sum of the three."""

from __future__ import annotations

from typing import Final

START: Final = 0xA0
FRAME_BYTES: Final = 4
_ON: Final = 1
_OFF: Final = 0


def switch(channel: int, on: bool) -> bytes:
    """The frame for relay `channel`, counted from 0 as everywhere in this program."""
    body = bytes([START, channel + 1, _ON if on else _OFF])
    return body + bytes([sum(body) & 0xFF])


class FrameReader:
    """What the board's own controller sees: (channel from 0, on) for each sound frame; the rest is noise."""

    def __init__(self) -> None:
        self._seen = b""

    def feed(self, data: bytes) -> list[tuple[int, bool]]:
        found = []
        self._seen += data
        while len(self._seen) >= FRAME_BYTES:
            head = self._seen[:FRAME_BYTES]
            if head[0] == START and head[1] >= 1 and head[2] in (_ON, _OFF) and sum(head[:3]) & 0xFF == head[3]:
                found.append((head[1] - 1, head[2] == _ON))
                self._seen = self._seen[FRAME_BYTES:]
            else:
                self._seen = self._seen[1:]
        return found
