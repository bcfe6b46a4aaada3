"""An entrance as a fixed camera sees it: walls, floor, people who come and go, and a sensor with its noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from drivers.emulators.camera_card import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drivers.emulators.camera_card import Held, Picture

WIDTH_PX: Final = 1280
HEIGHT_PX: Final = 720
NOISE_SIGMA: Final = 3.0
# The noise field is larger than the frame by this: a different cut of it is a different noise.
_NOISE_MARGIN_PX: Final = 64
_COATS: Final = ((96, 72, 58), (62, 84, 112))
_SKIN: Final = (150, 172, 205)


class Scene:
    """Draws frames in BGR. The same seed draws the same entrance and the same noise."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._entrance = _entrance(self._random)
        field = self._random.normal(0, NOISE_SIGMA, (HEIGHT_PX + _NOISE_MARGIN_PX, WIDTH_PX + _NOISE_MARGIN_PX))
        self._noise = cv2.merge([field.round().astype(np.int16)] * 3)

    def picture(self, people: Sequence[Held], away: float = 0.0) -> Picture:
        """The entrance with these people, without noise. `away`: -1 left of the frame, 0 in place, 1 right of it."""
        frame = self._entrance.copy()
        shift = (round(away * WIDTH_PX), 0)
        for number, held in enumerate(people):
            _draw_person(frame, held, shift, _COATS[number % len(_COATS)])
            draw(held, frame, shift)
        return frame

    def noisy(self, picture: Picture) -> Picture:
        """The same as the sensor gives it: other noise at every call."""
        top, left = self._random.integers(0, _NOISE_MARGIN_PX, 2)
        noise = self._noise[top : top + HEIGHT_PX, left : left + WIDTH_PX]
        return cv2.add(picture, noise, dtype=cv2.CV_8U)  # type: ignore[return-value]

    def black(self) -> Picture:
        """A covered lens: the noise is all there is."""
        return self.noisy(np.full_like(self._entrance, 4))


def _entrance(random: np.random.Generator) -> Picture:
    soft = cv2.GaussianBlur(random.normal(0, 1, (HEIGHT_PX, WIDTH_PX)).astype(np.float32), (0, 0), 30)
    light = 150 + soft / float(np.abs(soft).max()) * 40 - np.linspace(0, 45, HEIGHT_PX, dtype=np.float32)[:, None]
    grain = cv2.GaussianBlur(random.normal(0, 22, (HEIGHT_PX, WIDTH_PX)).astype(np.float32), (0, 0), 1.5)
    floor_px = int(HEIGHT_PX * 0.78)
    wall = light + grain
    # Tiles on the floor, a door with a frame: straight edges and corners, which is what a decoder stumbles over.
    wall[floor_px:] -= 30
    wall[floor_px::36] -= 22
    wall[floor_px:, ::72] -= 22
    picture: Picture = np.dstack([wall * 1.02, wall, wall * 0.96]).clip(0, 255).astype(np.uint8)
    cv2.rectangle(picture, (860, 90), (1130, floor_px), (70, 84, 96), -1)
    cv2.rectangle(picture, (860, 90), (1130, floor_px), (40, 46, 52), 8)
    for left in range(90, 420, 110):
        cv2.rectangle(picture, (left, 120), (left + 84, 250), (206, 200, 190), -1)
    return picture


def _draw_person(frame: NDArray[np.uint8], held: Held, shift: tuple[int, int], coat: tuple[int, int, int]) -> None:
    x, y = round(held.x * WIDTH_PX) + shift[0], round(held.y * HEIGHT_PX) + shift[1]
    shoulder = (x + 60, y + 170)
    cv2.ellipse(frame, shoulder, (210, 330), 0, 180, 360, coat, -1, cv2.LINE_AA)
    cv2.rectangle(frame, (shoulder[0] - 210, shoulder[1]), (shoulder[0] + 210, HEIGHT_PX), coat, -1)
    cv2.ellipse(frame, (x + 60, y - 230), (82, 108), 0, 0, 360, _SKIN, -1, cv2.LINE_AA)
    cv2.ellipse(frame, (x + 60, y - 272), (86, 72), 0, 180, 360, (38, 34, 32), -1, cv2.LINE_AA)
    cv2.ellipse(frame, (x, y + 120), (70, 46), 0, 0, 360, _SKIN, -1, cv2.LINE_AA)
