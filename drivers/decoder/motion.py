"""Whether anything changed since the picture last looked at, and where: cheap enough for every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivers.decoder.decoder import Box
    from drivers.decoder.pictures import Gray

SMALL_PX: Final = (160, 90)
_SAMPLED_PX: Final = (2 * SMALL_PX[0], 2 * SMALL_PX[1])
# Each small pixel is the mean of four samples: sensor noise of 4 grey levels leaves 2, a difference of two frames 2.8.
# Four and a half times that is passed by one small pixel in 100 000; a waving hand or a code on a phone passes by far.
_CHANGED_LEVELS: Final = 13
# A phone at arm's length covers several hundred small pixels of a 720p frame.
_LEAST_CHANGED: Final = 24
# A row or column with fewer changed pixels is noise, not the edge of something.
_LEAST_IN_LINE: Final = 2
# The moving thing may reach beyond what changed, and a code needs its quiet zone.
_MARGIN: Final = 12


def thumbnail(image: NDArray[Any]) -> Gray:
    """A gray picture of SMALL_PX. Of colour only green is taken: it carries most of the light."""
    sampled = cv2.resize(image, _SAMPLED_PX, interpolation=cv2.INTER_NEAREST)
    if sampled.ndim == 3:
        sampled = np.ascontiguousarray(sampled[:, :, min(1, sampled.shape[2] - 1)])
    small: Gray = cv2.resize(sampled, SMALL_PX, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return small


class MotionCheck:
    """Compares thumbnails with a reference that the caller renews whenever it has looked at a picture.

    The reference is not simply the frame before: what moves slowly would never differ from that.
    """

    def __init__(self) -> None:
        self._reference: Gray | None = None

    def changed(self, small: Gray) -> tuple[float, float, float, float] | None:
        """Left, top, right, bottom of what changed, as shares of the picture; None if nothing did."""
        if self._reference is None:
            return (0.0, 0.0, 1.0, 1.0)
        difference = cv2.absdiff(small, self._reference)
        mask = cv2.threshold(difference, _CHANGED_LEVELS, 255, cv2.THRESH_BINARY)[1]
        if cv2.countNonZero(mask) < _LEAST_CHANGED:
            return None
        return _box(mask)

    def renew(self, small: Gray) -> None:
        """From now on compare with this."""
        self._reference = small


def _box(mask: NDArray[Any]) -> tuple[float, float, float, float]:
    width, height = SMALL_PX
    columns = np.flatnonzero(np.count_nonzero(mask, axis=0) >= _LEAST_IN_LINE)
    rows = np.flatnonzero(np.count_nonzero(mask, axis=1) >= _LEAST_IN_LINE)
    if not columns.size or not rows.size:
        return (0.0, 0.0, 1.0, 1.0)
    left, right = max(0, columns[0] - _MARGIN), min(width, columns[-1] + 1 + _MARGIN)
    top, bottom = max(0, rows[0] - _MARGIN), min(height, rows[-1] + 1 + _MARGIN)
    return (left / width, top / height, right / width, bottom / height)


def union(one: tuple[float, ...] | None, other: tuple[float, ...]) -> tuple[float, float, float, float]:
    """The smallest box around both."""
    a = one or other
    return (min(a[0], other[0]), min(a[1], other[1]), max(a[2], other[2]), max(a[3], other[3]))


def in_pixels(share: tuple[float, float, float, float], width_px: int, height_px: int) -> Box:
    """A box of shares as a box of pixels."""
    left, top, right, bottom = share
    return (int(left * width_px), int(top * height_px), round(right * width_px), round(bottom * height_px))
