"""What the running collector does for roll-outs: hear what each gate says, count verdicts, stop when they jump."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import structlog

from central import rollout
from central.registry import Registry
from central.rollout_cases import open_case
from central.rollout_plan import parse_stop
from central.rollout_rule import Compared, compare
from central.store.base import GateRow, GateState, Mark
from central.store.rollouts import LIVE, GateAnswer, RolloutGate, RolloutRow
from central.store.sqlite import SqliteStore
from checkpoint.records import Verdict, decode_payload

_log = structlog.get_logger(__name__)

BEFORE_MS: Final = 7 * 86_400_000
# After the last stage nothing is left to stop, but somebody may still want to go back.
_WATCHED_ON_MS: Final = 86_400_000
_VERDICTS_A_ROUND: Final = 2000
_COLLECTOR: Final = "collector"


def watch(store: SqliteStore, registry: Registry, now_ms: int) -> list[str]:
    """One round for every roll-out that is watched; returns what was stopped, in words."""
    rows = [row for row in store.rollouts() if _watched(row, now_ms)]
    stopped = []
    for row in rows:
        with store.transaction():
            gates = _hear(store, registry, row, now_ms)
            row, gates = _count(store, row, gates)
            why = _jump(row, gates.values())
            if why:
                stopped.append(f"policy/{row.scope}: {why}")
                _stop(store, registry, row, gates.values(), why, now_ms)
    return stopped


def _watched(row: RolloutRow, now_ms: int) -> bool:
    return row.state in LIVE or (row.state == "done" and now_ms - row.changed_ms < _WATCHED_ON_MS)


def _hear(store: SqliteStore, registry: Registry, row: RolloutRow, now_ms: int) -> dict[int, RolloutGate]:
    """What the heartbeats of the gates in the stage say of this policy; kept where it is new."""
    known, states = store.rollout_gates(row.no), store.gate_states()
    found = {}
    for gate in rollout.gates_of(store, registry, row):
        before = known.get(gate.no) or _with_past(store, row, RolloutGate(row.no, gate.no, "offered", 0, "", None))
        state, why = answer_of(states.get(gate.no), row)
        after = replace(before, state=state, version=row.version, why=why)
        if state == "in_force" and before.in_force_ms is None:
            after = replace(after, in_force_ms=now_ms)
        if after != known.get(gate.no):
            store.save_rollout_gate(after)
        found[gate.no] = after
    return found


def answer_of(state: GateState | None, row: RolloutRow) -> tuple[GateAnswer, str]:
    """What a gate says of the newest version of this roll-out, and why where it refuses it."""
    versions = {} if state is None else state.versions
    part = f"policy@{row.scope}"
    if _number(versions.get(part)) >= row.version:
        return "in_force", ""
    if _number(versions.get(f"{part}/waiting")) >= row.version:
        return "verified", ""
    refused, _, why = versions.get(f"{part}/refused", "").partition(" ")
    # 0: what came could not even be read.
    if refused and (_number(refused) >= row.version or refused == "0"):
        return "refused", why
    return "offered", ""


def _number(text: str | None) -> int:
    """What a gate says of itself may be anything."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else -1


def _with_past(store: SqliteStore, row: RolloutRow, gate: RolloutGate) -> RolloutGate:
    """With its verdicts of the days before its stage began."""
    past = store.verdicts_between(gate.gate_no, row.changed_ms - BEFORE_MS, row.changed_ms)
    return replace(
        gate, before_all=sum(past.values()), before_deny=past.get("deny", 0), before_escalate=past.get("escalate", 0)
    )


def _count(
    store: SqliteStore, row: RolloutRow, gates: dict[int, RolloutGate]
) -> tuple[RolloutRow, dict[int, RolloutGate]]:
    """Verdicts that came since and name the new policy, whoever's clock they were made by."""
    records = store.records_after(row.position, "verdict", _VERDICTS_A_ROUND)
    touched = set()
    for record in records:
        sealed = store.sealed(record.id) if record.mark == Mark.COUNTED else None
        verdict = decode_payload("verdict", sealed[1]) if sealed else None
        gate = gates.get(store.gate_of_epoch(record.epoch_id))
        if gate is None or not isinstance(verdict, Verdict):
            continue
        if (verdict.policy, verdict.policy_version) == (row.policy, row.policy_version):
            gates[gate.gate_no] = _counted(gate, verdict.verdict)
            touched.add(gate.gate_no)
    for gate_no in sorted(touched):
        store.save_rollout_gate(gates[gate_no])
    if records:
        row = replace(row, position=records[-1].id)
        store.save_rollout(row)
    return row, gates


def _counted(gate: RolloutGate, verdict: str) -> RolloutGate:
    return replace(
        gate,
        after_all=gate.after_all + 1,
        after_deny=gate.after_deny + (verdict == "deny"),
        after_escalate=gate.after_escalate + (verdict == "escalate"),
    )


def _jump(row: RolloutRow, gates: Iterable[RolloutGate]) -> str:
    """Why it is to stop; empty while all is well, and once it was said."""
    if row.jumped or row.state == "stopped":
        return ""
    known = list(gates)
    found = [compare(known, rule) for rule in parse_stop(row.stop_when)]
    return "; ".join(_words(one) for one in found if one.jumped)


def _words(one: Compared) -> str:
    return f"{one.figure} {one.seen}/{one.verdicts}, as before {one.expected:.1f}, limit {one.limit:.1f}"


def _stop(
    store: SqliteStore, registry: Registry, row: RolloutRow, gates: Iterable[RolloutGate], why: str, now_ms: int
) -> None:
    row = replace(row, jumped=why)
    store.save_rollout(row)
    if row.state == "running":
        rollout.stop(store, row, rollout.Who(_COLLECTOR, now_ms, why), "jumped")
    worst = max(gates, key=lambda gate: (gate.after_deny + gate.after_escalate, -gate.gate_no))
    open_case(store, registry, row, _row_of(store, worst.gate_no), f"policy/{row.scope} {why}", now_ms)
    _log.warning("rollout_jumped", scope=row.scope, rollout=row.no, why=why)


def _row_of(store: SqliteStore, gate_no: int) -> GateRow:
    return next(gate for gate in store.gates() if gate.no == gate_no)
