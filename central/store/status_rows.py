"""What status lists are made from, asked of the tables of passes and documents in SQLite."""

from __future__ import annotations

import sqlite3


class StatusQueries:
    """Methods over tables `issued`, `cutoff` and `document`."""

    _conn: sqlite3.Connection

    def status_values(self, list_scope: str) -> dict[int, int]:
        """Index -> status of the passes on a list that are not simply valid."""
        rows = self._conn.execute(
            "SELECT status_index, status FROM issued WHERE list_scope = ? AND status_index IS NOT NULL AND status != 0",
            (list_scope,),
        )
        return dict(rows.fetchall())

    def list_extent(self, list_scope: str) -> tuple[int, int]:
        """How many passes are on a list, and the highest index among them (-1 for none)."""
        row = self._conn.execute(
            "SELECT count(status_index), coalesce(max(status_index), -1) FROM issued WHERE list_scope = ?",
            (list_scope,),
        ).fetchone()
        return int(row[0]), int(row[1])

    def index_in_use(self, list_scope: str, index: int) -> bool:
        row = self._conn.execute(
            "SELECT 1 FROM issued WHERE list_scope = ? AND status_index = ?", (list_scope, index)
        ).fetchone()
        return row is not None

    def passes_on(self, list_scope: str) -> list[tuple[bytes, int, int, int]]:
        """(pass id, index, status, since when in ms) of every pass on a list."""
        return self._conn.execute(
            "SELECT pass_id, status_index, status, status_ms FROM issued"
            " WHERE list_scope = ? AND status_index IS NOT NULL",
            (list_scope,),
        ).fetchall()

    def list_scopes(self) -> set[str]:
        """Scopes of every list that was published or that a pass or a cut-off is on."""
        rows = self._conn.execute(
            "SELECT list_scope FROM issued WHERE list_scope IS NOT NULL UNION SELECT scope FROM cutoff"
            " UNION SELECT scope FROM document WHERE kind = 'status'"
        )
        return {row[0] for row in rows}

    def drop_cutoff(self, scope: str, kind: str, value: bytes) -> bool:
        """Whether there was one."""
        cursor = self._conn.execute(
            "DELETE FROM cutoff WHERE scope = ? AND kind = ? AND value = ?", (scope, kind, value)
        )
        return cursor.rowcount == 1

    def newest_documents(self, kind: str) -> list[tuple[str, int, bytes]]:
        """(scope, time of signing in ms, signed bytes) of the newest document of this kind of every scope."""
        rows = self._conn.execute(
            "SELECT scope, at_ms, data, max(version) FROM document WHERE kind = ? GROUP BY scope ORDER BY scope",
            (kind,),
        )
        return [row[:3] for row in rows]

    def drop_older_documents(self, scope: str, kind: str, version: int) -> None:
        """Forget what `version` has replaced: status lists are many, and nobody asks for an old one."""
        self._conn.execute("DELETE FROM document WHERE scope = ? AND kind = ? AND version < ?", (scope, kind, version))
