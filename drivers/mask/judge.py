"""Runs a mask model through OpenCV: loaded from checked bytes, tried on one picture before it is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from drivers.errors import OptionError
from drivers.mask.anchors import TensorError, faces_in
from drivers.mask.files import KINDS, PICTURE_PX, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drivers.mask.faces import Face

    Decode = Callable[[list[NDArray[Any]]], list[Face]]

# One file a model: the decoding of its tensors, and the side of its picture in files.PICTURE_PX.
_DECODERS: Final[dict[str, Decode]] = {"ssd260": faces_in}
_GREY: Final = 128


class MaskJudge:
    """A loaded model. `sha256`: of the bytes that were loaded. `describe`: its tensors, in words."""

    def __init__(self, data: bytes, kind: str) -> None:
        """Raises OptionError if these bytes are no model of this kind."""
        if kind not in KINDS:
            raise OptionError(f"mask: kind {kind!r} is unknown; there are: {', '.join(KINDS)}")
        self.sha256 = digest_of(data)
        self._side_px, self._decode = PICTURE_PX[kind], _DECODERS[kind]
        # One thread: the gate and the decoders of codes have the other cores.
        cv2.setNumThreads(1)
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
            self._names = self._net.getUnconnectedOutLayersNames()
            outputs = self._run(np.full((self._side_px, self._side_px, 3), _GREY, np.uint8))
            self._decode(outputs)
        except (cv2.error, TensorError) as fault:
            raise OptionError(f"mask: this is no {kind} model: {_first_line(fault)}") from fault
        self.describe = f"{self._side_px} x {self._side_px} -> " + ", ".join(str(output.shape) for output in outputs)

    def faces(self, image: NDArray[Any]) -> list[Face]:
        """The faces in one picture, height x width x 3 (BGR) or gray.

        Raises OptionError if the model gives nonsense.
        """
        try:
            return self._decode(self._run(image))
        except (cv2.error, TensorError) as fault:
            raise OptionError(f"mask: the model failed on a picture: {_first_line(fault)}") from fault

    def faces_in_bytes(self, pixels: bytes) -> list[Face]:
        """The same of a picture from `shrunk`."""
        if len(pixels) != 3 * self._side_px**2:
            raise OptionError(f"mask: a picture of {len(pixels)} bytes; {3 * self._side_px**2} are needed")
        return self.faces(np.frombuffer(pixels, np.uint8).reshape(self._side_px, self._side_px, 3))

    def _run(self, image: NDArray[Any]) -> list[NDArray[Any]]:
        blob = cv2.dnn.blobFromImage(in_colour(image), 1 / 255, (self._side_px, self._side_px), swapRB=True)
        self._net.setInput(blob)
        return [np.asarray(output) for output in self._net.forward(self._names)]


def in_colour(image: NDArray[Any]) -> NDArray[Any]:
    """Three channels, whatever the camera gives."""
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image


def shrunk(image: NDArray[Any], kind: str) -> bytes:
    """The whole picture at the model's size, its proportions given up as the model was trained, as bytes in BGR."""
    side_px = PICTURE_PX[kind]
    small: NDArray[np.uint8] = cv2.resize(in_colour(image), (side_px, side_px), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return small.tobytes()


def _first_line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:300]
