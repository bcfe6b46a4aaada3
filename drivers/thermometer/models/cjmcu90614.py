"""CJMCU-90614 on a serial line: 9-byte frames `66 66 mode 04 object ambient sum8`, commands `66 66 code 56`."""

from __future__ import annotations

import struct
from functools import partial
from typing import Final, Literal

from drivers.profile import Profile
from drivers.thermometer.model import MLX90614_AMBIENT_C, MLX90614_OBJECT_C, Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.scan import Frame, FrameScanner, sum8

Checksum = Literal["data", "frame"]

_HEAD = b"\x66\x66"
_DATA_LENGTH = 4
# What sent the frame: a stream or a query.
_MODES = (0x01, 0x02)
_LONGEST_DATA = 8


def _command(code: int) -> bytes:
    return _HEAD + bytes((code, 0x56))


STREAM = _command(0x01)
QUERY = _command(0x02)
BAUD_9600 = _command(0x11)
BAUD_57600 = _command(0x12)
BAUD_115200 = _command(0x13)


class Codec(FrameScanner):
    """Reads object and ambient, both signed. `checksum`: whether the sum is over the data alone or the whole frame."""

    head = _HEAD

    def __init__(self, checksum: Checksum = "data") -> None:
        super().__init__()
        self._summed_from = 4 if checksum == "data" else 0

    def is_sound(self, raw: bytes) -> bool:
        """By the rule that was chosen: makers say "all data", and the one frame they print fits the data bytes only."""
        return sum8(raw[self._summed_from : -1]) == raw[-1]

    def _wanted(self, head: bytearray) -> int:
        if not _HEAD.startswith(head[:2]):
            return 0
        if len(head) < 4:
            return 4
        length = head[3]
        return 4 + length + 1 if 1 <= length <= _LONGEST_DATA else 0

    def _values(self, raw: bytes) -> Frame | None:
        # A second head inside (262 C) is the next frame after one that broke off: a sum over four bytes misses some.
        if raw[2] not in _MODES or raw[3] != _DATA_LENGTH or raw.rfind(_HEAD) != 0:
            return None
        object_centi_c, ambient_centi_c = struct.unpack_from(">hh", raw, 4)
        return Frame(object_centi_c / 100, ambient_centi_c / 100, None, "surface", raw)


class Options(ThermometerOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`checksum`: `data` sums the four data bytes, `frame` all bytes before the sum."""

    checksum: Checksum = "data"


PROFILE: Final = Profile(
    name="cjmcu90614",
    kind="thermometer",
    hardware="CJMCU-90614 with a serial port",
    wire="UART, TTL level",
    gives=("object", "ambient"),
    sources="B",
    sure="one worked frame is printed, with two equal temperatures: which comes first is inferred, and so is the sum",
    bauds=(115200, 9600, 57600),
    traps=(
        'what the checksum covers rests on a single frame: if no reading comes, set checksum = "frame"',
        "that the first value is the object rests on the order of its siblings: hold a hand before it and look",
    ),
)


def model(options: Options) -> Model:
    """As the options make it."""
    return Model(
        name="cjmcu90614",
        bauds=PROFILE.bauds,
        codec=partial(Codec, options.checksum),
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
