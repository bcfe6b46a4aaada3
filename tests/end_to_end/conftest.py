"""A folder in which the broker, which gives up root's rights, still gets to its own files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    # pytest's own folders are shut to other users.
    with tempfile.TemporaryDirectory(prefix="guankou-town-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
