"""Modbus RTU relay board with device-timed pulses: the relay falls back by itself, whatever becomes of the gate."""

from __future__ import annotations

import time
from typing import Annotated, Final, Literal

import msgspec

from drivers.barrier.board import Board, BoardOptions, BoardSize
from drivers.barrier.child_board import ChildBoard
from drivers.errors import DeviceGoneError, DeviceRefusedError
from drivers.modbus_rtu import (
    COIL_OFF,
    COIL_ON,
    READ_COILS,
    READ_INPUTS,
    WRITE_COIL,
    ModbusRefusal,
    ReplyReader,
    bits_of,
    request,
    silence_s,
)
from drivers.profile import Profile
from drivers.protocols import Pulse
from drivers.serial_port import SerialPort

# "Flash on" of the Waveshare Modbus RTU relay family: coil address 0200 + relay, value = time in units of 100 ms.
FLASH_ON: Final = 0x0200
FLASH_UNIT_S: Final = 0.1
# The largest time of the flash command.
_MAX_FLASH_UNITS: Final = 0x7FFF
# Reading and switching off may be asked again: one disturbed answer is not an unplugged board. A pulse never is.
_TRIES: Final = 3
# One waiting time for every read: the port would be reconfigured for each new one.
_SLICE_S: Final = 0.02


PROFILE: Final = Profile(
    name="modbus_relay",
    kind="board",
    hardware="Waveshare Modbus RTU relay V2 and its clones, 1 to 32 relays",
    wire="RS-485, Modbus RTU",
    gives=("relays", "inputs", "read-back", "pulses timed by the board"),
    sources="A",
    sure="frames of the maker's manual and of public code",
    bauds=(9600,),
    usb_ids=(),
    traps=(
        "boards of before September 2021 (V1) speak another protocol",
        "some number their first relay 1: set coil_offset",
        'boards that know no flash order refuse every pulse: set timed = "child"; a process of its own switches off',
    ),
)


class Options(BoardOptions, frozen=True):
    """`coil_offset` is the coil number of the first relay: 1 on boards that number relay 1 as coil 1.

    `timed`: who ends a pulse; `child` for boards that know no flash order.
    """

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    baud: Annotated[int, msgspec.Meta(ge=1200, le=921600)] = 9600
    unit: Annotated[int, msgspec.Meta(ge=1, le=247)] = 1
    relays: Annotated[int, msgspec.Meta(ge=1, le=32)] = 8
    inputs: Annotated[int, msgspec.Meta(ge=0, le=32)] = 8
    coil_offset: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0
    read_back: bool = True
    reply_timeout_s: Annotated[float, msgspec.Meta(ge=0.02, le=2)] = 0.15
    timed: Literal["device", "child"] = "device"


def size(options: Options) -> BoardSize:
    return BoardSize(options.relays, options.inputs)


