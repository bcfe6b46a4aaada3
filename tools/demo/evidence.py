"""What each side kept, read from outside: the gate's disk, the relay's wire, the collector's disk."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checkpoint.records import Header, OutcomeOf, Payload, Verdict, decode_header, decode_payload, head_of


@dataclass(frozen=True, slots=True)
class Kept:
    """One record as one side keeps it."""

    header: Header
    head: bytes
    payload: Payload | None

    @property
    def key(self) -> tuple[str, bytes, int]:
        return self.header.gate, self.header.epoch, self.header.number


@dataclass(frozen=True, slots=True)
class Opened:
    """One closing of the relay's contact, from the wire."""

    at_ms: int
    cause: str


@dataclass(slots=True)
class Passage:
    """All records of one passage, by kind."""

    passage: bytes
    at_ms: int
    verdict: Verdict | None = None
    outcome: OutcomeOf | None = None
    kinds: list[str] = field(default_factory=list)


def gate_records(database: Path) -> list[Kept]:
    """Every record on the gate's disk, oldest first."""
    rows = _rows(
        database,
        "SELECT r.header, r.payload FROM records r JOIN epochs e ON e.id = r.epoch_id ORDER BY e.id, r.number",
    )
    return [_kept(header, payload) for header, payload in rows]


def collector_records(database: Path, gate: str) -> list[Kept]:
    """Every record of one gate on the collector's disk, in the order of its arrival."""
    rows = _rows(
        database,
        "SELECT r.header, p.payload FROM record r JOIN epoch e ON e.id = r.epoch_id JOIN gate g ON g.no = e.gate_no"
        " LEFT JOIN payload p ON p.record_id = r.id WHERE g.gate = ? ORDER BY r.id",
        (gate,),
    )
    return [_kept(header, payload) for header, payload in rows]


def openings(wire_log: Path) -> list[Opened]:
    """Every time the relay was energised."""
    if not wire_log.exists():
        return []
    events = [json.loads(line) for line in wire_log.read_text().splitlines()]
    return [Opened(event["at_ms"], event["cause"]) for event in events if event["event"] == "open"]


def passages(records: list[Kept]) -> list[Passage]:
    """The passages in these records, in order of their first record."""
    found: dict[bytes, Passage] = {}
    for kept in records:
        name = kept.header.passage
        if name is None or kept.header.kind == "note":
            continue
        passage = found.setdefault(name, Passage(name, kept.header.at))
        passage.kinds.append(kept.header.kind)
        if isinstance(kept.payload, Verdict) and passage.verdict is None:
            passage.verdict = kept.payload
        if isinstance(kept.payload, OutcomeOf) and passage.outcome is None:
            passage.outcome = kept.payload
    return list(found.values())


def broken_chain(records: list[Kept]) -> str:
    """The first record that does not follow from the one before it in its epoch; empty if all do."""
    last: dict[bytes, Kept] = {}
    for kept in records:
        header, before = kept.header, last.get(kept.header.epoch)
        if before is None and header.number != 1:
            return f"epoch {header.epoch.hex()} starts at {header.number}"
        if before is not None and (header.number != before.header.number + 1 or header.prev != before.head):
            return f"{header.gate}/{header.epoch.hex()}/{header.number} does not follow {before.header.number}"
        last[header.epoch] = kept
    return ""


def _kept(header: bytes, payload: bytes | None) -> Kept:
    decoded = decode_header(header)
    return Kept(decoded, head_of(header), None if payload is None else decode_payload(decoded.kind, payload))


def _rows(database: Path, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(query, values).fetchall()
