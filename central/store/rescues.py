"""What an operator brought in from the card of a dead gate, in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Rescue:
    """Records `first`..`last` of an epoch, stored under the ids `first_id`..`last_id`, as they came from a card.

    `signed`: with the gate's own key. Otherwise only the operator `by` vouches for them. `sha256` names the evidence:
    the hash of `file` and, if there was one, of its write-ahead log.
    """

    first_id: int
    last_id: int
    epoch_id: int
    first: int
    last: int
    signed: bool
    by: str
    file: str
    sha256: str
    at_ms: int


class RescueTable:
    """Methods over table `rescue`."""

    _conn: sqlite3.Connection

    def add_rescue(self, row: Rescue) -> None:
        self._conn.execute("INSERT INTO rescue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(row))

    def rescues(self, epoch_id: int) -> list[Rescue]:
        """What was rescued of an epoch, in order of receipt."""
        rows = self._conn.execute("SELECT * FROM rescue WHERE epoch_id = ? ORDER BY first_id", (epoch_id,))
        return [_rescue(*row) for row in rows]

    def is_rescued(self, record_id: int) -> bool:
        """Whether this record came from a card: then it is late, whatever its time says."""
        row = self._conn.execute(
            "SELECT last_id FROM rescue WHERE first_id <= ? ORDER BY first_id DESC LIMIT 1", (record_id,)
        ).fetchone()
        return row is not None and record_id <= int(row[0])


def _rescue(
    first_id: int, last_id: int, epoch_id: int, first: int, last: int, signed: int, by: str, file: str, sha256: str,
    at_ms: int,
) -> Rescue:  # fmt: skip
    return Rescue(first_id, last_id, epoch_id, first, last, bool(signed), by, file, sha256, at_ms)
