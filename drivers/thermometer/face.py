"""Finds a face in the 32x24 picture of an infrared array, by size, shape, warmth and what stands around it. Pure.

All temperatures are hundredths of a degree. The rules tell a face from what else is warm at a gate: a cup is too hot or
stands free, a lamp is far too hot, a bonnet has no edge. What they can't tell apart is said in docs/thermometers.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 32
HEIGHT: Final = 24
PIXELS: Final = WIDTH * HEIGHT

# Hotter than any skin. What touches such a pixel is its glow, whatever it measures itself.
_HOT: Final = 4300
# Skin that is seen straight lies in here; the gate's policy looks at a narrower range still.
_FACE_RANGE: Final = range(2800, 4201)
# Skin indoors: half way from the surroundings to it is where a face begins.
_USUAL_SKIN: Final = 3400
_LEAST_CONTRAST: Final = 150
# A face 15 cm wide is about 26 pixels at 1 m in 55 degrees of view, or at 0.5 m in 110; below that it is too far.
_LEAST_AREA: Final = 20
_WIDEST: Final = 24
# From a forehead between hair and spectacles to a face with its neck; and no rods or rings.
_LEAST_TALL, _MOST_TALL = 0.35, 2.4
_LEAST_FILLED: Final = 0.5
# How far below the warmest skin the blob is cut: all of a face; if clothes hang on to it, less of it.
_CUTS: Final = (350, 200, 100)
# Without its shoulders somebody too wide is much narrower; a wide thing only loses its rim.
_SHOULDERS: Final = 0.75
# Two pixels outside of the blob it is the wall, if not more than this share of the way to the blob is left.
_AT_WALL: Final = 0.25
# A head stands on a neck and wears hair; only a thing has the wall nearly all around it.
_MOST_AT_WALL: Final = 0.85
# Over these two pixels a face falls by more of that way than this; something large and evenly warm does not.
_SOFT: Final = 0.25
_MOST_SOFT: Final = 0.5

_ROW: Final = WIDTH + 2
_SIDES: Final = (-_ROW, -1, 1, _ROW)
_AROUND: Final = (-_ROW - 1, -_ROW, -_ROW + 1, -1, 1, _ROW - 1, _ROW, _ROW + 1)
# Padded by one pixel on each side, so that no step leaves the picture unseen.
_PLACES: Final = tuple((y + 1) * _ROW + x + 1 for y in range(HEIGHT) for x in range(WIDTH))


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is, in pixels from the upper left, and how warm it is: the middle of its warmest quarter."""

    left: int
    top: int
    width: int
    height: int
    area: int
    centi_c: int


def find_face(pixels: Sequence[int], ambient: int) -> Face | None:
    """The nearest face in `pixels` (row by row from the upper left), or None. `ambient`: of the sensor itself."""
    wall = sorted(pixels)[PIXELS // 4]
    base = min(wall, ambient)
    floor = max(base + _LEAST_CONTRAST, (base + _USUAL_SKIN) // 2)
    warm = {place: value for place, value in zip(_PLACES, pixels, strict=True) if value >= floor}
    _take_out_hot(warm)
    view = dict(zip(_PLACES, pixels, strict=True))
    faces = [face for blob in _blobs(warm) if (face := _face_in(blob, view, wall)) is not None]
    nearest = max(faces, key=lambda face: face.area, default=None)
    return nearest if nearest is None else _forehead_of(nearest, faces)


def _forehead_of(face: Face, faces: list[Face]) -> Face:
    """Spectacles part a forehead from the rest, and a mask cools the rest: then the forehead is what counts."""
    above = [
        one
        for one in faces
        if one.centi_c > face.centi_c
        and one.top < face.top
        and one.left < face.left + face.width
        and face.left < one.left + one.width
    ]
    return max(above, key=lambda one: one.area, default=face)


def _take_out_hot(warm: dict[int, int]) -> None:
    """Remove what is hotter than skin and what glows beside it. One such pixel alone is a defect of the sensor."""
    hot = [place for place, value in warm.items() if value > _HOT]
    spots = set(hot)
    for place in hot:
        warm.pop(place, None)
        if any(place + step in spots for step in _SIDES):
            for step in _AROUND:
                warm.pop(place + step, None)


def _blobs(places: dict[int, int]) -> Iterator[dict[int, int]]:
    """The connected parts that are large enough to look at, each with its values."""
    left = dict(places)
    while left:
        place, value = left.popitem()
        blob, edge = {place: value}, [place]
        while edge:
            place = edge.pop()
            for step in _SIDES:
                beside = left.pop(place + step, None)
                if beside is not None:
                    blob[place + step] = beside
                    edge.append(place + step)
        if len(blob) >= _LEAST_AREA:
            yield blob


def _face_in(blob: dict[int, int], view: dict[int, int], wall: int) -> Face | None:
    """The largest face in one warm blob. The widest cut that leaves something of a face's shape decides."""
    level = _level(blob)
    widest: float = _WIDEST
    for cut in _CUTS:
        parts = _blobs({place: value for place, value in blob.items() if value >= level - cut})
        measured = [(part, _measured(part)) for part in parts]
        shaped = [(part, face) for part, face in measured if face.width <= widest and _has_shape(face)]
        if shaped:
            faces = [face for part, face in shaped if face.centi_c in _FACE_RANGE and _ends(part, view, wall, face)]
            return max(faces, key=lambda face: face.area, default=None)
        too_wide = [face.width for _, face in measured if face.width > _WIDEST]
        widest = min([widest, *(_SHOULDERS * width for width in too_wide)])
    return None


def _measured(part: dict[int, int]) -> Face:
    rows = [place // _ROW - 1 for place in part]
    columns = [place % _ROW - 1 for place in part]
    left, top = min(columns), min(rows)
    return Face(left, top, max(columns) - left + 1, max(rows) - top + 1, len(part), _level(part))


def _has_shape(face: Face) -> bool:
    return (
        _LEAST_TALL <= face.height / face.width <= _MOST_TALL
        and face.area >= _LEAST_FILLED * face.width * face.height
        and _is_whole(face)
    )


def _is_whole(face: Face) -> bool:
    """Cut off by a side it is part of something; a forehead or a neck may be cut off, but not both."""
    at_side = face.left == 0 or face.left + face.width == WIDTH
    return not at_side and (face.top > 0 or face.top + face.height < HEIGHT)


def _ends(part: dict[int, int], view: dict[int, int], wall: int, face: Face) -> bool:
    """Whether the part ends as a face does: neither against the wall all around, nor hardly anywhere."""
    contrast = face.centi_c - wall
    ends = at_wall = soft = 0
    for place, value in part.items():
        for step in _SIDES:
            if place + step in part or place + 2 * step in part:
                continue
            ends += 1
            outside = view.get(place + 2 * step)
            if outside is not None:
                at_wall += outside - wall < _AT_WALL * contrast
                soft += value - outside < _SOFT * contrast
    return at_wall <= _MOST_AT_WALL * ends and soft <= _MOST_SOFT * ends


def _level(blob: dict[int, int]) -> int:
    """The middle of the warmest quarter: steadier than the warmest pixel, and a broken one does not move it."""
    return sorted(blob.values())[len(blob) - 1 - len(blob) // 8]
