"""What is taken for a face in a picture of 32x24, and what is not."""

from __future__ import annotations

import random
import time
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.thermometer.face import HEIGHT, PIXELS, WIDTH, find_face

NOISE = 25


class Sight:
    """A picture under the brush, in hundredths of a degree."""

    def __init__(self, wall: int = 2100) -> None:
        self.wall = wall
        self.rows = [[wall] * WIDTH for _ in range(HEIGHT)]

    def fill(self, inside, value: int) -> Sight:
        for y in range(HEIGHT):
            for x in range(WIDTH):
                if inside(x, y):
                    self.rows[y][x] = value
        return self

    def box(self, left: float, top: float, width: float, height: float, value: int) -> Sight:
        return self.fill(lambda x, y: left <= x < left + width and top <= y < top + height, value)

    def disc(self, x0: float, y0: float, rx: float, ry: float, value: int) -> Sight:
        return self.fill(lambda x, y: ((x - x0) / rx) ** 2 + ((y - y0) / ry) ** 2 <= 1, value)

    def slope(self, corner: int, across: int, down: int) -> Sight:
        self.rows = [[corner + across * x + down * y for x in range(WIDTH)] for y in range(HEIGHT)]
        return self

    def hill(self, x0: float, y0: float, height: int, width: float) -> Sight:
        for y in range(HEIGHT):
            for x in range(WIDTH):
                self.rows[y][x] += round(height * exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * width**2)))
        return self

    def person(self, x0: float = 16, y0: float = 10, size: float = 1.0, skin: int = 3380, coat: float = 0.4) -> Sight:
        """Coat, neck, hair, face, nose; `size` 1 is a face 10 pixels wide, half a metre away in 55 degrees of view."""
        on = lambda share: round(self.wall + share * (skin - self.wall))  # noqa: E731
        self.box(x0 - 9 * size, y0 + 9 * size, 18 * size, HEIGHT, on(coat))
        self.box(x0 - 2 * size, y0 + 5 * size, 4 * size, 4 * size, on(0.93))
        self.disc(x0, y0 - 2 * size, 6 * size, 7.5 * size, on(0.5))
        self.disc(x0, y0, 5 * size, 6.5 * size, skin)
        self.box(x0 - 1 * size, y0 + 1 * size, 2 * size, 2 * size, on(0.78))
        return self

    def seen(self, seed: int = 0) -> list[int]:
        """Blurred by the lens, with the sensor's noise."""
        rng = random.Random(seed)

        def at(x: int, y: int) -> int:
            return self.rows[min(max(y, 0), HEIGHT - 1)][min(max(x, 0), WIDTH - 1)]

        return [
            (4 * at(x, y) + at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1)) // 8 + round(rng.gauss(0, NOISE))
            for y in range(HEIGHT)
            for x in range(WIDTH)
        ]


def face_of(sight: Sight, ambient: int | None = None, seed: int = 0):
    return find_face(sight.seen(seed), sight.wall + 200 if ambient is None else ambient)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("skin", [3050, 3380, 3600, 3800, 4000])
@pytest.mark.parametrize("wall", [-1000, 500, 2100, 2400])
def test_a_face_is_found_and_measured_at_every_wall(wall, skin, seed):
    face = face_of(Sight(wall).person(skin=skin), seed=seed)
    assert face is not None
    # The warmest quarter of so much noise lies a little high, and always about as much.
    assert face.centi_c == pytest.approx(skin + 20, abs=40)
    assert 9 <= face.width <= 14


@pytest.mark.parametrize("size", [0.6, 0.8, 1.0, 1.3, 1.6])
@pytest.mark.parametrize("x0", [9, 16, 23])
def test_near_and_far_left_and_right(size, x0):
    sight = Sight().person(x0, 10, size)
    is_whole = 5 * size < min(x0, WIDTH - 1 - x0)
    face = face_of(sight)
    assert (face is not None) == is_whole
    if face is not None:
        assert face.left < x0 < face.left + face.width


