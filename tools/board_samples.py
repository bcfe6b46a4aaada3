"""A made-up city for the operators' page: what its tests and the pictures of the documents show."""

from __future__ import annotations

from typing import Final

from central.rollout_view import RolloutView
from central.views import AlarmView, Completeness, GateView, HourView, NodeView, TreeView

NOON_MS: Final = 1_790_049_600_000
HOUR_MS: Final = 3_600_000
_TEN_MS: Final = NOON_MS - 2 * HOUR_MS
_COMMUNITY: Final = "jiangcheng/wuchang/luojia/guangba"

# Path, names, gates expected, gates complete, open alarms: parents are the sums of their children.
_PLACES: Final = (
    ("jiangcheng", "江城市", "Jiangcheng", 40, 38, 3),
    ("jiangcheng/hanyang", "汉阳区", "Hanyang", 12, 12, 0),
    ("jiangcheng/wuchang", "武昌区", "Wuchang", 28, 26, 3),
    ("jiangcheng/wuchang/luojia", "珞珈街道", "Luojia", 9, 8, 3),
    ("jiangcheng/wuchang/luojia/donghu", "东湖社区", "Donghu", 5, 5, 0),
    ("jiangcheng/wuchang/luojia/guangba", "广八社区", "Guangba", 4, 3, 3),
    ("jiangcheng/wuchang/luojia/guangba/grid-07", "第七网格", "Grid 7", 2, 1, 2),
    ("jiangcheng/wuchang/luojia/guangba/grid-08", "第八网格", "Grid 8", 2, 2, 1),
    ("jiangcheng/wuchang/shuiguohu", "水果湖街道", "Shuiguohu", 19, 18, 0),
)
# Passages of one gate in each hour of a day; the sample is taken at noon, in the thirteenth.
_BUSY: Final = (0, 1, 0, 0, 1, 6, 24, 61, 88, 74, 52, 43, 40, 39, 44, 58, 90, 97, 71, 40, 22, 11, 4, 1)
_HOURS_TODAY: Final = 13


def _verdicts(hours: tuple[int, ...], gates: int) -> dict[str, int]:
    return {
        "allow": sum(hours) * gates,
        "deny": sum(busy // 30 for busy in hours) * gates,
        "escalate": sum(busy // 60 for busy in hours) * gates,
    }


def _node(path: str, name_zh: str, name_en: str, expected: int, complete: int, alarms: int) -> NodeView:
    depth = path.count("/")
    verdicts = _verdicts(_BUSY[:_HOURS_TODAY], expected)
    outcomes = {
        "passed": verdicts["allow"] - expected,
        "opened_unconfirmed": expected,
        "turned_back": verdicts["deny"],
        "admitted_by_guard": verdicts["escalate"],
    }
    grid = path.rsplit("/", 1)[-1] if depth == 4 else ""
    return NodeView(
        path, grid, depth, name_zh, name_en, verdicts, outcomes, Completeness(complete, expected, _TEN_MS), alarms
    )


def _grid(number: int) -> str:
    return "grid-07" if number % 2 else "grid-08"


def _gate(
    number: int, online: bool, age_s: float | None, backlog: int, faults: tuple[str, ...], alarms: int
) -> GateView:
    seen_ms = None if age_s is None else NOON_MS - int(age_s * 1000)
    return GateView(
        gate=f"gate-{number:03}",
        grid=_grid(number),
        grid_path=f"{_COMMUNITY}/{_grid(number)}",
        site="garden-court",
        revoked=False,
        online=online,
        last_seen_ms=seen_ms,
        link_age_s=age_s,
        backlog=backlog,
        faults=faults,
        software="0.1.0",
        policy="everyday v3",
        versions={"policy": "everyday v3", "software": "0.1.0"},
        complete_through_ms=seen_ms,
        unread=0,
        missing=0,
        open_alarms=alarms,
    )


def _alarm(number: int, name: str, zh: str, en: str, priority: int, age_s: float, detail: str) -> AlarmView:
    return AlarmView(
        case=f"gate-{number:03}/1",
        gate=f"gate-{number:03}",
        grid_path=f"{_COMMUNITY}/{_grid(number)}",
        name=name,
        name_zh=zh,
        name_en=en,
        priority=priority,
        detail=detail,
        opened_ms=NOON_MS - int(age_s * 1000),
        age_s=age_s,
        late=priority == 3,
        orphan=False,
    )


class SampleViews:
    """Satisfies `central.screen.view.Views`; every field may be set anew by a test."""

    def __init__(self) -> None:
        self.as_of_ms = NOON_MS
        self.nodes = tuple(_node(*place) for place in _PLACES)
        self.gate_views: tuple[GateView, ...] = (
            _gate(1, True, 4.0, 0, (), 1),
            _gate(2, True, 8.0, 2, ("thermometer_silent",), 1),
            _gate(3, False, 10_960.0, 637, (), 1),
            _gate(4, True, 2.0, 0, (), 0),
        )
        self.open_alarms: tuple[AlarmView, ...] = (
            _alarm(1, "fever", "需要人工复测", "Needs a measurement by staff", 1, 42.0, "in-1"),
            _alarm(
                2, "thermometer_silent", "测温仪无读数", "Thermometer silent", 2, 125.0, "thermo-1: no frame for 5 s"
            ),
            _alarm(3, "collector_absent", "汇集端无应答", "The collector does not answer", 3, 10_960.0, ""),
        )
        self.rollout_views: tuple[RolloutView, ...] = ()
        self.paths: list[str] = []

    def tree(self) -> TreeView:
        return TreeView(self.as_of_ms, "Asia/Shanghai", "2026-09-22", self.nodes)

    def gates(self, path: str = "") -> tuple[GateView, ...]:
        self.paths.append(path)
        return tuple(gate for gate in self.gate_views if gate.grid_path.startswith(path))

    def alarms(self, path: str = "") -> tuple[AlarmView, ...]:
        return tuple(alarm for alarm in self.open_alarms if alarm.grid_path.startswith(path))

    def rollouts(self) -> tuple[RolloutView, ...]:
        return self.rollout_views

    def hours(self, path: str = "", count: int = 24) -> tuple[HourView, ...]:
        gates = next((node.completeness.gates_expected for node in self.nodes if node.path == path), 40)
        now = _HOURS_TODAY - 1
        return tuple(
            HourView(
                NOON_MS - back * HOUR_MS,
                f"{(now - back) % 24:02}:00",
                _verdicts((_BUSY[(now - back) % 24],), gates),
                {},
            )
            for back in reversed(range(count))
        )
