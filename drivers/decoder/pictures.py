"""Any picture made into what the decoders take: gray, eight bits, of bounded size."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

# Read once, when cv2 is loaded: a picture of a few bytes can claim a gigapixel (cv2's own bound is 2**30).
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 27))

import cv2
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Gray = NDArray[np.uint8]

# One native thread: the gate has other work, and the decoders use one anyway.
cv2.setNumThreads(1)

# A dense code still has 4 pixels a module when it fills a quarter of this.
MAX_SIDE_PX: Final = 4000
MAX_FILE_BYTES: Final = 64 << 20
_ALPHA: Final = {2: 1, 4: 3}


class PictureError(ValueError):
    """This is not a picture that can be looked at; the text says why."""


def as_gray(image: object) -> Gray:
    """Gray uint8 of at most MAX_SIDE_PX a side. Takes gray, gray + alpha, BGR and BGRA of any number type.

    Transparent parts become white, as on the page such a picture is made for. Raises PictureError.
    """
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3) or 0 in image.shape:
        raise PictureError(f"not a picture: {getattr(image, 'shape', type(image).__name__)}")
    small = _bounded(np.ascontiguousarray(_eight_bits(image)))
    channels = 1 if small.ndim == 2 else small.shape[2]
    if channels in _ALPHA:
        small = _on_white(small, _ALPHA[channels])
        channels = _ALPHA[channels]
    if channels == 1:
        return np.ascontiguousarray(small.reshape(small.shape[:2]))
    if channels != 3:
        raise PictureError(f"not a picture: {channels} channels")
    gray: Gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)  # type: ignore[assignment]
    return gray


def load(path: Path) -> NDArray[Any]:
    """The picture in a file, as stored. Raises OSError if it cannot be read, PictureError if it is no picture."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PictureError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    if not data:
        raise PictureError("the file is empty")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as fault:
        raise PictureError(str(fault).strip()) from fault
    if image is None:
        raise PictureError("not a picture in a known format (JPEG, PNG, WebP, TIFF, BMP)")
    return image


def _eight_bits(image: NDArray[Any]) -> Gray:
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    if image.dtype == np.bool_:
        return image.astype(np.uint8) * np.uint8(255)
    if image.dtype == np.uint16:
        return (image >> 8).astype(np.uint8)
    if image.dtype.kind not in "iuf":
        raise PictureError(f"not a picture: numbers of type {image.dtype}")
    if image.dtype.kind != "f":
        return np.clip(image.astype(np.int64), 0, 255).astype(np.uint8)
    values = np.clip(np.nan_to_num(image, nan=0.0, posinf=255.0, neginf=0.0), 0, 255)
    # Floating-point pictures run from 0 to 1 by custom; others are taken as they stand.
    eight: Gray = (values * (255 if values.max() <= 1 else 1)).astype(np.uint8)
    return eight


def _bounded(image: Gray) -> Gray:
    height, width = image.shape[:2]
    shrink = MAX_SIDE_PX / max(height, width)
    if shrink >= 1:
        return image
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    shrunk: Gray = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return shrunk


def _on_white(image: Gray, colours: int) -> Gray:
    alpha = image[:, :, colours:].astype(np.uint16)
    flat = (image[:, :, :colours] * alpha + 255 * (255 - alpha)) // 255
    return flat.astype(np.uint8)
