"""GY-MCU90614 and GY-MCU90615: 9-byte frames `5A 5A type length data.. sum8`, commands `A5 code sum8`."""

from __future__ import annotations

import struct
from typing import Final

from drivers.profile import Profile
from drivers.thermometer.model import MLX90614_AMBIENT_C, MLX90614_OBJECT_C, Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.scan import Frame, FrameScanner, sum8

_HEAD = b"\x5a\x5a"
_TEMPERATURES_HEAD = b"\x5a\x5a\x45\x04"
# A newer module is said to send one data byte more; anything far longer is no frame but 5A 5A inside of data.
_LONGEST_DATA = 8


def _command(code: int) -> bytes:
    body = bytes((0xA5, code))
    return body + bytes((sum8(body),))


STREAM = _command(0x45)
QUERY = _command(0x15)
BAUD_9600 = _command(0xAE)
BAUD_115200 = _command(0xAF)
STREAM_AT_POWER_UP = _command(0x51)
SILENT_AT_POWER_UP = _command(0x52)


class Codec(FrameScanner):
    """Reads object and ambient, both signed: the surroundings can be below 0 C."""

    def _wanted(self, head: bytearray) -> int:
        if not _HEAD.startswith(head[:2]):
            return 0
        if len(head) < 4:
            return 4
        length = head[3]
        return 4 + length + 1 if 1 <= length <= _LONGEST_DATA else 0

    def _values(self, raw: bytes) -> Frame | None:
        # The layout of longer frames is not published: refuse rather than guess. A second head inside is the next
        # frame after one that broke off: with an object of 35.84 to 38.39 C, five bytes and a head sum up right.
        if raw.rfind(_TEMPERATURES_HEAD) != 0:
            return None
        object_centi_c, ambient_centi_c = struct.unpack_from(">hh", raw, 4)
        return Frame(object_centi_c / 100, ambient_centi_c / 100, None, "surface", raw)


Options = ThermometerOptions
PROFILE: Final = Profile(
    name="gy9061x",
    kind="thermometer",
    hardware="GY-MCU90614, GY-MCU90615",
    wire="UART, TTL level",
    gives=(
        "object",
        "ambient",
    ),
    sources="A",
    sure="frame and commands published by several vendors; the baud as shipped differs between them",
    bauds=(9600, 115200),
    traps=(
        "the speed as shipped differs between shops: both are tried",
        "whether it speaks by itself at power-up differs, too",
    ),
)
MODEL: Final = Model(
    name="gy9061x",
    bauds=(9600, 115200),
    codec=Codec,
    asks=(QUERY, STREAM),
    listen_s=0.3,
    answer_s=0.3,
    poll_s=0.2,
    streams=True,
    period_s=0.1,
    object_range_c=MLX90614_OBJECT_C,
    ambient_range_c=MLX90614_AMBIENT_C,
    mode_commands={},
    has_ambient=True,
    has_body=False,
)


def model(_options: ThermometerOptions) -> Model:
    """There is but one."""
    return MODEL
