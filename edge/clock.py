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
    """One reading of both clocks. `at_ms` UTC, as records take it; `mono_ms` since an arbitrary start of this boot."""

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


def _as_read(at_ms: int, _mono_ms: int, _trusted: bool) -> int:
    return at_ms


class SystemClock:
    """This machine's clocks. `believe(at_ms, mono_ms)` says whether the wall clock may be trusted, and
    `stamp(at_ms, mono_ms, trusted)` what time it is then."""

    def __init__(
        self,
        boot_id: bytes,
        believe: Callable[[int, int], bool],
        stamp: Callable[[int, int, bool], int] = _as_read,
    ) -> None:
        self._boot_id = boot_id
        self._believe = believe
        self._stamp = stamp

    @property
    def boot_id(self) -> bytes:
        return self._boot_id

    def now(self) -> Moment:
        at_ms, mono_ms = time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000
        trusted = self._believe(at_ms, mono_ms)
        return Moment(self._stamp(at_ms, mono_ms, trusted), mono_ms, trusted)


def read_boot_id(path: Path = _BOOT_ID_FILE) -> bytes:
    """The kernel's name for this boot (random(4)), 16 bytes."""
    return uuid.UUID(path.read_text().strip()).bytes
