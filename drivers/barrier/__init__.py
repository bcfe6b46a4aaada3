"""Boards of relays and inputs, and what else opens doors; found by name, imported when first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.barrier.board import Board, BoardSize
from drivers.finding import driver_module, parse_options

__all__ = ["Board", "BoardSize", "board_size", "check_options", "open_board"]


def open_board(driver: str, options: Mapping[str, Any]) -> Board:
    """The board, open. Raises OptionError for what the gate file says wrongly, DeviceGoneError if it isn't there."""
    module = driver_module("board", driver)
    board: Board = module.connect(parse_options("board", driver, module.Options, options))
    return board


def check_options(driver: str, options: Mapping[str, Any]) -> None:
    """Raises OptionError naming the option and its bound; opens nothing."""
    parse_options("board", driver, driver_module("board", driver).Options, options)


def board_size(driver: str, options: Mapping[str, Any]) -> BoardSize:
    """How many relays and inputs a board with these options has. Raises OptionError."""
    module = driver_module("board", driver)
    size: BoardSize = module.size(parse_options("board", driver, module.Options, options))
    return size
