"""The collector's rules taken out, one at a time: what `central` would do without each of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from central import checks, ingest, intake, lines
from central.intake import Intake
from central.lines import MAIN, Lines, Placed
from central.store.base import EpochState, Gap, GateRow, Store
from central.store.sqlite import SqliteStore
from central.watermark import head_at, stored_for
from checkpoint import cose, wire
from checkpoint.chain import Link
from checkpoint.records import Sealed
from tools.faults.protocol.removing import Rules, into, swap

AT_COLLECTOR: Final[Rules] = {}
_rule = into(AT_COLLECTOR)


# What is taken at all


def _believed(message: bytes, key: object) -> wire.SignedHead:
    return wire._decode(wire.SignedHead, cose.parse(message).payload)


def _anything(*words: object) -> None:
    """Whatever a check is given, it holds."""


@_rule("a batch is signed by its gate")
def _unsigned() -> Iterator[None]:
    with swap(wire, "verify_head", _believed):
        yield


@_rule("a payload matches its digest")
def _any_payload() -> Iterator[None]:
    with swap(checks, "check_sealed", lambda links, sealed: None):
        yield


@_rule("the chain of a batch holds")
def _any_chain() -> Iterator[None]:
    with swap(checks, "check_run", _anything):
        yield


@_rule("topic, batch and key name one gate")
def _any_gate() -> Iterator[None]:
    with (
        swap(checks, "_same_gate", _anything),
        swap(checks, "check_run", _anything),
        swap(wire, "verify_head", _believed),
    ):
        yield


@_rule("a newer payload version is stored")
def _refuse_newer() -> Iterator[None]:
    checked = checks.checked_batch

    def strict(gate: GateRow, data: bytes) -> tuple[wire.Batch, list[Link]]:
        batch, links = checked(gate, data)
        for item, seal in zip(links, batch.sealed, strict=True):
            if intake._readable(item.header, seal.payload) is None:
                raise checks.RefusedError("a newer version")
        return batch, links

    with swap(ingest, "checked_batch", strict):
        yield


@_rule("what can't be read is exempt from retention")
def _forget_unread() -> Iterator[None]:
    def purge(self: SqliteStore, received_before_ms: int, limit: int) -> int:
        cursor = self.connection.execute(
            "DELETE FROM payload WHERE record_id IN (SELECT id FROM record WHERE received_ms < ?)",
            (received_before_ms,),
        )
        return cursor.rowcount

    with swap(SqliteStore, "purge_payloads", purge):
        yield


@_rule("what was read late is counted")
def _never_counted() -> Iterator[None]:
    read_again = Intake.read_again

    def only_marked(self: Intake, row: Any, sealed: Sealed) -> bool:
        with swap(Intake, "_count", lambda self, new: {}):
            return read_again(self, row, sealed)

    with swap(Intake, "read_again", only_marked):
        yield


# One transaction, one gate at a time


@_rule("records and counts are one transaction")
def _two_transactions() -> Iterator[None]:
    add = SqliteStore.add_records

    def committed(self: SqliteStore, rows: Any, payloads: Any) -> None:
        add(self, rows, payloads)
        self.connection.execute("COMMIT")
        self.connection.execute("BEGIN IMMEDIATE")

    with swap(SqliteStore, "add_records", committed):
        yield


class _LateLock:
    """A connection that takes the lock when it first writes: what was read before may have changed meanwhile."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, text: str, *words: Any) -> Any:
        self._lock(text)
        return self._connection.execute(text, *words)

    def executemany(self, text: str, *words: Any) -> Any:
        self._lock(text)
        return self._connection.executemany(text, *words)

    def _lock(self, text: str) -> None:
        if not text.lstrip().startswith(("SELECT", "BEGIN")) and not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")


@_rule("one worker takes a gate's messages at a time")
def _no_lock() -> Iterator[None]:
    @contextmanager
    def late(self: SqliteStore) -> Iterator[None]:
        connection = self._conn
        self._conn = _LateLock(connection)  # type: ignore[assignment]
        try:
            yield
            if connection.in_transaction:
                connection.execute("COMMIT")
        finally:
            self._conn = connection
            if connection.in_transaction:
                connection.execute("ROLLBACK")
                self._dimensions.clear()

    with swap(SqliteStore, "transaction", late):
        yield


# Where records stand


@_rule("a repeat has the same head")
def _any_repeat() -> Iterator[None]:
    place = Lines.place

    def by_number(self: Lines, links: Sequence[Link]) -> list[Placed]:
        for link in links:
            if (link.header.number, MAIN) in self._taken:
                self._side_of[link.header.number, link.head] = MAIN
        return place(self, links)

    with swap(Lines, "place", by_number):
        yield


