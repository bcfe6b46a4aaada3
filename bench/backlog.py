"""A gate's outbox with a long backlog: the product's own schema and encodings, written in one transaction."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from checkpoint.records import (
    SALT_BYTES,
    ZERO_HEAD,
    CheckResult,
    Header,
    Kind,
    Opened,
    OutcomeOf,
    PassFacts,
    Payload,
    ReadingKept,
    Sealed,
    Verdict,
    Where,
    encode_header,
    encode_payload,
    head_of,
    payload_digest,
)
from edge import outbox_schema as sql
from edge.clock import SystemClock
from edge.outbox import Identity, Outbox
from edge.outbox_reader import OutboxReader

# A busy lane: a passage every 12 s, two records each.
_PACE_MS: Final = 6_000
_CLASSES: Final = ("resident", "resident", "resident", "visitor", "worker")


def verdict(where: Where, number: int) -> Verdict:
    """What a gate records of one decision, everything on board; every 20th is a refusal."""
    allowed = number % 40 != 1
    pass_class = _CLASSES[number // 2 % len(_CLASSES)]
    judged_c = round(35.0 + number % 17 / 10, 1)
    checks = tuple(
        CheckResult(name, "enforce", "ok" if allowed else "failed", "ok", value, limit)
        for name, value, limit in (("pass", None, None), ("temperature", judged_c, 37.3), ("mask", None, None))
    )
    return Verdict(
        version=1,
        where=where,
        verdict="allow" if allowed else "deny",
        reason="ok" if allowed else "pass_expired",
        pass_class=pass_class,
        checks=checks,
        pass_facts=PassFacts(os.urandom(8), os.urandom(8), pass_class, os.urandom(4), b"key1", 1),
        readings=(ReadingKept("forehead", judged_c, 12.0, None, judged_c, 34.7, 0.2, ("ok",), False),),
        policy="epidemic-medium",
        policy_version=3,
        zone_level="medium",
        attendance="guard",
        tags=(),
        retest_of=None,
        call="",
    )


def outcome(where: Where, number: int) -> OutcomeOf:
    """How that passage ended."""
    came = number % 40 != 2
    pass_class = _CLASSES[(number - 1) // 2 % len(_CLASSES)]
    return OutcomeOf(1, where, "passed" if came else "turned_back", pass_class, "", int(came), os.urandom(8))


def fill(path: Path, identity: Identity, site: str, records: int) -> None:
    """Make the outbox `path` and give it one more epoch: `opened` and then verdicts and outcomes in turn."""
    clock = SystemClock(os.urandom(16), lambda _at_ms, _mono_ms: True)
    Outbox.open(path, identity, clock, "bench", "bench", 1).close("bench")
    reader = OutboxReader(path)
    (tail,) = reader.epochs()
    reader.close()
    epoch = os.urandom(8)
    opened = Opened(1, tail.epoch, tail.last, tail.head, "bench", "backlog")
    with closing(sqlite3.connect(path)) as connection, connection:
        cursor = connection.execute(sql.ADD_EPOCH, (epoch, tail.epoch, tail.last, tail.head, ZERO_HEAD))
        rows = _rows(identity, epoch, tail.head, opened, site, records)
        connection.executemany(sql.ADD_RECORD, ((cursor.lastrowid, *row) for row in rows))


def _rows(
    identity: Identity, epoch: bytes, prev: bytes, opened: Opened, site: str, records: int
) -> Iterator[tuple[int, bytes, bytes, bytes]]:
    begin_ms = time.time_ns() // 1_000_000 - records * _PACE_MS
    boot_id = os.urandom(16)
    passage = b""
    for number, (kind, payload) in enumerate(_contents(opened, Where(site, "in", "in", "person"), records), start=1):
        at_ms = begin_ms + number * _PACE_MS
        if kind == "verdict":
            # Begins with the time, as a UUID of version 7 does (RFC 9562 section 5.7).
            passage = at_ms.to_bytes(6) + os.urandom(10)
        sealed = Sealed(os.urandom(SALT_BYTES), encode_payload(payload))
        raw = encode_header(
            Header(
                1, identity.gate, epoch, number, kind, at_ms, boot_id, number * _PACE_MS, "trusted", passage or None,
                identity.grid, identity.tree_version, prev, payload_digest(sealed),
            )
        )  # fmt: skip
        prev = head_of(raw)
        yield number, raw, sealed.salt, sealed.payload


def _contents(opened: Opened, where: Where, records: int) -> Iterator[tuple[Kind, Payload]]:
    yield "opened", opened
    for number in range(1, records + 1):
        yield ("verdict", verdict(where, number)) if number % 2 else ("outcome", outcome(where, number))
