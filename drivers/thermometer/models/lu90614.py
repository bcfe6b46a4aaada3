"""LU90614: asked with `FA code sum8`, answers `FE mode whole hundredths 00 00 00 00 sum8`."""

from __future__ import annotations

from typing import Final

from drivers.profile import Profile
from drivers.protocols import Mode
from drivers.thermometer.model import Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.scan import Frame, FrameScanner, sum8

_HEAD = 0xFE
_LENGTH = 9
_MODES: Final[dict[int, Mode]] = {0xAC: "body", 0xAA: "surface"}
_RESERVED = bytes(4)


def _command(code: int) -> bytes:
    body = bytes((0xFA, code))
    return body + bytes((sum8(body),))


BODY_MODE = _command(0xC5)
OBJECT_MODE = _command(0xC6)
MEASURE = _command(0xCA)


class Codec(FrameScanner):
    """Reads one temperature, of the body or of a surface. The module has no ambient value and no sign."""

    def _wanted(self, head: bytearray) -> int:
        return _LENGTH if head[0] == _HEAD else 0

    def _values(self, raw: bytes) -> Frame | None:
        mode = _MODES.get(raw[1])
        whole, hundredths = raw[2], raw[3]
        # With one byte lost, 36.67 C reads as 67.00 C with a right sum: only the four zeros give it away.
        if mode is None or hundredths > 99 or raw[4:8] != _RESERVED:
            return None
        celsius = (whole * 100 + hundredths) / 100
        if mode == "body":
            return Frame(None, None, celsius, mode, raw)
        return Frame(celsius, None, None, mode, raw)


Options = ThermometerOptions
PROFILE: Final = Profile(
    name="lu90614",
    kind="thermometer",
    hardware="LU90614",
    wire="UART, TTL level",
    gives=("object or body",),
    sources="A",
    sure="frames and commands published; values below 0 C have no published form",
    bauds=(9600,),
    traps=(
        "no ambient value, and no form for values below 0 C",
        "remembers its mode over a power cut: the driver sets it",
    ),
)
MODEL: Final = Model(
    name="lu90614",
    bauds=(9600,),
    codec=Codec,
    asks=(MEASURE,),
    # Public drivers leave 50 ms between the mode and the first measurement.
    listen_s=0.05,
    # They wait 0.1 to 0.8 s for an answer.
    answer_s=0.5,
    poll_s=0.2,
    streams=False,
    period_s=0.2,
    object_range_c=(-70.0, 382.2),
    ambient_range_c=None,
    mode_commands={"body": BODY_MODE, "surface": OBJECT_MODE},
    has_ambient=False,
    has_body=True,
)


def model(_options: ThermometerOptions) -> Model:
    """There is but one."""
    return MODEL
