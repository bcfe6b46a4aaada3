"""Cameras: a USB camera, a network stream, a film or a folder of photos, of which only the newest frame counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.camera.options import check_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.camera.grabber import GrabbingCamera

__all__ = ["check_options", "open_camera"]


def open_camera(driver: str, options: Mapping[str, object], colour: bool = False) -> GrabbingCamera:
    """Start grabbing. Never waits for the device: a camera that is not there shows in `read`, and may come later.

    `colour`: somebody looks at the colours, too.

    Raises OptionError if the driver is unknown or an option does not fit it.
    """
    checked = check_options(driver, options)
    # Only here does OpenCV come in: the gate's core checks options too, and must stay without it.
    from drivers.camera.grabber import GrabbingCamera
    from drivers.camera.sources import source_for

    return GrabbingCamera(f"{driver} {checked.shown()}", source_for(checked, colour))
