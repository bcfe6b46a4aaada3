"""Imports a spreadsheet of people: every bad cell is reported, and either all of it gets in or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from central.config import Config
from central.people.credentials import Credential, PeopleError
from central.people.id_numbers import number_mac, registry_key, shortened
from central.people.issuing import carry_over, issue_to, new_pass_id, tell_gates
from central.people.links import digest_of, new_token
from central.people.places import list_scope
from central.people.registering import (
    Entry,
    FieldError,
    Hashes,
    checked_entry,
    find_person,
    hashes,
    household_id,
    save_new,
)  # fmt: skip
from central.people.tables import Row, Table, TableError, read_table
from central.store.people import Person
from central.store.sqlite import SqliteStore
from checkpoint.passes import PassClass

# Field -> headings, the usual one first.
_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "unit": ("房号", "楼栋房号", "门牌号", "单元", "户号", "住址", "单位", "unit", "household"),
    "name": ("姓名", "name"),
    "class": ("类别", "身份", "class"),
    "phone": ("手机", "手机号", "手机号码", "电话", "联系电话", "phone"),
    "id_number": ("证件号", "证件号码", "身份证", "身份证号", "身份证号码", "id_number", "id number"),
    "plate": ("车牌", "车牌号", "plate"),
    "party": ("人数", "party"),
}
_FIELD_OF: Final = {word: name for name, words in _HEADINGS.items() for word in words}
_CLASSES: Final[Mapping[str, PassClass]] = {
    "居民": "resident", "住户": "resident", "业主": "resident", "租户": "resident", "resident": "resident",
    "访客": "visitor", "visitor": "visitor",
    "车辆": "vehicle", "vehicle": "vehicle",
    "工作人员": "worker", "员工": "worker", "保洁": "worker", "保安": "worker", "worker": "worker",
    "快递外卖": "courier", "快递": "courier", "外卖": "courier", "courier": "courier",
    "应急": "emergency", "emergency": "emergency",
}  # fmt: skip
_SHOWN: Final = 20
# Six digits in a row may be a part of an ID number or a phone number, in whatever column they stand.
_DIGITS: Final = re.compile(r"[\dXx]{6,}")


@dataclass(frozen=True, slots=True)
class BadCell:
    """Why a row can't be taken. `value` is shortened, and shows no ID or phone number."""

    line: int
    column: str
    value: str
    why: str

    def __str__(self) -> str:
        shown = f" ({self.value})" if self.value else ""
        return f"line {self.line}, {self.column}{shown}: {self.why}"


class BadRowsError(PeopleError):
    """Nothing was imported; `cells` says why, in order of lines."""

    def __init__(self, file: Path, cells: Sequence[BadCell]) -> None:
        super().__init__(f"{file}: {len(cells)} cells are wrong; nothing was imported")
        self.cells = tuple(cells)


@dataclass(frozen=True, slots=True)
class Given:
    """A pass that the import gave out, and the token of its link."""

    held: Credential
    token: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would have done. `form`: how the file was read.

    `to_renew`: ids of passes that say something else than the register until they are renewed.
    """

    form: str
    added: int
    changed: int
    same: int
    given: tuple[Given, ...] = ()
    to_renew: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A good row: what it says, the hash of its ID number, and who that is already."""

    line: int
    entry: Entry
    id_mac: bytes | None
    known: Person | None


