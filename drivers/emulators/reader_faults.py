"""What may go wrong in a reader and on its line, by name. No I/O, given a random generator."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

Spoil = Callable[[bytes, random.Random], bytes]


def _dropped_byte(frame: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(frame))
    return frame[:place] + frame[place + 1 :]


def _flipped_bit(frame: bytes, rng: random.Random) -> bytes:
    changed = bytearray(frame)
    changed[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _garbage(frame: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.randint(1, 12)) + frame


def _noise_ff(frame: bytes, rng: random.Random) -> bytes:
    return b"\xff" * rng.randint(1, 5) + frame + b"\xff" * rng.randint(1, 5)


# These hit one frame in n by chance, so that good ones come through in between, and a dialogue never keeps step.
_SOMETIMES: Final[dict[str, Spoil]] = {
    "dropped_byte": _dropped_byte,
    "flipped_bit": _flipped_bit,
    "garbage": _garbage,
    "noise_ff": _noise_ff,
}
# `wrong_type` and `stale_repeat` also come and go; the rest lasts. `unplug` is the host's.
FAULTS: Final = (
    *_SOMETIMES,
    "wrong_type",
    "stale_repeat",
    "silence",
    "wrong_baud",
    "half_frame_then_silence",
    "unplug",
)


class LineFaults:
    """Puts a fault into what goes out on the line; one frame in `every` is hit where a fault comes and goes."""

    def __init__(self, every: int, rng: random.Random) -> None:
        self._every = every
        self._rng = rng
        self._half_sent = False
        self._last = b""

    def spoil(self, frame: bytes, fault: str | None, wrong_type: bytes) -> bytes:
        """What goes out in place of `frame`; nothing at all is possible."""
        last, self._last = self._last, frame
        if fault != "half_frame_then_silence":
            self._half_sent = False
        if self._rng.random() * self._every >= 1:
            return self._outage(frame, fault)
        if fault in _SOMETIMES:
            return _SOMETIMES[fault](frame, self._rng)
        if fault == "wrong_type":
            return wrong_type
        return last if fault == "stale_repeat" else self._outage(frame, fault)

    def _outage(self, frame: bytes, fault: str | None) -> bytes:
        if fault == "silence":
            return b""
        if fault == "wrong_baud":
            # Read at another speed a frame is some other number of bytes, and hardly one of them is right.
            return self._rng.randbytes(self._rng.randint(1, 2 * len(frame)))
        if fault == "half_frame_then_silence":
            half = b"" if self._half_sent else frame[: len(frame) // 2]
            self._half_sent = True
            return half
        return frame
