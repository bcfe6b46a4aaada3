"""What the collector's screens may show: plain values read from the store, one consistent snapshot a call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from central.registry import Registry


class Completeness(msgspec.Struct, frozen=True):
    """How much of a sum is in: gates whose records are all here through `complete_to_ms`, the last full hour."""

    gates_complete: int
    gates_expected: int
    complete_to_ms: int


class NodeView(msgspec.Struct, frozen=True):
    """One node of the tree with today's counts. `grid`: the grid id at a leaf, empty above; `depth` 0 is a city."""

    path: str
    grid: str
    depth: int
    name_zh: str
    name_en: str
    verdicts: dict[str, int]
    outcomes: dict[str, int]
    completeness: Completeness
    open_alarms: int


class TreeView(msgspec.Struct, frozen=True):
    """The whole tree in preorder. `day` is today's date (ISO) in `zone`; `undated` records count in no day."""

    as_of_ms: int
    zone: str
    day: str
    nodes: tuple[NodeView, ...]


class GateView(msgspec.Struct, frozen=True):
    """One gate. `link_age_s`: age of its last signed heartbeat, None before the first; `backlog`: its unsent records."""

    gate: str
    grid: str
    grid_path: str
    site: str
    revoked: bool
    online: bool
    last_seen_ms: int | None
    link_age_s: float | None
    backlog: int
    faults: tuple[str, ...]
    software: str
    policy: str
    versions: dict[str, str]
    complete_through_ms: int | None
    unread: int
    open_alarms: int


class AlarmView(msgspec.Struct, frozen=True):
    """One open case. `name` is a code of the reasons table or of the collector's own findings; `priority` 1 to 4."""

    case: str
    gate: str
    grid_path: str
    name: str
    name_zh: str
    name_en: str
    priority: int
    detail: str
    opened_ms: int
    age_s: float
    late: bool
    orphan: bool


class HourView(msgspec.Struct, frozen=True):
    """Counts of one hour bucket; `start_ms` UTC, `label` its hour in the site's zone (`HH:00`)."""

    start_ms: int
    label: str
    verdicts: dict[str, int]
    outcomes: dict[str, int]


class Board:
    """The read API of the screens. Every call opens the store read-only and closes it: safe from any thread."""

    def __init__(self, database: Path, registry: Registry, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._registry = registry
        self._now_ms = now_ms

    def tree(self) -> TreeView:
        """Every node with today's counts."""
        raise NotImplementedError

    def gates(self, path: str = "") -> tuple[GateView, ...]:
        """The gates under a grid path (all for an empty one), by id."""
        raise NotImplementedError

    def alarms(self, path: str = "") -> tuple[AlarmView, ...]:
        """Open cases under a grid path: highest priority first, then oldest."""
        raise NotImplementedError

    def hours(self, path: str = "", count: int = 24) -> tuple[HourView, ...]:
        """The last `count` hours of a node (of all for an empty path), oldest first; hours without counts are there too."""
        raise NotImplementedError
