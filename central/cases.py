"""Alarm cases: opened by a record or its copy, whichever is first, closed by `cleared` or by the passage's outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from central.aggregate import FIGURE_OUTCOME
from central.registry import Registry, line_of
from central.store.base import CaseRow, GateRow, Store
from central.store.sqlite import SqliteStore
from checkpoint import reasons, topics
from checkpoint.drill import DRILL
from checkpoint.one_line import one_line
from checkpoint.records import Cleared, Fault, Header, Payload, Verdict
from checkpoint.verdict_watch import DISCREET

FROM_GATE: Final = "gate"
FORK: Final = "fork"
ROLLBACK: Final = "rollback"
GAP: Final = "gap"
CONFLICT: Final = "conflict"
# Priority of what the collector finds by itself: the record is in danger.
_PRIORITY: Final = {FORK: 1, ROLLBACK: 2, GAP: 2, CONFLICT: 1}
# An alarm older than this at receipt updates history and must not call anybody as a live one would.
LATE_MS: Final = 10 * 60 * 1000
_LARGEST: Final = 2**62
_MOST_NAME: Final = 64
_MOST_DETAIL: Final = 500
_DRILL_PRIORITY: Final = 4
_CALL_PRIORITY: Final = {"health": 1, "police": 1}


class CaseError(ValueError):
    """There is no such case to act on."""


def case_id(gate: str, epoch: bytes, number: int, origin: str) -> str:
    """The case's name in topics and on screens."""
    plain = f"{gate}-{epoch.hex()}-{number}"
    return plain if origin == FROM_GATE else f"{plain}-{origin}"


class Cases:
    """The changes that one message makes to the cases of one gate. `changed` lists those that anybody may have seen.

    `late`: what comes now is history, whatever its time says.
    """

    def __init__(self, store: Store, gate: GateRow, now_ms: int, *, late: bool = False) -> None:
        self._store = store
        self._gate = gate
        self._now_ms = now_ms
        self._late = late
        self._open_before: dict[tuple[bytes, int, str], bool] = {}
        self._now: dict[tuple[bytes, int, str], CaseRow] = {}

    def changed(self) -> list[CaseRow]:
        """Cases that are open now or were before: what opened and closed within one message is nobody's news, nor is a
        case of a drill."""
        return [row for key, row in self._now.items() if (row.open or self._open_before[key]) and row.name != DRILL]

    def alarm(self, header: Header, payload: Payload | None, corrected_ms: int | None) -> None:
        """A record or a copy that may be an alarm."""
        found = alarm_of(header, payload)
        if found is None:
            return
        name, priority, detail = found
        existing = self._find(header.epoch, header.number, FROM_GATE)
        if existing is not None and existing.opened_ms is not None:
            return
        opened_ms = self._now_ms if corrected_ms is None else corrected_ms
        late = self._late or (corrected_ms is not None and self._now_ms - corrected_ms > LATE_MS)
        row = self._row(header.epoch, header.number, FROM_GATE, name, priority, detail)
        row = replace(row, passage=header.passage, opened_ms=opened_ms, late=late)
        if existing is not None:
            # Its `cleared` came first.
            row = replace(row, open=False, cleared_ms=existing.cleared_ms)
        elif self._has_outcome(header):
            row = replace(row, open=False, cleared_ms=self._now_ms)
        self._save(row)

    def cleared(self, payload: Cleared, at_ms: int) -> None:
        """The alarm of a record is over, whether it is known yet or not."""
        if len(payload.epoch) != 8 or not 0 < payload.number < _LARGEST:
            return
        existing = self._find(payload.epoch, payload.number, FROM_GATE)
        if existing is None:
            row = self._row(payload.epoch, payload.number, FROM_GATE, payload.name, 4, "")
            self._save(replace(row, open=False, cleared_ms=at_ms))
        elif existing.open:
            self._save(replace(existing, open=False, cleared_ms=at_ms))

    def ended(self, passages: Sequence[bytes]) -> None:
        """These passages have their outcome: whoever was called for them has answered."""
        for row in self._store.open_cases_of(self._gate.no, passages):
            self._open_before.setdefault((row.epoch, row.number, row.origin), True)
            self._save(replace(row, open=False, cleared_ms=self._now_ms))

    def found(self, origin: str, epoch: bytes, number: int, detail: str) -> None:
        """The collector itself found something. Said once; a gap that comes back is said again."""
        existing = self._find(epoch, number, origin)
        if existing is not None and (existing.open or origin != GAP):
            if existing.detail != detail and existing.open:
                self._save(replace(existing, detail=detail))
            return
        row = self._row(epoch, number, origin, origin, _PRIORITY[origin], detail)
        self._save(replace(row, opened_ms=self._now_ms))

    def over(self, origin: str, epoch: bytes, number: int) -> None:
        """What the collector found is mended."""
        existing = self._find(epoch, number, origin)
        if existing is not None and existing.open:
            self._save(replace(existing, open=False, cleared_ms=self._now_ms))

    def redated(self) -> None:
        """The gate has learnt the time: whoever watches its open alarms has to hear of it."""
        for row in self._store.open_cases_at(self._gate.no):
            key = (row.epoch, row.number, row.origin)
            self._open_before.setdefault(key, True)
            self._now.setdefault(key, row)

    def orphan(self, epoch: bytes, number: int, *, orphan: bool) -> None:
        """The record of this case is on no disk any more (or has come after all)."""
        existing = self._find(epoch, number, FROM_GATE)
        if existing is not None and existing.orphan != orphan:
            self._save(replace(existing, orphan=orphan))

    def _row(self, epoch: bytes, number: int, origin: str, name: str, priority: int, detail: str) -> CaseRow:
        # A gate may say anything, and cases go to terminals, screens and subscribers.
        name, detail = one_line(name, _MOST_NAME), one_line(detail, _MOST_DETAIL)
        return CaseRow(self._gate.no, epoch, number, origin, True, name, priority, detail)

    def _has_outcome(self, header: Header) -> bool:
        if header.kind != "verdict" or header.passage is None:
            return False
        return (header.passage, FIGURE_OUTCOME) in self._store.counted(self._gate.no, [header.passage])

    def _find(self, epoch: bytes, number: int, origin: str) -> CaseRow | None:
        key = (epoch, number, origin)
        if key not in self._now:
            existing = self._store.case(self._gate.no, epoch, number, origin)
            self._open_before.setdefault(key, existing is not None and existing.open)
            return existing
        return self._now[key]

    def _save(self, row: CaseRow) -> None:
        self._store.save_case(row)
        self._now[row.epoch, row.number, row.origin] = row


