"""What a scanner types as a keyboard: Linux input events in, lines of text out. No I/O."""

from __future__ import annotations

import struct
from typing import Final

# struct input_event (linux/input.h): seconds, microseconds, type, code, value; the first two are as wide as a long.
_EVENT: Final = struct.Struct("@llHHi")
EVENT_BYTES: Final = _EVENT.size
LONGEST_TEXT: Final = 8000
_MICROSECONDS: Final = 1_000_000

_EV_SYN: Final = 0
_EV_KEY: Final = 1
_EV_MAX: Final = 0x1F
_SYN_DROPPED: Final = 3
_UP: Final = 0
_DOWN: Final = 1

# Key codes of linux/input-event-codes.h: rows of a US keyboard from their first code on, plain and with shift. A
# scanner has no layout of its own, it presses the keys that such a keyboard has.
_ROWS: Final = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (55, "*", "*"),
    (57, " ", " "),
    (71, "789-456+1230.", "789-456+1230."),
    (98, "/", "/"),
    # Tab.
    (15, "\t", "\t"),
)
PLAIN: Final = {first + place: char for first, plain, _ in _ROWS for place, char in enumerate(plain)}
SHIFTED: Final = {first + place: char for first, _, shifted in _ROWS for place, char in enumerate(shifted)}
_ENTERS: Final = frozenset({28, 96})
_SHIFTS: Final = frozenset({42, 54})
# Ctrl, Alt and the logo keys: with them a key means something else than its character.
_OTHER_MODIFIERS: Final = frozenset({29, 56, 97, 100, 125, 126})
_CAPS_LOCK: Final = 58


class Codec:
    """Puts keys together to lines, each ended by Enter. Keeps no more than 8000 characters and a part of one event.

    A line in which something was lost, is too long, or has a key without a character, is dropped whole: `dropped`
    counts them.
    """

    def __init__(self) -> None:
        self._raw = b""
        self._text = bytearray()
        self._held: set[int] = set()
        self._caps = False
        self._spoilt = False
        self.dropped = 0

    @property
    def waiting_bytes(self) -> int:
        """What is not yet a whole event or line; a spoilt line counts until its end."""
        return len(self._raw) + len(self._text) + self._spoilt

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now."""
        data = self._raw + data
        whole = len(data) - len(data) % EVENT_BYTES
        self._raw = data[whole:]
        lines: list[bytes] = []
        for seconds, microseconds, kind, code, value in _EVENT.iter_unpack(data[:whole]):
            if kind > _EV_MAX or seconds < 0 or not 0 <= microseconds < _MICROSECONDS:
                # No kernel says this: the bytes are not events, or out of step. The line's silence puts it right.
                self._spoil()
            elif kind == _EV_KEY:
                self._key(code, value, lines)
            elif kind == _EV_SYN and code == _SYN_DROPPED:
                # The kernel's queue was full: keys are missing here, and one may have been let go.
                self._spoil()
                self._held.clear()
        return lines

    def quiet(self) -> None:
        """Nothing came for longer than between two keys of a scanner: what waits is no code."""
        self.dropped += bool(self._text) or self._spoilt
        self.forget()

    def forget(self) -> None:
        """What came up to now is a thing of the past."""
        self._raw = b""
        self._text.clear()
        self._held.clear()
        self._spoilt = False

    def _key(self, code: int, value: int, lines: list[bytes]) -> None:
        if code in _SHIFTS or code in _OTHER_MODIFIERS:
            (self._held.discard if value == _UP else self._held.add)(code)
        elif value != _DOWN:
            # Let go, or repeated by the kernel because it was held: not pressed once more.
            return
        elif code in _ENTERS:
            self._end(lines)
        elif code == _CAPS_LOCK:
            self._caps = not self._caps
        else:
            self._type(code)

    def _type(self, code: int) -> None:
        char = (SHIFTED if self._held & _SHIFTS else PLAIN).get(code)
        if char is None or self._held & _OTHER_MODIFIERS or len(self._text) >= LONGEST_TEXT:
            self._spoil()
        elif not self._spoilt:
            self._text += (char.swapcase() if self._caps else char).encode()

    def _spoil(self) -> None:
        self._spoilt = True
        self._text.clear()

    def _end(self, lines: list[bytes]) -> None:
        if self._text:
            lines.append(bytes(self._text))
        self.dropped += self._spoilt
        self._text.clear()
        self._spoilt = False
