"""From the faces in one picture to what they say together: worn, not worn, or not to be told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["mask", "no_mask", "unsure"]


@dataclass(frozen=True, slots=True)
class Face:
    """One face: its box in shares of the picture (0 to 1), whether a mask was seen on it, and how surely (0 to 1)."""

    left: float
    top: float
    right: float
    bottom: float
    masked: bool
    score: float

    @property
    def height_share(self) -> float:
        """Height of the box as a share of the picture's, without what lies outside of it."""
        return max(0.0, min(1.0, self.bottom) - max(0.0, self.top))


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture says. `face_share`: height of the largest face; 0: none was found.

    `score`: the lowest of the faces that decided, 0 where none did. `faces`: how many were near enough to decide.
    """

    state: State
    face_share: float = 0.0
    score: float = 0.0
    faces: int = 0


def look_of(faces: Sequence[Face], face_min: float, score_min: float) -> Look:
    """What the near faces say together; people further back say nothing.

    One bare face near the camera is no mask, whoever else wears one; one that the model is not sure of is unsure.
    """
    largest = max((face.height_share for face in faces), default=0.0)
    near = [face for face in faces if face.height_share >= face_min]
    if not near:
        return Look("unsure", largest)
    bare = [face.score for face in near if not face.masked and face.score >= score_min]
    if bare:
        return Look("no_mask", largest, min(bare), len(near))
    score = min(face.score for face in near)
    return Look("mask" if score >= score_min else "unsure", largest, score, len(near))
