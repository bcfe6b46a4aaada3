"""Passes that were issued, and cut-offs that void many of them, in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass, fields
from typing import Literal

from checkpoint.passes import PassClass

# How its holder shows it: on paper, or from a phone.
Carrier = Literal["paper", "phone"]


@dataclass(frozen=True, slots=True)
class Issued:
    """One pass. `claims`: the payload as it was last signed; `status`: 0 valid, 1 revoked, 2 suspended, 3 ask.

    `link_digest`: SHA-256 of the token in a link to it. `invited_by`: the pass id of the resident who invited.
    """

    pass_id: bytes
    person: int | None
    subject: bytes
    pass_class: PassClass
    household: bytes | None
    list_scope: str | None
    status_index: int | None
    status: int
    status_why: str
    status_ms: int
    not_before_s: int
    expires_s: int
    claims: bytes
    link_digest: bytes | None
    device_key: bytes | None
    variant: Carrier
    issued_ms: int
    invited_by: bytes | None = None


@dataclass(frozen=True, slots=True)
class CutoffRow:
    """Passes of this kind under `scope` that began before `before_s` are void."""

    scope: str
    kind: str
    value: bytes
    before_s: int
    set_ms: int
    by: str


_COLUMNS = (
    "pass_id, person, subject, class, household, list_scope, status_index, status, status_why, status_ms,"
    " not_before_s, expires_s, claims, link_digest, device_key, variant, issued_ms, invited_by"
)
_MARKS = ", ".join("?" * len(fields(Issued)))
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[1:])
# Only constants of this file are put together here; values are always bound.
_ISSUED = f"SELECT {_COLUMNS} FROM issued"  # noqa: S608
# The upsert names its conflict: another pass on the same status index is an error, and never replaced.
_SAVE = f"INSERT INTO issued({_COLUMNS}) VALUES ({_MARKS}) ON CONFLICT(pass_id) DO UPDATE SET {_CHANGES}"  # noqa: S608


class IssuedTables:
    """Methods over tables `issued` and `cutoff`."""

    _conn: sqlite3.Connection

    def issued(self, pass_id: bytes) -> Issued | None:
        return self._one_pass("pass_id = ?", pass_id)

    def issued_by_link(self, link_digest: bytes) -> Issued | None:
        return self._one_pass("link_digest = ?", link_digest)

    def issued_to(self, person: int) -> list[Issued]:
        """Every pass that a person was ever given."""
        return self._passes("person = ? ORDER BY issued_ms", person)

    def issued_of_household(self, household: bytes) -> list[Issued]:
        return self._passes("household = ? ORDER BY pass_id", household)

    def issued_before(self, expires_s: int) -> list[Issued]:
        """Passes of people that are not revoked and end before `expires_s`, the earliest first."""
        return self._passes("expires_s < ? AND status != 1 AND person IS NOT NULL ORDER BY expires_s", expires_s)

    def invited(self, pass_id: bytes, now_s: int) -> list[Issued]:
        """Live passes of the visitors that the holder of `pass_id` invited."""
        return self._passes("invited_by = ? AND expires_s > ? AND status != 1 ORDER BY expires_s", pass_id, now_s)

    def save_issued(self, row: Issued) -> None:
        """Store a pass, or everything about it again. Raises sqlite3.IntegrityError for an index or link in use."""
        self._conn.execute(_SAVE, astuple(row))

    def set_status(self, pass_id: bytes, status: int, why: str, now_ms: int) -> bool:
        """Whether there is such a pass."""
        cursor = self._conn.execute(
            "UPDATE issued SET status = ?, status_why = ?, status_ms = ? WHERE pass_id = ?",
            (status, why, now_ms, pass_id),
        )
        return cursor.rowcount == 1

    def set_link(self, pass_id: bytes, link_digest: bytes | None) -> None:
        self._conn.execute("UPDATE issued SET link_digest = ? WHERE pass_id = ?", (link_digest, pass_id))

    def cutoffs(self, scope: str) -> list[CutoffRow]:
        rows = self._conn.execute(
            "SELECT scope, kind, value, before_s, set_ms, by FROM cutoff WHERE scope = ? ORDER BY kind, value", (scope,)
        )
        return [CutoffRow(*row) for row in rows]

    def save_cutoff(self, row: CutoffRow) -> None:
        """Set a cut-off; one of the same kind and value only ever moves later."""
        self._conn.execute(
            "INSERT INTO cutoff(scope, kind, value, before_s, set_ms, by) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT(scope, kind, value) DO UPDATE SET before_s = max(before_s, excluded.before_s),"
            " set_ms = excluded.set_ms, by = excluded.by",
            astuple(row),
        )

    def _one_pass(self, where: str, *values: object) -> Issued | None:
        found = self._conn.execute(f"{_ISSUED} WHERE {where}", values).fetchone()
        return Issued(*found) if found else None

    def _passes(self, where: str, *values: object) -> list[Issued]:
        return [Issued(*row) for row in self._conn.execute(f"{_ISSUED} WHERE {where}", values)]
