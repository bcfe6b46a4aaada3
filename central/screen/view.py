"""From the store's views to the operators' page: times and ages in words, no sum without its completeness."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from central.rollout_view import RolloutView
from central.screen.rollouts import RolloutPage, rollout_page
from central.views import AlarmView, Completeness, GateView, HourView, NodeView, TreeView, case_name
from checkpoint.drill import DRILL
from webscreen.words import Words, age

MOST_ALARMS: Final = 50
MOST_GATES: Final = 200
# A tree of so few nodes needs no folding.
WHOLE_TREE_NODES: Final = 8
CHART_HOURS: Final = 24
HOUR_MS: Final = 3_600_000
_YEAR_9999_MS: Final = 253_370_764_800_000

# Columns of the outcomes: name in the page -> outcomes that it adds up.
OUTCOME_COLUMNS: Final = {
    "passed": ("passed",),
    "unconfirmed": ("opened_unconfirmed",),
    "by_guard": ("admitted_by_guard",),
    "turned": ("turned_back", "refused_by_guard"),
    "left": ("abandoned",),
    "out": ("egress", "fire"),
}


class Views(Protocol):
    """What the page asks of the store; `central.views.Board` gives it."""

    def tree(self) -> TreeView: ...
    def gates(self, path: str = "") -> tuple[GateView, ...]: ...
    def alarms(self, path: str = "") -> tuple[AlarmView, ...]: ...
    def hours(self, path: str = "", count: int = 24) -> tuple[HourView, ...]: ...
    def rollouts(self) -> tuple[RolloutView, ...]: ...


class Complete(msgspec.Struct, frozen=True):
    """`38/40 关口完整至 10:00`; `whole` when no gate is missing."""

    text: Words
    whole: bool


class NodePage(msgspec.Struct, frozen=True):
    """One row of the tree. `open`: it is on the way to the chosen node; `more`: it has children."""

    path: str
    depth: int
    name: Words
    verdicts: dict[str, int]
    outcomes: dict[str, int]
    complete: Complete
    alarms: int
    open: bool
    more: bool


class GatePage(msgspec.Struct, frozen=True):
    """One tile. `mood`: `good`, `faulty`, `offline` or `revoked`; `drill`: one is on there."""

    id: str
    site: str
    grid: str
    mood: str
    seen: Words
    backlog: int
    faults: tuple[Words, ...]
    policy: str
    through: str
    missing: int
    alarms: int
    drill: Words | None = None


class AlarmPage(msgspec.Struct, frozen=True):
    """One open alarm. `clock` tells of a time that was corrected, or is not known yet; `explained`: it is a verdict's,
    whose record says why."""

    id: str
    priority: int
    name: Words
    gate: str
    grid: Words
    age: Words
    since: str
    clock: Words | None
    detail: str
    marks: tuple[Words, ...]
    explained: bool = False
    drill: bool = False


class HourPage(msgspec.Struct, frozen=True):
    """One bar. `sure`: every gate expected has told all of this hour."""

    label: str
    verdicts: dict[str, int]
    sure: bool


class BoardPage(msgspec.Struct, frozen=True):
    """Everything on the operators' page for one chosen node."""

    build: str
    day: str
    as_of: str
    path: str
    name: Words
    complete: Complete
    undated: Words | None
    nodes: tuple[NodePage, ...]
    alarms: tuple[AlarmPage, ...]
    alarm_count: int
    gates: tuple[GatePage, ...]
    gate_count: int
    online: int
    hours: tuple[HourPage, ...]
    rollouts: tuple[RolloutPage, ...] = ()


def board_page(views: Views, path: str, build: str) -> BoardPage:
    """The page of a node; an empty or unknown path means the whole tree. Reads the store five times."""
    tree = views.tree()
    chosen = next((node for node in tree.nodes if node.path == path), None)
    path = chosen.path if chosen else ""
    roots = [node for node in tree.nodes if node.depth == 0]
    complete = chosen.completeness if chosen else _together([node.completeness for node in roots])
    zone = ZoneInfo(tree.zone)
    names = {node.path: Words(node.name_zh, node.name_en) for node in tree.nodes}
    gates, alarms = views.gates(path), views.alarms(path)
    return BoardPage(
        build=build,
        day=tree.day,
        as_of=_local(tree.as_of_ms, zone, "%H:%M:%S"),
        path=path,
        name=names.get(path, Words("全部", "All")),
        complete=_complete(complete, zone),
        undated=_undated([chosen] if chosen else roots),
        nodes=tuple(
            _node(node, tree, path, zone) for node in tree.nodes if _is_shown(node.path, path, len(tree.nodes))
        ),
        alarms=tuple(_alarm(alarm, names, zone) for alarm in alarms[:MOST_ALARMS]),
        alarm_count=sum(alarm.name != DRILL for alarm in alarms),
        gates=tuple(_gate(gate, zone) for gate in sorted(gates, key=_urgency)[:MOST_GATES]),
        gate_count=len(gates),
        online=sum(gate.online for gate in gates),
        hours=tuple(_hour(hour, complete) for hour in views.hours(path, CHART_HOURS)),
        rollouts=tuple(rollout_page(view) for view in views.rollouts()),
    )


def _is_shown(path: str, chosen: str, nodes: int) -> bool:
    """The roots, and the children of every node on the way to the chosen one; a small tree is shown whole."""
    if nodes <= WHOLE_TREE_NODES:
        return True
    parent = path.rpartition("/")[0]
    return not parent or f"{chosen}/".startswith(f"{parent}/")


