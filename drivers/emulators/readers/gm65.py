"""The emulated barcode module, written from the published byte tables and not from the driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from drivers.emulators.reader import ReaderDevice, SerialReaderEmulator

_BAUD: Final = 9600
_HEAD: Final = b"\x7e\x00"
_LONGEST_COMMAND: Final = 300
_TRIGGER_ZONE: Final = 0x0002
# As shipped: a reading on command gives up after this time.
_LIT_S: Final = 5.0
_NOT_CHECKED: Final = b"\xab\xcd"
# In continuous mode a code that stays is read again after this time.
_READ_AGAIN_S: Final = 1.0


def crc(data: bytes) -> bytes:
    """CRC-16/XMODEM bit by bit, high byte first."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1) ^ 0x1021 if value & 0x8000 else value << 1
    return (value & 0xFFFF).to_bytes(2, "big")


def answer(data: bytes) -> bytes:
    """`02 00`, success, length, data and CRC."""
    body = bytes((0, len(data))) + data
    return b"\x02\x00" + body + crc(body)


class Device(ReaderDevice):
    """A module that sees one code at a time. `on_command`: it reads only while triggered. `end`: behind each code.

    `set(text=...)` shows it a code, which stays there until it is read; with `held=True` it is read again and again
    until an empty text takes it away.
    """

    name: ClassVar[str] = "gm65"
    words: ClassVar[Mapping[str, type]] = {"text": str, "held": bool}

    def __init__(self, on_command: bool = False, end: bytes = b"\r") -> None:
        self._on_command = on_command
        self._end = end
        self._zones = {0x002A: b"\x39\x01", 0x0000: b"\xd6\x00"}
        self._text = b""
        self._held = False
        self._read_at_s = 0.0
        self._lit_until_s = 0.0
        self._heard = b""

    def set(self, **what: Any) -> None:
        self._text = what.get("text", self._text.decode()).encode()
        self._held = what.get("held", False)
        self._read_at_s = 0.0

    def wrong_type(self) -> bytes:
        """An acknowledge that nobody waits for."""
        return answer(b"\x00")

    def due(self, now_s: float) -> list[bytes]:
        if not self._text or now_s < self._read_at_s or (self._on_command and now_s >= self._lit_until_s):
            return []
        sent = self._text + self._end
        self._lit_until_s = 0.0
        self._read_at_s = now_s + _READ_AGAIN_S
        if not self._held:
            self._text = b""
        return [sent]

    def hear(self, data: bytes, now_s: float) -> list[bytes]:
        self._heard = (self._heard + data)[-_LONGEST_COMMAND:]
        answers: list[bytes] = []
        while (start := self._heard.find(_HEAD)) >= 0 and len(self._heard) >= start + 4:
            kind, count = self._heard[start + 2], self._heard[start + 3]
            size = 8 + (1 if kind == 0x07 else count)
            command = self._heard[start : start + size]
            if len(command) < size:
                break
            self._heard = self._heard[start + size :]
            if command[-2:] in (_NOT_CHECKED, crc(command[2:-2])):
                answers.append(self._obey(kind, int.from_bytes(command[4:6], "big"), command[6:-2], now_s))
        return answers

    def _obey(self, kind: int, zone: int, data: bytes, now_s: float) -> bytes:
        if kind == 0x07:
            return answer(self._zones.get(zone, b"")[: data[0]].ljust(data[0], b"\0"))
        if kind == 0x08 and zone == _TRIGGER_ZONE:
            self._lit_until_s = now_s + _LIT_S if data[:1] == b"\x01" else 0.0
        elif kind == 0x08:
            self._zones[zone] = data
        return answer(b"\0")


def emulate(folder: Path, seed: int) -> SerialReaderEmulator:
    """A module that reads by itself and ends each code with CR."""
    return SerialReaderEmulator(folder / "gm65", _BAUD, Device(), seed=seed)
