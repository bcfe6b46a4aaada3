"""The outbox: every record is committed here before anything acts on it, and stays until the collector has it.

One writer, one thread. Every opening is a new epoch, so a rolled-back card or a failed commit never reuses a number.
An error from a commit does not mean that the record is absent: the database is opened again and its tail is read.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from checkpoint import records
from checkpoint.records import ZERO_HEAD, Header, Kind, Payload, Sealed
from edge import outbox_schema as sql
from edge.clock import Clock, Moment
from edge.outbox_files import Reserve, WriterLock, move_aside, sync_folder
from edge.outbox_tail import Tail, TornError, is_torn, open_passage, outcome_in, read_tail
from edge.outbox_values import (
    DamagedRecordError,
    Identity,
    OpenPassage,
    OutboxBusyError,
    OutboxError,
    OutboxFailingError,
    OutboxFullError,
    Stored,
)

__all__ = [
    "Identity",
    "OpenPassage",
    "Outbox",
    "OutboxBusyError",
    "OutboxError",
    "OutboxFailingError",
    "OutboxFullError",
    "Stored",
]

_log = structlog.get_logger(__name__)
_BUSY_S: Final = 5.0
# Of a new database. An append writes two pages, in whole blocks of the card's file system: with SQLite's own 4096 that
# is half as much again. A record nearly always fits into a page of this size, and not into the next smaller one.
_PAGE_BYTES: Final = 2048
# The write-ahead log shrinks to this after a checkpoint.
_WAL_LIMIT_BYTES: Final = 4 * 1024 * 1024
# How often, in records, a reserve that was given back is tried again.
_REFILL_EVERY: Final = 256
# Below this much free space any error is taken for a full disk: SQLite does not always say so.
_FULL_BYTES: Final = 256 * 1024

# How far after somebody's verdict the outcome of the vehicle that they sat in is looked for: more than every lane of a
# gate writes while one vehicle stands there.
_SOON_RECORDS: Final = 2000

# Records that a passage may begin with; each has an outcome after it, if need be one that the next start writes.
_BEGIN_PASSAGE: Final = ("verdict", "override", "egress")


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is to be recorded, before it has a number."""

    kind: Kind
    payload: bytes
    moment: Moment
    passage: bytes | None


@dataclass(frozen=True, slots=True)
class _Row:
    """A record with its number, ready to be written."""

    stored: Stored
    raw: bytes
    sealed: Sealed