def close_finding(store: SqliteStore, registry: Registry, case: str, now_ms: int) -> None:
    """Close a case that the collector raised by itself. Raises CaseError."""
    gates = {gate.no: gate for gate in store.gates()}
    with store.transaction():
        for row in store.open_cases():
            gate = gates[row.gate_no]
            if row.origin != FROM_GATE and case_id(gate.gate, row.epoch, row.number, row.origin) == case:
                path = registry.path_of(gate.grid)
                store.save_case(replace(row, open=False, cleared_ms=now_ms))
                store.touch([topics.escalation(path, case), *(topics.summary(above) for above in line_of(path))])
                return
    raise CaseError(f"{case!r} is no open finding of the collector; a gate's own alarms are cleared by the gate")


def alarm_of(header: Header, payload: Payload | None) -> tuple[str, int, str] | None:
    """(name, priority 1 to 4, detail) of a record that opens a case, else None."""
    if isinstance(payload, Fault):
        return (
            payload.name,
            min(max(payload.priority, 1), 4),
            f"{payload.device} {payload.lane} {payload.detail}".strip(),
        )
    if isinstance(payload, Verdict) and payload.verdict == "escalate" and payload.drill:
        # Seen by whoever watches the drill. It calls nobody: no role, no topic.
        return DRILL, _DRILL_PRIORITY, f"{payload.where.lane} {payload.reason}"
    if isinstance(payload, Verdict) and payload.verdict == "escalate":
        return (
            payload.reason,
            _priority(payload.reason, payload.call),
            f"{payload.where.lane} {payload.call}".strip(),
        )
    if payload is None and header.kind == "fault":
        # Newer than this collector can read, and still somebody has to look.
        return "unread", 2, header.kind
    return None


def _priority(code: str, called: str) -> int:
    """By whose business the reason is, or by whom the policy calls instead, whichever is more urgent."""
    if code == DISCREET:
        # Whoever is told how urgent a case is would be told by the role that it is about a watch list.
        return 1
    row = reasons.ALL.get(code)
    return min(_CALL_PRIORITY.get(role, 2) for role in (row.call if row else "", *called.split()))