def _together(parts: list[Completeness]) -> Completeness:
    return Completeness(
        sum(part.gates_complete for part in parts),
        sum(part.gates_expected for part in parts),
        min((part.complete_to_ms for part in parts), default=0),
    )


def _complete(part: Completeness, zone: ZoneInfo) -> Complete:
    if part.gates_expected == 0:
        return Complete(Words("无关口", "no gates"), False)
    gates = f"{part.gates_complete}/{part.gates_expected}"
    whole = part.gates_complete == part.gates_expected
    until = _local(part.complete_to_ms, zone, "%H:%M")
    return Complete(Words(f"{gates} 关口完整至 {until}", f"{gates} gates complete to {until}"), whole)


def _undated(nodes: list[NodeView]) -> Words | None:
    """What is counted in no day: its gates have not learnt the time yet."""
    verdicts = sum(node.undated_verdicts for node in nodes)
    outcomes = sum(node.undated_outcomes for node in nodes)
    if not verdicts and not outcomes:
        return None
    return Words(
        f"时间未校正、未计入任何一天：判定 {verdicts}，结果 {outcomes}",
        f"time not corrected yet, in no day: {verdicts} verdicts, {outcomes} outcomes",
    )


def _node(node: NodeView, tree: TreeView, chosen: str, zone: ZoneInfo) -> NodePage:
    return NodePage(
        path=node.path,
        depth=node.depth,
        name=Words(node.name_zh, node.name_en),
        verdicts=node.verdicts,
        outcomes={name: sum(node.outcomes.get(one, 0) for one in parts) for name, parts in OUTCOME_COLUMNS.items()},
        complete=_complete(node.completeness, zone),
        alarms=node.open_alarms,
        open=len(tree.nodes) <= WHOLE_TREE_NODES or f"{chosen}/".startswith(f"{node.path}/"),
        more=any(other.path.startswith(f"{node.path}/") for other in tree.nodes),
    )


def _alarm(alarm: AlarmView, names: dict[str, Words], zone: ZoneInfo) -> AlarmPage:
    marks = ((alarm.late, Words("迟到", "late")), (alarm.orphan, Words("无记录", "orphan")))
    return AlarmPage(
        id=alarm.case,
        priority=alarm.priority,
        name=Words(alarm.name_zh, alarm.name_en),
        gate=alarm.gate,
        grid=names.get(alarm.grid_path, Words(alarm.grid_path, "")),
        age=age(alarm.age_s),
        since=_local(alarm.opened_ms, zone, "%m-%d %H:%M"),
        clock=_clock(alarm, zone),
        detail=alarm.detail,
        marks=tuple(words for marked, words in marks if marked),
        explained=alarm.passage,
        drill=alarm.name == DRILL,
    )


def _clock(alarm: AlarmView, zone: ZoneInfo) -> Words | None:
    """Both times where they differ, so that nobody takes the one for the other."""
    if alarm.original_ms is None:
        return None
    shown = _local(alarm.opened_ms, zone, "%m-%d %H:%M")
    original = _local(alarm.original_ms, zone, "%Y-%m-%d %H:%M")
    if alarm.clock == "corrected":
        return Words(f"校正 {shown}，原记 {original}", f"corrected {shown}, recorded {original}")
    return Words(
        f"时间未校正，收到 {shown}，原记 {original}", f"time not corrected yet: received {shown}, recorded {original}"
    )


def _gate(gate: GateView, zone: ZoneInfo) -> GatePage:
    old = None if gate.link_age_s is None else age(gate.link_age_s)
    return GatePage(
        id=gate.gate,
        site=gate.site,
        grid=gate.grid,
        mood=_mood(gate),
        seen=Words("从未上报", "never seen") if old is None else Words(f"{old.zh}前", f"{old.en} ago"),
        backlog=gate.backlog,
        faults=tuple(Words(*case_name(code)) for code in gate.faults),
        policy=gate.policy,
        through="" if gate.complete_through_ms is None else _local(gate.complete_through_ms, zone, "%H:%M:%S"),
        missing=gate.missing,
        alarms=gate.open_alarms,
        drill=_drill(gate.versions.get(DRILL, "")),
    )


def _drill(barrier: str) -> Words | None:
    """What a gate last said of a drill; empty words of it mean that none is on."""
    if not barrier:
        return None
    moves = barrier == "moves"
    zh, en = ("道闸会动作", "moves") if moves else ("道闸不动作", "stays shut")
    return Words(f"演练中，{zh}", f"DRILL, the barrier {en}")


def _mood(gate: GateView) -> str:
    if gate.revoked:
        return "revoked"
    if not gate.online:
        return "offline"
    return "faulty" if gate.faults else "good"


def _urgency(gate: GateView) -> tuple[int, int, str]:
    return ("faulty", "offline", "good", "revoked").index(_mood(gate)), -gate.open_alarms, gate.gate


def _hour(hour: HourView, part: Completeness) -> HourPage:
    sure = part.gates_complete == part.gates_expected and hour.start_ms + HOUR_MS <= part.complete_to_ms
    return HourPage(hour.label, hour.verdicts, sure)


def _local(at_ms: int, zone: ZoneInfo, form: str) -> str:
    """A gate without a clock may have written any number: what is no date of this world is shown as such."""
    if not 0 <= at_ms < _YEAR_9999_MS:
        return "—"
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime(form)
