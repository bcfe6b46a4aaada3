"""What a lane knows beside its facts: who it is, what is in force, what is missing. Replaced whole, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from checkpoint.policy_schema import Attendance, Policy
from checkpoint.records import Where
from checkpoint.trust import TrustList


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """One lane as configured. `here` lists site and grids, narrowest first; `grids` the grids alone.

    `blind` gives what may be recorded of a code that is no pass.
    """

    where: Where
    site: str
    here: tuple[str, ...]
    grids: tuple[str, ...]
    warm_place: bool
    other_free_exit: bool
    has_presence: bool
    has_beam: bool
    has_barrier: bool
    has_thermometer: bool
    pulse_ms: int
    blind: Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class World:
    """The rest of the gate at this moment. Ages in seconds; None: never."""

    policy: Policy
    trust: TrustList
    attendance: Attendance
    offline: bool
    lists_age_s: float | None
    policy_age_s: float | None
    clock_untrusted_since_ms: int | None
