"""Entries of the watch list, in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass, field

from checkpoint.watch import WatchKind, WatchRole


@dataclass(frozen=True, slots=True)
class WatchedRow:
    """One entry. `scope`: site, grid or gate; `why` and `by`: for whoever has to answer for it."""

    no: int
    scope: str
    kind: WatchKind
    hashed: bytes = field(repr=False)
    call: WatchRole
    why: str
    by: str
    added_ms: int
    until_ms: int
    removed_ms: int | None = None
    removed_by: str = ""
    removed_why: str = ""

    def counts(self, now_ms: int) -> bool:
        """Whether gates are told of it."""
        return self.removed_ms is None and now_ms < self.until_ms


_COLUMNS = "no, scope, kind, hashed, call, why, by, added_ms, until_ms, removed_ms, removed_by, removed_why"
# When an entry was over, one way or the other.
_OVER = "min(until_ms, coalesce(removed_ms, until_ms))"


class WatchedTable:
    """Methods over table `watched`."""

    _conn: sqlite3.Connection

    def watched(self) -> list[WatchedRow]:
        """Every entry that is still in the store, also those that are over; oldest first."""
        # Only constants are put together here; values are always bound.
        return [WatchedRow(*row) for row in self._conn.execute(f"SELECT {_COLUMNS} FROM watched ORDER BY no")]  # noqa: S608

    def next_watched(self) -> int:
        """A number that no entry in the store has."""
        return int(self._conn.execute("SELECT coalesce(max(no), 0) + 1 FROM watched").fetchone()[0])

    def add_watched(self, row: WatchedRow) -> None:
        marks = ", ".join("?" * len(_COLUMNS.split(", ")))
        self._conn.execute(f"INSERT INTO watched({_COLUMNS}) VALUES ({marks})", astuple(row))  # noqa: S608

    def end_watched(self, no: int, removed_ms: int, by: str, why: str) -> None:
        self._conn.execute(
            "UPDATE watched SET removed_ms = ?, removed_by = ?, removed_why = ? WHERE no = ?", (removed_ms, by, why, no)
        )

    def watched_over(self, before_ms: int) -> int:
        """How many have been over since before then."""
        found = self._conn.execute(f"SELECT count(*) FROM watched WHERE {_OVER} < ?", (before_ms,))  # noqa: S608
        return int(found.fetchone()[0])

    def drop_watched(self, before_ms: int) -> None:
        """Forget those that were over before then."""
        self._conn.execute(f"DELETE FROM watched WHERE {_OVER} < ?", (before_ms,))  # noqa: S608
