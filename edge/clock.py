"""Time at the gate: wall, monotonic, and whether the wall clock may be believed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of both clocks. `at_ms` UTC; `mono_ms` since an arbitrary start of this boot."""

    at_ms: int
    mono_ms: int
    trusted: bool


class Clock(Protocol):
    """What the rim passes inward."""

    @property
    def boot_id(self) -> bytes:
        """16 bytes that name this boot of the machine."""

    def now(self) -> Moment:
        """Both clocks, read together."""


class SystemClock:
    """This machine's clocks. `believe(at_ms, mono_ms)` says whether the wall clock may be trusted."""

    def __init__(self, boot_id: bytes, believe: Callable[[int, int], bool]) -> None:
        self._boot_id = boot_id
        self._believe = believe

    @property
    def boot_id(self) -> bytes:
        return self._boot_id

    def now(self) -> Moment:
        at_ms, mono_ms = time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000
        return Moment(at_ms, mono_ms, self._believe(at_ms, mono_ms))


def read_boot_id(path: Path = _BOOT_ID_FILE) -> bytes:
    """The kernel's name for this boot (random(4)), 16 bytes."""
    return uuid.UUID(path.read_text().strip()).bytes
