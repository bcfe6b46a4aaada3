"""What the size of a code in the picture means for whoever mounts the camera."""

from __future__ import annotations

from typing import Final

import segno

from edge.doctor.finding import same
from webscreen.words import Words

# docs/vision.md: about 2 pixels a module are needed, 4 to 5 forgive defocus, glare and tilt.
_LEAST_PX: Final = 2.5
_GOOD_PX: Final = 4.0
# Beyond this a code is cut off at the edges as soon as a hand moves.
_LARGEST_SHARE: Final = 0.7


def modules_across(payload: bytes) -> int:
    """Modules of one side of the smallest code with this payload at level M: about what a phone shows."""
    code = segno.make_qr(payload, error="m", boost_error=False)
    return int(code.symbol_size(border=0)[0])


def px_per_module(payload: bytes, extent_px: tuple[int, int]) -> float:
    """Pixels of one module; of a tilted code rather more than it has."""
    return min(extent_px) / modules_across(payload)


def advice(px: float, share: float) -> Words:
    """What to do about a code of `px` pixels a module and `share` of the picture's height; empty: nothing."""
    if share > _LARGEST_SHARE:
        return Words("手机离摄像头太近：移远约 10 cm", "too close: move the phone about 10 cm away")
    if px >= _GOOD_PX:
        return Words()
    closer = max(1, round((1 - px / _GOOD_PX) * 10) * 5)
    if px < _LEAST_PX:
        return Words(
            f"码太小：移近约 {closer} cm，或用更高分辨率、更长焦镜头",
            f"the code is too small: move the phone {closer} cm closer, or use a longer lens or a higher resolution",
        )
    return Words(
        f"可读但余量小：移近约 {closer} cm", f"read, but with little to spare: move the phone {closer} cm closer"
    )


def words_for(px: float) -> Words:
    """The size in words."""
    return same(f"{px:.1f} px/module")
