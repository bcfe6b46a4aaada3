"""The device's side of an Optris CT, CTlaser or CSlaser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen

_PREFIX: Final = 0xB0
_TARGET_READS: Final = (0x01, 0x81)
_HEAD_READ: Final = 0x02
_BOX_READ: Final = 0x03
_FACTOR_READS: Final = {0x04: 0, 0x05: 1}
_FACTOR_SETS: Final = {0x84: 0, 0x85: 1}
_SERIAL: Final = b"\x01\x23\x45"
_FIRMWARE: Final = b"\x00\x2a"
# Command bytes with what follows them.
_LENGTHS: Final = {0x84: 4, 0x85: 4, 0xA5: 3, 0x51: 5, 0x52: 2}
_BURST_ITEMS: Final = (1, 4, 2, 3, 5, 6)
_BOX_ABOVE_AMBIENT_C: Final = 1.5


def _raw(value_c: float) -> int:
    return min(max(round(value_c * 10) + 1000, 0), 0xFFFF)


class Device(Module):
    """One command byte, two bytes back; a burst after `52 01`. `head`, `address`: as the driver's options."""

    period_s = 0.1
    header = b""
    command_length = 1
    step_c = 0.1
    answers_a_reading = 5

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming=False, options=options)
        address = options.get("address")
        self._prefix = b"" if address is None else bytes((_PREFIX + int(str(address)),))
        self._is_cslaser = options.get("head") == "cslaser"
        self._factors = [950, 1000]
        self._items: tuple[int, ...] = _BURST_ITEMS

    def frame(self, seen: Seen) -> bytes:
        """A burst frame of the items that were defined."""
        box_c = seen.ambient_c + _BOX_ABOVE_AMBIENT_C
        numbers = (_raw(seen.object_c), _raw(seen.ambient_c), _raw(box_c), _raw(seen.object_c), *self._factors)
        return b"\xaa\xaa" + b"".join(numbers[item - 1].to_bytes(2, "big") for item in self._items)

    def wrong_type(self) -> bytes:
        return b"\xff\xff"

    def hear(self, data: bytes, seen: Seen) -> list[bytes]:
        self._heard += data
        answers = []
        while command := self._next_command():
            answers.append(self.obey(command, seen))
        return [answer for answer in answers if answer]

    def _next_command(self) -> bytes:
        """The next whole command, without its address; empty while there is none. What is none is passed over."""
        while self._heard and self._prefix and not self._heard.startswith(self._prefix):
            del self._heard[0]
        start = len(self._prefix)
        if len(self._heard) <= start:
            return b""
        end = start + _LENGTHS.get(self._heard[start], 1)
        if len(self._heard) < end:
            return b""
        command = bytes(self._heard[start:end])
        del self._heard[:end]
        return command

    def obey(self, command: bytes, seen: Seen) -> bytes:
        code = command[0]
        if code in _FACTOR_SETS:
            return self._set(_FACTOR_SETS[code], command)
        if code == 0x51:
            halves = [half for byte in command[1:] for half in (byte >> 4, byte & 15)]
            self._items = tuple(half for half in halves[: (*halves, 0).index(0)] if half <= 6)
            return b""
        if code == 0x52:
            self.streaming = command[1] == 1
            return b""
        if code in (0x0E, 0x0F):
            return _SERIAL if code == 0x0E else _FIRMWARE
        number = self._number(code, seen)
        return b"" if number is None else number.to_bytes(2, "big")

    def _number(self, code: int, seen: Seen) -> int | None:
        if code in _FACTOR_READS:
            return self._factors[_FACTOR_READS[code]]
        if self._is_cslaser:
            return _raw(seen.object_c) if code == _BOX_READ else None
        if code in _TARGET_READS:
            return _raw(seen.object_c)
        if code == _HEAD_READ:
            return _raw(seen.ambient_c)
        return _raw(seen.ambient_c + _BOX_ABOVE_AMBIENT_C) if code == _BOX_READ else None

    def _set(self, which: int, command: bytes) -> bytes:
        if command[0] ^ command[1] ^ command[2] != command[3]:
            return b""
        self._factors[which] = int.from_bytes(command[1:3], "big")
        return command[1:3]
