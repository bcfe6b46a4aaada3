"""Alarm cases: opened by a record or its copy, whichever is first, closed by `cleared` or by the passage's outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from central.aggregate import FIGURE_OUTCOME
from central.store.base import CaseRow, GateRow, Store
from checkpoint.records import Cleared, Fault, Header, Payload, Verdict

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
_HEALTH_REASONS: Final = frozenset({"fever", "watch", "watch_hit", "quarantine"})


def case_id(gate: str, epoch: bytes, number: int, origin: str) -> str:
    """The case's name in topics and on screens."""
    plain = f"{gate}-{epoch.hex()}-{number}"
    return plain if origin == FROM_GATE else f"{plain}-{origin}"


class Cases:
    """The changes that one message makes to the cases of one gate. `changed` lists those that anybody may have seen."""

    def __init__(self, store: Store, gate: GateRow, now_ms: int) -> None:
        self._store = store
        self._gate = gate
        self._now_ms = now_ms
        self._open_before: dict[tuple[bytes, int, str], bool] = {}
        self._now: dict[tuple[bytes, int, str], CaseRow] = {}

    def changed(self) -> list[CaseRow]:
        """Cases that are open now or were before: what opened and closed within one message is nobody's news."""
        return [row for key, row in self._now.items() if row.open or self._open_before[key]]

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
        row = CaseRow(
            self._gate.no, header.epoch, header.number, FROM_GATE, True, name, priority, detail[:500], header.passage,
            opened_ms, None, corrected_ms is not None and self._now_ms - corrected_ms > LATE_MS, False,
        )  # fmt: skip
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
            self._save(
                CaseRow(
                    self._gate.no, payload.epoch, payload.number, FROM_GATE, False, payload.name, 4, "", None, None, at_ms,
                    False, False,
                )
            )  # fmt: skip
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
        self._save(
            CaseRow(
                self._gate.no, epoch, number, origin, True, origin, _PRIORITY[origin], detail, None, self._now_ms, None,
                False, False,
            )
        )  # fmt: skip

    def over(self, origin: str, epoch: bytes, number: int) -> None:
        """What the collector found is mended."""
        existing = self._find(epoch, number, origin)
        if existing is not None and existing.open:
            self._save(replace(existing, open=False, cleared_ms=self._now_ms))

    def orphan(self, epoch: bytes, number: int, *, orphan: bool) -> None:
        """The record of this case is on no disk any more (or has come after all)."""
        existing = self._find(epoch, number, FROM_GATE)
        if existing is not None and existing.orphan != orphan:
            self._save(replace(existing, orphan=orphan))

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


def alarm_of(header: Header, payload: Payload | None) -> tuple[str, int, str] | None:
    """(name, priority 1 to 4, detail) of a record that opens a case, else None."""
    if isinstance(payload, Fault):
        return (
            payload.name,
            min(max(payload.priority, 1), 4),
            f"{payload.device} {payload.lane} {payload.detail}".strip(),
        )
    if isinstance(payload, Verdict) and payload.verdict == "escalate":
        return (
            payload.reason,
            1 if payload.reason in _HEALTH_REASONS else 2,
            f"{payload.where.lane} {payload.call}".strip(),
        )
    if payload is None and header.kind == "fault":
        # Newer than this collector can read, and still somebody has to look.
        return "unread", 2, header.kind
    return None