@given(
    size=st.floats(0.7, 1.4), x0=st.integers(9, 22), y0=st.integers(9, 12), skin=st.integers(3100, 3950),
    wall=st.integers(-1500, 2600), seed=st.integers(0, 9),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_wherever_it_is_its_warmth_comes_out(size, x0, y0, skin, wall, seed):
    face = face_of(Sight(wall).person(x0, y0, size, skin), seed=seed)
    assert face is None or face.centi_c == pytest.approx(skin, abs=70)
    assert face is not None or 5 * size >= min(x0, WIDTH - 1 - x0) - 2


def test_spectacles_and_a_mask_leave_a_forehead_and_that_is_enough():
    sight = Sight().person(size=1.2).box(10, 10, 12, 2, 2450).box(10, 12, 12, 6, 2900)
    face = face_of(sight)
    assert face is not None
    assert face.centi_c == pytest.approx(3380, abs=40)
    assert face.top + face.height <= 11


def test_of_two_people_the_nearer_is_taken():
    sight = Sight().person(24, 9, 0.6, 3600).person(10, 10, 1.2, 3350)
    face = face_of(sight)
    assert face.centi_c == pytest.approx(3350, abs=50)


def test_a_broken_pixel_in_the_face_does_not_move_it():
    pixels = Sight().person().seen()
    good = find_face(pixels, 2300)
    for broken in (30000, 4250, -4000):
        changed = list(pixels)
        changed[8 * WIDTH + 16] = broken
        face = find_face(changed, 2300)
        assert face.centi_c == pytest.approx(good.centi_c, abs=15)
        # One pixel alone does not glow.
        assert face.area >= good.area - 1


def test_a_thin_shirt_in_summer_does_not_hide_the_face():
    face = face_of(Sight(2800).person(skin=3500, coat=0.6))
    assert face.centi_c == pytest.approx(3500, abs=40)


def board() -> Sight:
    return Sight().box(8, 2, 18, 20, 2750)


# What is warm at a gate and no face.
THINGS = {
    "nothing": Sight(),
    "a hot cup": Sight().box(12, 8, 6, 8, 6000),
    "a cup as warm as skin": Sight().box(12, 8, 6, 8, 3500),
    "a small cup far away": Sight().box(12, 8, 4, 4, 3500),
    "a lamp": Sight().disc(16, 6, 3, 3, 15000),
    "a big lamp, with its glow": Sight().disc(16, 8, 7, 7, 3900).disc(16, 8, 5, 5, 9000),
    "a tube lamp": Sight().box(4, 11, 24, 3, 3600),
    "a standing pipe": Sight().box(15, 1, 3, 20, 3600),
    "an engine that fills the view": Sight().box(0, 4, 32, 20, 3800),
    "an engine from the left": Sight().box(0, 6, 10, 18, 3700),
    "a bonnet without an edge": Sight().slope(2600, 35, 15),
    "a radiator frame": Sight().box(6, 4, 20, 16, 3600).box(8, 6, 16, 12, 2200),
    "a stove behind a curtain": Sight().hill(16, 11, 1600, 9),
    # Before something lukewarm it is not the wall around them that gives them away.
    "a tube before a warm board": board().box(9, 10, 16, 3, 3600),
    "a pipe before a warm board": board().box(16, 3, 3, 17, 3600),
    "a bent pipe before a warm board": board().box(10, 4, 3, 15, 3600).box(10, 16, 14, 3, 3600),
    "a wide screen on a warm table": Sight().box(3, 5, 26, 13, 3600).box(0, 18, 32, 6, 2700),
    "a wall in the sun": Sight(4800),
    "a wall as warm as skin": Sight(3500),
}


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("ambient", [1500, 2300, 3000])
def test_it_is_no_face(name, ambient):
    for seed in range(5):
        assert face_of(THINGS[name], ambient, seed) is None


@pytest.mark.parametrize("thing", ["cup", "lamp"])
def test_a_hot_thing_near_the_head_does_not_warm_the_face(thing):
    sight = Sight().person()
    sight.box(24, 6, 5, 6, 5800) if thing == "cup" else sight.disc(26, 4, 3, 3, 15000)
    assert face_of(sight).centi_c == pytest.approx(3400, abs=40)


def test_a_hot_cup_held_before_the_mouth_leaves_the_forehead():
    face = face_of(Sight().person().box(14, 12, 5, 5, 5800))
    assert face.centi_c == pytest.approx(3390, abs=60)


@pytest.mark.parametrize("skin", [2650, 4270])
def test_what_has_a_face_and_not_its_warmth_is_none(skin):
    assert face_of(Sight(500).person(skin=skin)) is None


@pytest.mark.parametrize(("wall", "skin"), [(3500, 3560), (3300, 3430)])
def test_where_the_surroundings_are_as_warm_as_skin_there_is_no_face(wall, skin):
    for seed in range(5):
        assert face_of(Sight(wall).person(skin=skin), wall, seed) is None


@given(st.lists(st.integers(-32768, 32767), min_size=8, max_size=8), st.integers(-32768, 32767), st.integers(0, 99))
@settings(deadline=None)
def test_no_picture_raises_and_a_face_is_never_warmer_than_skin(values, ambient, seed):
    rng = random.Random(seed)
    face = find_face([rng.choice(values) for _ in range(PIXELS)], ambient)
    assert face is None or 2800 <= face.centi_c <= 4200


def test_the_hardest_picture_takes_less_than_ten_milliseconds():
    rng = random.Random(6)
    pictures = [
        [rng.randint(2500, 4290) for _ in range(PIXELS)],
        [3600] * (PIXELS // 2) + [3300] * (PIXELS // 2),
        [3000 + 40 * (place % WIDTH) for place in range(PIXELS)],
        Sight().person().seen(),
    ]
    for pixels in pictures:
        began_s = time.process_time()
        for _ in range(20):
            find_face(pixels, 1500)
        assert (time.process_time() - began_s) / 20 < 0.010
