"""Masks: whether the people in front of the camera wear one, by a model that the operator brings along."""

from __future__ import annotations

from drivers.mask.faces import Face, Look, State, look_of
from drivers.mask.files import KINDS, MAX_MODEL_BYTES, PICTURE_PX, digest_of, read_model

__all__ = [
    "KINDS", "MAX_MODEL_BYTES", "PICTURE_PX", "Face", "Look", "State", "digest_of", "look_of", "read_model",
]  # fmt: skip