@_rule("a batch that starts too early is not stored")
def _take_early() -> Iterator[None]:
    joined = Lines._joined_at_left

    def somehow(self: Lines, link: Link) -> int | None:
        side = joined(self, link)
        return MAIN if side is None else side

    with swap(Lines, "_joined_at_left", somehow):
        yield


@_rule("what follows names the head before it")
def _any_prev() -> Iterator[None]:
    joined = Lines._joined_at_left

    def by_number(self: Lines, link: Link) -> int | None:
        return MAIN if link.header.number == self.state.through + 1 else joined(self, link)

    with swap(Lines, "_joined_at_left", by_number):
        yield


@_rule("an unknown parent is never refused")
def _known_parent() -> Iterator[None]:
    batch = Intake.batch

    def strict(self: Intake, message: wire.Batch, links: Sequence[Link]) -> tuple[int, bytes]:
        first, store = links[0].header, self._store
        if first.number == 1 and first.prev != bytes(32):
            known = store.connection.execute(  # type: ignore[attr-defined]
                "SELECT 1 FROM record WHERE head = ?", (first.prev,)
            ).fetchone()
            if known is None:
                return 0, bytes(32)
        return batch(self, message, links)

    with swap(Intake, "batch", strict):
        yield


@_rule("a repeat never restores a purged payload")
def _restore_payload() -> Iterator[None]:
    batch = Intake.batch

    def again(self: Intake, message: wire.Batch, links: Sequence[Link]) -> tuple[int, bytes]:
        found = batch(self, message, links)
        for link, seal in zip(links, message.sealed, strict=True):
            self._store.connection.execute(  # type: ignore[attr-defined]
                "INSERT OR IGNORE INTO payload SELECT id, ?, ? FROM record WHERE head = ?",
                (seal.salt, seal.payload, link.head),
            )
        return found

    with swap(Intake, "batch", again):
        yield


# Answers and gaps


@_rule("an answer names no more than the question")
def _whole_answer() -> Iterator[None]:
    def all_stored(store: Store, state: EpochState, gaps: Sequence[Gap], floor: int, last: int) -> tuple[int, bytes]:
        return stored_for(store, state, gaps, floor, 2**62)

    with swap(intake, "stored_for", all_stored):
        yield


@_rule("what lies below a gate's floor is noted as a gap")
def _silent_gap() -> Iterator[None]:
    cut = lines.cut_at_floor

    def silent(state: EpochState, gaps: Sequence[Gap], floor: int, head_before: bytes) -> list[Gap]:
        cut(state, gaps, floor, head_before)
        return list(gaps)

    with swap(intake, "cut_at_floor", silent):
        yield


@_rule("the collector goes on from the floor")
def _stuck_at_gap() -> Iterator[None]:
    with swap(intake, "cut_at_floor", lambda state, gaps, floor, head_before: list(gaps)):
        yield


@_rule("a gap is not stored for a lower floor")
def _gap_is_stored() -> Iterator[None]:
    def any_floor(store: Store, state: EpochState, gaps: Sequence[Gap], floor: int, last: int) -> tuple[int, bytes]:
        through = min(state.through, last)
        head = head_at(store, state, gaps, through)
        return (through, head) if head is not None else stored_for(store, state, gaps, floor, last)

    with swap(intake, "stored_for", any_floor):
        yield


@_rule("a gap is filled from its beginning")
def _not_at_left() -> Iterator[None]:
    joined = Lines._joined_at_left

    def without_gaps(self: Lines, link: Link) -> int | None:
        known = self._side_of.get((link.header.number, link.head))
        gaps, self.gaps = self.gaps, []
        side = joined(self, link)
        self.gaps = gaps
        return side if known is None else known

    with swap(Lines, "_joined_at_left", without_gaps):
        yield


@_rule("a gap is filled from its end")
def _not_at_right() -> Iterator[None]:
    with swap(Lines, "_join_at_right", lambda self, links: False):
        yield


@_rule("a gap that is filled shrinks")
def _gap_stays() -> Iterator[None]:
    keep = Intake._keep_gaps

    def only_more(self: Intake, state: EpochState, gaps: Sequence[Gap]) -> None:
        if len(gaps) >= len(self._store.gaps(state.id)):
            keep(self, state, gaps)

    with swap(Intake, "_keep_gaps", only_more):
        yield
