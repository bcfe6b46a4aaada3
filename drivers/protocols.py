"""The abilities a device may have. A driver satisfies a protocol; it never imports the program that uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["surface", "body"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One checked frame of a thermometer.

    `object_c` is the surface in view, `body_c` what the module calls body temperature (never clinical), `ambient_c` the
    module's own surroundings; None where the model has no such value. `quality` is `("ok",)` or the marks that
    take away from it: `out_of_range`, `stuck`, `stale`, `mode_mismatch`, `no_face`. `raw` is the frame as received.
    """

    mono_ms: int
    model: str
    mode: Mode
    object_c: float | None
    ambient_c: float | None
    body_c: float | None
    distance_mm: int | None
    quality: tuple[str, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: `image` is height x width (gray) or height x width x 3 (BGR), uint8; `mono_ms` when grabbed."""

    number: int
    mono_ms: int
    image: NDArray[np.uint8]


class Camera(Protocol):
    """A source of frames of which only the newest counts."""

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not seen before, or None if none came in time. Raises DeviceGoneError."""

    def close(self) -> None:
        """Stop grabbing. May be called twice."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What became of one opening: `confirmed` only if the relay itself was read back as energised."""

    confirmed: bool
