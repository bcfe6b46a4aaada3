"""What the office does with people of the register: issue, renew, link, list; what writes makes its own transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from central.config import Config
from central.people.credentials import Credential, PeopleError, credential, credential_of, new_link
from central.people.issuing import issue_to, new_pass_id, renew, replace_pass, tell_gates
from central.people.places import list_scope
from central.people.registering import Entry, add_person, checked_entry, checked_id, find_person, hashes
from central.revocation import standing
from central.store.issued import Carrier, Issued
from central.store.people import Person
from central.store.sqlite import SqliteStore
from checkpoint.passes import PassClass
from checkpoint.status_list import VALID

# Who stays: their passes are renewed in bulk. A visit ends when it ends.
_STAYS: Final[frozenset[PassClass]] = frozenset({"resident", "worker", "vehicle", "emergency"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A person of the register with the pass they have, if any. `status` as gates are told; 1 also where cut off."""

    person: Person
    unit_label: str
    issued: Issued | None
    status: int | None


def enter_person(config: Config, store: SqliteStore, entry: Entry, now_ms: int) -> Person:
    """Add one person by hand. Raises FieldError, PeopleError where they are registered already."""
    list_scope(config, entry.site)
    checked = checked_entry(entry, now_ms // 1000)
    with store.transaction():
        # The number is hashed again for a new person: what is compared here needs no pass id.
        known = find_person(store, checked, hashes(config, checked.id_number, new_pass_id()).id_mac)
        if known is not None:
            raise PeopleError(f"registered already as person {known.no}; `pass issue --person {known.no}`")
        return add_person(config, store, checked, now_ms)


def issue_to_person(
    config: Config,
    store: SqliteStore,
    no: int,
    now_ms: int,
    *,
    lifetime_s: int | None = None,
    not_before_s: int | None = None,
    again: bool = False,
    id_number: str = "",
    carrier: Carrier = "phone",
) -> Credential:
    """Give a person their pass. `again`: under a new id, in place of a revoked one, for which the ID number is needed
    once more if the pass is to be tied to it. Raises PeopleError, FieldError, IssueError."""
    now_s = now_ms // 1000
    with store.transaction():
        person = known_person(store, no)
        if again:
            person = _prepared_anew(config, store, person, checked_id(id_number, now_s))
        held = issue_to(config, store, person, now_s, lifetime_s=lifetime_s, not_before_s=not_before_s, carrier=carrier)
        tell_gates(config, store, held, now_ms)
    return held


def renew_passes(
    config: Config, store: SqliteStore, pass_ids: Sequence[bytes], now_ms: int, lifetime_s: int | None
) -> list[Credential]:
    """All of them or none. Raises PeopleError, RefusedError, IssueError."""
    with store.transaction():
        return [renew(config, store, credential_of(store, pass_id), now_ms // 1000, lifetime_s) for pass_id in pass_ids]


def ending_soon(store: SqliteStore, now_s: int, within_s: int, site: str | None) -> list[bytes]:
    """Passes that end within this time and may be renewed without asking: of those who stay, and simply valid.

    What was suspended or cut off waits for somebody's decision, and what is over was not missed.
    """
    return [
        row.pass_id
        for row in store.issued_before(now_s + within_s)
        if row.expires_s > now_s
        and row.pass_class in _STAYS
        and standing(store, row) == VALID
        and (site is None or credential(store, row).site == site)
    ]


def link_person(store: SqliteStore, no: int) -> tuple[Credential, str]:
    """A person's pass, and the token of a new link to it; the old link leads nowhere. Raises PeopleError."""
    person = known_person(store, no)
    if store.issued(person.pass_id) is None:
        raise PeopleError(f"person {no} has no pass yet; `pass issue --person {no}` first")
    return credential_of(store, person.pass_id), new_link(store, person.pass_id)


def known_person(store: SqliteStore, no: int) -> Person:
    """Raises PeopleError."""
    person = store.person(no)
    if person is None:
        raise PeopleError(f"person {no} is not in the register; `people list` shows the numbers")
    return person


def listed(store: SqliteStore, site: str | None = None, unit_label: str | None = None) -> Iterator[Listed]:
    """Everybody of the register, of one site or unit or of all."""
    units: dict[bytes | None, str] = {None: ""}
    for person in store.people(site):
        if person.household not in units:
            home = store.household(person.household) if person.household else None
            units[person.household] = home.unit_label if home else ""
        unit = units[person.household]
        if unit_label is None or unit == unit_label:
            issued = store.issued(person.pass_id)
            yield Listed(person, unit, issued, standing(store, issued) if issued else None)


def valid_passes(store: SqliteStore, site: str, unit_label: str | None, now_s: int) -> list[Credential]:
    """The passes of a site or unit that count now, by unit: what can be printed, so none that lives in one phone."""
    rows = [one for one in listed(store, site, unit_label) if one.status == VALID]
    rows.sort(key=lambda one: (one.unit_label, one.person.no))
    passes = [one.issued for one in rows if one.issued is not None]
    return [credential(store, row) for row in passes if row.expires_s > now_s and row.device_key is None]


def _prepared_anew(config: Config, store: SqliteStore, person: Person, id_number: str) -> Person:
    pass_id = new_pass_id()
    made = hashes(config, id_number, pass_id)
    if made.id_mac is not None and person.id_mac is not None and made.id_mac != person.id_mac:
        raise PeopleError(f"this is not the ID number of person {person.no}; ask for the document again")
    return replace_pass(store, person, made.document_digest, pass_id)
