"""What a lane knows beside its facts: who it is, what is in force, what is missing. Replaced whole, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from types import MappingProxyType

from checkpoint.cards import NO_CARDS, Cards
from checkpoint.drill import Drill
from checkpoint.foreign.keys import ForeignKeys
from checkpoint.formats.city import CitySystem
from checkpoint.policy_schema import Attendance, Policy
from checkpoint.policy_time import LocalTime
from checkpoint.records import Where
from checkpoint.status_list import NO_STATUS, StatusBook
from checkpoint.steps import NO_STEPS, StepSecrets
from checkpoint.trust import TrustList
from edge.facts import Brings
from edge.listing import Regions, Watch
from edge.place_code import PlaceCodes
from edge.site_use import SiteUse


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """One lane as configured. `here` lists site and grids, narrowest first; `grids` the grids alone.

    `blind` gives what may be recorded of a code that is no pass. `site_use`: what the gates of the site have seen.
    `place`: the place code that this gate's screen shows; None if it shows none. `city`: city systems whose codes are
    recognised. `readers`: what each of them gives, by its name. `door_open_ms`: how long the door may stand open, None
    without a door contact. `zone`: the time at the gate, by which documents end. `mask_score_min`: how sure the
    lane's mask model has to be; None: it has none.
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
    site_use: SiteUse | None = None
    place: PlaceCodes | None = None
    city: tuple[CitySystem, ...] = ()
    has_camera: bool = True
    readers: Mapping[str, tuple[Brings, ...]] = field(default_factory=lambda: MappingProxyType({}))
    door_open_ms: int | None = None
    zone: tzinfo = UTC
    mask_score_min: float | None = None


@dataclass(frozen=True, slots=True)
class World:
    """The rest of the gate at this moment. Ages in seconds; None: never. `apart`: other gates of the site can't be
    heard. `regions`, `watch`: None where no such list can be gone by. `local`: day and time at the gate, None while its
    clock is not trusted."""

    policy: Policy
    trust: TrustList
    attendance: Attendance
    offline: bool
    lists_age_s: float | None
    policy_age_s: float | None
    clock_untrusted_since_ms: int | None
    status: StatusBook = NO_STATUS
    steps: StepSecrets = NO_STEPS
    foreign: ForeignKeys | None = None
    apart: bool = False
    cards: Cards = NO_CARDS
    regions: Regions | None = None
    watch: Watch | None = None
    drill: Drill | None = None
    local: LocalTime | None = None
