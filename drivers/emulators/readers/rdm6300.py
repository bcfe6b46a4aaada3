"""The emulated 125 kHz reader, written from the published frames and not from the driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from drivers.emulators.reader import ReaderDevice, SerialReaderEmulator
from drivers.errors import OptionError

_BAUD: Final = 9600
_NUMBER_BYTES: Final = 5
# It sends what lies there about every 50 ms; a frame alone takes 14.6 ms of them.
_REPEAT_S: Final = 0.05


def frame_of(number: bytes) -> bytes:
    """02, ten hex digits, the exclusive-or of the five bytes as two more, 03."""
    check = 0
    for byte in number:
        check ^= byte
    return b"\x02" + (number + bytes((check,))).hex().upper().encode() + b"\x03"


class Device(ReaderDevice):
    """A reader with a card on it, or none."""

    name: ClassVar[str] = "rdm6300"
    words: ClassVar[Mapping[str, type]] = {"card": str}

    def __init__(self) -> None:
        self._number = b""
        self._sent_s = float("-inf")

    def set(self, **what: Any) -> None:
        self._number = number_from(self.name, what["card"], (_NUMBER_BYTES,))

    def wrong_type(self) -> bytes:
        """A binary frame of a card with a four-byte number, as readers of another kind send it."""
        return bytes.fromhex("02 09 01 11 22 33 44 4C 03")

    def due(self, now_s: float) -> list[bytes]:
        if not self._number or now_s - self._sent_s < _REPEAT_S:
            return []
        self._sent_s = now_s
        return [frame_of(self._number)]


def number_from(driver: str, text: str, sizes: tuple[int, ...]) -> bytes:
    """A card's number in hex, or none. Raises OptionError."""
    try:
        number = bytes.fromhex(text)
    except ValueError:
        number = b"?"
    if number and len(number) not in sizes:
        wanted = " or ".join(str(2 * size) for size in sizes)
        raise OptionError(f"emulated {driver}: card = {text!r}: give {wanted} hex digits, or none to take it away")
    return number


def emulate(folder: Path, seed: int) -> SerialReaderEmulator:
    """A reader without a card."""
    return SerialReaderEmulator(folder / "rdm6300", _BAUD, Device(), seed=seed)
