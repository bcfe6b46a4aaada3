"""The device's side of an LU90614."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen, summed
from drivers.protocols import Mode
from drivers.thermometer.models import lu90614


class Device(Module):
    """LU90614: speaks only when asked; remembers body or object mode."""

    period_s = 0.2
    header = b"\xfe"
    command_length = 3

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming=False, options=options)
        self.mode: Mode = "surface"

    def frame(self, seen: Seen) -> bytes:
        value_c = seen.body_c if self.mode == "body" else seen.object_c
        # No form for a minus sign is published, and a byte holds no more than 255.
        centi_c = min(max(round(value_c * 100), 0), 25599)
        mark = b"\xac" if self.mode == "body" else b"\xaa"
        return summed(self.header + mark + bytes(divmod(centi_c, 100)) + bytes(4))

    def wrong_type(self) -> bytes:
        return summed(self.header + b"\xab\x24\x3a" + bytes(4))

    def is_command(self, start: bytes) -> bool:
        return start[0] == 0xFA

    def obey(self, command: bytes, seen: Seen) -> bytes:
        if command == lu90614.BODY_MODE:
            self.mode = "body"
        elif command == lu90614.OBJECT_MODE:
            self.mode = "surface"
        elif command == lu90614.MEASURE:
            return self.frame(seen)
        return b""
