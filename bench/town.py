"""The town of the demo for measuring in: set up with the product's own commands, in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.demo.processes import PLACES, Place, Town


@contextmanager
def quiet_town(*streets: str, places: Sequence[Place] = PLACES) -> Iterator[Town]:
    """A town that is set up and not started; only the named streets' emulators run. Everything ends with the block."""
    with tempfile.TemporaryDirectory(prefix="guankou-bench-") as name:
        # Started by root, mosquitto gives up its rights and must still get to its own files.
        Path(name).chmod(0o711)
        town = Town(Path(name), places)
        try:
            town.set_up()
            for other in [street for street in town.streets if street not in streets]:
                town.streets.pop(other).stop()
            yield town
        finally:
            town.close()


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, its threads included, in s (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_s() -> float:
    """Seconds since boot in which some process here had to wait for a core; 0 where the kernel does not say."""
    account = Path("/proc/pressure/cpu")
    if not account.exists():
        return 0.0
    first = account.read_text().splitlines()[0]
    return int(first.rpartition("=")[2]) / 1_000_000
