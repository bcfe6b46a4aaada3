"""Every driver by kind and name; a kind is imported when asked for, and checking loads no native code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, assert_never

from drivers.barrier.board import BoardSize

Kind = Literal["camera", "thermometer", "board"]
KINDS: Final[tuple[Kind, ...]] = ("camera", "thermometer", "board")


def names(kind: Kind) -> tuple[str, ...]:
    """What a gate file may write as `driver` of this kind of device."""
    if kind == "camera":
        from drivers.camera.options import DRIVERS as CAMERAS

        return tuple(sorted(CAMERAS))
    if kind == "thermometer":
        from drivers.thermometer.models import MODELS

        return tuple(sorted(MODELS))
    if kind == "board":
        from drivers.barrier import DRIVERS as BOARDS

        return tuple(sorted(BOARDS))
    assert_never(kind)


def check_options(kind: Kind, driver: str, options: Mapping[str, Any]) -> None:
    """Raises OptionError naming the driver, the option and what is allowed. Opens nothing."""
    if kind == "camera":
        from drivers.camera.options import check_options as check_camera

        check_camera(driver, options)
    elif kind == "thermometer":
        from drivers.thermometer.options import check_options as check_thermometer
        from drivers.thermometer.options import find_model

        check_thermometer(find_model(driver), options)
    elif kind == "board":
        from drivers.barrier import check_options as check_board

        check_board(driver, options)
    else:
        assert_never(kind)


def board_size(driver: str, options: Mapping[str, Any]) -> BoardSize:
    """How many relays and inputs a board has. Raises OptionError."""
    from drivers.barrier import board_size as size_of

    return size_of(driver, options)
