"""The device's side of a CJMCU-90614."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen, centi, summed


class Device(Module):
    """CJMCU-90614: streams object and ambient, or sends one frame per query. `checksum`: as the driver's option."""

    period_s = 0.1
    baud = 115200
    header = b"\x66\x66"
    command_length = 4

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming, options)
        self._sums_all = options.get("checksum") == "frame"

    def frame(self, seen: Seen) -> bytes:
        values = struct.pack(">HH", centi(seen.object_c), centi(seen.ambient_c))
        return self._ended(b"\x01" if self.streaming else b"\x02", values)

    def wrong_type(self) -> bytes:
        return self._ended(b"\x03", b"\x0e\x42\x08\x52")

    def hear(self, data: bytes, seen: Seen) -> list[bytes]:
        """Commands end in 56 and have no sum."""
        self._heard += data
        answers = []
        while len(self._heard) >= self.command_length:
            command = bytes(self._heard[: self.command_length])
            whole = command.startswith(self.header) and command.endswith(b"\x56")
            del self._heard[: self.command_length if whole else 1]
            if whole and command[2] in (1, 2):
                self.streaming = command[2] == 1
                answers += [] if self.streaming else [self.frame(seen)]
        return answers

    def _ended(self, mode: bytes, values: bytes) -> bytes:
        start = self.header + mode + b"\x04"
        return summed(start + values) if self._sums_all else start + summed(values)
