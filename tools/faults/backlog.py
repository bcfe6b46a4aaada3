"""A long backlog in a gate's outbox: a true chain, made with the product's own schema and encodings, but quickly."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from checkpoint.records import (
    EPOCH_BYTES,
    SALT_BYTES,
    ZERO_HEAD,
    CheckResult,
    Header,
    Kind,
    Opened,
    Outcome,
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
from edge.outbox_reader import EpochState, OutboxReader

# A busy lane: a passage every 12 s, two records each.
PACE_MS: Final = 6_000
_CLASSES: Final = ("resident", "resident", "resident", "visitor", "worker")
# One transaction: large enough to be quick, small enough that the write-ahead log stays small.
_AT_ONCE: Final = 20_000
_SOFTWARE: Final = "backlog writer"
_Row = tuple[int, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What was added: one epoch with records 1..`last`, of which the first is `opened`."""

    epoch: bytes
    last: int
    head: bytes


def make_backlog(
    outbox_path: Path,
    identity: Identity,
    count: int,
    seed: int,
    *,
    site: str = "garden",
    pace_ms: int = PACE_MS,
    reserve_mib: int = 16,
) -> Backlog:
    """Add an epoch with `count` records besides its `opened` to a stopped gate's outbox; made if it is not there.

    Verdicts and outcomes take turns, one each `pace_ms`, up to now. Raises OutboxBusyError while a gate writes to it.
    """
    chance = random.Random(seed)
    clock = SystemClock(chance.randbytes(16), lambda _at_ms, _mono_ms: True)
    Outbox.open(outbox_path, identity, clock, _SOFTWARE, "backlog", reserve_mib).close("backlog")
    chain = _Chain(identity, site, pace_ms, chance, clock.boot_id)
    tail = _newest(outbox_path)
    rows = chain.rows(Opened(1, tail.epoch, tail.last, tail.head, _SOFTWARE, "backlog"), tail.head, count)
    with closing(sqlite3.connect(outbox_path, isolation_level=None)) as connection:
        # Nobody else has the file, and it is synced as a whole in the end.
        connection.execute("PRAGMA synchronous = OFF")
        values = (chain.epoch, tail.epoch, tail.last, tail.head, ZERO_HEAD)
        epoch_id = connection.execute(sql.ADD_EPOCH, values).lastrowid
        while some := [(epoch_id, *row) for row in islice(rows, _AT_ONCE)]:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(sql.ADD_RECORD, some)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _sync(outbox_path)
    return Backlog(chain.epoch, count + 1, chain.prev)


def _newest(path: Path) -> EpochState:
    reader = OutboxReader(path)
    try:
        return reader.epochs()[-1]
    finally:
        reader.close()


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class _Chain:
    """One epoch, record by record; `prev` is the head so far."""

    def __init__(self, identity: Identity, site: str, pace_ms: int, chance: random.Random, boot_id: bytes) -> None:
        self.epoch = chance.randbytes(EPOCH_BYTES)
        self.prev = ZERO_HEAD
        self._identity = identity
        self._site = site
        self._pace_ms = pace_ms
        self._chance = chance
        self._boot_id = boot_id

    def rows(self, opened: Opened, head_before: bytes, count: int) -> Iterator[_Row]:
        """Number, header, salt and payload of each record."""
        begin_ms = time.time_ns() // 1_000_000 - (count + 1) * self._pace_ms
        self.prev = head_before
        passage: bytes | None = None
        for number, (kind, payload) in enumerate(self._contents(opened, count), start=1):
            after_ms = number * self._pace_ms
            if kind == "verdict":
                # Begins with the time, as a UUID of version 7 does (RFC 9562 section 5.7).
                passage = (begin_ms + after_ms).to_bytes(6) + self._chance.randbytes(10)
            yield self._row(number, kind, payload, passage, (begin_ms + after_ms, after_ms))

    def _row(self, number: int, kind: Kind, payload: Payload, passage: bytes | None, at: tuple[int, int]) -> _Row:
        sealed, identity = Sealed(self._chance.randbytes(SALT_BYTES), encode_payload(payload)), self._identity
        at_ms, mono_ms = at
        raw = encode_header(
            Header(
                1, identity.gate, self.epoch, number, kind, at_ms, self._boot_id, mono_ms, "trusted", passage,
                identity.grid, identity.tree_version, self.prev, payload_digest(sealed),
            )
        )  # fmt: skip
        self.prev = head_of(raw)
        return number, raw, sealed.salt, sealed.payload

    def _contents(self, opened: Opened, count: int) -> Iterator[tuple[Kind, Payload]]:
        yield "opened", opened
        for number in range(1, count + 1):
            if number % 2:
                yield "verdict", verdict(self._site, number, self._chance.randbytes)
            else:
                yield "outcome", outcome(self._site, number, self._chance.randbytes)


def verdict(site: str, number: int, random_bytes: Callable[[int], bytes]) -> Verdict:
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
        where=Where(site, "in", "in", "person"),
        verdict="allow" if allowed else "deny",
        reason="ok" if allowed else "pass_expired",
        pass_class=pass_class,
        checks=checks,
        pass_facts=PassFacts(random_bytes(8), random_bytes(8), pass_class, random_bytes(4), b"key1", 1),
        readings=(ReadingKept("forehead", judged_c, 12.0, None, judged_c, 34.7, 0.2, ("ok",), False),),
        policy="epidemic-medium",
        policy_version=3,
        zone_level="medium",
        attendance="guard",
        tags=(),
        retest_of=None,
        call="",
    )


def outcome(site: str, number: int, random_bytes: Callable[[int], bytes]) -> OutcomeOf:
    """How that passage ended."""
    came = number % 40 != 2
    pass_class = _CLASSES[(number - 1) // 2 % len(_CLASSES)]
    end: Outcome = "passed" if came else "turned_back"
    return OutcomeOf(1, Where(site, "in", "in", "person"), end, pass_class, "", int(came), random_bytes(8))
