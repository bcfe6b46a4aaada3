"""Frames of LCUS relay boards: A0, channel from 1, state, sum of the three; and what boards that answer say."""

from __future__ import annotations

import re
from typing import Final

START: Final = 0xA0
FRAME_BYTES: Final = 4
# Asks boards of one make for all their states, as text.
ASK_ALL: Final = b"\xff"
_ON: Final = 1
_OFF: Final = 0
_ASK: Final = 5
# Eight lines of text are 80 bytes; what a line has sent beyond that without an answer in it is noise.
_MAX_SEEN: Final = 256
_LINE: Final = re.compile(rb"CH ?([1-8]) ?: ?(ON|OFF)\s*[\r\n]", re.IGNORECASE)


def switch(channel: int, on: bool) -> bytes:
    """The frame for relay `channel`, counted from 0 as everywhere in this program."""
    return _frame(channel, _ON if on else _OFF)


def ask(channel: int) -> bytes:
    """Asks for the state of one relay; boards that know the question answer with a switching frame."""
    return _frame(channel, _ASK)


def _frame(channel: int, what: int) -> bytes:
    body = bytes([START, channel + 1, what])
    return body + bytes([sum(body) & 0xFF])


class FrameReader:
    """(channel from 0, on) for each sound frame: what a board's controller hears, and what some boards answer.

    The rest is noise. `waiting_bytes` never exceeds what is missing of one frame.
    """

    def __init__(self) -> None:
        self._seen = b""

    @property
    def waiting_bytes(self) -> int:
        return len(self._seen)

    def feed(self, data: bytes) -> list[tuple[int, bool]]:
        self._seen += data
        found = []
        start = 0
        while (start := self._seen.find(START, start)) >= 0 and len(self._seen) - start >= FRAME_BYTES:
            head = self._seen[start : start + FRAME_BYTES]
            if head[1] >= 1 and head[2] in (_ON, _OFF) and sum(head[:3]) & 0xFF == head[3]:
                found.append((head[1] - 1, head[2] == _ON))
                start += FRAME_BYTES
            else:
                start += 1
        self._seen = self._seen[start:] if start >= 0 else b""
        return found


class TextReader:
    """(channel from 0, on) for each whole line `CH1: ON` of a board that answers FF in words."""

    def __init__(self) -> None:
        self._seen = b""

    @property
    def waiting_bytes(self) -> int:
        return len(self._seen)

    def feed(self, data: bytes) -> list[tuple[int, bool]]:
        seen = self._seen + data
        found, end = [], 0
        for line in _LINE.finditer(seen):
            found.append((int(line[1]) - 1, line[2].upper() == b"ON"))
            end = line.end()
        self._seen = seen[end:][-_MAX_SEEN:]
        return found
