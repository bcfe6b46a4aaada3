"""The device's side of a GY-614V3."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen, centi, summed
from drivers.thermometer.models import gy614v3


class Device(Module):
    """GY-614V3: a bank of registers; streams the run from emissivity to body, or answers reads."""

    period_s = 0.1
    header = bytes((gy614v3.ADDRESS, gy614v3.READ))
    command_length = 5
    _RATES_HZ: Final = (1, 2, 5, 10)

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming, options)
        self._registers = bytearray(gy614v3.REGISTER_COUNT)
        self._registers[0] = gy614v3.ADDRESS
        self._registers[gy614v3.BAUD_REGISTER] = 2
        self._registers[gy614v3.RATE_REGISTER] = 3
        self._registers[gy614v3.MODE_REGISTER] = 0 if streaming else 1
        self._registers[gy614v3.EMISSIVITY_REGISTER] = 95

    def frame(self, seen: Seen) -> bytes:
        return self._answer(gy614v3.EMISSIVITY_REGISTER, 7, seen)

    def wrong_type(self) -> bytes:
        return summed(self.header + b"\x00\x04" + bytes(self._registers[:4]))

    def is_command(self, start: bytes) -> bool:
        return start[0] == gy614v3.ADDRESS and start[1] in (gy614v3.READ, gy614v3.WRITE)

    def obey(self, command: bytes, seen: Seen) -> bytes:
        register, value = command[2], command[3]
        if command[1] == gy614v3.READ:
            fits = value > 0 and register + value <= gy614v3.REGISTER_COUNT
            return self._answer(register, value, seen) if fits else b""
        if register > gy614v3.EMISSIVITY_REGISTER:
            return b""
        self._registers[register] = value
        self.streaming = self._registers[gy614v3.MODE_REGISTER] == 0
        self.period_s = 1 / self._RATES_HZ[min(self._registers[gy614v3.RATE_REGISTER], 3)]
        return command

    def _answer(self, start: int, count: int, seen: Seen) -> bytes:
        values = (centi(seen.object_c), centi(seen.ambient_c), centi(seen.body_c))
        struct.pack_into(">HHH", self._registers, gy614v3.OBJECT_REGISTER, *values)
        return summed(self.header + bytes((start, count)) + bytes(self._registers[start : start + count]))
