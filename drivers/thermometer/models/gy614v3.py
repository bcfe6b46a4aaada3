"""GY-614V3 and its kin: registers read as `A4 03 start count data.. sum8`, written as `A4 06 register value sum8`."""

from __future__ import annotations

import struct
from typing import Final

from drivers.profile import Profile
from drivers.thermometer.model import MLX90614_AMBIENT_C, MLX90614_OBJECT_C, Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.scan import Frame, FrameScanner, sum8

ADDRESS = 0xA4
READ = 0x03
WRITE = 0x06

BAUD_REGISTER = 0x01
RATE_REGISTER = 0x02
MODE_REGISTER = 0x03
SAVE_REGISTER = 0x05
EMISSIVITY_REGISTER = 0x07
OBJECT_REGISTER = 0x08
AMBIENT_REGISTER = 0x0A
BODY_REGISTER = 0x0C
REGISTER_COUNT = 0x10

_WRITE_FRAME_LENGTH = 5


def read_registers(start: int, count: int) -> bytes:
    """Ask for `count` registers from `start`."""
    return _summed(bytes((ADDRESS, READ, start, count)))


def write_register(register: int, value: int) -> bytes:
    """Set one register; the module echoes the frame. Kept over a power cycle only after SAVE."""
    return _summed(bytes((ADDRESS, WRITE, register, value)))


def _summed(body: bytes) -> bytes:
    return body + bytes((sum8(body),))


STREAM = write_register(MODE_REGISTER, 0)
QUERY_MODE = write_register(MODE_REGISTER, 1)
SAVE = write_register(SAVE_REGISTER, 0x55)
FACTORY_RESET = write_register(SAVE_REGISTER, 0xAA)
READ_EMISSIVITY_AND_TEMPERATURES = read_registers(EMISSIVITY_REGISTER, 7)
READ_TEMPERATURES_AND_CHIP = read_registers(OBJECT_REGISTER, 7)
READ_TEMPERATURES = read_registers(OBJECT_REGISTER, 6)


class Codec(FrameScanner):
    """Reads object, ambient and the module's body value from any run of registers that has the object in it.

    Start and count are taken from the frame. That a streamed frame carries them too is inferred from the answer to a
    read; no vendor page prints a streamed frame.
    """

    def _wanted(self, head: bytearray) -> int:
        if head[0] != ADDRESS or (len(head) > 1 and head[1] not in (READ, WRITE)):
            return 0
        if len(head) < 4:
            return 4
        if head[1] == WRITE:
            return _WRITE_FRAME_LENGTH
        start, count = head[2], head[3]
        return 4 + count + 1 if count and start + count <= REGISTER_COUNT else 0

    def _values(self, raw: bytes) -> Frame | None:
        # The echo of a write has no temperatures. A second head inside is the next frame after one that broke off.
        if raw[1] != READ or raw.rfind(raw[:4]) != 0:
            return None
        object_c = _celsius(raw, OBJECT_REGISTER)
        if object_c is None:
            return None
        return Frame(object_c, _celsius(raw, AMBIENT_REGISTER), _celsius(raw, BODY_REGISTER), "surface", raw)


def _celsius(raw: bytes, register: int) -> float | None:
    """The 16-bit value at `register`, if the frame covers both of its bytes."""
    start, count = raw[2], raw[3]
    if register < start or register + 2 > start + count:
        return None
    (centi_c,) = struct.unpack_from(">h", raw, 4 + register - start)
    return float(centi_c / 100)


Options = ThermometerOptions
PROFILE: Final = Profile(
    name="gy614v3",
    kind="thermometer",
    hardware="GY-614V3, -BAA, -BCC, -DCI",
    wire="UART, TTL level",
    gives=(
        "object",
        "ambient",
        "body",
    ),
    sources="B",
    sure="registers and commands published; the head of a streamed frame is inferred",
    bauds=(9600, 115200),
    traps=("the rule from forehead to body is the maker's secret",),
)
MODEL: Final = Model(
    name="gy614v3",
    bauds=(9600, 115200),
    codec=Codec,
    # Which runs of registers a firmware answers is not known, so ask for more than one.
    asks=(
        READ_EMISSIVITY_AND_TEMPERATURES,
        READ_TEMPERATURES,
        READ_TEMPERATURES_AND_CHIP,
    ),
    # Listening and every question once fit into the second for which a baud is tried.
    listen_s=0.25,
    answer_s=0.25,
    poll_s=0.2,
    streams=True,
    period_s=1.0,
    object_range_c=MLX90614_OBJECT_C,
    ambient_range_c=MLX90614_AMBIENT_C,
    mode_commands={},
    has_ambient=True,
    has_body=True,
)


def model(_options: ThermometerOptions) -> Model:
    """There is but one."""
    return MODEL
