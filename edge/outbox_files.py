"""What the outbox does to files: one writer only, space held in reserve, a torn database moved aside."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from edge.outbox_values import OutboxBusyError

_MIB = 1024 * 1024
# The reserve is taken back only when this many times its size is free, so that it never eats the space it just gave.
_REFILL_FACTOR = 4


class WriterLock:
    """An advisory lock beside the database; closing a second handle on the database itself would drop SQLite's own."""

    def __init__(self, database: Path) -> None:
        """Raises OutboxBusyError when another process holds it, OSError when the folder can't be written."""
        path = Path(f"{database}.lock")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._fd, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            if error.errno != errno.EWOULDBLOCK:
                raise
            raise OutboxBusyError(f"{database}: process {owner} already writes to this outbox; stop it first") from None
        # Who holds it is a courtesy to the person who reads the error; a full disk must not prevent the start.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._fd)


def held_by(database: Path, locks: Path = Path("/proc/locks")) -> int | None:
    """The process that writes to this outbox; None: nobody does. By the kernel's list: asking for the lock itself, if
    only for a moment, would turn away a gate that starts just then."""
    try:
        place = Path(f"{database}.lock")
        owner, inode = place.read_text(encoding="ascii", errors="replace").strip(), place.stat().st_ino
        # proc(5): number, FLOCK, ADVISORY, WRITE, process, device:inode, start, end.
        held = [line.split() for line in locks.read_text(encoding="ascii", errors="replace").splitlines()]
    except OSError:
        return None
    mine = (one for one in held if len(one) >= 6 and one[1] == "FLOCK" and one[5].endswith(f":{inode}"))
    return next((int(one[4]) for one in mine if one[4] == owner), None)


class Reserve:
    """A file that only holds space, given back to the file system when it is full."""

    def __init__(self, folder: Path, size_mib: int) -> None:
        self._path = folder / "reserve.bin"
        self._bytes = size_mib * _MIB

    @property
    def held(self) -> bool:
        return self._path.exists()

    def take(self) -> bool:
        """Hold the space if plenty is free. Returns whether it is held."""
        if self.held:
            return True
        try:
            return self._allocate()
        except OSError:
            self.release()
            return False

    def release(self) -> bool:
        """Give the space back. Returns whether there was any to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _allocate(self) -> bool:
        space = os.statvfs(self._path.parent)
        if space.f_bavail * space.f_frsize < _REFILL_FACTOR * self._bytes:
            return False
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self._bytes)
        finally:
            os.close(fd)
        return True


def move_aside(database: Path, at_ms: int) -> Path:
    """Rename a torn database and its companions; nothing is deleted. Returns the new name."""
    target = Path(f"{database}.torn-{at_ms}")
    for suffix in ("", "-wal", "-shm"):
        source = Path(f"{database}{suffix}")
        if source.exists():
            source.rename(f"{target}{suffix}")
    sync_folder(database.parent)
    return target


def sync_folder(folder: Path) -> None:
    """Make renames and new files in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data` so that a power cut leaves the old or the new content. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)
