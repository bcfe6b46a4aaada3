"""How large a JPEG says it is, before anybody spends memory on decoding it (ITU-T T.81, annex B)."""

from __future__ import annotations

from typing import Final

_START_OF_IMAGE: Final = b"\xff\xd8"
# Frame headers: all of C0 to CF but tables for Huffman codes, the reserved one, and those for arithmetic coding.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN: Final = 0xDA
# Markers that stand alone, without a length: TEM and the restarts.
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels; None where no frame header comes before the first scan: then it is no picture."""
    if not data.startswith(_START_OF_IMAGE):
        return None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4])
        if marker in _FRAMES and at + 9 <= len(data):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        if marker == _SCAN or length < 2:
            return None
        at += 2 + length
    return None
