"""What the vision process says for a given row of frames; no process and no camera here."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from drivers.camera.health import Health
from drivers.camera.options import Limits
from drivers.decoder.decoder import Decoder
from drivers.decoder.watch import Watch
from drivers.emulators.camera_card import Held
from drivers.emulators.camera_scene import Scene
from drivers.protocols import Frame
from edge.vision_messages import Alive, CameraFault, CameraOk, Seen
from edge.vision_process import Lookout

PERIOD_MS = 66


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(seed=3)


class Run:
    """Plays frames to a lookout at an even rate and collects what it says."""

    def __init__(self, scene: Scene) -> None:
        decoder = Decoder()
        self.lookout = Lookout("in", Watch(decoder), decoder, Health(Limits(), 0))
        self.scene = scene
        self.at_ms = 0
        self.number = 0

    def show(self, frames: int, people: Sequence[Held] = ()) -> list[object]:
        picture = self.scene.picture(people)
        said: list[object] = []
        for _ in range(frames):
            self.at_ms += PERIOD_MS
            self.number += 1
            said += self.lookout.step(Frame(self.number, self.at_ms, self.scene.noisy(picture)), self.at_ms)
        return said

    def wait(self, steps: int, step_ms: int = 250) -> list[object]:
        said: list[object] = []
        for _ in range(steps):
            self.at_ms += step_ms
            said += self.lookout.step(None, self.at_ms, "unplugged")
        return said


def codes(said: Sequence[object]) -> list[tuple[bytes, ...]]:
    return [message.codes for message in said if isinstance(message, Seen)]


def test_the_first_good_frame_is_said_before_what_it_shows(scene: Scene) -> None:
    said = Run(scene).show(1, [Held("X")])
    assert said[0] == CameraOk("in")
    assert codes(said) == [(b"X",)]


def test_an_empty_view_is_said_once_a_second(scene: Scene) -> None:
    run = Run(scene)
    run.show(20)
    said = run.show(60)
    assert codes(said) == [()] * 4
    assert said[-1].fps == pytest.approx(1000 / PERIOD_MS, abs=0.1)  # type: ignore[attr-defined]


def test_a_code_is_said_for_each_decoded_frame_and_its_leaving_once(scene: Scene) -> None:
    run = Run(scene)
    run.show(20)
    shown = codes(run.show(30, [Held("X")]))
    assert set(shown) == {(b"X",)}
    assert len(shown) >= 10
    assert codes(run.show(8)) == [()]


def test_a_camera_that_goes_away_takes_its_codes_along(scene: Scene) -> None:
    run = Run(scene)
    run.show(5, [Held("X")])
    said = run.wait(20)
    assert CameraFault("in", "camera_missing", "unplugged") in said
    assert codes(said) == [()]
    assert sum(isinstance(message, CameraFault) for message in said) == 1
    assert run.show(1)[0] == CameraOk("in")


def test_without_frames_it_still_says_that_it_lives(scene: Scene) -> None:
    said = Run(scene).wait(40)
    assert sum(isinstance(message, Alive) for message in said) >= 6
    assert codes(said) == []


def test_a_picture_that_stands_still_is_told_as_such_a_second_later_and_long_before_the_fault(scene: Scene) -> None:
    run = Run(scene)
    run.show(3, [Held("X")])
    frozen = scene.noisy(scene.picture([Held("X")]))
    said: list[object] = []
    for _ in range(10_500 // PERIOD_MS):
        run.at_ms += PERIOD_MS
        run.number += 1
        said += run.lookout.step(Frame(run.number, run.at_ms, frozen), run.at_ms)
    seen = [message for message in said if isinstance(message, Seen)]
    began_ms = seen[0].mono_ms
    assert all(message.still == (message.mono_ms - began_ms >= 1000) for message in seen[1:])
    assert said.index(next(one for one in seen if one.still)) < said.index(CameraFault("in", "camera_frozen", ""))
    assert not [one for one in run.show(5, [Held("X")]) if isinstance(one, Seen) and one.still]
