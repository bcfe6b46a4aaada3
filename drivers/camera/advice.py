"""How good a camera's pictures are for reading codes: light, focus, and the size of a code that somebody holds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import cv2
import numpy as np

from drivers.decoder.pictures import as_gray

if TYPE_CHECKING:
    from numpy.typing import NDArray

Light = Literal["dark", "bright", "good"]

# Mean of an 8-bit gray picture.
_DARK: Final = 40.0
_BRIGHT: Final = 215.0
# Sharp scenes have 0.25 to 0.5, and 0.55 to 0.8 after a blur of two pixels at this width.
_BLURRED: Final = 0.6
_WIDTH_PX: Final = 640
_WINDOW_PX: Final = 9
# Noise of a dim sensor looks like sharpness: it is smoothed away first.
_SMOOTH_PX: Final = 3


@dataclass(frozen=True, slots=True)
class View:
    """One picture. `sharpness`: variance of its Laplacian at 640 pixels width, to watch while turning a lens: scenes
    differ in it by far more than lenses do. `blur`: 0 sharp to 1, much the same for every scene.
    """

    width_px: int
    height_px: int
    brightness: float
    sharpness: float
    blur: float

    @property
    def light(self) -> Light:
        """In words."""
        return "dark" if self.brightness < _DARK else "bright" if self.brightness > _BRIGHT else "good"

    @property
    def is_blurred(self) -> bool:
        """No edge in the picture is a sharp one."""
        return self.blur > _BLURRED


def look_at(image: NDArray[Any]) -> View:
    """Measures one picture. Raises drivers.decoder.pictures.PictureError for something that is none."""
    gray = as_gray(image)
    height, width = gray.shape[:2]
    # Never larger than it is: what was never there would look blurred.
    scale = min(1.0, _WIDTH_PX / width)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    calm = cv2.GaussianBlur(small, (_SMOOTH_PX, _SMOOTH_PX), 0)
    return View(width, height, float(gray.mean()), float(cv2.Laplacian(calm, cv2.CV_64F).var()), blur_of(calm))


def blur_of(gray: NDArray[Any]) -> float:
    """How little is lost when the picture is blurred once more (Crete and others, The Blur Effect, SPIE 6492, 2007)."""
    fine = gray.astype(np.float32)
    return max(_blur_along(fine, axis) for axis in (0, 1))


def _blur_along(fine: NDArray[Any], axis: int) -> float:
    window = (_WINDOW_PX, 1) if axis == 1 else (1, _WINDOW_PX)
    change = np.abs(np.diff(fine, axis=axis))
    left = np.abs(np.diff(cv2.blur(fine, window), axis=axis))
    # A picture without any change has nothing to be sharp.
    return 1.0 - float(np.maximum(0.0, change - left).sum()) / max(float(change.sum()), 1.0)
