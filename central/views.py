"""What the collector's screens may show: plain values read from the store, one consistent snapshot a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from central.aggregate import local_time
from central.cases import CONFLICT, FORK, GAP, ROLLBACK, case_id
from central.completeness import gates_complete
from central.picture import HOUR_MS, Picture, figures, figures_by_path, take_picture
from central.registry import UNREGISTERED, Registry, line_of
from central.rollout_cases import ROLLOUT
from central.rollout_view import RolloutView, rollout_views
from central.store.base import CaseRow, GateRow, GateState
from central.store.sqlite import SqliteStore
from central.store_health import CASE, PRIORITY, STORE_FAILING, StoreTrouble
from checkpoint import reasons

# What the collector finds by itself has no row in the table of reasons, which is the gates' language.
FINDINGS: Final[dict[str, tuple[str, str]]] = {
    FORK: ("记录出现分叉，疑似设备被克隆或镜像恢复", "Records forked: a clone or a restored image"),
    ROLLBACK: (
        "关口记录回退，部分已入库记录在设备上缺失",
        "The gate's disk went back: it lost records that are stored here",
    ),
    GAP: ("记录缺失", "Records are missing"),
    STORE_FAILING: (
        "汇聚端磁盘写不进，记录暂存各关口",
        "The collector's disk takes nothing: the gates keep their records",
    ),
    CONFLICT: ("关口记录与已入库记录不一致", "The gate's records differ from the stored ones"),
    ROLLOUT: (
        "策略分批下发已自动停止：拒绝或上报明显增多",
        "A policy's roll-out stopped by itself: refusals or escalations jumped",
    ),
    "unread": ("收到新版本告警，本机无法读取", "An alarm of a newer version that can't be read here"),
}


class Completeness(msgspec.Struct, frozen=True):
    """How much of a sum is in: gates whose records are all here through `complete_to_ms`, the last full hour."""

    gates_complete: int
    gates_expected: int
    complete_to_ms: int


class NodeView(msgspec.Struct, frozen=True):
    """One node of the tree with today's counts. `grid`: the grid id at a leaf, empty above; `depth` 0 is a city.
    `undated_*`: counts of records that are in no day, because their gate has not learnt the time yet."""

    path: str
    grid: str
    depth: int
    name_zh: str
    name_en: str
    verdicts: dict[str, int]
    outcomes: dict[str, int]
    completeness: Completeness
    open_alarms: int
    undated_verdicts: int = 0
    undated_outcomes: int = 0


class TreeView(msgspec.Struct, frozen=True):
    """The whole tree in preorder. `day` is today's date (ISO) in `zone`; `undated` records count in no day."""

    as_of_ms: int
    zone: str
    day: str
    nodes: tuple[NodeView, ...]


class GateView(msgspec.Struct, frozen=True):
    """One gate. `link_age_s`: age of its last signed heartbeat, None before the first; `backlog`: unsent
    records; `unread`: stored, but of a newer version; `missing`: known to be missing."""

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
    missing: int
    open_alarms: int


class AlarmView(msgspec.Struct, frozen=True):
    """One open case. `name` is a code of the reasons table or of the collector's own findings; `priority` 1 to 4.

    `opened_ms`: when it happened, by the corrected time; when it came, while no time is known. `clock`: `trusted`,
    `corrected` or `untrusted`; unless it is trusted, `original_ms` is what the gate wrote. `passage`: the case is a
    verdict's on one passage.
    """

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
    clock: str = "trusted"
    original_ms: int | None = None
    passage: bool = False


class HourView(msgspec.Struct, frozen=True):
    """Counts of one hour bucket; `start_ms` UTC, `label` its hour in the site's zone (`HH:00`)."""

    start_ms: int
    label: str
    verdicts: dict[str, int]
    outcomes: dict[str, int]


class Board:
    """The read API of the screens. Every call opens the store read-only and closes it: safe from any thread."""

    def __init__(
        self,
        database: Path,
        registry: Registry,
        now_ms: Callable[[], int],
        trouble: Callable[[], StoreTrouble | None] = lambda: None,
    ) -> None:
        """`trouble`: what the running collector knows of its store, which the store itself can't tell."""
        self._database = database
        self._registry = registry
        self._now_ms = now_ms
        self._trouble = trouble

    def tree(self) -> TreeView:
        """Every node with today's counts."""
        picture = self._picture()
        sums, undated = figures_by_path(picture.today), figures_by_path(picture.undated)
        nodes = tuple(
            _node(picture, path, grid, sums.get(path, ({}, {})), undated.get(path, ({}, {})))
            for path, grid in _places(picture)
        )
        day = local_time(picture.as_of_ms, self._registry.zone).date().isoformat()
        return TreeView(picture.as_of_ms, self._registry.zone, day, nodes)

    def gates(self, path: str = "") -> tuple[GateView, ...]:
        """The gates under a grid path (all for an empty one), by id."""
        picture = self._picture()
        alarms = Counter(row.gate_no for row in picture.cases)
        return tuple(_gate(picture, gate, alarms[gate.no]) for gate in picture.gates_under(path))

    def alarms(self, path: str = "") -> tuple[AlarmView, ...]:
        """Open cases under a grid path: highest priority first, then oldest. Before all, trouble with the store; after
        all, drills."""
        picture, trouble = self._picture(), self._trouble()
        own = () if trouble is None else (_store_alarm(trouble, picture.as_of_ms),)
        cases = (*picture.cases_under(path), *picture.drills_under(path))
        return (*own, *(_alarm(picture, gate, row) for gate, row in cases))

    def hours(self, path: str = "", count: int = 24) -> tuple[HourView, ...]:
        """The last `count` hours of a node (all: empty path), oldest first; hours without counts are there too."""
        picture = self._picture(count)
        return tuple(_hour(picture, path, start) for start in picture.hour_starts())

    def rollouts(self) -> tuple[RolloutView, ...]:
        """Policies that go out in stages: those under way, and those that ended lately."""
        with closing(SqliteStore(self._database, read_only=True)) as store, store.snapshot():
            return rollout_views(store, self._registry, self._now_ms())

    def _picture(self, hour_count: int = 1) -> Picture:
        with closing(SqliteStore(self._database, read_only=True)) as store:
            return take_picture(store, self._registry, self._now_ms(), hour_count)


