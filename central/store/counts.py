"""Leaf aggregates, the record that counts for each passage, and corrections of untrusted clocks, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from central.store.base import CountedRow, Dimension, LeafChanges, UntrustedRow

# SQLite's own limit on parameters of one statement is far higher; this keeps a statement small.
_CHUNK = 500

_COUNTED = "SELECT passage, figure, record_id, at, epoch, number, dim, corrected_ms FROM counted"


class CountTables:
    """Methods over tables `dim`, `leaf`, `counted`, `clock_set` and `untrusted`."""

    _conn: sqlite3.Connection
    _dimensions: dict[Dimension, int]

    def dimension(self, dimension: Dimension) -> int:
        """The number of a leaf's key; a new one is added."""
        known = self._dimensions.get(dimension)
        if known is None:
            known = self._dimensions[dimension] = self._find_dimension(dimension)
        return known

    def _find_dimension(self, dimension: Dimension) -> int:
        self._conn.execute(
            "INSERT OR IGNORE INTO dim(grid, site, direction, lane_kind, pass_class, figure, value, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            dimension,
        )
        row = self._conn.execute(
            "SELECT id FROM dim WHERE grid = ? AND site = ? AND direction = ? AND lane_kind = ? AND pass_class = ?"
            " AND figure = ? AND value = ? AND reason = ?",
            dimension,
        ).fetchone()
        return int(row[0])

    def dimension_of(self, dim: int) -> Dimension:
        row: Dimension = self._conn.execute(
            "SELECT grid, site, direction, lane_kind, pass_class, figure, value, reason FROM dim WHERE id = ?", (dim,)
        ).fetchone()
        return row

    def counted(self, gate_no: int, passages: Sequence[bytes]) -> dict[tuple[bytes, str], CountedRow]:
        """What counts today for each (passage, figure)."""
        found: dict[tuple[bytes, str], CountedRow] = {}
        for start in range(0, len(passages), _CHUNK):
            chunk = passages[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            rows = self._conn.execute(f"{_COUNTED} WHERE gate_no = ? AND passage IN ({marks})", (gate_no, *chunk))
            found.update(((row[0], row[1]), CountedRow(*row)) for row in rows)
        return found

    def counted_record(self, epoch_id: int, passage: bytes, figure: str) -> int | None:
        """The id of the record that counts for a figure of a passage, seen from another record of its gate."""
        row = self._conn.execute(
            "SELECT record_id FROM counted WHERE passage = ? AND figure = ?"
            " AND gate_no = (SELECT gate_no FROM epoch WHERE id = ?)",
            (passage, figure, epoch_id),
        ).fetchone()
        return int(row[0]) if row else None

    def save_counted(self, gate_no: int, rows: Iterable[CountedRow]) -> None:
        self._conn.executemany(
            "INSERT OR REPLACE INTO counted VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    gate_no,
                    row.passage,
                    row.figure,
                    row.record_id,
                    row.at,
                    row.epoch,
                    row.number,
                    row.dim,
                    row.corrected_ms,
                )
                for row in rows
            ],
        )

    def head(self, record_id: int) -> bytes:
        """The head of a stored record."""
        head: bytes = self._conn.execute("SELECT head FROM record WHERE id = ?", (record_id,)).fetchone()[0]
        return head

    def mark_records(self, marks: Mapping[int, int]) -> None:
        """Record id -> its new mark."""
        self._conn.executemany("UPDATE record SET mark = ? WHERE id = ?", [(mark, at) for at, mark in marks.items()])

    def change_leaves(self, changes: LeafChanges) -> None:
        """Add to (or take from) leaf counts."""
        self._conn.executemany(
            "INSERT INTO leaf(dim, kind, bucket, n) VALUES (?, ?, ?, ?)"
            " ON CONFLICT(kind, bucket, dim) DO UPDATE SET n = n + excluded.n",
            [(dim, kind, bucket, n) for (dim, kind, bucket), n in changes.items() if n],
        )

    def leaves(self, kind: str, first: int, last: int) -> list[tuple[Dimension, int, int]]:
        """(key, bucket, count) of every leaf of a kind whose bucket start is within `first`..`last`."""
        rows = self._conn.execute(
            "SELECT grid, site, direction, lane_kind, pass_class, figure, value, reason, bucket, n FROM leaf"
            " JOIN dim ON dim.id = dim WHERE kind = ? AND bucket BETWEEN ? AND ? AND n <> 0 ORDER BY bucket, dim.id",
            (kind, first, last),
        )
        return [(row[:8], row[8], row[9]) for row in rows]

    def clock_offset(self, gate_no: int, boot_id: bytes, mono_ms: int) -> int | None:
        """The correction given by the first clock record of this boot at or after `mono_ms`."""
        row = self._conn.execute(
            "SELECT offset_ms FROM clock_set WHERE gate_no = ? AND boot_id = ? AND mono_ms >= ?"
            " ORDER BY mono_ms, record_id LIMIT 1",
            (gate_no, boot_id, mono_ms),
        ).fetchone()
        return int(row[0]) if row else None

    def add_clock_set(self, gate_no: int, boot_id: bytes, mono_ms: int, record_id: int, offset_ms: int) -> None:
        self._conn.execute(
            "INSERT OR IGNORE INTO clock_set VALUES (?, ?, ?, ?, ?)", (gate_no, boot_id, mono_ms, record_id, offset_ms)
        )

    def add_untrusted(self, gate_no: int, rows: Iterable[UntrustedRow]) -> None:
        self._conn.executemany(
            "INSERT OR REPLACE INTO untrusted VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    gate_no, row.boot_id, row.mono_ms, row.record_id, row.at, row.passage, row.figure, row.dim,
                    row.corrected_ms,
                )
                for row in rows
            ],
        )  # fmt: skip

    def untrusted(self, gate_no: int, boot_id: bytes, through_mono_ms: int) -> list[UntrustedRow]:
        """Records of a boot made under an untrusted clock, up to a moment of that boot."""
        rows = self._conn.execute(
            "SELECT boot_id, mono_ms, record_id, at, passage, figure, dim, corrected_ms FROM untrusted"
            " WHERE gate_no = ? AND boot_id = ? AND mono_ms <= ?",
            (gate_no, boot_id, through_mono_ms),
        )
        return [UntrustedRow(*row) for row in rows]

    def correct(self, gate_no: int, row: UntrustedRow, corrected_ms: int | None) -> None:
        """Give a record its corrected time, wherever that is kept."""
        self._conn.execute("UPDATE record SET corrected_ms = ? WHERE id = ?", (corrected_ms, row.record_id))
        self._conn.execute(
            "UPDATE untrusted SET corrected_ms = ? WHERE gate_no = ? AND boot_id = ? AND mono_ms = ? AND record_id = ?",
            (corrected_ms, gate_no, row.boot_id, row.mono_ms, row.record_id),
        )
        if row.passage is not None:
            self._conn.execute(
                "UPDATE counted SET corrected_ms = ?"
                " WHERE gate_no = ? AND passage = ? AND figure = ? AND record_id = ?",
                (corrected_ms, gate_no, row.passage, row.figure, row.record_id),
            )
