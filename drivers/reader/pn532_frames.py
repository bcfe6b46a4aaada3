"""Frames of the PN532 on its serial line: `00 00 FF LEN LCS TFI data DCS 00` (user manual UM0701-02, 6.2.1). No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

# 6.2.1.3; from the host to the chip it ends the command that is under way.
ACK: Final = b"\x00\x00\xff\x00\xff\x00"
# The chip may sleep: 55 wakes it, and the rest gives its oscillator time before the first frame.
WAKE: Final = b"\x55\x55" + bytes(14)

_START: Final = b"\x00\xff"
_TO_HOST: Final = 0xD5
_TO_CHIP: Final = 0xD4
_ERROR_TFI: Final = 0x7F
# Start code, LEN, LCS, 255 bytes, DCS.
_LONGEST: Final = 260
_LONGEST_PIECE: Final = 4096


@dataclass(frozen=True, slots=True)
class Frame:
    """What the chip said: that it took a command (`ack`), did not (`nack`, `error`), or the `answer` to `code`.

    `code` is that of the answer, one more than the command's. `data`: what follows it; may hold a card's number.
    """

    kind: Literal["ack", "nack", "error", "answer"]
    code: int = 0
    data: bytes = field(default=b"", repr=False)


def command(code: int, data: bytes = b"") -> bytes:
    """A command as it goes out."""
    body = bytes((_TO_CHIP, code)) + data
    return b"\x00\x00\xff" + bytes((len(body), -len(body) & 0xFF)) + body + bytes((-sum(body) & 0xFF, 0))


class Codec:
    """Finds sound frames in what a line brings. Keeps at most one unfinished frame (259 bytes)."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def waiting_bytes(self) -> int:
        """How much of an unfinished frame is held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Never raises."""
        frames: list[Frame] = []
        # In pieces, so that nothing is copied over and over, whatever is handed in at once.
        for begin in range(0, len(data), _LONGEST_PIECE):
            seen = self._buffer + data[begin : begin + _LONGEST_PIECE]
            self._buffer = seen[_scan(seen, frames) :]
        return frames

    def forget(self) -> None:
        """Drop what is held: it belongs to a question that is no longer open."""
        self._buffer = b""


def _scan(seen: bytes, frames: list[Frame]) -> int:
    """Appends the frames in `seen`; where the first begins that is not whole yet."""
    start = seen.find(_START)
    while start >= 0:
        size = _size(seen, start)
        if size is None or start + size > len(seen):
            return start
        frame = _frame(seen[start : start + size])
        if frame is not None:
            frames.append(frame)
        start = seen.find(_START, start + (size if frame else 1))
    # The start code may be torn as well.
    return len(seen) - (seen[-1:] == b"\x00")


def _size(seen: bytes, start: int) -> int | None:
    """Of the frame that begins here, if it is one; 2 for a false beginning, None while that can't be said."""
    head = seen[start + 2 : start + 5]
    if len(head) < 2:
        return None
    length, check = head[0], head[1]
    if (length, check) in ((0x00, 0xFF), (0xFF, 0x00)):
        return 4
    if not length or (length + check) & 0xFF:
        return 2
    if len(head) < 3:
        return None
    return length + 5 if head[2] == _TO_HOST or (length, head[2]) == (1, _ERROR_TFI) else 2


def _frame(piece: bytes) -> Frame | None:
    """What a piece of the right size says; None if it is no frame."""
    if len(piece) == 4:
        return Frame("ack" if piece[2] == 0 else "nack")
    if len(piece) < 4 or sum(piece[4:]) & 0xFF:
        return None
    if piece[4] == _ERROR_TFI:
        return Frame("error")
    return Frame("answer", piece[5], piece[6:-1]) if piece[2] > 1 else None
