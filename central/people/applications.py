"""The queue of those who registered by themselves: applied, then looked at by somebody, confirmed or refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from central.config import Config
from central.people.credentials import Credential, PeopleError
from central.people.issuing import issue_to, new_pass_id, tell_gates
from central.people.links import digest_of, new_token
from central.people.places import list_scope
from central.people.registering import Entry, Hashes, checked_entry, hashes, save_new
from central.store.forgetting import FORGOTTEN
from central.store.people import Application
from central.store.sqlite import SqliteStore
from checkpoint.passes import PassClass, Travel

MAX_PENDING: Final = 500
MAX_DECLARED: Final = 2000
MAX_WHY: Final = 200
_DAY_MS: Final = 86_400_000
# Classes that somebody may ask for from outside; crews and vehicles are for the office to enter.
OPEN_CLASSES: Final[frozenset[PassClass]] = frozenset({"resident", "visitor", "worker", "courier"})


class QueueFullError(PeopleError):
    """So many wait already that nobody would look at one more today."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, and what beyond yes or no: another unit, a shorter life, regions that the holder was in (GB/T 2260).

    `regions` None: no statement about travel; `()`: nowhere listed.
    """

    by: str
    unit_label: str | None = None
    lifetime_s: int | None = None
    regions: tuple[int, ...] | None = None


def apply(config: Config, store: SqliteStore, entry: Entry, declared: str, now_ms: int) -> str:
    """Put somebody into the queue of a site; returns the token of the link to what becomes of it.

    `declared`: JSON of the declaration, kept as it is. Opens a transaction of its own. Raises FieldError, PeopleError.
    """
    if entry.pass_class not in OPEN_CLASSES:
        raise PeopleError(f"nobody can apply for a {entry.pass_class} pass; the office enters it")
    if len(declared) > MAX_DECLARED:
        raise PeopleError(f"the declaration has {len(declared)} characters, at most {MAX_DECLARED}")
    list_scope(config, entry.site)
    checked = checked_entry(entry, now_ms // 1000)
    pass_id, token = new_pass_id(), new_token()
    made = hashes(config, checked.id_number, pass_id)
    row = _application(checked, made, pass_id, declared, digest_of(token) or b"", now_ms)
    with store.transaction():
        if store.count_pending(entry.site) >= MAX_PENDING:
            raise QueueFullError(f"{MAX_PENDING} applications wait at {entry.site}; ask the guard or the office")
        store.add_application(row)
    return token


def confirm(config: Config, store: SqliteStore, no: int, decision: Decision, now_ms: int) -> Credential:
    """Make the applicant a registered person with a pass; the applicant's link leads to it from now on.

    Opens a transaction of its own. Raises PeopleError where it was decided before or the person is registered already.
    """
    with store.transaction():
        row = _pending(store, no)
        if decision.unit_label is not None:
            row = replace(row, unit_label=decision.unit_label)
        known = store.person_by_mac(row.site, row.id_mac) if row.id_mac else None
        if known is not None:
            raise PeopleError(
                f"application {no} has the ID number of person {known.no}, who is registered at {row.site}; refuse it"
                f" and give that person a link with `people link {known.no}`"
            )
        store.decide_application(no, "confirmed", now_ms, decision.by, "")
        entry = checked_entry(_entry(row), now_ms // 1000)
        made = Hashes(row.id_mac, row.document_digest)
        person = save_new(store, entry, made, row.pass_id, now_ms, row.declared)
        held = issue_to(
            config,
            store,
            person,
            now_ms // 1000,
            lifetime_s=decision.lifetime_s,
            travel=_travel(row, decision),
            link_digest=row.link_digest,
        )
        tell_gates(config, store, held, now_ms)
    return held


def refuse(store: SqliteStore, no: int, by: str, why: str, now_ms: int) -> Application:
    """Close an application; whoever holds its link sees `why`. Opens a transaction of its own. Raises PeopleError."""
    if len(why) > MAX_WHY:
        raise PeopleError(f"the reason has {len(why)} characters, at most {MAX_WHY}")
    with store.transaction():
        row = _pending(store, no)
        store.decide_application(no, "refused", now_ms, by, why)
    return row


def _pending(store: SqliteStore, no: int) -> Application:
    row = store.application(no)
    if row is None:
        raise PeopleError(f"application {no} is unknown; `people pending` lists those that wait")
    if row.state != "pending":
        if row.state == FORGOTTEN:
            raise PeopleError(f"application {no} is over and forgotten; they have to apply again")
        raise PeopleError(f"application {no} was {row.state} by {row.by or 'somebody'} already")
    return row


def _travel(row: Application, decision: Decision) -> Travel | None:
    """What the office attests: for the 14 days up to the one on which the applicant declared it."""
    return None if decision.regions is None else Travel(row.applied_ms // _DAY_MS, decision.regions)


def _entry(row: Application) -> Entry:
    return Entry(
        site=row.site,
        pass_class=row.pass_class,
        unit_label=row.unit_label,
        name=row.name,
        phone=row.phone,
        plate=row.plate,
        party_size=row.party_size,
    )


def _application(
    entry: Entry, made: Hashes, pass_id: bytes, declared: str, link_digest: bytes, now_ms: int
) -> Application:
    return Application(
        no=0,
        site=entry.site,
        unit_label=entry.unit_label,
        pass_class=entry.pass_class,
        name=entry.name,
        phone=entry.phone,
        plate=entry.plate,
        party_size=entry.party_size,
        id_mac=made.id_mac,
        pass_id=pass_id,
        document_digest=made.document_digest,
        declared=declared,
        link_digest=link_digest,
        applied_ms=now_ms,
    )
