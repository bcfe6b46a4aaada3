"""What may go wrong in a thermometer and on its line, by name. No I/O, given a random generator."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from drivers.emulators.thermometer_module import Module, Seen
from drivers.emulators.thermometer_scene import Scene
from drivers.thermometer.model import Model

Spoil = Callable[[bytes, Module, random.Random], bytes]


def _dropped_byte(frame: bytes, module: Module, rng: random.Random) -> bytes:
    place = rng.randrange(len(frame))
    return frame[:place] + frame[place + 1 :]


def _flipped_bit(frame: bytes, module: Module, rng: random.Random) -> bytes:
    changed = bytearray(frame)
    changed[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _doubled_header(frame: bytes, module: Module, rng: random.Random) -> bytes:
    return module.header + frame


def _garbage_before_header(frame: bytes, module: Module, rng: random.Random) -> bytes:
    return rng.randbytes(rng.randint(1, 12)) + frame


def _wrong_type(frame: bytes, module: Module, rng: random.Random) -> bytes:
    return module.wrong_type()


def _glued(frame: bytes, module: Module, rng: random.Random) -> bytes:
    return frame + frame


def _noise_ff(frame: bytes, module: Module, rng: random.Random) -> bytes:
    return b"\xff" * rng.randint(1, 5) + frame + b"\xff" * rng.randint(1, 5)


# These hit every n-th frame, so that good ones come through in between.
_SOMETIMES: Final[dict[str, Spoil]] = {
    "dropped_byte": _dropped_byte,
    "flipped_bit": _flipped_bit,
    "doubled_header": _doubled_header,
    "garbage_before_header": _garbage_before_header,
    "wrong_type": _wrong_type,
    "glued": _glued,
    "noise_ff": _noise_ff,
}


class Spoiler:
    """Puts the scene's fault into what the sensor sees and into what goes out on the line."""

    def __init__(self, model: Model, module: Module, every: int, rng: random.Random) -> None:
        self._model = model
        self._module = module
        self._every = every
        self._rng = rng
        self._sent = 0
        self._half_sent = False
        self._last_seen: Seen | None = None
        self._last_frame = b""

    def see(self, scene: Scene) -> Seen:
        """What the sensor sees, or with a fault of the sensor: what it believes to see."""
        if scene.fault == "stuck" and self._last_seen is not None:
            return self._last_seen
        if scene.fault == "limits":
            return self._limits()
        self._last_seen = scene.look()
        return self._last_seen

    def spoil(self, frame: bytes, fault: str | None) -> bytes:
        """What goes out in place of `frame`; nothing at all is possible."""
        self._sent += 1
        last, self._last_frame = self._last_frame, frame
        if fault != "half_frame_then_silence":
            self._half_sent = False
        if fault in _SOMETIMES and self._sent % self._every == 0:
            return _SOMETIMES[fault](frame, self._module, self._rng)
        if fault == "stale_repeat" and self._sent % self._every == 0:
            return last
        return self._outage(frame, fault)

    def _outage(self, frame: bytes, fault: str | None) -> bytes:
        if fault == "silence":
            return b""
        if fault == "wrong_baud_garbage":
            return self._garbage(len(frame))
        if fault == "bad_checksum":
            return frame[:-1] + bytes((frame[-1] ^ 0x55,))
        if fault == "only_ff":
            return b"\xff" * len(frame)
        if fault == "half_frame_then_silence":
            half = b"" if self._half_sent else frame[: len(frame) // 2]
            self._half_sent = True
            return half
        return frame

    def _garbage(self, length: int) -> bytes:
        # Read at another speed a frame is some other number of bytes; its header is not among them.
        some = self._rng.randbytes(self._rng.randint(1, 2 * length))
        return bytes(byte for byte in some if byte not in self._module.header)

    def _limits(self) -> Seen:
        end = self._sent % 2
        object_c = self._model.object_range_c[end]
        ambient_range_c = self._model.ambient_range_c
        return Seen(object_c, 0.0 if ambient_range_c is None else ambient_range_c[end], object_c)
