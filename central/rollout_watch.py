"""What the running collector does for roll-outs: hear what each gate says, count verdicts, stop when they jump."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from central import rollout
from central.registry import Registry
from central.rollout_cases import open_case
from central.rollout_plan import parse_stop
from central.rollout_rule import Compared, alone, compare
from central.store.base import GateRow, GateState
from central.store.rollouts import LIVE, GateAnswer, RolloutGate, RolloutRow
from central.store.sqlite import SqliteStore
from checkpoint.local_order import policy_named
from checkpoint.records import Verdict, decode_payload

_log = structlog.get_logger(__name__)

# After the last stage nothing is left to stop, but somebody may still want to go back.
_WATCHED_ON_MS: Final = 86_400_000
# So many of all gates, by any policy. Of a round every few seconds it is more than a city has in its busiest hour.
_VERDICTS_A_ROUND: Final = 10_000
_MOST_WHY: Final = 160
_COLLECTOR: Final = "collector"


@dataclass(frozen=True, slots=True)
class _Read:
    """By gate number, how many of each verdict by the new policy came since `after`; `position`: the last looked at."""

    after: int
    position: int
    verdicts: Mapping[int, Counter[str]]


def watch(store: SqliteStore, registry: Registry, now_ms: int) -> list[str]:
    """One round for every roll-out that is watched; returns what was stopped, in words."""
    words = [_round(store, registry, row, now_ms) for row in store.rollouts() if _watched(row, now_ms)]
    return [word for word in words if word]


def _round(store: SqliteStore, registry: Registry, seen: RolloutRow, now_ms: int) -> str:
    # What takes long is read before others have to wait for the transaction.
    read = _read(store, seen)
    known = store.rollout_gates(seen.no)
    new = [gate for gate in rollout.gates_of(store, registry, seen) if gate.no not in known]
    pasts = rollout.with_pasts(store, new, seen.changed_ms)
    with store.transaction():
        row = store.rollout(seen.no)
        if row is None or (row.stage, row.state, row.position) != (seen.stage, seen.state, seen.position):
            # Somebody has acted meanwhile: the next round is soon.
            return ""
        gates = _count(store, row, _hear(store, registry, row, pasts, now_ms), read)
        row = replace(row, position=read.position)
        why, worst = _jump(store, row, list(gates.values()))
        if worst is not None:
            _stop(store, registry, row, worst, why, now_ms)
        return f"policy/{row.scope}: {why}" if why else ""


def _watched(row: RolloutRow, now_ms: int) -> bool:
    return row.state in LIVE or (row.state == "done" and now_ms - row.changed_ms < _WATCHED_ON_MS)


def _read(store: SqliteStore, row: RolloutRow) -> _Read:
    rows = store.verdicts_after(row.position, row.policy, _VERDICTS_A_ROUND)
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for _, gate_no, payload in rows:
        verdict = decode_payload("verdict", payload) if payload else None
        if isinstance(verdict, Verdict) and not verdict.drill:
            named = policy_named(verdict.policy, verdict.policy_version)
            if named == (row.policy, row.policy_version):
                found[gate_no][verdict.verdict] += 1
    return _Read(row.position, rows[-1][0] if rows else row.position, found)


def _hear(
    store: SqliteStore, registry: Registry, row: RolloutRow, pasts: Mapping[int, RolloutGate], now_ms: int
) -> dict[int, RolloutGate]:
    """What the heartbeats of the gates in the stage say of this policy; kept where it is new."""
    known, states = store.rollout_gates(row.no), store.gate_states()
    found = {}
    for gate in rollout.gates_of(store, registry, row):
        before = known.get(gate.no) or pasts.get(gate.no)
        if before is None:
            continue
        state, why = answer_of(states.get(gate.no), row)
        after = replace(before, rollout=row.no, state=state, version=row.version, why=why)
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
        return "refused", printable(why)
    return "offered", ""


def printable(why: str) -> str:
    """What a gate says of itself may be anything, and goes to a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in why[:_MOST_WHY])


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else -1


def _count(store: SqliteStore, row: RolloutRow, gates: dict[int, RolloutGate], read: _Read) -> dict[int, RolloutGate]:
    """Verdicts that came since and name the new policy, whoever's clock they were made by, of gates in the stage."""
    for gate_no in gates.keys() & read.verdicts.keys():
        gates[gate_no] = _counted(gates[gate_no], read.verdicts[gate_no])
        store.save_rollout_gate(gates[gate_no])
    if read.position != read.after:
        store.save_rollout(replace(row, position=read.position))
    return gates


def _counted(gate: RolloutGate, found: Counter[str]) -> RolloutGate:
    return replace(
        gate,
        after_all=gate.after_all + found.total(),
        after_deny=gate.after_deny + found["deny"],
        after_escalate=gate.after_escalate + found["escalate"],
    )


def _jump(store: SqliteStore, row: RolloutRow, gates: list[RolloutGate]) -> tuple[str, RolloutGate | None]:
    """Why it is to stop, and the gate to look at; empty while all is well, and once it was said."""
    if row.jumped:
        return "", None
    rules = parse_stop(row.stop_when)
    together = [one for one in (compare(gates, rule) for rule in rules) if one.jumped]
    if together:
        worst = max(gates, key=lambda gate: (gate.after_deny + gate.after_escalate, -gate.gate_no))
        return "; ".join(_words(one) for one in together), worst
    for rule in rules:
        if (found := alone(gates, rule)) is not None:
            gate, one = found
            return _words(one, f" at {_row_of(store, gate.gate_no).gate} alone"), gate
    return "", None


def _words(one: Compared, where: str = "") -> str:
    return f"{one.figure} {one.seen}/{one.verdicts}{where}, as before {one.expected:.1f}, limit {one.limit:.1f}"


def _stop(store: SqliteStore, registry: Registry, row: RolloutRow, worst: RolloutGate, why: str, now_ms: int) -> None:
    """One that somebody stopped, and the last stage, can't be stopped any more: that it jumped is told all the same."""
    row = replace(row, jumped=why)
    store.save_rollout(row)
    if row.state == "running":
        rollout.stop(store, row, rollout.Who(_COLLECTOR, now_ms, why), "jumped")
    open_case(store, registry, row, _row_of(store, worst.gate_no), f"policy/{row.scope} {why}", now_ms)
    _log.warning("rollout_jumped", scope=row.scope, rollout=row.no, why=why)


def _row_of(store: SqliteStore, gate_no: int) -> GateRow:
    return next(gate for gate in store.gates() if gate.no == gate_no)
