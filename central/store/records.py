"""Epochs, record skeletons, payloads, signed heads and gaps, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from central.store.base import PURGED_BEFORE, EpochState, Gap, Mark, RecordRow
from checkpoint.records import ZERO_HEAD, Sealed, decode_header

_EPOCH = (
    "SELECT id, gate_no, epoch, through, head, top, sides, low_floor, low_floor_ms, parent_head, parent_epoch,"
    " parent_last FROM epoch"
)
_RECORD = "SELECT id, epoch_id, number, side, head, kind, at, corrected_ms, mark, received_ms, header FROM record"
_PLACED = "SELECT epoch.epoch, number, header FROM epoch JOIN record ON epoch_id = epoch.id WHERE gate_no = ?"


class RecordTables:
    """Methods over tables `epoch`, `record`, `payload` (and what copies hold of payloads), `signed_head` and `gap`."""

    _conn: sqlite3.Connection

    def epoch(self, gate_no: int, epoch: bytes) -> EpochState | None:
        row = self._conn.execute(f"{_EPOCH} WHERE gate_no = ? AND epoch = ?", (gate_no, epoch)).fetchone()
        return EpochState(*row) if row else None

    def epochs(self, gate_no: int) -> list[EpochState]:
        """Every epoch of a gate in the order in which the collector met them."""
        rows = self._conn.execute(f"{_EPOCH} WHERE gate_no = ? ORDER BY id", (gate_no,))
        return [EpochState(*row) for row in rows]

    def add_epoch(self, gate_no: int, epoch: bytes) -> EpochState:
        """A new epoch, of which nothing is stored."""
        cursor = self._conn.execute(
            "INSERT INTO epoch(gate_no, epoch, through, head, top, sides, low_floor, low_floor_ms)"
            " VALUES (?, ?, 0, ?, 0, 0, 1, 0)",
            (gate_no, epoch, ZERO_HEAD),
        )
        return EpochState(int(cursor.lastrowid or 0), gate_no, epoch, 0, ZERO_HEAD, 0, 0, 1, 0, None, None, None)

    def save_epoch(self, state: EpochState) -> None:
        self._conn.execute(
            "UPDATE epoch SET through = ?, head = ?, top = ?, sides = ?, low_floor = ?, low_floor_ms = ?,"
            " parent_head = ?, parent_epoch = ?, parent_last = ? WHERE id = ?",
            (
                state.through, state.head, state.top, state.sides, state.low_floor, state.low_floor_ms,
                state.parent_head, state.parent_epoch, state.parent_last, state.id,
            ),
        )  # fmt: skip

    def parent_heads(self, gate_no: int) -> dict[bytes, list[bytes]]:
        """Head that an epoch's first record follows -> those epochs, for every epoch of the gate that follows one."""
        rows = self._conn.execute(
            "SELECT parent_head, epoch FROM epoch WHERE gate_no = ? AND parent_head IS NOT NULL AND parent_head <> ?",
            (gate_no, ZERO_HEAD),
        )
        heads: dict[bytes, list[bytes]] = {}
        for head, epoch in rows:
            heads.setdefault(head, []).append(epoch)
        return heads

    def gaps(self, epoch_id: int) -> list[Gap]:
        rows = self._conn.execute(
            "SELECT first, last, head_before, head_after, reason FROM gap WHERE epoch_id = ? ORDER BY first",
            (epoch_id,),
        )
        return [Gap(*row) for row in rows]

    def replace_gaps(self, epoch_id: int, gaps: Sequence[Gap]) -> None:
        self._conn.execute("DELETE FROM gap WHERE epoch_id = ?", (epoch_id,))
        self._conn.executemany(
            "INSERT INTO gap VALUES (?, ?, ?, ?, ?, ?)",
            [(epoch_id, gap.first, gap.last, gap.head_before, gap.head_after, gap.reason) for gap in gaps],
        )

    def lines(self, epoch_id: int, first: int, last: int) -> list[tuple[int, int, bytes]]:
        """(number, side, head) of what is stored of a range, on every line."""
        return self._conn.execute(
            "SELECT number, side, head FROM record WHERE epoch_id = ? AND number BETWEEN ? AND ?",
            (epoch_id, first, last),
        ).fetchall()

    def record(self, epoch_id: int, number: int, side: int) -> RecordRow | None:
        row = self._conn.execute(
            f"{_RECORD} WHERE epoch_id = ? AND number = ? AND side = ?", (epoch_id, number, side)
        ).fetchone()
        return RecordRow(*row) if row else None

    def record_by_id(self, record_id: int) -> RecordRow | None:
        row = self._conn.execute(f"{_RECORD} WHERE id = ?", (record_id,)).fetchone()
        return RecordRow(*row) if row else None

    def records(self, epoch_id: int, side: int) -> Iterator[RecordRow]:
        """One line of an epoch in number order."""
        rows = self._conn.execute(f"{_RECORD} WHERE epoch_id = ? AND side = ? ORDER BY number", (epoch_id, side))
        return (RecordRow(*row) for row in rows)

    def records_after(self, position: int, kind: str, limit: int) -> list[RecordRow]:
        """Records of a kind received after the one with id `position`, in order of receipt."""
        rows = self._conn.execute(f"{_RECORD} WHERE id > ? AND kind = ? ORDER BY id LIMIT ?", (position, kind, limit))
        return [RecordRow(*row) for row in rows]

    def header_after(self, gate_no: int, prev: bytes, epoch: bytes | None, number: int) -> tuple[bytes, int] | None:
        """(epoch, number) of a stored record that follows the head `prev`.

        Looked for at `number` of `epoch`; without an epoch among all records of the gate, which is slow and rare.
        """
        if epoch is not None:
            rows = self._conn.execute(f"{_PLACED} AND epoch.epoch = ? AND number = ?", (gate_no, epoch, number))
        else:
            rows = self._conn.execute(f"{_PLACED} AND instr(header, ?) > 0", (gate_no, prev))
        return next(((row[0], row[1]) for row in rows if decode_header(row[2]).prev == prev), None)

    def next_record_id(self) -> int:
        return int(self._conn.execute("SELECT coalesce(max(id), 0) + 1 FROM record").fetchone()[0])

    def add_records(self, rows: Sequence[tuple[object, ...]], payloads: Sequence[tuple[int, bytes, bytes]]) -> None:
        """`rows` in the order of RecordRow's fields; `payloads` are (record id, salt, payload)."""
        self._conn.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._conn.executemany("INSERT INTO payload VALUES (?, ?, ?)", payloads)

    def add_signed_head(self, epoch_id: int, last: int, head: bytes, message: bytes) -> None:
        self._conn.execute("INSERT OR IGNORE INTO signed_head VALUES (?, ?, ?, ?)", (epoch_id, last, head, message))

    def signed_heads(self, epoch_id: int) -> list[tuple[int, bytes, bytes]]:
        """(last, head, COSE message), in number order."""
        return self._conn.execute(
            "SELECT last, head, CAST(message AS BLOB) FROM signed_head WHERE epoch_id = ? ORDER BY last", (epoch_id,)
        ).fetchall()

    def sealed(self, record_id: int) -> tuple[bytes, bytes] | None:
        """Salt and payload, or None when purged."""
        row: tuple[bytes, bytes] | None = self._conn.execute(
            "SELECT salt, payload FROM payload WHERE record_id = ?", (record_id,)
        ).fetchone()
        return row

    def unread(self, after_id: int, limit: int) -> list[tuple[RecordRow, str, Sealed]]:
        """Records whose payload could not be read yet, with their gate and content, in order of receipt."""
        rows = self._conn.execute(
            "SELECT record.id, gate, salt, payload FROM record JOIN epoch ON epoch.id = epoch_id"
            " JOIN gate ON gate.no = gate_no JOIN payload ON record_id = record.id"
            " WHERE mark = ? AND record.id > ? ORDER BY record.id LIMIT ?",
            (Mark.UNREAD, after_id, limit),
        ).fetchall()
        found = [(self.record_by_id(record_id), gate, Sealed(salt, data)) for record_id, gate, salt, data in rows]
        return [(row, gate, sealed) for row, gate, sealed in found if row is not None]

    def purged_payloads(self) -> int:
        """How many records have lost their payload to retention."""
        return int(
            self._conn.execute("SELECT (SELECT count(*) FROM record) - (SELECT count(*) FROM payload)").fetchone()[0]
        )

    def purge_payloads(self, received_before_ms: int, limit: int) -> int:
        """Drop payloads (with their salt) of records received before then, unread ones excepted; how many."""
        # Record ids grow with time of receipt, so the oldest payloads come first.
        cursor = self._conn.execute(
            "DELETE FROM payload WHERE record_id IN (SELECT record_id FROM payload JOIN record ON id = record_id"
            " WHERE received_ms < ? AND mark <> ? ORDER BY record_id LIMIT ?)",
            (received_before_ms, Mark.UNREAD, limit),
        )
        # A copy whose record never came stays as evidence, and keeps nothing of the person either.
        self._conn.execute(
            "UPDATE copy SET salt = x'', payload = x'' WHERE received_ms < ? AND length(payload) > 0",
            (received_before_ms,),
        )
        self._conn.execute(
            "INSERT INTO cursor VALUES (?, ?) ON CONFLICT DO UPDATE SET position = max(position, excluded.position)",
            (PURGED_BEFORE, received_before_ms),
        )
        return cursor.rowcount
