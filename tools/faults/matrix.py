"""Every row of the fault matrix, in its order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from tools.faults.rows import Row


def _found() -> list[Row]:
    """What the modules `rows_*` beside this one list as ROWS: to add a row is to write it."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("rows_*.py"))
    return [row for name in names for row in import_module(f"tools.faults.{name}").ROWS]


ROWS: Final[tuple[Row, ...]] = tuple(sorted(_found(), key=lambda row: (row.id[0] != "G", int(row.id[1:]), row.variant)))
