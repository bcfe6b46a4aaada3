"""Households, people and their applications, in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass, fields

from checkpoint.passes import PassClass


@dataclass(frozen=True, slots=True)
class Household:
    """A home or a unit of a site. `id`: the 4 bytes that passes carry; `unit_label` is how the site calls it."""

    id: bytes
    site: str
    unit_label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody (or a vehicle) of a site; `no` is 0 before it is stored.

    `id_mac`: keyed HMAC of the ID number; `document_digest` goes into the pass `pass_id`, which the person keeps.
    `declared`: JSON of what was declared, empty if nothing. `confirmed_ms`: None until somebody has looked at it.
    """

    no: int
    site: str
    household: bytes | None
    pass_class: PassClass
    name: str
    phone: str
    plate: str
    party_size: int
    id_mac: bytes | None
    subject: bytes
    pass_id: bytes
    document_digest: bytes | None
    confirmed_ms: int | None
    declared: str


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody registered by themselves; `no` is 0 before it is stored. `state`: pending, confirmed, refused,
    forgotten."""

    no: int
    site: str
    unit_label: str
    pass_class: PassClass
    name: str
    phone: str
    plate: str
    party_size: int
    id_mac: bytes | None
    pass_id: bytes
    document_digest: bytes | None
    declared: str
    link_digest: bytes
    applied_ms: int
    state: str = "pending"
    decided_ms: int | None = None
    by: str = ""
    why: str = ""


_PERSON_COLUMNS = (
    "no, site, household, class, name, phone, plate, party_size, id_mac, subject, pass_id, document_digest,"
    " confirmed_ms, declared"
)
_APPLICATION_COLUMNS = (
    "no, site, unit_label, class, name, phone, plate, party_size, id_mac, pass_id, document_digest, declared,"
    " link_digest, applied_ms, state, decided_ms, by, why"
)
_PERSON_MARKS = ", ".join("?" * len(fields(Person)))
_APPLICATION_MARKS = ", ".join("?" * len(fields(Application)))
_PERSON_CHANGES = ", ".join(f"{name} = ?" for name in _PERSON_COLUMNS.split(", ")[1:])
# Only constants of this file are put together here; values are always bound.
_PERSON = f"SELECT {_PERSON_COLUMNS} FROM person"  # noqa: S608
_APPLICATION = f"SELECT {_APPLICATION_COLUMNS} FROM application"  # noqa: S608
_ADD_PERSON = f"INSERT INTO person({_PERSON_COLUMNS}) VALUES ({_PERSON_MARKS})"  # noqa: S608
_HIGHEST_PERSON = "SELECT max(coalesce((SELECT max(no) FROM person), 0), coalesce((SELECT max(person) FROM issued), 0))"
_ADD_APPLICATION = f"INSERT INTO application({_APPLICATION_COLUMNS}) VALUES ({_APPLICATION_MARKS})"  # noqa: S608
_CHANGE_PERSON = f"UPDATE person SET {_PERSON_CHANGES} WHERE no = ?"  # noqa: S608


class PeopleTables:
    """Methods over tables `household`, `person` and `application`."""

    _conn: sqlite3.Connection

    def household(self, household_id: bytes) -> Household | None:
        row = self._conn.execute("SELECT id, site, unit_label, note FROM household WHERE id = ?", (household_id,))
        found = row.fetchone()
        return Household(*found) if found else None

    def household_of(self, site: str, unit_label: str) -> Household | None:
        found = self._conn.execute(
            "SELECT id, site, unit_label, note FROM household WHERE site = ? AND unit_label = ?", (site, unit_label)
        ).fetchone()
        return Household(*found) if found else None

    def add_household(self, row: Household) -> None:
        self._conn.execute("INSERT INTO household(id, site, unit_label, note) VALUES (?, ?, ?, ?)", astuple(row))

    def person(self, no: int) -> Person | None:
        return self._one_person("no = ?", no)

    def person_by_mac(self, site: str, id_mac: bytes) -> Person | None:
        return self._one_person("site = ? AND id_mac = ?", site, id_mac)

    def people_named(self, site: str, name: str, plate: str) -> list[Person]:
        """Everybody of a site under this name and plate; either may be empty."""
        rows = self._conn.execute(f"{_PERSON} WHERE site = ? AND name = ? AND plate = ?", (site, name, plate))
        return [Person(*row) for row in rows]

    def people(self, site: str | None = None) -> list[Person]:
        """Everybody, of one site or of all, by site and number."""
        where, values = ("", ()) if site is None else (" WHERE site = ?", (site,))
        return [Person(*row) for row in self._conn.execute(f"{_PERSON}{where} ORDER BY site, no", values)]

    def add_person(self, row: Person) -> int:
        """Store a new person; returns the number given, which nobody had before who was ever given a pass."""
        [highest] = self._conn.execute(_HIGHEST_PERSON).fetchone()
        self._conn.execute(_ADD_PERSON, (highest + 1, *astuple(row)[1:]))
        return int(highest) + 1

    def replace_person(self, row: Person) -> None:
        """Write everything about a stored person again."""
        self._conn.execute(_CHANGE_PERSON, (*astuple(row)[1:], row.no))

    def application(self, no: int) -> Application | None:
        found = self._conn.execute(f"{_APPLICATION} WHERE no = ?", (no,)).fetchone()
        return Application(*found) if found else None

    def application_by_link(self, link_digest: bytes) -> Application | None:
        found = self._conn.execute(f"{_APPLICATION} WHERE link_digest = ?", (link_digest,)).fetchone()
        return Application(*found) if found else None

    def pending(self, site: str | None = None) -> list[Application]:
        """Applications that nobody has decided yet, oldest first."""
        where, values = ("", ()) if site is None else (" AND site = ?", (site,))
        rows = self._conn.execute(f"{_APPLICATION} WHERE state = 'pending'{where} ORDER BY no", values)
        return [Application(*row) for row in rows]

    def count_pending(self, site: str) -> int:
        found = self._conn.execute(
            "SELECT count(*) FROM application WHERE state = 'pending' AND site = ?", (site,)
        ).fetchone()
        return int(found[0])

    def add_application(self, row: Application) -> int:
        """Store a new application; returns the number given."""
        values = (None, *astuple(row)[1:])
        cursor = self._conn.execute(_ADD_APPLICATION, values)
        return int(cursor.lastrowid or 0)

    def decide_application(self, no: int, state: str, decided_ms: int, by: str, why: str) -> bool:
        """Whether it was still pending; if not, nothing changes. What it said of the person is not kept here."""
        cursor = self._conn.execute(
            "UPDATE application SET state = ?, decided_ms = ?, by = ?, why = ?, name = '', phone = '', plate = '',"
            " id_mac = NULL, document_digest = NULL, declared = '' WHERE no = ? AND state = 'pending'",
            (state, decided_ms, by, why, no),
        )
        return cursor.rowcount == 1

    def _one_person(self, where: str, *values: object) -> Person | None:
        found = self._conn.execute(f"{_PERSON} WHERE {where}", values).fetchone()
        return Person(*found) if found else None
