"""Whether a camera sees: black, frozen or silent. Pure: times and figures go in, the name of a fault comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from drivers.camera.options import Limits

CameraFaultName = Literal["camera_missing", "camera_black", "camera_frozen"]

# Of 255. A covered lens shows 0 to 8 with little noise; an unlit yard at night still has a lamp in it somewhere.
_BLACK_MEAN: Final = 16.0
_BLACK_DEVIATION: Final = 5.0
# A person who holds up a pass moves; a picture that has stood still for so long may be of somebody who has left.
_STILL_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """What the checks need of one frame: brightness, its spread, and a sum that changes with any pixel."""

    mono_ms: int
    mean: float
    deviation: float
    checksum: int


class Health:
    """Judges one camera. `start_ms`: when it was opened, from which on a first frame is waited for."""

    def __init__(self, limits: Limits, start_ms: int) -> None:
        self._limits = limits
        self._last_ms = start_ms
        self._checksum: int | None = None
        self._same_since_ms = start_ms
        self._black_since_ms: int | None = None

    def seen(self, look: Look) -> None:
        """A frame came."""
        self._last_ms = look.mono_ms
        if look.checksum != self._checksum:
            self._checksum, self._same_since_ms = look.checksum, look.mono_ms
        dark = look.mean < _BLACK_MEAN and look.deviation < _BLACK_DEVIATION
        if not dark:
            self._black_since_ms = None
        elif self._black_since_ms is None:
            self._black_since_ms = look.mono_ms

    def still(self) -> bool:
        """Whether the newest picture has stood still to the last bit: what it shows need not be there any more."""
        return self._limits.frozen_after_s is not None and self._last_ms - self._same_since_ms >= _STILL_MS

    def fault(self, now_ms: int) -> CameraFaultName | None:
        """What is wrong now. A picture both black and frozen is called black: that is what a person would see."""
        if _passed(self._limits.missing_after_s, self._last_ms, now_ms):
            return "camera_missing"
        if _passed(self._limits.black_after_s, self._black_since_ms, self._last_ms):
            return "camera_black"
        if _passed(self._limits.frozen_after_s, self._same_since_ms, self._last_ms):
            return "camera_frozen"
        return None


def _passed(limit_s: float | None, since_ms: int | None, now_ms: int) -> bool:
    return limit_s is not None and since_ms is not None and now_ms - since_ms >= limit_s * 1000
