"""Verifies an outbox from its first to its last record: headers, chains, payloads, the links between epochs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from checkpoint.audit import Finding, Findings, Walk, missing
from checkpoint.records import ZERO_HEAD, Opened, Sealed, decode_header, decode_payload, head_of

_NOTHING_BEFORE = (None, 0, ZERO_HEAD)

# A damaged or forged database may hold any type in any column: what is compared here has the right one.
_EPOCHS = """SELECT id, CAST(epoch AS BLOB), CAST(parent_epoch AS BLOB), CAST(parent_last AS INTEGER),
    CAST(parent_head AS BLOB), CAST(floor AS INTEGER), CAST(head_before_floor AS BLOB), CAST(watermark AS INTEGER),
    set_aside FROM epochs ORDER BY id"""
_RECORDS = """SELECT CAST(number AS INTEGER), CAST(header AS BLOB), CAST(salt AS BLOB), CAST(payload AS BLOB)
    FROM records WHERE epoch_id = ? ORDER BY number"""
_STRAYS = """SELECT epoch_id, CAST(min(number) AS INTEGER), CAST(header AS BLOB) FROM records
    WHERE epoch_id NOT IN (SELECT id FROM epochs) GROUP BY epoch_id ORDER BY epoch_id"""
_HEADERS = "SELECT CAST(header AS BLOB) FROM records ORDER BY epoch_id, number"
_OPEN_PASSAGES = """SELECT CAST(p.passage AS BLOB), CAST(p.number AS INTEGER), CAST(r.header AS BLOB)
    FROM open_passages p LEFT JOIN records r ON r.epoch_id = p.epoch_id AND r.number = p.number
    WHERE p.epoch_id = ? ORDER BY p.number"""


@dataclass(slots=True)
class EpochReport:
    """One epoch: numbers `floor`..`last` are held, the collector has answered for 1..`watermark`, whose head is given.

    `watermark_head` is None where that record was purged.
    """

    gate: str
    epoch: str
    last: int = 0
    floor: int = 1
    watermark: int = 0
    watermark_head: str | None = None
    head: str = ""
    set_aside: bool = False
    findings: Findings = field(default_factory=Findings)

    @property
    def ok(self) -> bool:
        return self.findings.count == 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the collector has of an epoch: all up to `number`, with `head` there."""

    number: int
    head: bytes


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of table `epochs`."""

    id: int
    epoch: bytes
    parent_epoch: bytes | None
    parent_last: int
    parent_head: bytes
    floor: int
    head_before_floor: bytes
    watermark: int
    set_aside: int

    @property
    def parent(self) -> tuple[bytes | None, int, bytes]:
        return (self.parent_epoch, self.parent_last, self.parent_head)


def audit(
    connection: sqlite3.Connection, gate: str | None = None, against: Mapping[str, Stored] | None = None
) -> Iterator[EpochReport]:
    """A report for each epoch, oldest first. `gate` None: the one that the first readable header names. `against`:
    what the collector has stored, by epoch in hex.

    Ask inside one transaction, so that a running gate's writes don't come between. Raises sqlite3.Error when the
    database itself can't be read.
    """
    name = gate if gate is not None else first_gate(connection)
    before: tuple[bytes | None, int, bytes] = _NOTHING_BEFORE
    rest = dict(against or {})
    for values in connection.execute(_EPOCHS).fetchall():
        row = _Row(*values)
        report = _epoch(connection, name, row, before, rest.pop(row.epoch.hex(), None))
        before = (row.epoch, report.last, bytes.fromhex(report.head))
        yield report
    yield from _strays(connection, name)
    for epoch, stored in rest.items():
        report = EpochReport(name, epoch)
        report.findings.add([Finding(1, f"{missing(1, stored.number)}: the collector has them, this disk has nothing")])
        yield report


def first_gate(connection: sqlite3.Connection) -> str:
    """The gate that wrote this outbox by its first readable header; empty when there is none."""
    for (raw,) in connection.execute(_HEADERS):
        try:
            return decode_header(raw).gate
        except msgspec.DecodeError:
            continue
    return ""


def _epoch(
    connection: sqlite3.Connection,
    gate: str,
    row: _Row,
    before: tuple[bytes | None, int, bytes],
    stored: Stored | None,
) -> EpochReport:
    report = EpochReport(gate, row.epoch.hex(), floor=row.floor, watermark=row.watermark, set_aside=bool(row.set_aside))
    found = report.findings
    found.add(_links(row, before))
    # The first record follows the epoch before; a later floor is remembered with the head before it.
    heads = {row.floor - 1: row.head_before_floor}
    wanted = {row.watermark, stored.number if stored else 0}
    walk = Walk(gate, row.epoch, row.floor, row.parent_head if row.floor == 1 else row.head_before_floor)
    for number, raw, salt, payload in connection.execute(_RECORDS, (row.id,)):
        found.add(walk.row(number, raw, Sealed(salt, payload)))
        if number == 1:
            found.add(_opened(row, payload))
        if number in wanted:
            heads[number] = head_of(raw)
    report.last = walk.next - 1
    report.head = ((walk.head or ZERO_HEAD) if report.last >= row.floor else row.head_before_floor).hex()
    report.watermark_head = heads[row.watermark].hex() if row.watermark in heads else None
    found.add(_end(row, report.last))
    if stored is not None:
        found.add(_compared(stored, heads.get(stored.number), report.last))
    found.add(_open_passages(connection, row))
    return report


def _links(row: _Row, before: tuple[bytes | None, int, bytes]) -> Iterator[Finding]:
    if row.parent != before:
        yield Finding(1, f"its epoch follows {_place(row.parent)}, but the one before it on this disk ends at "
                         f"{_place(before)}")  # fmt: skip
    if row.floor < 1:
        yield Finding(row.floor, f"the epoch's floor is {row.floor}")
    if row.floor == 1 and row.head_before_floor != ZERO_HEAD:
        yield Finding(1, "the epoch's head before its first record is not zero")


def _opened(row: _Row, payload: bytes) -> Iterator[Finding]:
    """The first record says itself what it follows."""
    try:
        opened = decode_payload("opened", payload)
    except msgspec.DecodeError:
        return
    if isinstance(opened, Opened) and (
        (opened.previous_epoch, opened.previous_last, opened.previous_head) != row.parent
    ):
        yield Finding(1, "names another epoch before it than the table of epochs does")


def _end(row: _Row, last: int) -> Iterator[Finding]:
    if last < max(row.floor, 1) and row.floor <= 1:
        yield Finding(1, "is missing: an epoch has at least the record that opened it")
    if row.watermark > last:
        yield Finding(last + 1, f"{missing(last + 1, row.watermark)}: the collector has answered for them, so the "
                                "end was cut off here")  # fmt: skip
    if row.watermark < 0:
        yield Finding(0, f"the epoch's watermark is {row.watermark}")


def _compared(stored: Stored, head: bytes | None, last: int) -> Iterator[Finding]:
    if stored.number > last:
        yield Finding(
            last + 1, f"{missing(last + 1, stored.number)}: the collector has them, so the end was cut off here"
        )
    elif head is not None and head != stored.head:
        yield Finding(stored.number, "is not the record that the collector has stored: one of the two was changed")


def _open_passages(connection: sqlite3.Connection, row: _Row) -> Iterator[Finding]:
    for passage, number, raw in connection.execute(_OPEN_PASSAGES, (row.id,)).fetchall():
        if raw is None or not _is_of(raw, passage):
            yield Finding(number, "an unfinished passage is said to begin here, but does not")


def _is_of(raw: bytes, passage: bytes) -> bool:
    try:
        return decode_header(raw).passage == passage
    except msgspec.DecodeError:
        # That is said where the record is read.
        return True


def _strays(connection: sqlite3.Connection, gate: str) -> Iterator[EpochReport]:
    """Records of an epoch that the table of epochs does not have."""
    for _, number, raw in connection.execute(_STRAYS).fetchall():
        report = EpochReport(gate, _epoch_in(raw))
        report.findings.add([Finding(number, "its epoch is not in the table of epochs")])
        yield report


def _epoch_in(raw: bytes) -> str:
    try:
        return decode_header(raw).epoch.hex()
    except msgspec.DecodeError:
        return "unknown"


def _place(parent: tuple[bytes | None, int, bytes]) -> str:
    epoch, last, head = parent
    return "nothing" if epoch is None else f"{epoch.hex()}/{last} (head {head.hex()[:16]})"
