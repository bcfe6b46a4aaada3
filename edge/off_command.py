"""`guankou-gate off`: every relay of a gate file off, for when the gate itself has ended without doing so."""

from __future__ import annotations

from pathlib import Path

from drivers.barrier import open_board
from drivers.errors import DriverError
from firmware_config.load import load_gate_file


def relays_off(path: Path) -> list[str]:
    """Opens and closes every board, which leaves its relays off. One line for each that can't be reached.

    Raises ConfigError.
    """
    problems = []
    for name, board in load_gate_file(path).boards.items():
        try:
            open_board(board.driver, board.options).close()
        except (DriverError, OSError) as error:
            problems.append(f"board {name!r}: {error}")
    return problems
