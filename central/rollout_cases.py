"""The case that a roll-out opens when it stops by itself, at the gate that moved the figures most."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Final

from central.cases import case_id
from central.registry import Registry, line_of
from central.store.base import CaseRow, GateRow
from central.store.rollouts import RolloutRow
from central.store.sqlite import SqliteStore
from checkpoint import topics

ROLLOUT: Final = "rollout"
_PRIORITY: Final = 2


def open_case(store: SqliteStore, registry: Registry, row: RolloutRow, gate: GateRow, why: str, now_ms: int) -> None:
    """In a transaction of the caller."""
    case = CaseRow(gate.no, _key(row), row.version, ROLLOUT, True, ROLLOUT, _PRIORITY, why, opened_ms=now_ms)
    _save(store, registry, gate, case)


def close_cases(store: SqliteStore, registry: Registry, row: RolloutRow, now_ms: int) -> None:
    """Somebody has decided: go on, or back. In a transaction of the caller."""
    gates = {gate.no: gate for gate in store.gates()}
    for case in store.open_cases():
        if case.origin == ROLLOUT and case.epoch == _key(row):
            _save(store, registry, gates[case.gate_no], replace(case, open=False, cleared_ms=now_ms))


def _save(store: SqliteStore, registry: Registry, gate: GateRow, case: CaseRow) -> None:
    path = registry.path_of(gate.grid)
    name = case_id(gate.gate, case.epoch, case.number, case.origin)
    store.save_case(case)
    store.touch([topics.escalation(path, name), *(topics.summary(above) for above in line_of(path))])


def _key(row: RolloutRow) -> bytes:
    """Stands where a gate's case has its epoch: one roll-out's cases, and no gate's."""
    return sha256(f"{ROLLOUT}/{row.scope}/{row.no}".encode()).digest()[:8]
