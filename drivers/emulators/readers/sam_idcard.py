"""The emulated identity card reader, written from the published byte tables and not from the driver."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any, ClassVar, Final

from drivers.emulators.reader import ReaderDevice, SerialReaderEmulator
from drivers.errors import OptionError

_BAUD: Final = 115200
_PREAMBLE: Final = bytes.fromhex("AA AA AA 96 69")
_LONGEST_COMMAND: Final = 16
_READY: Final = b"\x00\x00\x90"
_PHOTO_BYTES: Final = 1024
_FOREVER: Final = "长期"


def framed(body: bytes) -> bytes:
    """Preamble, length of everything behind the length, body, exclusive-or of length and body."""
    counted = (len(body) + 1).to_bytes(2, "big") + body
    return _PREAMBLE + counted + bytes((reduce(xor, counted),))


def text_of(number: str, name: str, expires: str, kind: str = "") -> bytes:
    """The card's 256 bytes of text: each field filled up with spaces."""
    fields = (
        (name, 30),
        ("1" if number[16:17] in tuple("13579") else "2", 2),
        ("01", 4),
        (number[6:14], 16),
        ("江西省南昌市示例路1号", 70),
        (number, 36),
        ("示例公安局", 30),
        ("20100101", 16),
        (expires or _FOREVER, 16),
        (" " * 14 + kind, 36),
    )
    return b"".join(_padded(value, length) for value, length in fields)


def _padded(value: str, length: int) -> bytes:
    data = value.encode("utf-16-le")
    if len(data) > length:
        raise OptionError(f"emulated sam_idcard: a value of {len(data)} bytes does not fit its field of {length}")
    return data + b" \0" * ((length - len(data)) // 2)


class Device(ReaderDevice):
    """A module with a card on it, or none. `finds_again`: it finds a card that was read and not lifted.

    `set(document=...)` lays a card on, with an empty number lifts it; `name`, `expires` (empty: never) and `kind` (the
    letter of other documents) are for cards that are laid on from then.
    """

    name: ClassVar[str] = "sam_idcard"
    words: ClassVar[Mapping[str, type]] = {"document": str, "name": str, "expires": str, "kind": str, "status": int}

    def __init__(self, seed: int = 0, finds_again: bool = False) -> None:
        self._rng = random.Random(seed)
        self._finds_again = finds_again
        self._card = {"document": "", "name": "测试甲", "expires": "20300101", "kind": ""}
        self._text = b""
        self._findable = False
        self._selected = False
        self._status = 0x90
        self._heard = b""

    def set(self, **what: Any) -> None:
        self._status = what.pop("status", self._status)
        self._card |= what
        if what:
            self._lay_on()

    def wrong_type(self) -> bytes:
        """ "No such item on this card", which nobody asked for."""
        return framed(b"\x00\x00\x91")

    def hear(self, data: bytes, now_s: float) -> list[bytes]:
        self._heard += data
        answers: list[bytes] = []
        while (start := self._heard.find(_PREAMBLE)) >= 0 and len(self._heard) >= start + 7:
            size = 7 + min(int.from_bytes(self._heard[start + 5 : start + 7], "big"), _LONGEST_COMMAND)
            command, rest = self._heard[start : start + size], self._heard[start + size :]
            if len(command) < size:
                return answers
            self._heard = rest
            answers.append(framed(self._obey(command)))
        self._heard = self._heard[-2 * _LONGEST_COMMAND :]
        return answers

    def _lay_on(self) -> None:
        card = self._card
        self._selected = False
        self._findable = bool(card["document"])
        self._text = text_of(**{"number": card["document"], **{key: card[key] for key in ("name", "expires", "kind")}})

    def _obey(self, command: bytes) -> bytes:
        if reduce(xor, command[5:]) != 0:
            return b"\x00\x00\x10"
        if self._status != 0x90:
            return bytes((0, 0, self._status))
        what = command[7:9]
        if what == b"\x11\xff":
            return _READY
        if what == b"\x20\x01":
            return b"\x00\x00\x9f" + bytes(4) if self._findable else b"\x00\x00\x80"
        if what == b"\x20\x02":
            return self._select()
        if what == b"\x30\x01":
            return self._read()
        return b"\x00\x00\x24"

    def _select(self) -> bytes:
        self._selected = self._findable
        return _READY + bytes(8) if self._selected else b"\x00\x00\x81"

    def _read(self) -> bytes:
        if not self._selected:
            return b"\x00\x00\x41"
        self._selected = False
        self._findable = self._finds_again
        return _READY + b"\x01\x00\x04\x00" + self._text + self._rng.randbytes(_PHOTO_BYTES)


def emulate(folder: Path, seed: int) -> SerialReaderEmulator:
    """A module that finds a card once per laying on."""
    return SerialReaderEmulator(folder / "sam_idcard", _BAUD, Device(seed), seed=seed)
