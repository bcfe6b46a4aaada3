"""OSDP frames as far as a reader must know them that comes into a conversation: who is meant, and whether it begins."""

from __future__ import annotations

from typing import Final

_START: Final = 0x53
_HEAD_BYTES: Final = 5
_TO_ALL: Final = 0x7F
_SEQUENCE: Final = 0x03
_WITH_CRC: Final = 0x04
# IEC 60839-11-5: a reader need not take more.
MAX_FRAME: Final = 1440


def crc16(data: bytes) -> int:
    """Polynomial 1021, start 1D0F (IEC 60839-11-5, annex C)."""
    crc = 0x1D0F
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _is_sound(frame: bytes) -> bool:
    if frame[4] & _WITH_CRC:
        return crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")
    return sum(frame) & 0xFF == 0


class Beginning:
    """Holds back what a controller says until it begins anew, with sequence number 0, to this address.

    A reader that has just started knows nothing of a conversation under way. Answering in the middle of it is an error
    for which some controllers leave a reader alone for five minutes; to silence they begin again after a second or two.
    """

    def __init__(self, address: int) -> None:
        self._address = address
        self._seen = b""
        self._begun = False

    @property
    def waiting_bytes(self) -> int:
        return len(self._seen)

    def feed(self, data: bytes) -> bytes:
        """What the reader shall hear."""
        if self._begun:
            return data
        seen = self._seen + data
        start = 0
        while (start := seen.find(_START, start)) >= 0:
            frame = self._frame(seen[start:])
            if frame is None:
                self._seen = seen[start:]
                return b""
            if frame:
                self._begun, self._seen = True, b""
                return seen[start:]
            start += 1
        self._seen = b""
        return b""

    def _frame(self, seen: bytes) -> bytes | None:
        """The frame with which `seen` begins, if it begins a conversation; b"" if none does; None: more is needed."""
        if len(seen) < _HEAD_BYTES:
            return None
        length = int.from_bytes(seen[2:4], "little")
        to_us = seen[1] in (self._address, _TO_ALL)
        if not to_us or not _HEAD_BYTES < length <= MAX_FRAME or seen[4] & _SEQUENCE:
            return b""
        if len(seen) < length:
            return None
        return seen[:length] if _is_sound(seen[:length]) else b""
