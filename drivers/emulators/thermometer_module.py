"""What every emulated thermometer has on the device's side: frames from values, answers to commands. No I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from drivers.thermometer.scan import sum8

NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sensor sees at one moment; `beside`: what else an array has in its picture."""

    object_c: float
    ambient_c: float
    body_c: float
    beside: tuple[str, ...] = ()


def summed(body: bytes) -> bytes:
    """`body` with its checksum."""
    return body + bytes((sum8(body),))


def centi(value_c: float) -> int:
    """Hundredths as the module sends them: 16 bits, the sign as two's complement."""
    return round(value_c * 100) & 0xFFFF


class Module(ABC):
    """One module: it sends frames by itself while `streaming`, and answers what it is told.

    `step_c`: the smallest step of its values. `answers_a_reading`: so many answers make one reading.
    """

    step_c: float = 0.01
    answers_a_reading: int = 1
    period_s: float
    baud: int = 9600
    header: bytes
    command_length: int

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        """`options`: those of the driver that say what kind of module stands here."""
        self.streaming = streaming
        self._heard = bytearray()

    @abstractmethod
    def frame(self, seen: Seen) -> bytes:
        """What the module sends for `seen`."""

    @abstractmethod
    def wrong_type(self) -> bytes:
        """A frame with the right checksum that carries no temperature."""

    def is_command(self, start: bytes) -> bool:
        """Whether a command begins with these bytes. A module whose commands are of another kind overrides `hear`."""
        return False

    def obey(self, command: bytes, seen: Seen) -> bytes:
        """Carry out a command with the right checksum; return the answer, if there is one."""
        return b""

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
