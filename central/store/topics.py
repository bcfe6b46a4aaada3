"""Which topics are due for publishing, their versions, and cursors, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from central.store.base import Due


class TopicTables:
    """Methods over tables `publish`, `document` and `cursor`."""

    _conn: sqlite3.Connection

    def touch(self, topics: Iterable[str]) -> None:
        """What these topics show has changed: publish them again."""
        self._conn.executemany(
            "INSERT INTO publish(topic, changed, published, version) VALUES (?, 1, 0, 0)"
            " ON CONFLICT(topic) DO UPDATE SET changed = changed + 1",
            [(topic,) for topic in topics],
        )

    def touch_published(self, prefix: str) -> None:
        """Publish everything again that ever was under a topic prefix."""
        self._conn.execute(
            "UPDATE publish SET changed = changed + 1 WHERE substr(topic, 1, ?) = ?", (len(prefix), prefix)
        )

    def due(self, limit: int) -> list[Due]:
        rows = self._conn.execute(
            "SELECT topic, changed, version FROM publish WHERE changed > published ORDER BY topic LIMIT ?", (limit,)
        )
        return [Due(*row) for row in rows]

    def begin_publish(self, topic: str, now_ms: int) -> int:
        """The version to publish under: it grows, also across a restore, because the time does."""
        self._conn.execute("UPDATE publish SET version = max(version + 1, ?) WHERE topic = ?", (now_ms, topic))
        return int(self._conn.execute("SELECT version FROM publish WHERE topic = ?", (topic,)).fetchone()[0])

    def end_publish(self, topic: str, changed: int, *, emptied: bool) -> None:
        """The broker has what `changed` stood for. An emptied topic is forgotten unless it has changed since."""
        if emptied:
            self._conn.execute("DELETE FROM publish WHERE topic = ? AND changed = ?", (topic, changed))
        self._conn.execute("UPDATE publish SET published = max(published, ?) WHERE topic = ?", (changed, topic))

    def save_document(self, scope: str, kind: str, version: int, data: bytes, now_ms: int) -> None:
        """Keep a signed document; it is published, and published again whenever the broker has lost it."""
        self._conn.execute("INSERT INTO document VALUES (?, ?, ?, ?, ?)", (scope, kind, version, data, now_ms))

    def documents(self) -> list[tuple[str, str, int, bytes]]:
        """(scope, kind, version, signed bytes) of the newest version of every document."""
        return self._conn.execute(
            "SELECT scope, kind, max(version), data FROM document GROUP BY scope, kind ORDER BY scope, kind"
        ).fetchall()

    def cursor(self, name: str) -> int:
        row = self._conn.execute("SELECT position FROM cursor WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def move_cursor(self, name: str, position: int) -> None:
        self._conn.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (name, position))
