"""The device's side of each thermometer family: frames from values, answers to commands. No I/O."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

from drivers.protocols import Mode
from drivers.thermometer import gy614v3, gy9061x, lu90614
from drivers.thermometer.scan import sum8

_COMMAND_BUFFER: Final = 64


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sensor sees at one moment."""

    object_c: float
    ambient_c: float
    body_c: float


def summed(body: bytes) -> bytes:
    """`body` with its checksum."""
    return body + bytes((sum8(body),))


def _centi(value_c: float) -> int:
    """Hundredths as the module sends them: 16 bits, the sign as two's complement."""
    return round(value_c * 100) & 0xFFFF


class Module(ABC):
    """One module: it sends frames by itself while `streaming`, and answers what it is told."""

    period_s: float
    baud: int = 9600
    header: bytes
    command_length: int

    def __init__(self, streaming: bool) -> None:
        self.streaming = streaming
        self._heard = bytearray()

    @abstractmethod
    def frame(self, seen: Seen) -> bytes:
        """What the module sends for `seen`."""

    @abstractmethod
    def wrong_type(self) -> bytes:
        """A frame with the right checksum that carries no temperature."""

    @abstractmethod
    def is_command(self, start: bytes) -> bool:
        """Whether a command begins with these one or two bytes."""

    @abstractmethod
    def obey(self, command: bytes, seen: Seen) -> bytes:
        """Carry out a command with the right checksum; return the answer, if there is one."""

    def hear(self, data: bytes, seen: Seen) -> list[bytes]:
        """Take bytes from the line; return the answers. Bytes that are no command are passed over."""
        self._heard += data
        answers = []
        while len(self._heard) >= self.command_length:
            command = bytes(self._heard[: self.command_length])
            if self.is_command(command) and summed(command[:-1]) == command:
                del self._heard[: self.command_length]
                answers.append(self.obey(command, seen))
            else:
                del self._heard[0]
        return [answer for answer in answers if answer]


class Gy9061x(Module):
    """GY-MCU9061x: streams object and ambient, or sends one frame per query."""

    period_s = 0.1
    header = b"\x5a\x5a"
    command_length = 3

    def frame(self, seen: Seen) -> bytes:
        values = struct.pack(">HH", _centi(seen.object_c), _centi(seen.ambient_c))
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


class Gy614V3(Module):
    """GY-614V3: a bank of registers; streams the run from emissivity to body, or answers reads."""

    period_s = 0.1
    header = bytes((gy614v3.ADDRESS, gy614v3.READ))
    command_length = 5
    _RATES_HZ: Final = (1, 2, 5, 10)

    def __init__(self, streaming: bool) -> None:
        super().__init__(streaming)
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
        values = (_centi(seen.object_c), _centi(seen.ambient_c), _centi(seen.body_c))
        struct.pack_into(">HHH", self._registers, gy614v3.OBJECT_REGISTER, *values)
        return summed(self.header + bytes((start, count)) + bytes(self._registers[start : start + count]))


class Lu90614(Module):
    """LU90614: speaks only when asked; remembers body or object mode."""

    period_s = 0.2
    header = b"\xfe"
    command_length = 3

    def __init__(self, streaming: bool) -> None:
        super().__init__(streaming=False)
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


MODULES: Final[dict[str, type[Module]]] = {"gy614v3": Gy614V3, "gy9061x": Gy9061x, "lu90614": Lu90614}
