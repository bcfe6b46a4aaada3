"""What EM4100 readers send: a card's five bytes, as hex in ASCII (RDM6300 and its like) or in binary frames. No I/O."""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Final

_STX: Final = 0x02
_ETX: Final = 0x03
# 02, ten hex digits of the card, two of their exclusive-or, 03.
_ASCII_BYTES: Final = 14
# 02, length of it all, kind of card, five bytes, exclusive-or from the length on, 03.
_BINARY_BYTES: Final = 10
_HEX: Final = frozenset(b"0123456789ABCDEFabcdef")


class Codec:
    """Finds the numbers in what a line brings. Keeps at most one unfinished frame (13 bytes)."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def waiting_bytes(self) -> int:
        """How much of an unfinished frame is held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The cards' numbers, 5 bytes each, in the frames that `data` completes. Never raises."""
        seen = self._buffer + data
        numbers = []
        start = seen.find(_STX)
        while start >= 0:
            piece = seen[start : start + _ASCII_BYTES]
            number = _number(piece)
            if number is not None:
                numbers.append(number)
            elif _may_become_one(piece):
                break
            # A sound frame holds no second beginning that counts; a false one may.
            size = 1 if number is None else _size(piece)
            start = seen.find(_STX, start + size)
        self._buffer = seen[start:] if start >= 0 else b""
        return numbers

    def forget(self) -> None:
        """Drop what is held."""
        self._buffer = b""


def _size(piece: bytes) -> int:
    return _BINARY_BYTES if piece[1] == _BINARY_BYTES else _ASCII_BYTES


def _number(piece: bytes) -> bytes | None:
    """The card's number if a sound frame begins here."""
    if len(piece) < 2 or len(piece) < _size(piece):
        return None
    if _size(piece) == _BINARY_BYTES:
        sound = piece[9] == _ETX and reduce(xor, piece[1:9]) == 0
        return piece[3:8] if sound else None
    if piece[13] != _ETX or not _HEX.issuperset(piece[1:13]):
        return None
    plain = bytes.fromhex(piece[1:13].decode("ascii"))
    return plain[:5] if reduce(xor, plain) == 0 else None


def _may_become_one(piece: bytes) -> bool:
    """Whether bytes that are still to come can make a frame of this."""
    if len(piece) < 2:
        return True
    if _size(piece) == _BINARY_BYTES:
        return len(piece) < _BINARY_BYTES
    return len(piece) < _ASCII_BYTES and _HEX.issuperset(piece[1:13])
