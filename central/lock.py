"""One collector, or one restore, at a time in a data folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUseError(RuntimeError):
    """Another process holds the folder; the message names it."""


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the folder during the block; the lock ends with the process, however that ends. Raises InUseError."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(data_dir / "central.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise InUseError(f"{data_dir} is in use by a running collector; stop it first") from None
    try:
        yield
    finally:
        os.close(handle)
