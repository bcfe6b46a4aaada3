"""A file that keeps the bytes as they came, for modules whose frames nobody has published."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

from drivers.errors import OptionError

# Two hours of a module at 10 Hz: enough to study, small enough to mail, and never a full disk.
CAPTURE_CAP_BYTES = 1 << 20


class Capture:
    """Appends raw bytes to a file until the file holds CAPTURE_CAP_BYTES; then, or on a full disk, it stops."""

    def __init__(self, path: str | None) -> None:
        self._file = None if path is None else _open(path)
        self._room = 0 if self._file is None else max(0, CAPTURE_CAP_BYTES - self._file.tell())

    def keep(self, data: bytes) -> None:
        """Write as much of `data` as there is room for."""
        if self._file is None or not self._room:
            return
        piece = data[: self._room]
        self._room -= len(piece)
        try:
            self._file.write(piece)
        except (OSError, ValueError):
            # Disk full, or closed by another thread. A capture is a convenience: the readings go on without it.
            self._room = 0

    def close(self) -> None:
        """May be called twice."""
        if self._file is not None:
            self._file.close()


def _open(path: str) -> FileIO:
    try:
        return Path(path).open("ab", buffering=0)
    except OSError as error:
        raise OptionError(f"thermometer: option capture = {path!r} cannot be written: {error}") from error
