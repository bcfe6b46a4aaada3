"""A program of ours under a clock that is steered from outside: `python -m tools.faults.steered_gate FILE run GATE`.

Only what the program learns of time from its machine is changed: the wall clock, the kernel's word on it, the boot's
name. The monotonic clock goes on. FILE is mapped, so that a change takes effect at once.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

BOOT_BYTES: Final = 16
# What is added to the wall clock in ms, whether the kernel says that it is synchronised, the boot's name.
_FORM: Final = struct.Struct(f"<q?{BOOT_BYTES}s")


class Steering:
    """The file's fields, as both sides see them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(_FORM.pack(0, False, bytes(BOOT_BYTES)))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FORM.size)

    def read(self) -> tuple[int, bool, bytes]:
        offset_ms, kernel, boot_id = _FORM.unpack(self._map[:])
        return offset_ms, kernel, boot_id

    def write(self, offset_ms: int, kernel: bool, boot_id: bytes) -> None:
        self._map[:] = _FORM.pack(offset_ms, kernel, boot_id)

    def close(self) -> None:
        self._map.close()


def steer_wall_clock(steering: Steering) -> None:
    """From now on `time.time` and `time.time_ns` of this process are off by what the file says."""
    true_ns: Callable[[], int] = time.time_ns

    def steered_ns() -> int:
        return true_ns() + steering.read()[0] * 1_000_000

    time.time_ns = steered_ns
    time.time = lambda: steered_ns() / 1e9


def _main() -> None:
    steering = Steering(Path(sys.argv.pop(1)))
    steer_wall_clock(steering)
    # Only now: nothing of the gate may have looked at the clock before.
    import edge.clock
    import edge.clock_trust

    edge.clock.read_boot_id = lambda *_: steering.read()[2]
    edge.clock_trust.kernel_synchronised = lambda: steering.read()[1]
    from edge.cli import main

    main()


if __name__ == "__main__":
    _main()
