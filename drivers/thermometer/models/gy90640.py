"""GY-MCU90640, an array of 32x24: frames `5A 5A 02 06`, 768 pixels, ambient, sum16; commands `A5 code value sum8`."""

from __future__ import annotations

import struct
from functools import partial
from typing import Annotated, Final, Literal

import msgspec

from drivers.errors import OptionError
from drivers.profile import Profile
from drivers.thermometer.face import HEIGHT, PIXELS, WIDTH, find_face
from drivers.thermometer.model import Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.scan import Frame, FrameScanner, sum8

Mirror = Literal["none", "x", "y", "xy"]

_HEAD = b"\x5a\x5a\x02\x06"
_LENGTH = 4 + 2 * PIXELS + 2 + 2
_EMISSIVITY_LENGTH = 4
_BAUDS = (115200, 460800)
# MLX90640 data sheet: objects -40 to 300 C; a good sensor may have this many broken pixels.
_RANGE = range(-4000, 30001)
_BROKEN_PIXELS = 4
# Until a frame is there: one period, the frame itself at 115200 baud, and some haste of the module's own.
_FRAME_S = 0.15


def _command(code: int, value: int) -> bytes:
    body = bytes((0xA5, code, value))
    return body + bytes((sum8(body),))


BAUD_9600 = _command(0x15, 1)
BAUD_115200 = _command(0x15, 2)
BAUD_460800 = _command(0x15, 3)
RATES: Final = {0.5: _command(0x25, 0), 1: _command(0x25, 1), 2: _command(0x25, 2), 4: _command(0x25, 3),
                8: _command(0x25, 4)}  # fmt: skip
QUERY = _command(0x35, 1)
AUTOMATIC = _command(0x35, 2)
READ_EMISSIVITY = _command(0x55, 1)
SAVE_AND_RESTART = _command(0x65, 1)


def set_emissivity(emissivity: float) -> bytes:
    """Until the next power-up, unless it is saved."""
    return _command(0x45, round(100 * emissivity))


def picture(raw: bytes, mirror: Mirror = "none") -> list[int]:
    """The 768 pixels of a frame in hundredths of a degree, row by row; `mirror` turns it as the module hangs."""
    pixels = list(struct.unpack_from(f"<{PIXELS}h", raw, len(_HEAD)))
    if "x" in mirror:
        pixels = [pixel for row in range(HEIGHT) for pixel in reversed(pixels[row * WIDTH : (row + 1) * WIDTH])]
    if "y" in mirror:
        pixels = [pixel for row in reversed(range(HEIGHT)) for pixel in pixels[row * WIDTH : (row + 1) * WIDTH]]
    return pixels


class Codec(FrameScanner):
    """Reads the warmth of the face in view, and the sensor's own. Without a face the frame is marked `no_face`.

    `emissivity`: what the module was told; if it then reports another, `note` says so.
    """

    buffer_cap_bytes = _LENGTH
    head = b"\x5a\x5a"

    def __init__(self, mirror: Mirror = "none", emissivity: float | None = None) -> None:
        super().__init__()
        self._mirror: Mirror = mirror
        self._told = emissivity
        self.emissivity: float | None = None

    def is_sound(self, raw: bytes) -> bool:
        """A frame ends in the sum of its 16-bit words, the answer about the emissivity in that of its bytes."""
        if len(raw) != _LENGTH:
            return super().is_sound(raw)
        words = struct.unpack(f"<{_LENGTH // 2}H", raw)
        return bool(sum(words[:-1]) & 0xFFFF == words[-1])

    def _to_head(self) -> bool:
        # Of a run of 5A only the last three can begin anything (an emissivity of 0.90): the others are passed over.
        if self._buffer.startswith(b"\x5a\x5a\x5a\x5a"):
            self._drop(len(self._buffer) - len(self._buffer.lstrip(b"\x5a")) - 3)
        return super()._to_head()

    def _wanted(self, head: bytearray) -> int:
        if len(head) < 4:
            return 4
        if not head.startswith(_HEAD):
            return _EMISSIVITY_LENGTH if sum8(bytes(head[:3])) == head[3] else 0
        # A second head inside (231.30 C beside 15.38) is the next frame after one that broke off: go on there.
        return 0 if head.find(_HEAD, 1, _LENGTH) > 0 else _LENGTH

    def _values(self, raw: bytes) -> Frame | None:
        if len(raw) != _LENGTH:
            self._hear_emissivity(raw[2])
            return None
        pixels = picture(raw, self._mirror)
        (ambient,) = struct.unpack_from("<h", raw, _LENGTH - 4)
        if sum(pixel not in _RANGE for pixel in pixels) > _BROKEN_PIXELS:
            return Frame(None, ambient / 100, None, "surface", raw, ("out_of_range",))
        face = find_face(pixels, ambient)
        if face is None:
            return Frame(None, ambient / 100, None, "surface", raw, ("no_face",))
        return Frame(face.centi_c / 100, ambient / 100, None, "surface", raw)

    def _hear_emissivity(self, hundredths: int) -> None:
        self.emissivity = hundredths / 100
        differs = self._told is not None and round(100 * self._told) != hundredths
        self.note = f"the module works with emissivity {self.emissivity}, not {self._told}" if differs else ""


