"""The device's side of the Modbus thermometers: the registers of three makers, as their manuals list them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from drivers.emulators.thermometer_module import NO_OPTIONS, Module, Seen
from drivers.modbus_rtu import MAX_FRAME, exception_reply, is_sound, registers_reply

_REQUEST_LENGTH: Final = 8
_READ: Final = 0x03
_WRITE: Final = 0x06
_ILLEGAL_FUNCTION: Final = 1
_ILLEGAL_ADDRESS: Final = 2
_BANK: Final = 0x20
_OBJECT_BELOW, _OBJECT_ABOVE = 1 << 3, 1 << 4


def _tenths(value_c: float) -> int:
    """Tenths of a degree; the sign as two's complement, which the manuals leave open."""
    return round(value_c * 10) & 0xFFFF


def _signed_hundredths(value_c: float) -> int:
    """Hundredths of a degree; the top bit says minus."""
    amount = min(round(abs(value_c) * 100), 0x7FFF)
    return amount | 0x8000 if value_c < 0 else amount


def _calex_status(object_c: float, low_c: float, high_c: float) -> int:
    return _OBJECT_BELOW if object_c < low_c else _OBJECT_ABOVE if object_c > high_c else 0


def _calex_pmb(seen: Seen) -> dict[int, int]:
    object_, sensor = _tenths(seen.object_c), _tenths(seen.ambient_c)
    status = _calex_status(seen.object_c, -20, 1000)
    averaged = {0x0B: object_, 0x0C: object_, 0x0D: object_}
    return {0x00: 17, 0x07: 9500, **averaged, 0x0E: object_, 0x0F: object_, 0x10: sensor, 0x11: status}


def _pyrousb(seen: Seen) -> dict[int, int]:
    object_, sensor = _tenths(seen.object_c), _tenths(seen.ambient_c)
    status = _calex_status(seen.object_c, -40, 2000)
    return {0x08: 9500, 0x0F: object_, 0x12: object_, 0x13: object_, 0x14: sensor, 0x15: status}


def _mq485a(seen: Seen) -> dict[int, int]:
    return {0: _signed_hundredths(seen.object_c), 1: _signed_hundredths(seen.ambient_c)}


_BANKS: Final[Mapping[str, Callable[[Seen], dict[int, int]]]] = {
    "calex_pmb": _calex_pmb,
    "pyrousb": _pyrousb,
    "mq485a": _mq485a,
}
# Which run each is asked for as a rule.
_RUNS: Final = {"calex_pmb": (0x0B, 7), "pyrousb": (0x12, 4), "mq485a": (0x00, 8)}


class Device(Module):
    """Answers reads of holding registers, refuses what it does not have. `map`: whose registers; `unit`: its address.

    With an installer's own map it is a calex_pmb.
    """

    period_s = 0.2
    baud = 9600
    header = b"\x01\x03\x0e"
    command_length = _REQUEST_LENGTH
    step_c = 0.1

    def __init__(self, streaming: bool, options: Mapping[str, object] = NO_OPTIONS) -> None:
        super().__init__(streaming=False, options=options)
        asked = str(options.get("map", "calex_pmb"))
        self._kind = asked if asked in _BANKS else "calex_pmb"
        self._unit = int(str(options.get("unit", 1)))
        self.header = bytes((self._unit, _READ, 2 * _RUNS[self._kind][1]))
        self._written: dict[int, int] = {}

    def frame(self, seen: Seen) -> bytes:
        return self._answer(*_RUNS[self._kind], seen)

    def wrong_type(self) -> bytes:
        return exception_reply(self._unit, _READ, _ILLEGAL_ADDRESS)

    def hear(self, data: bytes, seen: Seen) -> list[bytes]:
        self._heard = (self._heard + data)[-MAX_FRAME:]
        answers = []
        while len(self._heard) >= _REQUEST_LENGTH:
            command = bytes(self._heard[:_REQUEST_LENGTH])
            if command[0] in (0, self._unit) and is_sound(command):
                del self._heard[:_REQUEST_LENGTH]
                answers.append(self.obey(command, seen))
            else:
                del self._heard[0]
        return [answer for answer in answers if answer]

    def obey(self, command: bytes, seen: Seen) -> bytes:
        function, start, value = command[1], int.from_bytes(command[2:4], "big"), int.from_bytes(command[4:6], "big")
        if command[0] == 0:
            # A broadcast is carried out and never answered (Serial Line 2.1).
            self._write(start, value)
            return b""
        if function == _READ:
            fits = 1 <= value <= _BANK and start + value <= _BANK
            return self._answer(start, value, seen) if fits else exception_reply(self._unit, _READ, _ILLEGAL_ADDRESS)
        if function == _WRITE:
            self._write(start, value)
            return command
        return exception_reply(self._unit, function, _ILLEGAL_FUNCTION)

    def _write(self, register: int, value: int) -> None:
        if register < _BANK:
            self._written[register] = value
        if self._kind == "mq485a" and register == 0:
            self._unit = value & 0xFF
            self._written.clear()

    def _answer(self, start: int, count: int, seen: Seen) -> bytes:
        bank = {**self._written, **_BANKS[self._kind](seen)}
        values = tuple(bank.get(register, 0) for register in range(start, start + count))
        return registers_reply(self._unit, _READ, values)
