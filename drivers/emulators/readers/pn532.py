"""The emulated PN532, written from its user manual's tables and not from the driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from drivers.emulators.reader import ReaderDevice, SerialReaderEmulator
from drivers.emulators.readers.rdm6300 import number_from

_BAUD: Final = 115200
_ACK: Final = bytes.fromhex("00 00 FF 00 FF 00")
_ERROR: Final = bytes.fromhex("00 00 FF 01 FF 7F 81 00")
_UID_BYTES: Final = (4, 7, 10)
# As after a reset: it looks for a card until one comes.
_FOR_EVER: Final = 0xFF
_NO_CARD: Final = b"\x4b\x00"
_MOST_HELD: Final = 600


def framed(body: bytes) -> bytes:
    """Preamble, start code, length and its complement, D5 and the body, the sum's complement, postamble."""
    counted = b"\xd5" + body
    return b"\x00\x00\xff" + bytes((len(counted), 256 - len(counted))) + counted + bytes((-sum(counted) % 256, 0))


class Device(ReaderDevice):
    """A chip with a card in its field, or none. It sleeps until it is woken, and forgets all when its `power` dips.

    `set(card=...)`: UID in hex, empty: taken away.
    """

    name: ClassVar[str] = "pn532"
    words: ClassVar[Mapping[str, type]] = {"card": str, "power": bool}

    def __init__(self) -> None:
        self._uid = b""
        self._heard = b""
        self._awake = False
        self._tries = _FOR_EVER
        self._searching = False

    def set(self, **what: Any) -> None:
        if "card" in what:
            self._uid = number_from(self.name, what["card"], _UID_BYTES)
        if "power" in what:
            self._reset()

    def wrong_type(self) -> bytes:
        """The error frame."""
        return _ERROR

    def hear(self, data: bytes, now_s: float) -> list[bytes]:
        self._heard = (self._heard + data)[-_MOST_HELD:]
        if not self._awake:
            # What wakes it counts, and what comes behind; the rest it has slept through.
            self._awake = b"\x55\x55" in self._heard
            self._heard = self._heard[self._heard.find(b"\x55\x55") :] if self._awake else self._heard[-1:]
        answers: list[bytes] = []
        while self._awake and (start := self._heard.find(b"\x00\x00\xff")) >= 0:
            # An ACK has no length; else it is followed by its complement, the body, a sum and a zero.
            head = self._heard[start + 3 : start + 5]
            size = 6 if head == b"\x00\xff" or len(head) < 2 else head[0] + 7
            frame = self._heard[start : start + size]
            if len(frame) < size:
                break
            self._heard = self._heard[start + size :]
            answers += self._obey(frame)
        return answers

    def due(self, now_s: float) -> list[bytes]:
        if not self._searching or not self._uid:
            return []
        self._searching = False
        return [self._listed()]

    def _reset(self) -> None:
        self._heard = b""
        self._awake = False
        self._tries = _FOR_EVER
        self._searching = False

    def _obey(self, frame: bytes) -> list[bytes]:
        # Whatever comes ends the search that is under way; an ACK does nothing else.
        self._searching = False
        if frame[3] == 0:
            return []
        body = frame[5:-1]
        if (frame[3] + frame[4]) % 256 or sum(body) % 256 or body[0] != 0xD4:
            return []
        return [_ACK, *self._answer(body[1], body[2:-1])]

    def _answer(self, code: int, data: bytes) -> list[bytes]:
        if code == 0x02:
            return [framed(bytes.fromhex("03 32 01 06 07"))]
        if code == 0x14:
            return [framed(b"\x15")]
        if code == 0x32:
            self._tries = data[3] if data[0] == 5 else self._tries
            return [framed(b"\x33")]
        if code != 0x4A:
            return [_ERROR]
        self._searching = self._tries == _FOR_EVER
        return [] if self._searching else [self._listed()]

    def _listed(self) -> bytes:
        if not self._uid:
            return framed(_NO_CARD)
        return framed(b"\x4b\x01\x01\x00\x04\x08" + bytes((len(self._uid),)) + self._uid)


def emulate(folder: Path, seed: int) -> SerialReaderEmulator:
    """A chip without a card."""
    return SerialReaderEmulator(folder / "pn532", _BAUD, Device(), seed=seed)