def import_people(
    config: Config,
    store: SqliteStore,
    file: Path,
    site: str,
    now_ms: int,
    *,
    default_class: PassClass = "resident",
    ignore: Sequence[str] = (),
    issue: bool = False,
    dry_run: bool = False,
    hand_out: Callable[[Sequence[Given]], None] = lambda given: None,
) -> Imported:
    """Add and change the people of a file; who is not in it stays as they are. The same file again changes nothing.
    Passes that people have already say what the register says from then on, or are named as `to_renew`.

    `ignore`: headings of columns that are left out. `issue`: give a pass and a link to everybody of the file who has
    none. `hand_out`: what is done with the links, which nobody can read again; where it fails nothing is imported.

    Raises BadRowsError, TableError, PeopleError, KeyFileError, OSError.
    """
    scope = list_scope(config, site)
    table = read_table(file)
    columns = _columns(file, table.rows[0], ignore)
    entries = _entries(file, table, columns, site, default_class, now_ms // 1000)
    key = registry_key(config.keys_dir) if any(entry.id_number for _, entry in entries) else b""
    found = _people(file, store, key, entries)
    fresh = [one for one in found if one.known is None]
    changed = [one for one in found if one.known is not None and _differs(store, one.known, one)]
    counts = Imported(table.form, len(fresh), len(changed), len(found) - len(fresh) - len(changed))
    if dry_run:
        with store.trial():
            known = [_saved(store, one, None, None, now_ms) for one in found if one.known is not None]
            return replace(counts, to_renew=_carried(config, store, known, now_ms // 1000))
    # Slow on purpose, so before the transaction: nobody else waits for it.
    hashed = {one.line: (pass_id, hashes(config, one.entry.id_number, pass_id)) for one in fresh
              for pass_id in (new_pass_id(),)}  # fmt: skip
    digests = {one.line: hashes(config, one.entry.id_number, one.known.pass_id) for one in changed
               if one.known is not None and one.known.id_mac is None}  # fmt: skip
    with store.transaction():
        # Hashing took its time: nobody is written over whom the office has changed meanwhile.
        if _people(file, store, key, entries) != found:
            raise PeopleError(f"{file}: the register was changed while the file was read; import it again")
        people = [_saved(store, one, hashed.get(one.line), digests.get(one.line), now_ms) for one in found]
        to_renew = _carried(config, store, people, now_ms // 1000)
        given = _given(config, store, people, scope, now_ms) if issue else ()
        if given:
            tell_gates(config, store, given[0].held, now_ms)
            hand_out(given)
    return replace(counts, given=given, to_renew=to_renew)


def _carried(config: Config, store: SqliteStore, people: Sequence[Person], now_s: int) -> tuple[bytes, ...]:
    """Bring what changed into the passes of these people; the ids of those that have to be renewed for it."""
    return tuple(person.pass_id for person in people if carry_over(config, store, person, now_s))


def _given(config: Config, store: SqliteStore, people: Sequence[Person], scope: str, now_ms: int) -> tuple[Given, ...]:
    """A pass with a link for each of them who has none."""
    given = []
    for person in people:
        if store.issued(person.pass_id) is None:
            token = new_token()
            held = issue_to(config, store, person, now_ms // 1000, link_digest=digest_of(token), scope=scope)
            given.append(Given(held, token))
    return tuple(given)


def _columns(file: Path, heading: Row, ignore: Sequence[str]) -> dict[str, int]:
    """Field -> column. Raises TableError."""
    columns: dict[str, int] = {}
    for at, cell in enumerate(heading.cells):
        word = cell.text.strip().lower()
        if not word or cell.text in ignore:
            continue
        name = _FIELD_OF.get(word)
        if name is None:
            raise TableError(
                f"{file}: column {cell.text[:_SHOWN]!r} is unknown; remove it or name it with --ignore. Known:"
                f" {', '.join(words[0] for words in _HEADINGS.values())}"
            )
        if name in columns:
            raise TableError(f"{file}: two columns are for {name}; leave one of them out with --ignore")
        columns[name] = at
    if "name" not in columns and "plate" not in columns:
        raise TableError(f"{file}: line {heading.line} names no column 姓名 (name) or 车牌 (plate)")
    return columns


def _entries(
    file: Path, table: Table, columns: Mapping[str, int], site: str, default_class: PassClass, now_s: int
) -> list[tuple[int, Entry]]:
    """Every row, checked. Raises BadRowsError with all that is wrong."""
    bad: list[BadCell] = []
    good: list[tuple[int, Entry]] = []
    for row in table.rows[1:]:
        values = {name: row.cells[at] for name, at in columns.items() if at < len(row.cells)}
        faults = [BadCell(row.line, name, veiled(cell.text), cell.fault) for name, cell in values.items() if cell.fault]
        if faults:
            bad += faults
            continue
        texts = {name: cell.text for name, cell in values.items() if cell.text}
        try:
            good.append((row.line, checked_entry(_entry(texts, site, default_class), now_s)))
        except FieldError as error:
            bad.append(BadCell(row.line, error.field, _value(error.field, texts), error.text))
    if bad:
        raise BadRowsError(file, bad)
    return good


def _entry(texts: Mapping[str, str], site: str, default_class: PassClass) -> Entry:
    word = texts.get("class", "").lower()
    if word and word not in _CLASSES:
        raise FieldError("class", f"is unknown; use one of {', '.join(sorted(set(_CLASSES.values())))} or 居民, 访客 …")
    party = texts.get("party", "1")
    if not (party.isascii() and party.isdigit() and len(party) <= 3):
        raise FieldError("party", "is no whole number")
    return Entry(
        site=site,
        pass_class=_CLASSES[word] if word else default_class,
        unit_label=texts.get("unit", ""),
        name=texts.get("name", ""),
        phone=texts.get("phone", ""),
        plate=texts.get("plate", ""),
        party_size=int(party),
        id_number=texts.get("id_number", ""),
    )


def _people(file: Path, store: SqliteStore, key: bytes, entries: Sequence[tuple[int, Entry]]) -> list[_Found]:
    """Who is who. Raises BadRowsError where two rows are one person."""
    first: dict[object, int] = {}
    bad: list[BadCell] = []
    found: list[_Found] = []
    for line, entry in entries:
        id_mac = number_mac(key, entry.id_number) if entry.id_number else None
        known = find_person(store, entry, id_mac)
        who = (entry.unit_label, entry.name, entry.plate)
        for mark in ((id_mac or who), known.no if known else None):
            if mark is not None and first.setdefault(mark, line) != line:
                column = "id_number" if id_mac else "name"
                value = shortened(entry.id_number) if id_mac else veiled(entry.name)
                bad.append(BadCell(line, column, value, f"is the same person as line {first[mark]}; leave one out"))
                break
        found.append(_Found(line, entry, id_mac, known))
    if bad:
        raise BadRowsError(file, bad)
    return found


def _differs(store: SqliteStore, known: Person, one: _Found) -> bool:
    home = store.household_of(one.entry.site, one.entry.unit_label)
    same_home = known.household == (home.id if home else None) and (home is not None or not one.entry.unit_label)
    same_number = one.id_mac is None or one.id_mac == known.id_mac
    return not (same_home and same_number) or _facts(known) != _facts(one.entry)


def _facts(one: Person | Entry) -> tuple[object, ...]:
    return one.name, one.phone, one.plate, one.party_size, one.pass_class


def _saved(
    store: SqliteStore, one: _Found, made: tuple[bytes, Hashes] | None, digest: Hashes | None, now_ms: int
) -> Person:
    entry = one.entry
    if one.known is None:
        pass_id, both = made or (new_pass_id(), Hashes(None, None))
        return save_new(store, entry, both, pass_id, now_ms, "")
    changed = replace(
        one.known,
        household=household_id(store, entry.site, entry.unit_label),
        pass_class=entry.pass_class,
        name=entry.name,
        phone=entry.phone,
        plate=entry.plate,
        party_size=entry.party_size,
        id_mac=one.known.id_mac or (digest.id_mac if digest else None),
        document_digest=one.known.document_digest or (digest.document_digest if digest else None),
    )
    if changed != one.known:
        store.replace_person(changed)
    return changed


def veiled(text: str) -> str:
    """A value for a report: short, and with nothing that may be a number of a person."""
    hidden = _DIGITS.sub(lambda found: shortened(found[0]), text)
    return hidden if len(hidden) <= _SHOWN else hidden[: _SHOWN - 1] + "…"


def _value(name: str, texts: Mapping[str, str]) -> str:
    text = texts.get(name, "")
    return shortened(text)[:_SHOWN] if name in {"id_number", "phone"} else veiled(text)
