"""The emulated scanner that types: events as the kernel gives them, on a pseudo-terminal instead of a real device."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from drivers.emulators.reader import ReaderDevice, SerialReaderEmulator
from drivers.errors import OptionError

# A USB keyboard reports a key about every millisecond at its fastest: four events of 24 bytes.
_BAUD: Final = 921600
_EV_SYN, _EV_KEY, _EV_MSC = 0, 1, 4
_MSC_SCAN: Final = 4
_ENTER: Final = 28
_LEFT_SHIFT: Final = 42
_F1: Final = 59

# Key codes by name of the character, as linux/input-event-codes.h lists them.
_KEYS: Final = dict(
    zip(
        "1234567890-=\tqwertyuiop[]asdfghjkl;'`\\zxcvbnm,./ ",
        (*range(2, 14), 15, *range(16, 28), *range(30, 42), *range(43, 54), 57),
        strict=True,
    )
)
_WITH_SHIFT: Final = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))
_NO_GRAB: Final = MappingProxyType({"grab": False})


def event(kind: int, code: int, value: int) -> bytes:
    """One struct input_event."""
    return struct.pack("@llHHi", 1_800_000_000, 123_456, kind, code, value)


def key(code: int, down: bool) -> bytes:
    """One report: the scan code, the key, and the end of the report."""
    return event(_EV_MSC, _MSC_SCAN, 0x70000 + code) + event(_EV_KEY, code, int(down)) + event(_EV_SYN, 0, 0)


def typed(text: str) -> bytes:
    """`text` and Enter as a scanner presses them. Raises OptionError for a character without a key."""
    return b"".join(_stroke(char) for char in text) + key(_ENTER, True) + key(_ENTER, False)


def _stroke(char: str) -> bytes:
    base = _WITH_SHIFT.get(char, char.lower())
    if base not in _KEYS:
        raise OptionError(f"emulated hid_wedge: there is no key for {char!r}")
    stroke = key(_KEYS[base], True) + key(_KEYS[base], False)
    shifted = char in _WITH_SHIFT or char.isupper()
    return key(_LEFT_SHIFT, True) + stroke + key(_LEFT_SHIFT, False) if shifted else stroke


class Device(ReaderDevice):
    """A scanner: `set(text=...)` shows it a code, which it types once."""

    name: ClassVar[str] = "hid_wedge"
    words: ClassVar[Mapping[str, type]] = {"text": str}

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def set(self, **what: Any) -> None:
        if what["text"]:
            self._waiting.append(typed(what["text"]))

    def wrong_type(self) -> bytes:
        """A key that types nothing, and Enter."""
        return key(_F1, True) + key(_F1, False) + key(_ENTER, True) + key(_ENTER, False)

    def due(self, now_s: float) -> list[bytes]:
        sent, self._waiting = self._waiting, []
        return sent


def emulate(folder: Path, seed: int) -> SerialReaderEmulator:
    """A scanner that can't be grabbed, since a pseudo-terminal is no input device."""
    return SerialReaderEmulator(folder / "hid_wedge", _BAUD, Device(), seed=seed, options=_NO_GRAB)
