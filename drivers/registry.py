"""Every driver by kind and name; a driver is imported when asked for, and checking loads no native code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drivers import finding
from drivers.barrier.board import BoardSize
from drivers.profile import Kind

KINDS: Final[tuple[Kind, ...]] = ("camera", "thermometer", "board", "reader")


def names(kind: Kind) -> tuple[str, ...]:
    """What a gate file may write as `driver` of this kind of device, beside module paths of other packages."""
    if kind == "camera":
        from drivers.camera.options import DRIVERS as CAMERAS

        return tuple(sorted(CAMERAS))
    return finding.names(kind)


def check_options(kind: Kind, driver: str, options: Mapping[str, Any]) -> None:
    """Raises OptionError naming the driver, the option and what is allowed. Opens nothing."""
    if kind == "camera":
        from drivers.camera.options import check_options as check_camera

        check_camera(driver, options)
    elif kind == "thermometer":
        from drivers.thermometer.options import model_of

        model_of(driver, options)
    else:
        module = finding.driver_module(kind, driver)
        finding.parse_options(kind, driver, module.Options, options)


def board_size(driver: str, options: Mapping[str, Any]) -> BoardSize:
    """How many relays and inputs a board has. Raises OptionError."""
    from drivers.barrier import board_size as size_of

    return size_of(driver, options)
