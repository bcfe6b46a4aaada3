"""What is read when an outbox is opened: its last record, checked, the passages left open, and their vehicles' ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from checkpoint import records
from checkpoint.records import ZERO_HEAD, Header, Sealed
from edge import outbox_schema as sql
from edge.outbox_values import DamagedRecordError, OpenPassage, OutboxError


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest epoch on disk and its last record; no epoch on a new disk."""

    epoch: bytes | None = None
    last: int = 0
    head: bytes = ZERO_HEAD


class TornError(Exception):
    """The last record on disk does not verify."""


def read_tail(connection: sqlite3.Connection) -> Tail:
    newest = connection.execute(sql.NEWEST_EPOCH).fetchone()
    if newest is None:
        return Tail()
    epoch_id, epoch, floor, head_before_floor = newest
    rows = connection.execute(sql.LAST_RECORDS, (epoch_id,)).fetchall()
    if not rows:
        return Tail(epoch, floor - 1, head_before_floor)
    number, raw, salt, payload = rows[0]
    header = _checked(raw, Sealed(salt, payload))
    before = records.head_of(rows[1][1]) if len(rows) > 1 else None
    if (header.epoch, header.number) != (epoch, number) or (before is not None and header.prev != before):
        raise TornError(f"last record {epoch.hex()}/{number} does not follow from the one before it")
    return Tail(epoch, number, records.head_of(raw))


def _checked(raw: bytes, sealed: Sealed) -> Header:
    try:
        header = records.decode_header(raw)
    except records.BAD_BYTES as error:
        raise TornError(f"last record has no readable header: {error}") from None
    if records.payload_digest(sealed) != header.payload_digest:
        raise TornError(f"payload of last record {header.epoch.hex()}/{header.number} does not match its digest")
    return header


def is_torn(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, TornError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_passage(passage: bytes, epoch: bytes, number: int, raw: bytes, payload: bytes) -> OpenPassage:
    try:
        header = records.decode_header(raw)
        began = records.decode_payload(header.kind, payload)
    except records.BAD_BYTES:
        raise DamagedRecordError(epoch, number) from None
    if not isinstance(began, records.Verdict | records.Override | records.Egress):
        raise OutboxError(f"{header.kind} {epoch.hex()}/{number} was written by a newer version of this program")
    return OpenPassage(passage, epoch, number, header, began)


def outcome_in(rows: Iterable[tuple[bytes, bytes, bytes]], passage: bytes) -> records.OutcomeOf | None:
    """The outcome of this passage among rows of header, salt and payload; a damaged row says nothing."""
    for raw, salt, payload in rows:
        try:
            header = records.decode_header(raw)
            if (header.kind, header.passage, header.payload_digest) != ("outcome", passage, _digest(salt, payload)):
                continue
            found = records.decode_payload(header.kind, payload)
        except records.BAD_BYTES:
            continue
        if isinstance(found, records.OutcomeOf):
            return found
    return None


def _digest(salt: bytes, payload: bytes) -> bytes:
    return records.payload_digest(Sealed(salt, payload))
