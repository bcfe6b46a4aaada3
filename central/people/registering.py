"""Adds people to the register: texts checked and bounded, the ID number turned into hashes at once."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from central.config import Config
from central.people.credentials import PeopleError
from central.people.id_numbers import checked_number, digest_in_pass, number_mac, registry_key
from central.people.issuing import new_pass_id, new_subject
from central.store.people import Household, Person
from central.store.sqlite import SqliteStore
from checkpoint.passes import PassClass

MAX_NAME: Final = 60
MAX_UNIT: Final = 60
MAX_PHONE: Final = 24
MAX_PLATE: Final = 16
MAX_PARTY: Final = 20
_HOUSEHOLD_BYTES: Final = 4
_DAY_S: Final = 86_400
_WITH_PLATE: Final[frozenset[PassClass]] = frozenset({"vehicle"})
_PHONE_SIGNS: Final = frozenset("0123456789+- ()")
# How spreadsheets begin what they compute: such a text may come back to somebody's spreadsheet.
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t")


class FieldError(PeopleError):
    """One field is wrong. `field` names it; the text says what is wrong and the remedy, never an ID number."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.field = name
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of somebody when they are registered. The ID number is never shown, not even by `repr`."""

    site: str
    pass_class: PassClass
    unit_label: str = ""
    name: str = ""
    phone: str = ""
    plate: str = ""
    party_size: int = 1
    id_number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Hashes:
    """What is kept of an ID number: the keyed one to know somebody again, and the one for the pass."""

    id_mac: bytes | None
    document_digest: bytes | None


def checked_entry(entry: Entry, now_s: int) -> Entry:
    """The entry with its texts in normal form. Raises FieldError for the first field that is wrong."""
    checked = replace(
        entry,
        unit_label=_text(entry.unit_label, "unit", MAX_UNIT),
        name=_text(entry.name, "name", MAX_NAME),
        phone=_phone(entry.phone),
        plate=_plate(entry.plate),
        id_number=checked_id(entry.id_number, now_s),
    )
    if not 1 <= checked.party_size <= MAX_PARTY:
        raise FieldError("party", f"{checked.party_size} is not within 1 to {MAX_PARTY}")
    if entry.pass_class in _WITH_PLATE and not checked.plate:
        raise FieldError("plate", "a vehicle needs its plate")
    if not (checked.name or checked.plate):
        raise FieldError("name", "is empty; give a name, or for a vehicle its plate")
    return checked


def hashes(config: Config, id_number: str, pass_id: bytes) -> Hashes:
    """Of a checked ID number; both None without one. Raises KeyFileError."""
    if not id_number:
        return Hashes(None, None)
    return Hashes(number_mac(registry_key(config.keys_dir), id_number), digest_in_pass(id_number, pass_id))


def checked_id(text: str, now_s: int) -> str:
    """An ID number in normal form, or nothing for nothing. Raises FieldError, which never repeats it."""
    normal = unicodedata.normalize("NFKC", text).strip()
    if not normal:
        return ""
    try:
        # A day later than anywhere: nobody born today is refused for the time zone.
        return checked_number(normal, datetime.fromtimestamp(now_s + _DAY_S, UTC).date())
    except ValueError as error:
        raise FieldError("id_number", str(error)) from None


def find_person(store: SqliteStore, entry: Entry, id_mac: bytes | None) -> Person | None:
    """Somebody who is registered already: by ID number; where one side has none, by name, plate and unit."""
    known = store.person_by_mac(entry.site, id_mac) if id_mac is not None else None
    if known is not None:
        return known
    home = store.household_of(entry.site, entry.unit_label)
    for person in store.people_named(entry.site, entry.name, entry.plate):
        same_home = person.household == (home.id if home else None)
        if same_home and (person.id_mac is None or id_mac is None):
            return person
    return None


def add_person(
    config: Config, store: SqliteStore, entry: Entry, now_ms: int, *, confirmed: bool = True, declared: str = ""
) -> Person:
    """Store a checked entry, and its household if that is new; call it inside a transaction. Raises KeyFileError."""
    pass_id = new_pass_id()
    made = hashes(config, entry.id_number, pass_id)
    return save_new(store, entry, made, pass_id, now_ms if confirmed else None, declared)


def save_new(
    store: SqliteStore, entry: Entry, made: Hashes, pass_id: bytes, confirmed_ms: int | None, declared: str
) -> Person:
    """Store somebody whose hashes are made; call it inside a transaction."""
    person = Person(
        no=0,
        site=entry.site,
        household=household_id(store, entry.site, entry.unit_label),
        pass_class=entry.pass_class,
        name=entry.name,
        phone=entry.phone,
        plate=entry.plate,
        party_size=entry.party_size,
        id_mac=made.id_mac,
        subject=new_subject(),
        pass_id=pass_id,
        document_digest=made.document_digest,
        confirmed_ms=confirmed_ms,
        declared=declared,
    )
    return replace(person, no=store.add_person(person))


def household_id(store: SqliteStore, site: str, unit_label: str) -> bytes | None:
    """The household of a unit, added if it is new; None without a unit."""
    if not unit_label:
        return None
    known = store.household_of(site, unit_label)
    if known is not None:
        return known.id
    while store.household(made := secrets.token_bytes(_HOUSEHOLD_BYTES)) is not None:
        continue
    store.add_household(Household(made, site, unit_label))
    return made


def _text(text: str, name: str, longest: int) -> str:
    """One line without odd signs; whatever the width in which it was typed."""
    normal = unicodedata.normalize("NFKC", text).strip()
    if len(normal) > longest:
        raise FieldError(name, f"has {len(normal)} characters, at most {longest}")
    if normal.startswith(_FORMULA_SIGNS):
        raise FieldError(name, f"begins with {normal[0]!r} as a formula does; write the text itself")
    # Categories C*: control, format (also such as turn the reading direction), surrogates, not assigned.
    if any(unicodedata.category(sign).startswith("C") for sign in normal):
        raise FieldError(name, "holds a sign that can't be seen; type it again")
    return " ".join(normal.split())


def _phone(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).strip()
    if len(normal) > MAX_PHONE or not set(normal) <= _PHONE_SIGNS:
        raise FieldError("phone", f"holds something else than digits, or over {MAX_PHONE} characters")
    return "".join(normal.split())


def _plate(text: str) -> str:
    plate = "".join(unicodedata.normalize("NFKC", text).split()).upper().replace("·", "")
    if len(plate) > MAX_PLATE or not (plate.isalnum() or not plate):
        raise FieldError("plate", f"is 1 to {MAX_PLATE} letters and digits")
    return plate
