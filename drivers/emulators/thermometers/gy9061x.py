"""The device's side of a GY-MCU90614 or GY-MCU90615."""

from __future__ import annotations

import struct

from drivers.emulators.thermometer_module import Module, Seen, centi, summed
from drivers.thermometer.models import gy9061x


class Device(Module):
    """GY-MCU9061x: streams object and ambient, or sends one frame per query."""

    period_s = 0.1
    header = b"\x5a\x5a"
    command_length = 3

    def frame(self, seen: Seen) -> bytes:
        values = struct.pack(">HH", centi(seen.object_c), centi(seen.ambient_c))
        return summed(self.header + b"\x45\x04" + values)

    def wrong_type(self) -> bytes:
        return summed(self.header + b"\x46\x04\x0e\x42\x08\x52")

    def is_command(self, start: bytes) -> bool:
        return start[0] == 0xA5

    def obey(self, command: bytes, seen: Seen) -> bytes:
        if command == gy9061x.STREAM:
            self.streaming = True
        elif command == gy9061x.QUERY:
            self.streaming = False
            return self.frame(seen)
        # Baud and power-up commands act after a power cycle, which a pseudo-terminal would not show.
        return b""
