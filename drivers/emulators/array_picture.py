"""What an infrared array of 32x24 sees: a wall, a head on a body, and by word a cup, a lamp, an engine. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drivers.emulators.thermometer_module import Seen

WIDTH: Final = 32
HEIGHT: Final = 24

_Picture = list[list[float]]
_Inside = Callable[[int, int], bool]


def painted(seen: Seen) -> list[float]:
    """The picture, row by row from the upper left, in degrees. An object as cool as the wall does not show."""
    picture = [[seen.ambient_c] * WIDTH for _ in range(HEIGHT)]
    if "engine" in seen.beside:
        _engine(picture)
    _person(picture, seen.ambient_c, seen.object_c)
    for thing in seen.beside:
        if thing in _THINGS:
            inside, celsius = _THINGS[thing]
            _fill(picture, inside, celsius)
    return _blurred(picture)


def _person(picture: _Picture, wall_c: float, skin_c: float) -> None:
    above_c = skin_c - wall_c
    # Clothes, hair and nose lie on the way from the wall to the skin; the neck is as warm as a cheek.
    _fill(picture, lambda x, y: y >= 20 and 7 <= x <= 25, wall_c + 0.45 * above_c)
    _fill(picture, lambda x, y: y >= 16 and 14 <= x <= 18, wall_c + 0.93 * above_c)
    _fill(picture, _ellipse(16, 9, 6.0, 7.5), wall_c + 0.5 * above_c)
    _fill(picture, _ellipse(16, 11, 5.2, 6.8), skin_c)
    _fill(picture, lambda x, y: _ellipse(16, 11, 5.2, 6.8)(x, y) and y > 11, wall_c + 0.95 * above_c)
    _fill(picture, lambda x, y: 12 <= y <= 13 and 15 <= x <= 17, wall_c + 0.8 * above_c)


def _engine(picture: _Picture) -> None:
    """A bonnet that comes in from the left, warmest in the corner; a coat's width away from the person."""
    for y in range(7, HEIGHT):
        for x in range(7):
            picture[y][x] = 47.0 - 1.2 * x - 0.4 * (HEIGHT - 1 - y)


def _ellipse(centre_x: float, centre_y: float, half_width: float, half_height: float) -> _Inside:
    return lambda x, y: ((x - centre_x) / half_width) ** 2 + ((y - centre_y) / half_height) ** 2 <= 1


_THINGS: Final[dict[str, tuple[_Inside, float]]] = {
    "cup": (lambda x, y: 2 <= x <= 6 and 12 <= y <= 17, 58.0),
    "warm_cup": (lambda x, y: 2 <= x <= 6 and 12 <= y <= 17, 37.0),
    "lamp": (_ellipse(27, 4, 2.5, 2.5), 150.0),
}


def _fill(picture: _Picture, inside: _Inside, celsius: float) -> None:
    for y in range(HEIGHT):
        for x in range(WIDTH):
            if inside(x, y):
                picture[y][x] = celsius


def _blurred(picture: _Picture) -> list[float]:
    """As the lens does: each pixel half itself, and an eighth of each neighbour."""
    seen = []
    for y in range(HEIGHT):
        above, row, below = picture[max(y - 1, 0)], picture[y], picture[min(y + 1, HEIGHT - 1)]
        for x in range(WIDTH):
            beside_c = row[max(x - 1, 0)] + row[min(x + 1, WIDTH - 1)]
            seen.append(row[x] / 2 + (above[x] + below[x] + beside_c) / 8)
    return seen
