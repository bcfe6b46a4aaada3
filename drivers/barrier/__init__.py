"""Boards of relays and inputs, found by name; a board's module is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import msgspec

from drivers.barrier.board import Board, BoardOptions, BoardSize
from drivers.errors import OptionError

__all__ = ["DRIVERS", "Board", "BoardSize", "board_size", "check_options", "open_board"]

# Name in the gate file -> module of this package with `Options`, `size(options) -> BoardSize` and
# `connect(options) -> Board`.
DRIVERS: Final = {"lcus": "lcus", "modbus_relay": "modbus", "none": "nothing"}


def open_board(driver: str, options: Mapping[str, Any]) -> Board:
    """The board, open. Raises OptionError for what the gate file says wrongly, DeviceGoneError if it isn't there."""
    module = _module(driver)
    board: Board = module.connect(_parse(driver, module.Options, options))
    return board


def check_options(driver: str, options: Mapping[str, Any]) -> None:
    """Raises OptionError naming the option and its bound; opens nothing."""
    _parse(driver, _module(driver).Options, options)


def board_size(driver: str, options: Mapping[str, Any]) -> BoardSize:
    """How many relays and inputs a board with these options has. Raises OptionError."""
    module = _module(driver)
    size: BoardSize = module.size(_parse(driver, module.Options, options))
    return size


def _module(driver: str) -> Any:
    if driver not in DRIVERS:
        raise OptionError(f"board driver {driver!r} is unknown; known are {', '.join(sorted(DRIVERS))}")
    return import_module(f"drivers.barrier.{DRIVERS[driver]}")


def _parse(driver: str, form: type[BoardOptions], options: Mapping[str, Any]) -> BoardOptions:
    try:
        return msgspec.convert(dict(options), form)
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(form)) or "none"
        raise OptionError(f"board driver {driver!r}: {error}; its options are: {known}") from error