class Options(ThermometerOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`mirror`: how the picture is turned so that heads are up: along `x`, `y` or both (`xy`).

    `emissivity`: told to the module at each opening; left alone if not given. `rate_hz`: pictures a second; 8 needs
    460800 baud.
    """

    mirror: Mirror = "none"
    emissivity: Annotated[float, msgspec.Meta(ge=0.1, le=1.0)] | None = None
    # At 1 Hz a picture takes longer than a baud is listened at.
    rate_hz: Literal[2, 4, 8] = 4


PROFILE: Final = Profile(
    name="gy90640",
    kind="thermometer",
    hardware="GY-MCU90640 (MLX90640 array, 32x24)",
    wire="UART, TTL level",
    gives=("object", "ambient", "face"),
    sources="A",
    sure="maker's manual and public code; the sum16 over words is computed, no whole frame is printed anywhere",
    bauds=_BAUDS,
    traps=(
        "it finds the face; the maker gives its values +-2 C: a fever decision should not rest on it alone",
        "at 8 Hz a frame does not fit into 115200 baud; at 9600 a frame takes 1.6 s",
        "fewer than 4 pictures a second are too few for a policy that wants 5 frames in 1.5 s",
        "the first pixel is the upper right in the manual's picture: see `mirror`",
        "a cup at the warmth of skin that is held in a hand can pass for a face",
    ),
)


def model(options: Options) -> Model:
    """As the options make it. Raises OptionError if the line is too slow for the pictures."""
    _check_line(options)
    period_s = 1 / options.rate_hz
    emissivity = b"" if options.emissivity is None else set_emissivity(options.emissivity) + READ_EMISSIVITY
    opening = RATES[options.rate_hz] + emissivity
    return Model(
        name="gy90640",
        bauds=_BAUDS if options.rate_hz < 8 else _BAUDS[1:],
        codec=partial(Codec, options.mirror, options.emissivity),
        # A module that restarted has forgotten what it was told.
        asks=(opening + AUTOMATIC, QUERY),
        listen_s=period_s + _FRAME_S,
        answer_s=period_s + _FRAME_S,
        # Longer than two frames of the stream that a question may start, so that the stream is known for one.
        poll_s=3 * period_s,
        streams=True,
        period_s=period_s,
        object_range_c=(-40.0, 300.0),
        ambient_range_c=(-40.0, 85.0),
        mode_commands={},
        has_ambient=True,
        has_body=False,
        opening=opening,
    )


def _check_line(options: Options) -> None:
    if options.baud is not None and options.baud not in _BAUDS:
        raise OptionError(
            f"thermometer driver 'gy90640': baud = {options.baud}, but a picture of {_LENGTH} bytes needs one of "
            f"{', '.join(map(str, _BAUDS))}; set the module to it"
        )
    if options.rate_hz == 8 and options.baud == _BAUDS[0]:
        raise OptionError(
            "thermometer driver 'gy90640': rate_hz = 8 does not fit into 115200 baud; set the module to 460800, or "
            "take rate_hz = 4"
        )
