"""Time at the gate: wall, monotonic, and whether the wall clock may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


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
