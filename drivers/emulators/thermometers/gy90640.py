"""The device's side of a GY-MCU90640, and the picture it sees."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from typing import Final

from drivers.emulators.array_picture import painted
from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen, centi, summed

_PERIODS_S: Final = {0: 2.0, 1: 1.0, 2: 0.5, 3: 0.25, 4: 0.125}
# A sixth of what the sensor's data sheet leads one to expect at 4 Hz, so that tests need not average for long.
_PIXEL_NOISE_C: Final = 0.05


class Device(Module):
    """GY-MCU90640: streams pictures of 32x24, or sends one per query."""

    period_s = 0.25
    baud = 115200
    header = b"\x5a\x5a\x02\x06"
    command_length = 4

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming, options)
        self.emissivity = 95

    def frame(self, seen: Seen) -> bytes:
        # From the values seen, so that a stuck sensor repeats its picture to the last pixel.
        rng = random.Random(repr(seen))
        pixels = [centi(pixel_c + rng.gauss(0, _PIXEL_NOISE_C)) for pixel_c in painted(seen)]
        body = self.header + struct.pack("<769H", *pixels, centi(seen.ambient_c))
        return body + struct.pack("<H", sum(struct.unpack("<771H", body)) & 0xFFFF)

    def wrong_type(self) -> bytes:
        return summed(b"\x5a\x5a" + bytes((self.emissivity,)))

    def is_command(self, start: bytes) -> bool:
        return start[0] == 0xA5

    def obey(self, command: bytes, seen: Seen) -> bytes:
        code, value = command[1], command[2]
        if code == 0x25:
            self.period_s = _PERIODS_S.get(value, self.period_s)
        elif code == 0x45:
            self.emissivity = value
        elif code == 0x55:
            return self.wrong_type()
        elif code == 0x35:
            self.streaming = value == 2
            return b"" if self.streaming else self.frame(seen)
        # Baud and save act after a restart, which a pseudo-terminal would not show.
        return b""
