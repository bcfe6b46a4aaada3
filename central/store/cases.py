"""Alarm cases, copies that wait for their record, and the quarantine, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from central.store.base import CaseRow, CaseTime, CopyRow
from checkpoint.records import decode_header

# Of a refused message only this much is kept, and only this many of them: a flood must not fill the disk.
QUARANTINE_BYTES: Final = 4096
QUARANTINE_ROWS: Final = 10_000

_CASE = (
    "SELECT gate_no, epoch, number, origin, open, name, priority, detail, passage, opened_ms, cleared_ms, late, orphan"
    " FROM alarm_case"
)


class CaseTables:
    """Methods over tables `alarm_case`, `copy` and `quarantine`."""

    _conn: sqlite3.Connection

    def case(self, gate_no: int, epoch: bytes, number: int, origin: str) -> CaseRow | None:
        row = self._conn.execute(
            f"{_CASE} WHERE gate_no = ? AND epoch = ? AND number = ? AND origin = ?", (gate_no, epoch, number, origin)
        ).fetchone()
        return _case(row) if row else None

    def save_case(self, row: CaseRow) -> None:
        self._conn.execute(
            "INSERT OR REPLACE INTO alarm_case VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.gate_no, row.epoch, row.number, row.origin, row.open, row.name, row.priority, row.detail,
                row.passage, row.opened_ms, row.cleared_ms, row.late, row.orphan,
            ),
        )  # fmt: skip

    def open_cases(self) -> list[CaseRow]:
        """Every open case: highest priority first, then oldest."""
        return [
            _case(row) for row in self._conn.execute(f"{_CASE} WHERE open = 1 ORDER BY priority, opened_ms, number")
        ]

    def open_cases_at(self, gate_no: int) -> list[CaseRow]:
        """Every open case of a gate."""
        return [_case(row) for row in self._conn.execute(f"{_CASE} WHERE open = 1 AND gate_no = ?", (gate_no,))]

    def case_times(self) -> dict[tuple[int, bytes, int], CaseTime]:
        """(gate number, epoch, number) -> when it happened, of every open case whose record or copy is here."""
        copies = self._conn.execute(
            "SELECT copy.gate_no, copy.epoch, copy.number, header FROM copy JOIN alarm_case AS c ON c.open = 1"
            " AND c.gate_no = copy.gate_no AND c.epoch = copy.epoch AND c.number = copy.number AND c.origin = 'gate'"
        )
        found = {(row[0], row[1], row[2]): _time_of(row[3]) for row in copies}
        # The main line comes last, and so it is the one that stays.
        rows = self._conn.execute(
            "SELECT c.gate_no, c.epoch, c.number, record.at, record.corrected_ms FROM alarm_case AS c"
            " JOIN epoch ON epoch.gate_no = c.gate_no AND epoch.epoch = c.epoch"
            " JOIN record ON epoch_id = epoch.id AND record.number = c.number"
            " WHERE c.open = 1 AND c.origin = 'gate' ORDER BY record.side DESC"
        )
        found.update(((row[0], row[1], row[2]), CaseTime(row[3], row[4])) for row in rows)
        return found

    def open_cases_of(self, gate_no: int, passages: Sequence[bytes]) -> list[CaseRow]:
        """Open cases of a gate that belong to one of these passages."""
        if not passages:
            return []
        rows = self._conn.execute(
            f"{_CASE} WHERE open = 1 AND gate_no = ? AND passage IN ({', '.join('?' * len(passages))})",
            (gate_no, *passages),
        )
        return [_case(row) for row in rows]

    def add_copy(self, gate_no: int, row: CopyRow) -> None:
        self._conn.execute(
            "INSERT OR IGNORE INTO copy VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (gate_no, row.epoch, row.number, row.head, row.header, row.salt, row.payload, row.received_ms),
        )

    def copies(self, gate_no: int, epoch: bytes, first: int) -> list[CopyRow]:
        """Copies still without their record, from number `first` on."""
        rows = self._conn.execute(
            "SELECT epoch, number, head, header, salt, payload, received_ms FROM copy"
            " WHERE gate_no = ? AND epoch = ? AND number >= ? ORDER BY number",
            (gate_no, epoch, first),
        )
        return [CopyRow(*row) for row in rows]

    def drop_copies(self, gate_no: int, epoch: bytes, heads: Sequence[tuple[int, bytes]]) -> None:
        """Their records, (number, head), are stored now."""
        self._conn.executemany(
            "DELETE FROM copy WHERE gate_no = ? AND epoch = ? AND number = ? AND head = ?",
            [(gate_no, epoch, number, head) for number, head in heads],
        )

    def quarantine(self, topic: str, reason: str, data: bytes, at_ms: int) -> None:
        """Keep the beginning of a message that was refused; the oldest make room."""
        cursor = self._conn.execute(
            "INSERT INTO quarantine(topic, reason, size, data, at_ms) VALUES (?, ?, ?, ?, ?)",
            (topic[:200], reason[:500], len(data), data[:QUARANTINE_BYTES], at_ms),
        )
        self._conn.execute("DELETE FROM quarantine WHERE id <= ?", (int(cursor.lastrowid or 0) - QUARANTINE_ROWS,))

    def quarantined(self, limit: int) -> list[tuple[str, str, int, int]]:
        """(topic, reason, size, time) of the newest refused messages."""
        return self._conn.execute(
            "SELECT topic, reason, size, at_ms FROM quarantine ORDER BY id DESC LIMIT ?", (limit,)
        ).fetchall()


def _case(row: tuple[object, ...]) -> CaseRow:
    fields = list(row)
    for flag in (4, 11, 12):
        fields[flag] = bool(fields[flag])
    return CaseRow(*fields)  # type: ignore[arg-type]


def _time_of(raw: bytes) -> CaseTime:
    header = decode_header(raw)
    return CaseTime(header.at, header.at if header.clock == "trusted" else None)
