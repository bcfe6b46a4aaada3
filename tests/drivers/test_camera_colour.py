"""Pictures come in gray where only codes are looked for, and in colour where somebody looks at faces."""

from __future__ import annotations

import pytest

from drivers.camera import open_camera
from drivers.camera.mjpeg import decode_colour
from drivers.emulators.camera import CameraEmulator
from drivers.errors import DeviceGoneError
from drivers.protocols import Frame
from tests.waiting import wait_for


@pytest.mark.parametrize(("colour", "dimensions"), [(False, 2), (True, 3)])
def test_a_network_camera_gives_colours_only_when_they_are_asked_for(colour: bool, dimensions: int) -> None:
    frames: list[Frame] = []

    def read() -> bool:
        try:
            frame = camera.read(1.0)
        except DeviceGoneError:
            return False
        frames.extend([frame] if frame is not None else [])
        return bool(frames)

    with CameraEmulator(glide_s=0.2) as emulator:
        camera = open_camera("stream", {"url": emulator.url}, colour=colour)
        try:
            wait_for(read, "a frame")
        finally:
            camera.close()
    assert frames[0].image.ndim == dimensions


def test_a_damaged_picture_is_none_in_colour_too() -> None:
    assert decode_colour(b"\xff\xd8\xff\xe0 this is no picture") is None
