"""A pass held up to a camera: a real QR code on a phone or on paper, with what goes wrong on the way to the lens."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import cv2
import numpy as np
import segno

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

Kind = Literal["phone", "paper"]

# ISO/IEC 18004 asks for a quiet zone of four modules.
_QUIET_MODULES: Final = 4
# The card is drawn at this size and then warped down or up to the wanted one.
_DRAWN_PX_PER_MODULE: Final = 8
_BEZEL: Final = 28
_DARK_MODE: Final = 22
_PAPER: Final = 238
_SCREEN: Final = 250
_INK: Final = 12
# Stripes of moire: period in pixels of the frame, across and down.
_MOIRE_PERIODS_PX: Final = (5.3, 7.1)


@dataclass(frozen=True, slots=True)
class Effects:
    """What lies between code and sensor; the defaults are a good pass in good light.

    `angle_deg` turns it in the plane, `tilt_deg` away from the lens; `blur_px` is the sigma of the defocus; `contrast`
    below 1 is a dim screen; `moire` and `glare` go from 0 to 1; `inverted` is a light code on dark; `dark_surround` is
    dark mode round a light quiet zone.
    """

    angle_deg: float = 0.0
    tilt_deg: float = 6.0
    blur_px: float = 0.6
    contrast: float = 1.0
    moire: float = 0.0
    glare: float = 0.0
    inverted: bool = False
    dark_surround: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """One person and what they hold up. `x` and `y` are the centre of the code as shares of the frame."""

    payload: bytes | str
    kind: Kind = "phone"
    x: float = 0.5
    y: float = 0.55
    px_per_module: float = 5.0
    effects: Effects = field(default_factory=Effects)


def draw(held: Held, frame: Picture, shift: tuple[int, int] = (0, 0)) -> None:
    """Paint the card into a BGR frame, moved by `shift` pixels; parts outside the frame are cut off."""
    card, code_side = _card(held.payload, held.kind, held.effects.inverted, held.effects.dark_surround)
    height, width = frame.shape[:2]
    centre = (held.x * width + shift[0], held.y * height + shift[1])
    scale = held.px_per_module / _DRAWN_PX_PER_MODULE
    quad = _quad(card.shape[1] * scale, card.shape[0] * scale, held.effects) + np.array(centre, np.float32)
    left, top = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 4, 0)
    right, bottom = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 4, (width, height))
    if right <= left or bottom <= top:
        return
    corners = np.array([[0, 0], [card.shape[1], 0], [card.shape[1], card.shape[0]], [0, card.shape[0]]], np.float32)
    warp = cv2.getPerspectiveTransform(corners, (quad - np.array([left, top], np.float32)).astype(np.float32))
    size = (int(right - left), int(bottom - top))
    # Minifying without a filter would alias: the card is softened first as the optics would.
    soft = cv2.GaussianBlur(card, (0, 0), 0.35 / scale) if scale < 1 else card
    seen = cv2.warpPerspective(soft, warp, size, flags=cv2.INTER_LINEAR).astype(np.float32)
    mask = cv2.warpPerspective(np.full(card.shape, 255, np.uint8), warp, size, flags=cv2.INTER_LINEAR)
    seen = _through_the_air(seen, held.effects, code_side * scale, (centre[0] - left, centre[1] - top))
    _blend(frame[top:bottom, left:right], seen, mask, held.effects.blur_px)


def _blend(window: Picture, seen: NDArray[np.float32], mask: NDArray[Any], blur_px: float) -> None:
    share = mask.astype(np.float32)[:, :, None] / 255
    mixed = window * (1 - share) + np.clip(seen, 0, 255)[:, :, None] * share
    if blur_px > 0:
        mixed = np.asarray(cv2.GaussianBlur(mixed, (0, 0), blur_px))
    window[:] = mixed.astype(np.uint8)


def _through_the_air(
    seen: NDArray[np.float32], effects: Effects, code_px: float, centre: tuple[float, float]
) -> NDArray[np.float32]:
    down, across = np.mgrid[0 : seen.shape[0], 0 : seen.shape[1]].astype(np.float32)
    if effects.moire:
        one = np.sin(2 * np.pi * (across + 0.3 * down) / _MOIRE_PERIODS_PX[0])
        other = np.sin(2 * np.pi * (down - 0.2 * across) / _MOIRE_PERIODS_PX[1])
        seen = seen * (1 - effects.moire * (0.25 + 0.125 * (one + other)))
    if effects.contrast < 1:
        seen = 30 + seen * effects.contrast
    if effects.glare:
        spot = (across - centre[0] - 0.2 * code_px) ** 2 + (down - centre[1] - 0.15 * code_px) ** 2
        seen = seen + 255 * effects.glare * np.exp(-spot / (2 * (0.13 * code_px) ** 2))
    return seen


def _quad(width: float, height: float, effects: Effects) -> NDArray[np.float32]:
    half = np.array([[-width, -height], [width, -height], [width, height], [-width, height]], np.float32) / 2
    # Seen from the lens at a distance of three cards: the far edge shrinks.
    depth = 1 + half[:, 0] * np.sin(np.radians(effects.tilt_deg)) / (3 * max(width, height))
    flat = half * np.array([np.cos(np.radians(effects.tilt_deg)), 1], np.float32) / depth[:, None]
    turn = np.radians(effects.angle_deg)
    turned: NDArray[np.float32] = flat @ np.array(
        [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32
    )
    return turned


@lru_cache(maxsize=32)
def _card(payload: bytes | str, kind: Kind, inverted: bool, dark_surround: bool) -> tuple[Picture, int]:
    """The card in gray, seen straight on, and the side of its code; the code is in the middle."""
    code = _code(payload, inverted)
    side = code.shape[0]
    pad = side // 8
    height = int(side * (1.9 if kind == "phone" else 1.45))
    dark = kind == "phone" and (dark_surround or inverted)
    card = np.full((height, side + 2 * pad), _DARK_MODE if dark else _SCREEN if kind == "phone" else _PAPER, np.uint8)
    top = (height - side) // 2
    card[top : top + side, pad : pad + side] = code
    for line in range(3):
        at = top // 4 + line * top // 5
        card[at : at + max(2, top // 14), pad : pad + side - line * side // 4] = 150
    if kind == "phone":
        cv2.rectangle(card, (0, 0), (card.shape[1] - 1, height - 1), _BEZEL, max(4, pad // 3))
    return card, side


def _code(payload: bytes | str, inverted: bool) -> Picture:
    code = segno.make(payload, error="m", micro=False, boost_error=False)
    rows = np.array([list(row) for row in code.matrix_iter(border=_QUIET_MODULES)], np.uint8)
    modules = np.where((rows > 0) != inverted, _INK, _SCREEN).astype(np.uint8)
    return np.kron(modules, np.ones((_DRAWN_PX_PER_MODULE, _DRAWN_PX_PER_MODULE), np.uint8))
