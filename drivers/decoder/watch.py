"""Which frames of a running camera are decoded, and how hard: an empty entrance must cost next to nothing.

Rules, for a camera of about 15 frames a second:
1. A frame that differs from the last decoded one is decoded.
2. After movement the next frames are decoded although they are still: a person holds the phone still to have it read.
3. While a code is in view every third still frame is decoded, so that the gate knows that it is still there; after a
   miss every frame, so that it soon knows that it is not.
4. In a scene at rest one frame a second is decoded: light changes slowly, and a code may be stuck to a windscreen.
5. Fallback variants have a budget per decoded pixel, and look only at what moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from drivers.decoder.decoder import Decoder
from drivers.decoder.motion import MotionCheck, in_pixels, thumbnail, union

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivers.decoder.codes import Decoded
    from drivers.decoder.pictures import Gray

# Frames decoded after the last movement: 0.8 s, in which every fallback has its turn twice.
_SETTLING_FRAMES: Final = 12
_IN_VIEW_EVERY: Final = 3
_AT_REST_EVERY: Final = 16
# Of the frames decoded at rest every fourth gets a fallback.
_FALLBACK_AT_REST_EVERY: Final = 4
# A code that one frame does not show is still there; three in a row, and it has left.
_MISSES_TO_LEAVE: Final = 3
# Measured cost per pixel of each fallback, in units of 1 ns on a 2-core x86 machine; only their ratio matters much.
_COST_PER_PX: Final = {"zxing-cpp+clahe": 5.0, "pyzbar+threshold": 16.0}
# What each decoded pixel earns. zxing-cpp itself costs 2.5 (1.6 without inverted codes): fallbacks may add a third.
_EARNED_PER_PX: Final = 0.8
# Standing still is the moment when the pass is held up: then fallbacks may cost more, for less than a second.
_EARNED_SETTLING_PER_PX: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What one frame showed. `decoded` is None where the frame was not worth decoding; `small` is its thumbnail.

    `in_view` stays true while a code that was read lately has not been missed in several frames.
    """

    moving: bool
    in_view: bool
    decoded: Decoded | None
    small: Gray


class Watch:
    """Looks at every frame of one camera, in order."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._motion = MotionCheck()
        self._still_frames = 0
        self._looks_at_rest = 0
        # Decoded frames without a code since the last one with a code.
        self._misses = _MISSES_TO_LEAVE
        self._odd = False
        self._earned = 0.0
        self._region: tuple[float, float, float, float] | None = None

    def see(self, image: NDArray[Any]) -> Sight:
        """Judge one frame and decode it if the rules say so."""
        small = thumbnail(image)
        change = self._motion.changed(small)
        if change is not None:
            # A new movement begins a new region; one that goes on widens it, for the code may be where it was before.
            self._region = change if self._at_rest else union(self._region, change)
            self._still_frames = 0
        else:
            self._still_frames += 1
        decoded = None
        if self._due(change is not None):
            self._motion.renew(small)
            decoded = self._decode(image)
            self._misses = 0 if decoded.codes else self._misses + 1
        return Sight(change is not None, self._in_view, decoded, small)

    @property
    def _in_view(self) -> bool:
        return self._misses < _MISSES_TO_LEAVE

    @property
    def _at_rest(self) -> bool:
        return self._still_frames > _SETTLING_FRAMES

    def _due(self, moving: bool) -> bool:
        if moving or 0 < self._misses < _MISSES_TO_LEAVE:
            return True
        if self._misses == 0:
            return self._still_frames % _IN_VIEW_EVERY == 0
        return not self._at_rest or self._still_frames % _AT_REST_EVERY == 0

    def _decode(self, image: NDArray[Any]) -> Decoded:
        height, width = image.shape[:2]
        if self._at_rest:
            self._looks_at_rest += 1
            return self._decoder.decode_frame(image, self._looks_at_rest % _FALLBACK_AT_REST_EVERY == 0)
        region = in_pixels(self._region, width, height) if self._region else (0, 0, width, height)
        self._earned += width * height * (_EARNED_SETTLING_PER_PX if self._still_frames else _EARNED_PER_PX)
        cost = _COST_PER_PX[self._decoder.next_fallback()] * (region[2] - region[0]) * (region[3] - region[1])
        affordable = self._earned >= cost
        # While things move and nothing is in view, every other frame looks for inverted codes: there will be a next.
        self._odd = not self._odd
        invert = self._odd or self._in_view or self._still_frames > 0
        decoded = self._decoder.decode_frame(image, affordable or self._decoder.has_favourite, region, invert)
        if affordable and not decoded.codes:
            self._spend(cost)
        return decoded

    def _spend(self, cost: float) -> None:
        # Nothing is saved up beyond one turn: an hour of empty frames must not buy a second of slow ones.
        self._earned = min(self._earned - cost, cost)
        if self._still_frames == 0:
            # What moved has been looked at; the next fallback looks at what moves from here on.
            self._region = None
