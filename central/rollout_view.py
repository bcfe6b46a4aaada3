"""A roll-out as operators see it: stages, what each gate says, and the figures that it is judged by."""

from __future__ import annotations

from typing import Final

import msgspec

from central import rollout
from central.registry import Registry
from central.rollout_plan import parse_stages, parse_stop
from central.rollout_rule import Compared, compare
from central.rollout_watch import answer_of, printable
from central.store.base import GateRow, GateState
from central.store.rollouts import LIVE, RolloutAct, RolloutGate, RolloutRow
from central.store.sqlite import SqliteStore

# What is over stays on the page for so long.
_SHOWN_MS: Final = 3 * 86_400_000
ANSWERS: Final[dict[str, tuple[str, str]]] = {
    "offered": ("已下发", "offered"),
    "verified": ("已验签，未到生效时间", "verified, before its time"),
    "in_force": ("已生效", "in force"),
    "refused": ("被拒收", "refused"),
    "outside": ("未到其阶段", "not in a stage yet"),
}
STATES: Final[dict[str, tuple[str, str]]] = {
    "running": ("进行中", "running"),
    "stopped": ("已停止", "stopped"),
    "done": ("已全部下发", "with every gate"),
    "back": ("已退回", "taken back"),
}


class RolloutGateView(msgspec.Struct, frozen=True):
    """A gate of the scope. `state`: one of ANSWERS; `version`: of the scope's document that it has, empty: not told;
    `verdicts` and the rest: made by the new policy."""

    gate: str
    state: str
    version: str
    online: bool
    why: str
    verdicts: int
    deny: int
    escalate: int


class FigureView(msgspec.Struct, frozen=True):
    """One figure over the gates that can be compared; `told`: there are enough verdicts to say anything."""

    figure: str
    seen: int
    verdicts: int
    expected: float
    limit: float
    told: bool
    jumped: bool


class RolloutView(msgspec.Struct, frozen=True):
    """One roll-out. `stage` counts from 1; `jumped`: why it stopped by itself, empty else. Times in ms UTC."""

    no: int
    scope: str
    policy: str
    policy_version: int
    state: str
    stage: int
    stages: tuple[str, ...]
    version: int
    base_version: int
    changed_ms: int
    jumped: str
    figures: tuple[FigureView, ...]
    gates: tuple[RolloutGateView, ...]
    acts: tuple[RolloutAct, ...]

    def count(self, state: str) -> int:
        """How many gates are so far."""
        return sum(gate.state == state for gate in self.gates)


def rollout_views(store: SqliteStore, registry: Registry, now_ms: int, every: bool = False) -> tuple[RolloutView, ...]:
    """Those under way and those that ended lately, or every one; the newest first. In one snapshot of the caller."""
    states = store.gate_states()
    return tuple(_view(store, registry, row, states) for row in store.rollouts() if every or _shown(row, now_ms))


def _shown(row: RolloutRow, now_ms: int) -> bool:
    return row.state in LIVE or now_ms - row.changed_ms < _SHOWN_MS


def _view(store: SqliteStore, registry: Registry, row: RolloutRow, states: dict[int, GateState]) -> RolloutView:
    known = store.rollout_gates(row.no)
    inside = {gate.no for gate in rollout.gates_of(store, registry, row)}
    gates = [
        _gate(row, gate, states.get(gate.no), known.get(gate.no), gate.no in inside)
        for gate in rollout.gates_under(store, registry, row.scope)
    ]
    compared = [compare(known.values(), rule) for rule in parse_stop(row.stop_when)]
    return RolloutView(
        no=row.no,
        scope=row.scope,
        policy=row.policy,
        policy_version=row.policy_version,
        state=row.state,
        stage=row.stage + 1,
        stages=tuple(stage.text for stage in parse_stages(row.stages)),
        version=row.version,
        base_version=row.base_version,
        changed_ms=row.changed_ms,
        jumped=row.jumped,
        figures=tuple(_figure(one) for one in compared),
        gates=tuple(gates),
        acts=tuple(store.rollout_acts(row.no)),
    )


def _gate(
    row: RolloutRow, gate: GateRow, state: GateState | None, known: RolloutGate | None, inside: bool
) -> RolloutGateView:
    # After it was taken back every gate is offered the old text again.
    answer, why = answer_of(state, row) if inside or row.state == "back" else ("outside", "")
    has = "" if state is None else printable(state.versions.get(f"policy@{row.scope}", ""))
    counts = (known.after_all, known.after_deny, known.after_escalate) if known is not None else (0, 0, 0)
    return RolloutGateView(gate.gate, answer, has[:20], state is not None and state.online, why, *counts)


def _figure(one: Compared) -> FigureView:
    return FigureView(
        one.figure, one.seen, one.verdicts, round(one.expected, 1), round(one.limit, 1), one.told, one.jumped
    )
