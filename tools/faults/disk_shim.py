"""A disk that kills, fails or lies from a chosen call on: a small library in one process, steered from here."""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

from tools.demo.processes import SetupError

_SOURCE: Final = Path(__file__).with_name("disk_shim.c")
# As `struct control` in the library.
_ARM: Final = struct.Struct("=qqiiii")
_COUNTS: Final = struct.Struct("=10q")
_KINDS: Final = ("write", "pwrite", "ftruncate", "fallocate", "rename", "unlink", "fsync", "fdatasync")
_NOTHING, _KILL, _FAIL, _LIE = range(4)
_FOR_EVER: Final = 2**62


def compiler() -> str:
    """Why the library can't be made here; empty if it can."""
    return "" if shutil.which("cc") else "there is no C compiler"


class DiskShim:
    """The calls that one process makes to change files under `under`, numbered from 1 over all its lives."""

    def __init__(self, folder: Path, name: str, under: Path) -> None:
        library = folder / f"{name}-shim.so"
        command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-o", str(library), str(_SOURCE), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SetupError(f"the shim does not compile: {done.stderr.strip()}")
        path = folder / f"{name}-shim.control"
        path.write_bytes(bytes(mmap.PAGESIZE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.environment: Final = {
            "LD_PRELOAD": str(library),
            "GUANKOU_SHIM_CONTROL": str(path),
            "GUANKOU_SHIM_UNDER": str(under.resolve()),
        }

    def close(self) -> None:
        self._page.close()

    # --- what is to happen ---------------------------------------------------------------------------------------

    def kill_at(self, call: int) -> None:
        """SIGKILL instead of the `call`-th call from now."""
        self._arm(call, call, _KILL)

    def fail_at(self, call: int, error: int) -> None:
        """The `call`-th call from now fails with this errno, and no other."""
        self._arm(call, call, _FAIL, error)

    def fail(self, error: int = errno.EIO, *, syncs_only: bool = False) -> None:
        """Every call fails from now on."""
        self._arm(1, _FOR_EVER, _FAIL, error, syncs_only)

    def lie(self) -> None:
        """From now on fsync and fdatasync say that all is well and do nothing."""
        self._arm(1, _FOR_EVER, _LIE, syncs_only=True)

    def heal(self) -> None:
        self._arm(1, 0, _NOTHING)

    # --- what happened -------------------------------------------------------------------------------------------

    @property
    def seen(self) -> int:
        """Calls so far."""
        return self._counts()[0]

    @property
    def hits(self) -> int:
        """Calls that something was done about."""
        return self._counts()[1]

    @property
    def last_hit(self) -> str:
        """The kind of call that was hit last."""
        return _KINDS[_ARM.unpack_from(self._page)[5]]

    def _counts(self) -> tuple[int, ...]:
        return _COUNTS.unpack_from(self._page, _ARM.size)

    def _arm(self, first: int, last: int, action: int, error: int = 0, syncs_only: bool = False) -> None:
        # Disarmed in between: the process must not meet the new numbers with the old action.
        _ARM.pack_into(self._page, 0, 1, 0, _NOTHING, 0, 0, 0)
        seen = self.seen
        _ARM.pack_into(self._page, 0, seen + first, min(seen + last, _FOR_EVER), action, error, int(syncs_only), 0)