class ModbusRelay:
    """A board that is open. One thread owns it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._name = f"modbus_relay {options.port} unit {options.unit}"
        self._port = SerialPort(options.port, options.baud, self._name)
        self._silence_s = silence_s(options.baud)
        self._closed = False
        self._silent = False

    def pulse(self, channel: int, seconds: float) -> Pulse:
        """One flash order. `confirmed` when the coil was read back as energised.

        An order whose echo is lost is not sent again, since the relay may have moved: the coil is asked instead.
        """
        units = self._flash_units(channel, seconds)
        ends_s = time.monotonic() + units * FLASH_UNIT_S
        try:
            echoed = self._ask(self._write_frame(FLASH_ON + channel, units)) is not None
        except ModbusRefusal as refusal:
            raise DeviceRefusedError(f"{self._name}: pulse of relay {channel} refused: {refusal}") from refusal
        if echoed:
            return Pulse(confirmed=self._options.read_back and self.energised(channel) is True)
        return self._without_echo(channel, ends_s)

    def read_inputs(self) -> tuple[bool, ...]:
        """Function 02. A board without inputs is asked for its coils, so that its absence is still noticed."""
        options = self._options
        if options.inputs == 0:
            self._read_bits(READ_COILS, options.coil_offset, options.relays)
            return ()
        return self._read_bits(READ_INPUTS, 0, options.inputs)

    def switch(self, channel: int, on: bool) -> None:
        """Put a relay on, said once, or off. Raises DeviceGoneError when it does not answer and its coil reads off.

        Only for whoever sees to it that the relay goes off again.
        """
        if not on:
            self._off(channel)
            return
        try:
            echoed = self._ask(self._write_frame(channel, COIL_ON)) is not None
        except ModbusRefusal as refusal:
            raise DeviceRefusedError(f"{self._name}: relay {channel} refused: {refusal}") from refusal
        if not echoed and not self.energised(channel):
            raise DeviceGoneError(self._name, f"no answer to switching relay {channel} on, and its coil reads off")

    def off_all(self) -> None:
        """Switch every relay of this board off, one by one: not every clone knows the all-coils address."""
        for channel in range(self._options.relays):
            self._off(channel)

    def close(self) -> None:
        """Relays off, port released. A board that has stopped answering is left to its own timer."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._silent:
                self.off_all()
        except (DeviceGoneError, DeviceRefusedError):
            return
        finally:
            self._port.close()

    def sever(self) -> None:
        """The relays are left to their own timers."""
        self._port.sever()

    def _off(self, channel: int) -> None:
        self._repeatable(self._write_frame(channel, COIL_OFF), f"relay {channel} cannot be switched off:")

    def _flash_units(self, channel: int, seconds: float) -> int:
        units = round(seconds / FLASH_UNIT_S)
        if not 0 <= channel < self._options.relays:
            raise ValueError(f"{self._name}: relay {channel} does not exist; it has 0 to {self._options.relays - 1}")
        if not 1 <= units <= _MAX_FLASH_UNITS:
            raise ValueError(f"{self._name}: a pulse of {seconds} s is not between 0.1 s and 3276.7 s")
        return units

    def _write_frame(self, address: int, value: int) -> bytes:
        return request(self._options.unit, WRITE_COIL, address + self._options.coil_offset, value)

    def _without_echo(self, channel: int, ends_s: float) -> Pulse:
        energised = self.energised(channel)
        if energised:
            return Pulse(confirmed=True)
        if energised is None:
            raise DeviceGoneError(self._name, f"no answer to a pulse of relay {channel}; it may have opened")
        if time.monotonic() < ends_s:
            raise DeviceGoneError(self._name, f"no answer to a pulse of relay {channel}, and it has not opened")
        # The pulse may have come and gone before the coil was asked.
        return Pulse(confirmed=False)

    def energised(self, channel: int) -> bool | None:
        """What the coil reads; None when the board does not say."""
        try:
            return self._read_bits(READ_COILS, self._options.coil_offset, self._options.relays)[channel]
        except (DeviceGoneError, DeviceRefusedError):
            return None

    def _read_bits(self, function: int, start: int, count: int) -> tuple[bool, ...]:
        what = "coils" if function == READ_COILS else "inputs"
        refused = f"its {count} {what} cannot be read; does the board have so many?"
        return bits_of(self._repeatable(request(self._options.unit, function, start, count), refused), count)

    def _repeatable(self, sent: bytes, refused: str) -> bytes:
        """The answer to something that may be asked twice."""
        for _ in range(_TRIES):
            try:
                reply = self._ask(sent)
            except ModbusRefusal as refusal:
                raise DeviceRefusedError(f"{self._name}: {refused} {refusal}") from refusal
            if reply is not None:
                return reply
        self._silent = True
        raise DeviceGoneError(self._name, f"no answer in {_TRIES} x {self._options.reply_timeout_s} s")

    def _ask(self, sent: bytes) -> bytes | None:
        """Send once; the answer that fits, or None if none came in time."""
        # The line must be silent between frames, or the board takes two for one.
        time.sleep(self._silence_s)
        self._port.flush_input()
        self._port.write(sent)
        reader = ReplyReader(sent)
        until_s = time.monotonic() + self._options.reply_timeout_s + len(sent) * 11 / self._options.baud
        while time.monotonic() < until_s:
            reply = reader.feed(self._port.read(64, _SLICE_S))
            if reply is not None:
                return reply
        return None


def connect(options: Options) -> Board:
    if options.timed == "device":
        return ModbusRelay(options)
    command = ("drivers.barrier.modbus_child", msgspec.json.encode(options).decode())
    name = f"modbus_relay {options.port} unit {options.unit}"
    return ChildBoard(name, command, options.relays, options.inputs)


class Recognition:
    """Knows a board at unit 1 by its answer to what its first eight coils are."""

    questions: tuple[bytes, ...] = (request(1, READ_COILS, 0, 8),)

    def __init__(self) -> None:
        self._reader = ReplyReader(self.questions[0])
        self._known = False

    def feed(self, data: bytes) -> bool:
        try:
            self._known = self._known or self._reader.feed(data) is not None
        except ModbusRefusal:
            # Something that speaks Modbus, but has no eight coils there.
            self._reader = ReplyReader(self.questions[0])
        return self._known


def recognise() -> Recognition:
    return Recognition()
