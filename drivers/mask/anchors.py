"""Single-shot detector over 260x260 (SSD, arXiv:1512.02325): anchors, boxes from offsets, one box for each face."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drivers.mask.faces import Face

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Side of each feature map, and the two sizes of its anchors as shares of the picture.
_MAPS: Final = ((33, 0.04, 0.056), (17, 0.08, 0.11), (9, 0.16, 0.22), (5, 0.32, 0.45), (3, 0.64, 0.72))
_NARROW: Final = (0.62, 0.42)
_CENTRE_VARIANCE: Final = 0.1
_SIZE_VARIANCE: Final = 0.2
# Under this it is no face at all; between this and the floor of the gate file it is a face that can't be told.
CANDIDATE_SCORE: Final = 0.5
# Two boxes that share more than this of their union are one face.
_SAME_FACE: Final = 0.4
# More faces than stand in front of a gate.
_MOST_CANDIDATES: Final = 200
# A size beyond it is a broken model: e to the fourth is 55 times the anchor.
_LONGEST_LOG: Final = 4.0


class TensorError(ValueError):
    """The model's answer has not the form of this kind of model; says what was found and what is wanted."""


@cache
def anchors() -> NDArray[np.float32]:
    """Rows of centre x, centre y, width, height, as shares of the picture; map by map, row by row, cell by cell."""
    rows = []
    for side, small, large in _MAPS:
        shapes = [(small, small), (large, large)]
        shapes += [(small * ratio**0.5, small / ratio**0.5) for ratio in _NARROW]
        centres = (np.arange(side) + 0.5) / side
        y, x, shape = np.meshgrid(centres, centres, np.arange(len(shapes)), indexing="ij")
        sizes = np.array(shapes)[shape.ravel()]
        rows.append(np.column_stack((x.ravel(), y.ravel(), sizes)))
    return np.concatenate(rows).astype(np.float32)


def faces_in(outputs: list[NDArray[Any]]) -> list[Face]:
    """The faces of one picture, surest first, from the model's two tensors in either order. Raises TensorError."""
    offsets, scores = _checked(outputs)
    best = scores.max(axis=1)
    found = np.flatnonzero(best >= CANDIDATE_SCORE)
    order = found[np.argsort(-best[found], kind="stable")][:_MOST_CANDIDATES]
    boxes = _boxes(offsets[order], anchors()[order])
    kept = _one_each(boxes)
    # Class 0 is a masked face, class 1 a bare one.
    return [_face(boxes[at], scores[order[at]]) for at in kept]


def _checked(outputs: list[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    by_width = {output.shape[-1]: output for output in outputs if output.ndim == 3 and output.shape[0] == 1}
    wanted = len(anchors())
    if len(outputs) != 2 or set(by_width) != {2, 4} or any(o.shape[1] != wanted for o in by_width.values()):
        shapes = ", ".join(str(output.shape) for output in outputs) or "nothing"
        raise TensorError(f"gives {shapes}; an ssd260 gives (1, {wanted}, 4) and (1, {wanted}, 2)")
    offsets, scores = by_width[4][0], by_width[2][0]
    if not (np.isfinite(offsets).all() and np.isfinite(scores).all()):
        raise TensorError("gives values that are no numbers")
    if scores.min() < 0 or scores.max() > 1:
        raise TensorError(f"gives scores from {scores.min():.2f} to {scores.max():.2f}; they must lie between 0 and 1")
    return offsets, scores


def _boxes(offsets: NDArray[Any], own: NDArray[np.float32]) -> NDArray[np.float64]:
    """Left, top, right, bottom. Centres move in units of the anchor's size; sizes grow by powers of e."""
    centres = own[:, :2] + offsets[:, :2].astype(np.float64) * _CENTRE_VARIANCE * own[:, 2:]
    sizes = own[:, 2:] * np.exp(np.clip(offsets[:, 2:] * _SIZE_VARIANCE, -_LONGEST_LOG, _LONGEST_LOG))
    return np.column_stack((centres - sizes / 2, centres + sizes / 2))


def _one_each(boxes: NDArray[np.float64]) -> list[int]:
    """Of boxes that lie over one another only the first, which is the surest (non-maximum suppression)."""
    kept: list[int] = []
    for at, box in enumerate(boxes):
        if all(_overlap(box, boxes[other]) <= _SAME_FACE for other in kept):
            kept.append(at)
    return kept


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    whole = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - shared
    return shared / whole if whole > 0 else 0.0


def _face(box: NDArray[np.float64], scores: NDArray[Any]) -> Face:
    left, top, right, bottom = (float(edge) for edge in box)
    return Face(left, top, right, bottom, bool(scores[0] >= scores[1]), float(scores.max()))
