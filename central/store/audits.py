"""What only an audit asks: records with their payloads in one walk, and rows without an owner, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from central.store.base import PURGED_BEFORE, RecordRow
from checkpoint.records import Sealed, decode_header

# A forged row may hold any type: what is hashed is read as bytes, what is compared with numbers as a number.
_SEALED = (
    "SELECT id, epoch_id, CAST(number AS INTEGER), side, CAST(head AS BLOB), kind, at, corrected_ms, mark, received_ms,"
    " CAST(header AS BLOB), CAST(salt AS BLOB), CAST(payload AS BLOB) FROM record LEFT JOIN payload ON record_id = id"
    " WHERE epoch_id = ? AND side = ? ORDER BY number"
)
_UNKNOWN = "unknown"


class AuditQueries:
    """Methods that read tables of every kind."""

    _conn: sqlite3.Connection

    def records_sealed(self, epoch_id: int, side: int) -> Iterator[tuple[RecordRow, Sealed | None]]:
        """One line of an epoch in number order; None for a payload that is purged."""
        for row in self._conn.execute(_SEALED, (epoch_id, side)):
            yield RecordRow(*row[:11]), None if row[12] is None else Sealed(row[11], row[12])

    def lines_beyond(self, epoch_id: int, sides: int) -> list[tuple[int, int]]:
        """(number, side) of records on lines that the epoch does not count."""
        return self._conn.execute(
            "SELECT number, side FROM record WHERE epoch_id = ? AND side NOT BETWEEN 0 AND ? ORDER BY number",
            (epoch_id, sides),
        ).fetchall()

    def stored_twice(self, epoch_id: int) -> list[int]:
        """Numbers of records that stand on two lines with one head."""
        rows = self._conn.execute(
            "SELECT number FROM record WHERE epoch_id = ? GROUP BY number, head HAVING count(*) > 1", (epoch_id,)
        )
        return [row[0] for row in rows]

    def lost_payloads(self) -> list[tuple[int, int]]:
        """(epoch id, number) of records without a payload that retention has not reached yet."""
        return self._conn.execute(
            "SELECT epoch_id, number FROM record LEFT JOIN payload ON record_id = id WHERE record_id IS NULL"
            " AND received_ms >= coalesce((SELECT position FROM cursor WHERE name = ?), 0) ORDER BY id",
            (PURGED_BEFORE,),
        ).fetchall()

    def strays(self) -> Iterator[tuple[str, str, int, str]]:
        """(gate, epoch, number, what is wrong) of rows whose owner is gone."""
        conn = self._conn
        for (epoch,) in conn.execute("SELECT epoch FROM epoch WHERE gate_no NOT IN (SELECT no FROM gate)").fetchall():
            yield _UNKNOWN, epoch.hex(), 0, "its gate is not in the table of gates"
        for number, raw in conn.execute(
            "SELECT min(number), CAST(header AS BLOB) FROM record WHERE epoch_id NOT IN (SELECT id FROM epoch)"
            " GROUP BY epoch_id"
        ).fetchall():
            yield *_owner(raw), number, "its epoch is not in the table of epochs"
        for (record_id,) in conn.execute(
            "SELECT record_id FROM payload WHERE record_id NOT IN (SELECT id FROM record)"
        ).fetchall():
            yield _UNKNOWN, _UNKNOWN, 0, f"the payload of record id {record_id} belongs to no record"
        for table, statement in (
            ("signed_head", "SELECT last FROM signed_head WHERE epoch_id NOT IN (SELECT id FROM epoch)"),
            ("gap", "SELECT last FROM gap WHERE epoch_id NOT IN (SELECT id FROM epoch)"),
        ):
            for (last,) in conn.execute(statement).fetchall():
                yield _UNKNOWN, _UNKNOWN, last, f"a row of table {table} belongs to no epoch"


def _owner(raw: bytes) -> tuple[str, str]:
    try:
        header = decode_header(raw)
    except msgspec.DecodeError:
        return _UNKNOWN, _UNKNOWN
    return header.gate, header.epoch.hex()