def case_name(code: str) -> tuple[str, str]:
    """A case's name in Chinese and English; the code itself where no text is known."""
    known = FINDINGS.get(code)
    if known is None and code in reasons.ALL:
        known = (reasons.ALL[code].zh, reasons.ALL[code].en)
    return known or (code, code)


def _places(picture: Picture) -> list[tuple[str, str]]:
    """(path, grid id at a leaf) in preorder; grids that the tree does not name come last."""
    tree = picture.registry.tree
    places = {tree.path(area.id): area.id if area.level == "grid" else "" for area in tree.grids.values()}
    strangers = {picture.path_of_gate(gate): gate.grid for gate in picture.gates}
    strangers |= {leaf.path: leaf.key[0] for leaf in (*picture.today, *picture.undated)}
    for path in sorted(strangers.keys() - places.keys()):
        for above in line_of(path)[1:]:
            places.setdefault(above, "")
        places[path] = strangers[path]
    return sorted(places.items(), key=lambda item: (item[0].startswith(UNREGISTERED), item[0].split("/")))


_Figures = tuple[dict[str, int], dict[str, int]]


def _node(picture: Picture, path: str, grid: str, sums: _Figures, undated: _Figures) -> NodeView:
    complete, expected = gates_complete(picture.expected(), path, picture.full_hour_ms)
    last = path.rsplit("/", 1)[-1]
    name_zh, name_en = picture.names.get(path, (last, last))
    return NodeView(
        path, grid, path.count("/"), name_zh, name_en, *sums,
        Completeness(complete, expected, picture.full_hour_ms), len(picture.cases_under(path)),
        sum(undated[0].values()), sum(undated[1].values()),
    )  # fmt: skip


def _gate(picture: Picture, gate: GateRow, open_alarms: int) -> GateView:
    state = picture.states.get(gate.no) or GateState(gate.no, False, None, 0, (), {}, None)
    age_s = None if state.seen_ms is None else max(0.0, (picture.as_of_ms - state.seen_ms) / 1000)
    return GateView(
        gate.gate, gate.grid, picture.path_of_gate(gate), gate.site, gate.revoked_ms is not None, state.online,
        state.seen_ms, age_s, state.backlog, state.faults, state.versions.get("software", ""),
        state.versions.get("policy", ""), state.versions, state.complete_ms, picture.unread.get(gate.no, 0),
        picture.missing.get(gate.no, 0), open_alarms,
    )  # fmt: skip


def _alarm(picture: Picture, gate: GateRow, row: CaseRow) -> AlarmView:
    name_zh, name_en = case_name(row.name)
    opened_ms, time = picture.opened_ms(row), picture.time_of(row)
    clock = "trusted" if time is None else time.clock
    original_ms = None if time is None or clock == "trusted" else time.original_ms
    age_s = max(0.0, (picture.as_of_ms - opened_ms) / 1000)
    return AlarmView(
        case_id(gate.gate, row.epoch, row.number, row.origin), gate.gate, picture.path_of_gate(gate), row.name,
        name_zh, name_en, row.priority, row.detail, opened_ms, age_s, row.late, row.orphan,
        clock, original_ms, row.passage is not None,
    )  # fmt: skip


def _store_alarm(trouble: StoreTrouble, now_ms: int) -> AlarmView:
    age_s = max(0.0, (now_ms - trouble.since_ms) / 1000)
    return AlarmView(
        CASE, "", "", STORE_FAILING, *case_name(STORE_FAILING), PRIORITY, trouble.detail, trouble.since_ms, age_s,
        late=False, orphan=False,
    )  # fmt: skip


def _hour(picture: Picture, path: str, start_ms: int) -> HourView:
    leaves = [leaf for leaf in picture.hours if start_ms <= leaf.bucket < start_ms + HOUR_MS]
    label = local_time(start_ms, picture.registry.zone).strftime("%H:00")
    return HourView(start_ms, label, *figures(leaves, path))