class Outbox:
    """The writing side. Get one with `Outbox.open`; use it from one thread at a time."""

    def __init__(self, path: Path, identity: Identity, clock: Clock, software: str, reserve: Reserve) -> None:
        self._path = path
        self._identity = identity
        self._clock = clock
        self._software = software
        self._reserve = reserve
        self._connection: sqlite3.Connection | None = None
        self._epoch_id = 0
        self._epoch = b""
        self._last = 0
        self._head = ZERO_HEAD
        self._lock: WriterLock | None = None
        self.moved_aside: Path | None = None
        """Where a torn database was moved, or None. Its records can be rescued at the collector."""

    @classmethod
    def open(
        cls, path: Path, identity: Identity, clock: Clock, software: str, reason: str, reserve_mib: int = 16
    ) -> Outbox:
        """Open or create the database and begin a new epoch with an `opened` record that names `software` and `reason`.

        A torn database is moved aside with an error in the log (`moved_aside` names it) and a new one is begun.
        Raises OutboxBusyError, OutboxFullError or OutboxFailingError (read-only or broken disk).
        """
        outbox = cls(path, identity, clock, software, Reserve(path.parent, reserve_mib))
        try:
            outbox._reopen(reason)
        except BaseException:
            outbox._unlock()
            raise
        return outbox

    @classmethod
    def open_or_failing(
        cls, path: Path, identity: Identity, clock: Clock, software: str, reason: str, reserve_mib: int = 16
    ) -> tuple[Outbox, OutboxFailingError | None]:
        """The same for a gate that must start on a disk that takes nothing: then the error comes beside an outbox that
        is not `recording`, and every later call tries to open it. Raises OutboxBusyError.
        """
        outbox = cls(path, identity, clock, software, Reserve(path.parent, reserve_mib))
        try:
            outbox._reopen(reason)
        except OutboxFailingError as error:
            return outbox, error
        return outbox, None

    @property
    def path(self) -> Path:
        return self._path

    @property
    def epoch(self) -> bytes:
        """The epoch that the next record joins; it changes after a commit error."""
        return self._epoch

    @property
    def last(self) -> int:
        """Number of the newest record of this epoch."""
        return self._last

    @property
    def recording(self) -> bool:
        """Whether the last write succeeded. False: nothing opens automatically until `recover` returns."""
        return self._connection is not None

    @property
    def reserve_held(self) -> bool:
        """False once the disk has been full: automatic work then goes on only while the freed space lasts."""
        return self._reserve.held

    def append(self, kind: Kind, payload: Payload, moment: Moment, passage: bytes | None = None) -> Stored:
        """Commit one record; when this returns it is on disk.

        After a commit error the database is opened again (a new epoch) and the record is written there unless the tail
        already holds it. Raises OutboxFullError or OutboxFailingError when that fails too: nothing may open
        automatically then, and what people do meanwhile is given to `append_reconstructed` later.
        """
        self.recover()
        draft = _Draft(kind, records.encode_payload(payload), moment, passage)
        row = self._numbered(draft)
        try:
            self._commit(row)
        except sqlite3.Error as error:
            return self._after_error(error, draft, row)
        if self._last % _REFILL_EVERY == 0:
            self._reserve.take()
        return row.stored

    def append_reconstructed(
        self, note: records.Note, moment: Moment, failed: OutboxFailingError, passage: bytes | None = None
    ) -> Stored:
        """Record afterwards what raised `failed` when it happened; gives the original if that had reached the disk."""
        self.recover()
        for attempt in failed.attempts:
            if self._holds(attempt):
                return attempt
        return self.append("reconstructed", note, moment, passage)

    def recover(self) -> None:
        """Open a failing outbox again; does nothing when it works. Raises OutboxFailingError as long as it can't."""
        if self._connection is None:
            self._reopen("recovered after an error")

    def open_passages(self) -> tuple[OpenPassage, ...]:
        """Passages that began and have no outcome, oldest first. At start these are to be closed as `abandoned`."""
        self.recover()
        rows = self._open_connection().execute(sql.OPEN_PASSAGES).fetchall()
        passages = []
        for row in rows:
            try:
                passages.append(open_passage(*row))
            except DamagedRecordError as error:
                # Nobody can say what it was; it must not keep the gate from starting.
                _log.error("open_passage_damaged", path=str(self._path), error=str(error))
        return tuple(passages)

    def outcome_after(self, began: OpenPassage, passage: bytes) -> records.OutcomeOf | None:
        """What became of another `passage`, if that was recorded soon after `began`; None if it was not."""
        try:
            wanted = (began.epoch, began.number, _SOON_RECORDS, passage)
            return outcome_in(self._open_connection().execute(sql.NAMED_AFTER, wanted), passage)
        except sqlite3.Error as error:
            _log.error("outcome_not_read", path=str(self._path), error=str(error))
            return None

    def close(self, reason: str) -> None:
        """End the epoch with a `closed` record, as far as the disk allows, and release the file."""
        try:
            if self._connection is not None:
                self.append("closed", records.Note(1, reason, {}), self._clock.now())
        except OutboxFailingError as error:
            _log.error("outbox_not_closed_cleanly", path=str(self._path), error=str(error))
        finally:
            self._disconnect()
            self._unlock()

    def _numbered(self, draft: _Draft) -> _Row:
        moment, identity = draft.moment, self._identity
        sealed = Sealed(os.urandom(records.SALT_BYTES), draft.payload)
        header = Header(
            version=records.HEADER_VERSION,
            gate=identity.gate,
            epoch=self._epoch,
            number=self._last + 1,
            kind=draft.kind,
            at=moment.at_ms,
            boot_id=self._clock.boot_id,
            mono_ms=moment.mono_ms,
            clock="trusted" if moment.trusted else "untrusted",
            passage=draft.passage,
            grid=identity.grid,
            tree_version=identity.tree_version,
            prev=self._head,
            payload_digest=records.payload_digest(sealed),
        )
        raw = records.encode_header(header)
        return _Row(Stored(self._epoch, header.number, records.head_of(raw), header), raw, sealed)

    def _commit(self, row: _Row) -> None:
        connection, header = self._open_connection(), row.stored.header
        values = (self._epoch_id, header.number, row.raw, row.sealed.salt, row.sealed.payload)
        if header.passage is not None and header.kind in (*_BEGIN_PASSAGE, "outcome"):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(sql.ADD_RECORD, values)
            if header.kind in _BEGIN_PASSAGE:
                connection.execute(sql.OPEN_PASSAGE, (header.passage, self._epoch_id, header.number))
            else:
                connection.execute(sql.CLOSE_PASSAGE, (header.passage,))
            connection.execute("COMMIT")
        else:
            connection.execute(sql.ADD_RECORD, values)
        self._last, self._head = header.number, row.stored.head

    def _after_error(self, error: sqlite3.Error, draft: _Draft, row: _Row) -> Stored:
        _log.error("outbox_commit_error", path=str(self._path), number=row.stored.number, error=str(error))
        attempts = (row.stored,)
        try:
            self._disconnect()
            self._give_back_if_full(error)
            self._reopen(f"commit error: {error}")
        except OutboxFailingError as failing:
            failing.attempts = attempts
            raise
        if self._holds(row.stored):
            return row.stored
        second = self._numbered(draft)
        try:
            self._commit(second)
        except sqlite3.Error as again:
            self._disconnect()
            raise self._failing(again, (*attempts, second.stored)) from again
        return second.stored

    def _holds(self, attempt: Stored) -> bool:
        found = self._open_connection().execute(sql.HEADER_AT, (attempt.epoch, attempt.number)).fetchone()
        return found is not None and records.head_of(found[0]) == attempt.head

    def _reopen(self, reason: str) -> None:
        """Connect and begin a new epoch; the reserve is given up for it when the disk is full."""
        try:
            self._connect_and_begin(reason)
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            if not self._give_back_if_full(error):
                raise self._failing(error) from error
            try:
                self._connect_and_begin(reason)
            except (sqlite3.Error, OSError) as again:
                self._disconnect()
                raise self._failing(again) from again
        self._reserve.take()

    def _connect_and_begin(self, reason: str) -> None:
        try:
            tail = self._connect()
        except (TornError, sqlite3.DatabaseError) as error:
            self._disconnect()
            if not is_torn(error):
                raise
            self.moved_aside = move_aside(self._path, self._clock.now().at_ms)
            _log.error("outbox_torn", path=str(self._path), error=str(error), moved_to=str(self.moved_aside))
            tail = self._connect()
        self._begin_epoch(tail, reason)

    def _connect(self) -> Tail:
        if self._lock is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = WriterLock(self._path)
        if not self._path.exists():
            # SQLite gives its companion files the same mode.
            self._path.touch(0o600)
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        # With NORMAL a power cut takes committed records with it (sqlite.org/pragma.html#pragma_synchronous).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        sql.create_tables(connection)
        sync_folder(self._path.parent)
        return read_tail(connection)

    def _begin_epoch(self, tail: Tail, reason: str) -> None:
        connection = self._open_connection()
        self._epoch, self._last, self._head = os.urandom(records.EPOCH_BYTES), 0, tail.head
        opened = records.Opened(1, tail.epoch, tail.last, tail.head, self._software, reason)
        draft = _Draft("opened", records.encode_payload(opened), self._clock.now(), None)
        connection.execute("BEGIN IMMEDIATE")
        cursor = connection.execute(sql.ADD_EPOCH, (self._epoch, tail.epoch, tail.last, tail.head, ZERO_HEAD))
        self._epoch_id = cursor.lastrowid or 0
        self._commit(self._numbered(draft))
        connection.execute("COMMIT")

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise OutboxFailingError(f"{self._path}: the outbox is closed")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _give_back_if_full(self, error: Exception) -> bool:
        if not self._is_full(error) or not self._reserve.release():
            return False
        _log.error("outbox_disk_full", path=str(self._path), remedy="free space; the reserve is now in use")
        return True

    def _is_full(self, error: Exception) -> bool:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        try:
            space = os.statvfs(self._path.parent)
        except OSError:
            return False
        return space.f_bavail * space.f_frsize < _FULL_BYTES

    def _failing(self, error: Exception, attempts: tuple[Stored, ...] = ()) -> OutboxFailingError:
        if self._is_full(error):
            return OutboxFullError(f"{self._path}: the disk is full ({error}); free space on it", attempts)
        cause = error.strerror if isinstance(error, OSError) else error
        text = f"{self._path}: {cause}; check that the disk is mounted writable, then replace it"
        return OutboxFailingError(text, attempts)
