"""How emulated boards understand what arrives: Modbus RTU with flash orders, and LCUS."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from drivers.emulators.relay_board import RelayBoard
from drivers.modbus_rtu import (
    COIL_OFF,
    COIL_ON,
    MAX_FRAME,
    READ_COILS,
    READ_INPUTS,
    WRITE_COIL,
    bits_reply,
    exception_reply,
    is_sound,
)

Fault = Literal["none", "silent", "wrong_crc", "exception", "lost_order", "lost_echo", "noise"]
LcusAnswers = Literal["none", "state", "ff", "byte"]
_REQUEST_BYTES: Final = 8
_FLASH_ON: Final = 0x0200
_ALL_COILS: Final = 0x00FF
_ILLEGAL_FUNCTION: Final = 1
_ILLEGAL_ADDRESS: Final = 2
_DEVICE_FAILURE: Final = 4
_LCUS_START: Final = 0xA0
_LCUS_BYTES: Final = 4
_LCUS_ASK_ALL: Final = 0xFF


class Wire(Protocol):
    """One way of talking to a board."""

    def feed(self, data: bytes, now_s: float) -> list[bytes]:
        """Do what `data` orders; the answers to write."""


class FaultPlan:
    """What goes wrong with the next requests."""

    def __init__(self) -> None:
        self._fault: Fault = "none"
        self._left: int | None = None

    def set(self, fault: Fault, times: int | None) -> None:
        """`fault` for the next `times` requests, or until told otherwise."""
        self._fault, self._left = fault, times

    def peek(self) -> Fault:
        """What goes wrong with the next request, which it still will."""
        return self._fault

    def next_of(self, order: bool) -> Fault:
        """What goes wrong with a request that is an order, or a question: some faults wait for an order."""
        return "none" if self._fault in ("lost_order", "lost_echo") and not order else self.next()

    def next(self) -> Fault:
        if self._left is None:
            return self._fault
        self._left -= 1
        fault = self._fault
        if self._left <= 0:
            self.set("none", None)
        return fault


class ModbusWire:
    """A slave that knows functions 01, 02 and 05, with the flash addresses of the Waveshare family."""

    def __init__(
        self, board: RelayBoard, unit: int, coil_offset: int, faults: FaultPlan, knows_flash: bool = True
    ) -> None:
        self._board = board
        self._knows_flash = knows_flash
        self._unit = unit
        self._offset = coil_offset
        self._faults = faults
        self._seen = b""

    def feed(self, data: bytes, now_s: float) -> list[bytes]:
        self._seen = (self._seen + data)[-MAX_FRAME:]
        answers = []
        start = 0
        while start + _REQUEST_BYTES <= len(self._seen):
            request = self._seen[start : start + _REQUEST_BYTES]
            if request[0] == self._unit and is_sound(request):
                self._seen, start = self._seen[start + _REQUEST_BYTES :], 0
                answers.append(self._with_fault(request, now_s))
            else:
                start += 1
        return [answer for answer in answers if answer]

    def _with_fault(self, request: bytes, now_s: float) -> bytes:
        fault = self._faults.next_of(order=request[1] == WRITE_COIL)
        if fault in ("silent", "lost_order"):
            return b""
        if fault == "exception":
            return exception_reply(self._unit, request[1], _DEVICE_FAILURE)
        if fault == "noise":
            # The request was drowned as well: nothing is obeyed.
            return b"\xff" * len(request)
        answer = self._obey(request, now_s)
        if fault == "lost_echo":
            return b""
        return answer[:-1] + bytes([answer[-1] ^ 0x55]) if fault == "wrong_crc" else answer

    def _obey(self, request: bytes, now_s: float) -> bytes:
        function, address = request[1], int.from_bytes(request[2:4], "big")
        value = int.from_bytes(request[4:6], "big")
        if function == WRITE_COIL:
            done = self._write(address, value, f"{request[1]:02X} {address:04X} {value:04X}", now_s)
            return request if done else exception_reply(self._unit, function, _ILLEGAL_ADDRESS)
        if function not in (READ_COILS, READ_INPUTS):
            return exception_reply(self._unit, function, _ILLEGAL_FUNCTION)
        first = address - (self._offset if function == READ_COILS else 0)
        bits = self._board.coils() if function == READ_COILS else tuple(self._board.inputs)
        if first < 0 or not 1 <= value <= len(bits) - first:
            return exception_reply(self._unit, function, _ILLEGAL_ADDRESS)
        return bits_reply(self._unit, function, bits[first : first + value])

    def _write(self, address: int, value: int, order: str, now_s: float) -> bool:
        flash_channel = address - _FLASH_ON - self._offset
        if 0 <= flash_channel < self._board.relays and self._knows_flash:
            self._board.on(flash_channel, f"flash {order}", now_s + value / 10)
            return True
        channels = range(self._board.relays) if address == _ALL_COILS else [address - self._offset]
        if value not in (COIL_ON, COIL_OFF) or channels[0] not in range(self._board.relays):
            return False
        for channel in channels:
            if value == COIL_ON:
                self._board.on(channel, f"coil {order}")
            else:
                self._board.off(channel, f"coil {order}")
        return True


class LcusWire:
    """An LCUS board: obeys sound frames and keeps a relay on for ever. Plain ones never answer.

    `answers`: `state` (A0 CHANNEL 05 SUM is answered by a frame with the state), `ff` (FF is answered by a line of text
    for each relay), `byte` (FF is answered by one byte that says nothing of the relays).
    """

    def __init__(self, board: RelayBoard, faults: FaultPlan, answers: LcusAnswers = "none") -> None:
        self._board = board
        self._faults = faults
        self._answers = answers
        self._seen = b""

    def feed(self, data: bytes, now_s: float) -> list[bytes]:
        self._seen += data
        said = []
        while self._seen:
            if self._seen[0] == _LCUS_ASK_ALL:
                self._seen = self._seen[1:]
                said.append(self._with_fault(self._all()))
            elif self._seen[0] != _LCUS_START:
                self._seen = self._seen[1:]
            elif len(self._seen) < _LCUS_BYTES:
                break
            elif sum(self._seen[:3]) & 0xFF != self._seen[3]:
                self._seen = self._seen[1:]
            else:
                frame, self._seen = self._seen[:_LCUS_BYTES], self._seen[_LCUS_BYTES:]
                said.append(self._obey(frame))
        return [answer for answer in said if answer]

    def _obey(self, frame: bytes) -> bytes:
        channel, what = frame[1] - 1, frame[2]
        unheard = ("silent", "lost_order") if what in (0, 1) else ("silent",)
        if channel not in range(self._board.relays) or self._faults.peek() in unheard:
            self._faults.next()
            return b""
        order = frame.hex(" ").upper()
        if what == 5 and self._answers == "state":
            return self._with_fault(_lcus_frame(channel, self._board.coils()[channel]))
        if what == 1:
            self._board.on(channel, order)
        elif what == 0:
            self._board.off(channel, order)
        return b""

    def _all(self) -> bytes:
        if self._answers == "byte":
            return b"\x01"
        states = "".join(f"CH{number}: {'ON' if on else 'OFF'}\r\n" for number, on in enumerate(self._board.coils(), 1))
        return states.encode() if self._answers == "ff" else b""

    def _with_fault(self, answer: bytes) -> bytes:
        fault = self._faults.next() if answer else "none"
        if fault in ("silent", "lost_echo"):
            return b""
        if fault == "noise":
            return b"\x55" * len(answer)
        return answer[:-1] + bytes([answer[-1] ^ 0x55]) if fault == "wrong_crc" else answer


def _lcus_frame(channel: int, on: bool) -> bytes:
    body = bytes([_LCUS_START, channel + 1, on])
    return body + bytes([sum(body) & 0xFF])
