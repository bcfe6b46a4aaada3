"""Frames of the SAM_V module in second-generation identity card readers: `AA AA AA 96 69 length body xor`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

PREAMBLE: Final = b"\xaa\xaa\xaa\x96\x69"
# Three status bytes and the checksum; at the most text, picture and a 1024-byte fingerprint (2321 bytes in all).
_SHORTEST: Final = 4
_LONGEST: Final = 2314
_HEAD_BYTES: Final = len(PREAMBLE) + 2
LONGEST_FRAME: Final = _HEAD_BYTES + _LONGEST

# SW3, the last of the three status bytes.
OK: Final = 0x90
FOUND: Final = 0x9F
NO_CARD: Final = 0x80
FAULTS: Final = {
    0x10: "it received a wrong checksum",
    0x11: "it received a wrong length",
    0x21: "it received a wrong command",
    0x24: "it does not know the command",
    0x31: "the card's authentication failed",
    0x32: "the card's authentication failed",
    0x33: "the card's verification failed",
    0x40: "wrong card",
    0x41: "the card could not be read",
    0x47: "no random number",
    0x60: "its self-test failed",
    0x66: "its security module is not authorised",
    0x80: "no card",
    0x81: "the card could not be selected",
    0x91: "the card has no such item",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One sound answer: SW3, and what came with it. The data may be a person's: never shown."""

    status: int
    data: bytes = field(repr=False)


def command(code: int, parameter: int, data: bytes = b"") -> bytes:
    """A request as it goes out."""
    body = bytes((code, parameter)) + data
    counted = (len(body) + 1).to_bytes(2, "big") + body
    return PREAMBLE + counted + bytes((xor(counted),))


def xor(data: bytes | bytearray) -> int:
    """All bytes of `data`, exclusive-or. By halves of one big number: a byte loop would be far too slow for noise."""
    width = 1 << max(len(data) - 1, 0).bit_length()
    number = int.from_bytes(data, "big")
    while width > 1:
        width //= 2
        number = (number >> 8 * width) ^ (number & ((1 << 8 * width) - 1))
    return number


class Codec:
    """Finds sound answers in what a line brings. Keeps at most one frame of the longest kind (2321 bytes)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def waiting_bytes(self) -> int:
        """What may be the beginning of an answer."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Answer]:
        """The answers that are whole now."""
        answers: list[Answer] = []
        # In pieces, so that the buffer's bound holds whatever is handed in at once.
        for start in range(0, len(data), LONGEST_FRAME):
            self._buffer += data[start : start + LONGEST_FRAME]
            self._scan(answers)
        return answers

    def forget(self) -> None:
        """What came up to now belongs to nothing that is still wanted."""
        self._buffer.clear()

    def _scan(self, answers: list[Answer]) -> None:
        buffer, start = self._buffer, 0
        while True:
            start = _next_head(buffer, start)
            size = _wanted(buffer, start)
            if len(buffer) - start < size:
                break
            # A frame ends where its own length says; after a false head the search goes on right behind that.
            if size > _HEAD_BYTES and _is_sound(buffer[start : start + size]):
                body = bytes(buffer[start + _HEAD_BYTES : start + size - 1])
                answers.append(Answer(body[2], body[3:]))
                start += size
            else:
                start += 1
        del buffer[:start]


def _is_sound(frame: bytearray) -> bool:
    """The checksum is right, and the first two status bytes are 0 as in every answer that was ever published."""
    return frame.startswith(b"\0\0", _HEAD_BYTES) and xor(frame[len(PREAMBLE) :]) == 0


def _next_head(buffer: bytearray, start: int) -> int:
    """Where the next frame may begin, at the end of the buffer also with a part of its preamble."""
    found = buffer.find(PREAMBLE, start)
    if found >= 0:
        return found
    for kept in range(min(len(PREAMBLE) - 1, len(buffer) - start), 0, -1):
        if buffer.endswith(PREAMBLE[:kept]):
            return len(buffer) - kept
    return len(buffer)


def _wanted(buffer: bytearray, start: int) -> int:
    """How many bytes the frame at `start` has, or of its head; 0 if its length is none."""
    if len(buffer) - start < _HEAD_BYTES:
        return _HEAD_BYTES
    length = int.from_bytes(buffer[start + 5 : start + 7], "big")
    return _HEAD_BYTES + length if _SHORTEST <= length <= _LONGEST else 0
