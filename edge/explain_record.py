"""Finds a passage in an outbox by its id, by a record's number, or as the last one of a lane; and its policy's text."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from checkpoint.documents import DocumentError, open_document
from checkpoint.explain import Explanation, explain
from checkpoint.local_order import LocalOrder, parse_either, recompose
from checkpoint.policy import PolicyError
from checkpoint.policy_schema import Policy
from checkpoint.records import (
    BAD_BYTES,
    Header,
    OutcomeOf,
    Override,
    Payload,
    Sealed,
    Verdict,
    decode_header,
    decode_payload,
    payload_digest,
)
from edge.rulebook import everyday_policy

# A passage on the screen began among so many of the newest records.
NEWEST: Final = 2_000
_ALL: Final = -1
_NUMBERED: Final = re.compile(r"(?:(?P<gate>[a-z0-9-]{1,32})/)?(?P<epoch>[0-9a-f]{16})/(?P<number>[0-9]{1,18})")
# A damaged database may hold any type in any column.
_ONE: Final = """SELECT CAST(header AS BLOB), CAST(salt AS BLOB), CAST(payload AS BLOB) FROM records
    WHERE epoch_id = (SELECT id FROM epochs WHERE epoch = ?) AND number = ?"""
_BACKWARDS: Final = """SELECT CAST(header AS BLOB), CAST(salt AS BLOB), CAST(payload AS BLOB) FROM records
    ORDER BY epoch_id DESC, number DESC"""
_OF_PASSAGE: Final = """SELECT CAST(header AS BLOB), CAST(salt AS BLOB), CAST(payload AS BLOB) FROM
    (SELECT * FROM records ORDER BY epoch_id DESC, number DESC LIMIT ?) WHERE instr(header, ?) > 0
    ORDER BY epoch_id, number"""


class ExplainError(ValueError):
    """There is nothing to explain; the message names what was asked for, why not, and the remedy."""


@dataclass(frozen=True, slots=True)
class Found:
    """One passage's verdict with its record's header, and what came of it."""

    header: Header
    verdict: Verdict
    outcome: OutcomeOf | None
    override: Override | None

    def explained(self, policy: Policy | None) -> Explanation:
        return explain(self.verdict, self.outcome, policy, self.override)


def find(connection: sqlite3.Connection, record: str, lane: str | None = None) -> Found:
    """The passage that `record` names: `last`, 32 hex digits or a UUID, `epoch/number` or `gate/epoch/number`.

    `lane` only with `last`. Raises ExplainError or sqlite3.Error.
    """
    if lane is not None and record != "last":
        raise ExplainError(f"{lane!r}: a lane is named only after `last`; leave it out")
    if record == "last":
        return _last(connection, lane)
    if place := _NUMBERED.fullmatch(record.lower()):
        return _numbered(connection, place["gate"], place["epoch"], int(place["number"]))
    return _of_passage(connection, _passage_id(record), _ALL)


def find_newest(connection: sqlite3.Connection, passage: bytes) -> Found:
    """The same for a passage that has only just been recorded: looks no further back than that. Raises ExplainError."""
    return _of_passage(connection, passage, NEWEST)


def kept_policy(documents: Path, policy_id: str, version: int) -> Policy | None:
    """The text of that id and version, with the local orders on it, if the gate still has all of it: among its
    installed documents, or as shipped."""
    kept = [found for path in sorted(documents.glob("policy@*.doc")) if (found := _installed(path))]
    policies = [everyday_policy(), *(one for one in kept if isinstance(one, Policy))]
    return recompose(policy_id, version, policies, (one for one in kept if isinstance(one, LocalOrder)))


def _installed(path: Path) -> Policy | LocalOrder | None:
    """Its signature was verified when it came; what can't be read explains nothing."""
    try:
        _, data = msgspec.msgpack.decode(path.read_bytes(), type=tuple[int, bytes])
        return parse_either(open_document(data).content)
    except (OSError, DocumentError, PolicyError, *BAD_BYTES):
        return None


def _passage_id(text: str) -> bytes:
    plain = text.lower().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{32}", plain):
        raise ExplainError(
            f"{text[:80]!r} names no record: give a passage id (32 hex digits or a UUID), epoch/number, "
            "gate/epoch/number, or last"
        )
    return bytes.fromhex(plain)


def _numbered(connection: sqlite3.Connection, gate: str | None, epoch: str, number: int) -> Found:
    name = f"{epoch}/{number}"
    row = connection.execute(_ONE, (bytes.fromhex(epoch), number)).fetchone()
    if row is None:
        raise ExplainError(f"record {name} is not in this outbox: it was purged, or is another gate's")
    header, payload = _read(row)
    if gate is not None and header.gate != gate:
        raise ExplainError(f"record {name} was written by gate {header.gate}, not by {gate}")
    if header.passage is None:
        raise ExplainError(f"record {name} is a {header.kind!r} of no passage: name a passage or its verdict")
    found = _of_passage(connection, header.passage, _ALL)
    return Found(header, payload, found.outcome, found.override) if isinstance(payload, Verdict) else found


def _last(connection: sqlite3.Connection, lane: str | None) -> Found:
    for row in connection.execute(_BACKWARDS):
        header = _header(row[0])
        if header is None or header.kind != "verdict" or header.passage is None:
            continue
        _, payload = _read(row)
        if isinstance(payload, Verdict) and lane in (None, payload.where.lane):
            return _of_passage(connection, header.passage, _ALL)
    raise ExplainError(f"no verdict{f' of lane {lane!r}' if lane else ''} in this outbox")


def _header(raw: bytes) -> Header | None:
    try:
        return decode_header(raw)
    except msgspec.DecodeError:
        return None


def _of_passage(connection: sqlite3.Connection, passage: bytes, newest: int) -> Found:
    rows = connection.execute(_OF_PASSAGE, (newest, passage)).fetchall()
    return _together(passage, _of(passage, rows))


def _of(passage: bytes, rows: Iterable[tuple[bytes, bytes, bytes]]) -> Iterator[tuple[Header, Payload | None]]:
    for row in rows:
        # The same sixteen bytes may stand in a hash.
        header = _header(row[0])
        if header is not None and header.passage == passage:
            yield _read(row)


def _together(passage: bytes, records: Iterable[tuple[Header, Payload | None]]) -> Found:
    """The first verdict of a passage counts, and so does its first outcome."""
    verdict: tuple[Header, Verdict] | None = None
    outcome: OutcomeOf | None = None
    override: Override | None = None
    for header, payload in records:
        if isinstance(payload, Verdict):
            verdict = verdict or (header, payload)
        elif isinstance(payload, OutcomeOf):
            outcome = outcome or payload
        elif isinstance(payload, Override):
            override = override or payload
    if verdict is None:
        raise ExplainError(f"passage {passage.hex()} has no verdict here: it was purged, or is another gate's")
    return Found(*verdict, outcome, override)


def _read(row: tuple[bytes, bytes, bytes]) -> tuple[Header, Payload | None]:
    """Raises ExplainError for what is not what was written, or is of a newer version."""
    raw, salt, data = row
    try:
        header = decode_header(raw)
        name = f"{header.epoch.hex()}/{header.number}"
        if payload_digest(Sealed(salt, data)) != header.payload_digest:
            raise ExplainError(f"record {name} is not what was written: see `guankou-gate audit`")
        payload = decode_payload(header.kind, data)
    except msgspec.DecodeError as error:
        raise ExplainError(f"a record can't be read ({error}): see `guankou-gate audit`") from None
    if payload is None and header.kind == "verdict":
        raise ExplainError(f"record {name} was written by a newer version: explain it with that one")
    return header, payload
