"""Which frames are decoded: movement, standing still, a code that stays, and noise that is none of these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.decoder.decoder import Decoder
from drivers.decoder.motion import SMALL_PX, MotionCheck, in_pixels, thumbnail, union
from drivers.decoder.watch import Sight, Watch
from drivers.emulators.camera_card import Effects, Held
from drivers.emulators.camera_scene import Scene

SETTLING = 12


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(seed=2)


def watch_at_rest(scene: Scene) -> Watch:
    watch = Watch(Decoder())
    see(watch, scene, (), 1 + SETTLING)
    return watch


def see(watch: Watch, scene: Scene, people: Sequence[Held], frames: int, away: float = 0.0) -> list[Sight]:
    picture = scene.picture(people, away)
    return [watch.see(scene.noisy(picture)) for _ in range(frames)]


def test_sensor_noise_is_not_movement(scene: Scene) -> None:
    sights = see(watch_at_rest(scene), scene, (), 64)
    assert not any(sight.moving for sight in sights)
    assert sum(sight.decoded is not None for sight in sights) == 4, "one look in sixteen frames"


def test_every_frame_of_a_movement_is_decoded(scene: Scene) -> None:
    watch = watch_at_rest(scene)
    sights = [see(watch, scene, [Held("X")], 1, away)[0] for away in (-0.4, -0.3, -0.2, -0.1, 0.0)]
    assert all(sight.moving and sight.decoded is not None for sight in sights)
    assert [code.payload for code in sights[-1].decoded.codes] == [b"X"]  # type: ignore[union-attr]


def test_after_a_movement_still_frames_are_tried_a_few_times(scene: Scene) -> None:
    watch = watch_at_rest(scene)
    sights = see(watch, scene, [Held("X", effects=Effects(blur_px=6))], 1 + SETTLING + 10)
    decoded = [sight.decoded is not None for sight in sights]
    assert decoded == [True] * (1 + SETTLING) + [index == 3 for index in range(10)]


def test_what_moves_slowly_is_noticed_all_the_same(scene: Scene) -> None:
    watch = watch_at_rest(scene)
    # A third of a pixel a frame: no two consecutive frames differ enough.
    sights = [see(watch, scene, [Held("X")], 1, -0.3 + step * 0.0003)[0] for step in range(80)][20:]
    assert any(sight.moving for sight in sights)


def test_a_code_that_only_a_fallback_reads_is_read_when_its_bearer_stands_still(scene: Scene) -> None:
    striped = Held("GK1:" + "A1B2C3D4" * 20, "paper", px_per_module=3, effects=Effects(moire=1))
    sights = see(watch_at_rest(scene), scene, [striped], 1 + SETTLING)
    assert any(sight.decoded is not None and sight.decoded.codes for sight in sights)


def test_a_code_in_view_keeps_being_reported_at_a_third_of_the_rate(scene: Scene) -> None:
    watch = watch_at_rest(scene)
    see(watch, scene, [Held("STAYS")], 20)
    sights = see(watch, scene, [Held("STAYS")], 30)
    assert sum(sight.decoded is not None for sight in sights) == 10
    assert all(sight.in_view for sight in sights)
    assert all(sight.decoded.codes for sight in sights if sight.decoded)


def test_a_code_has_left_after_three_misses_not_after_one(scene: Scene) -> None:
    watch = watch_at_rest(scene)
    see(watch, scene, [Held("GOES")], 5)
    sights = see(watch, scene, (), 4)
    assert [sight.in_view for sight in sights] == [True, True, False, False]


def test_a_changed_code_on_a_phone_that_is_held_still_is_movement(scene: Scene) -> None:
    watch = watch_at_rest(scene)
    see(watch, scene, [Held("GK1T:AAAAAAAAAAAAAAAA")], 20)
    (sight,) = see(watch, scene, [Held("GK1T:BBBBBBBBBBBBBBBB")], 1)
    assert sight.moving
    assert sight.decoded is not None
    assert sight.decoded.codes[0].payload == b"GK1T:BBBBBBBBBBBBBBBB"


def test_frames_of_another_size_or_in_colour_do_not_disturb(scene: Scene) -> None:
    watch = watch_at_rest(scene)
    colour = scene.noisy(scene.picture(()))
    for image in (colour[:, :, 1], colour[::2, ::2], colour[:100, :100, :1], np.zeros((3, 2), np.uint8)):
        assert watch.see(np.ascontiguousarray(image)).small.shape == SMALL_PX[::-1]


def flat(level: int) -> NDArray[np.uint8]:
    return np.full(SMALL_PX[::-1], level, np.uint8)


def test_the_region_is_where_the_change_was() -> None:
    check = MotionCheck()
    assert check.changed(flat(100)) == (0.0, 0.0, 1.0, 1.0), "the first picture is new everywhere"
    check.renew(flat(100))
    assert check.changed(flat(104)) is None
    other = flat(100)
    other[40:50, 60:90] = 180
    other[5, 5] = 255
    assert check.changed(other) == (48 / 160, 28 / 90, 102 / 160, 62 / 90), "with a margin of 12, without the speck"
    assert in_pixels((0.5, 0.25, 1.0, 1.0), 1280, 720) == (640, 180, 1280, 720)
    assert union((0.1, 0.2, 0.3, 0.4), (0.0, 0.3, 0.2, 0.9)) == (0.0, 0.2, 0.3, 0.9)
    assert union(None, (0.1, 0.2, 0.3, 0.4)) == (0.1, 0.2, 0.3, 0.4)


def test_a_thumbnail_of_colour_is_its_green() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:, :, 1] = 90
    assert (thumbnail(image) == 90).all()


def test_an_inverted_code_is_read_in_the_second_moving_frame_at_the_latest(scene: Scene) -> None:
    for frames_before in (0, 1):
        watch = watch_at_rest(scene)
        for step in range(frames_before):
            see(watch, scene, [Held("X", effects=Effects(blur_px=9))], 1, 0.3 + 0.1 * step)
        held = [Held("DARK", effects=Effects(inverted=True))]
        sights = [see(watch, scene, held, 1, away)[0] for away in (-0.05, 0.0)]
        assert any(sight.decoded is not None and sight.decoded.codes for sight in sights)
