"""What a lane wants done. The core carries effects out in order, and stops at a record that can't be committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from checkpoint.formats.city import CityCode
from checkpoint.records import Kind, Payload
from checkpoint.site_rules import Crossing


@dataclass(frozen=True, slots=True)
class Commit:
    """Append a record and wait until it is on disk. `urgent`: send a copy on the alarm topic at once."""

    kind: Kind
    payload: Payload
    passage: bytes | None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class OpenBarrier:
    """One pulse for this passage. Always stands behind the Commit that allows it."""

    passage: bytes


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """A condition of this lane that somebody must see; repeated raising changes nothing."""

    name: str
    device: str
    detail: str
    priority: Literal[1, 2, 3, 4]


@dataclass(frozen=True, slots=True)
class ClearAlarm:
    name: str
    device: str


@dataclass(frozen=True, slots=True)
class TellSite:
    """Somebody went through on a pass: for the site's ledger. `dated` False: by a clock that is not believed."""

    crossing: Crossing
    dated: bool


@dataclass(frozen=True, slots=True)
class ClearPass:
    """A guard has cleared this pass: what it did up to now (`at_ms`) is not held against it."""

    pass_id: bytes
    passage: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class AskCity:
    """Ask a city's server about a code; the answer comes as a fact with the same `number`."""

    number: int
    code: CityCode


Effect = Commit | OpenBarrier | RaiseAlarm | ClearAlarm | TellSite | ClearPass | AskCity
