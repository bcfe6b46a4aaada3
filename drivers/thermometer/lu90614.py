"""LU90614: asked with `FA code sum8`, answers `FE mode whole hundredths 00 00 00 00 sum8`."""

from __future__ import annotations

from typing import Final

from drivers.protocols import Mode
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
