"""The outbox as the uplink sees it: epochs and what the collector has of them, runs of records, watermarks, purging."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from checkpoint import records
from checkpoint.records import Sealed
from edge import outbox_schema as sql
from edge.outbox_values import DamagedRecordError

_BUSY_S: Final = 5.0
# What one call of `purge` looks at, so that the writer never waits long for its turn.
_PURGE_RECORDS: Final = 500
# A watermark is written when it has risen by this much, by as much as one batch holds: written after each record it
# would be a quarter of all that is written to the card. After a kill so many are at most sent a second time.
_SAVE_RECORDS: Final = 500
# Array and length bytes around one record in a batch.
_RECORD_OVERHEAD: Final = 16


@dataclass(frozen=True, slots=True)
class EpochState:
    """One epoch on this disk. Records `floor`..`last` are held; the collector has all up to `watermark`.

    `parent` is (epoch, last number, head) that it follows, None for the first on this disk. An epoch that is
    `set_aside` disagrees with the collector or is damaged: it is kept, not sent and never purged.
    """

    epoch: bytes
    floor: int
    head_before_floor: bytes
    last: int
    head: bytes
    parent: tuple[bytes, int, bytes] | None
    watermark: int
    set_aside: bool

    @property
    def unsent(self) -> int:
        """How many records wait for the collector."""
        # A disk that lost records it had sent is behind its own watermark until the next answer.
        return 0 if self.set_aside else max(0, self.last - max(self.watermark, self.floor - 1))


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """One record as it is sent."""

    number: int
    raw: bytes
    sealed: Sealed
    head: bytes


class OutboxReader:
    """A second connection for the uplink's thread. It sets watermarks and purges; it never adds a record.

    Every method raises sqlite3.Error when the disk fails; `close` and go on later then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._writable = True
        # Oldest first, by row id. Only the newest epoch grows, and only this reader changes the others.
        self._states: dict[int, EpochState] = {}
        self._ids: dict[bytes, int] = {}
        # By epoch, what this run's first purge of it took for old.
        self._went_before_ms: dict[bytes, int] = {}
        # Watermarks of this run by row id, each with what the disk has instead.
        self._unsaved: dict[int, tuple[int, int]] = {}

    def epochs(self) -> tuple[EpochState, ...]:
        """All epochs on this disk, oldest first."""
        self._refresh()
        return tuple(self._states.values())

    def depth(self) -> int:
        """Records that the collector does not have yet."""
        return sum(state.unsent for state in self.epochs())

    def run(self, epoch: bytes, after: int, limit: int, max_bytes: int) -> tuple[HeldRecord, ...]:
        """Records `after` + 1 and on: at most `limit`, about `max_bytes` together, but at least one if there is one.

        Raises DamagedRecordError when the first of them does not verify; a later damaged one ends the run before it.
        """
        found: list[HeldRecord] = []
        room = max_bytes
        for record in self._verified(epoch, after, limit):
            room -= len(record.raw) + len(record.sealed.payload) + records.SALT_BYTES + _RECORD_OVERHEAD
            if found and room < 0:
                break
            found.append(record)
        return tuple(found)

    def head_at(self, epoch: bytes, number: int) -> bytes | None:
        """This disk's head at `number`, from floor - 1 to last; None outside or for an unknown epoch."""
        epoch_id = self._id(epoch)
        if epoch_id is None:
            return None
        state = self._states[epoch_id]
        if number == state.floor - 1:
            return state.head_before_floor
        found = self._connected().execute(sql.ONE_HEADER, (epoch_id, number)).fetchone()
        return records.head_of(found[0]) if found else None

    def set_watermark(self, epoch: bytes, number: int) -> None:
        """The collector has all up to `number`: higher or lower than before. The disk may follow later."""
        epoch_id = self._id(epoch)
        if epoch_id is None:
            return
        _, saved = self._unsaved.get(epoch_id, (0, self._states[epoch_id].watermark))
        self._states[epoch_id] = replace(self._states[epoch_id], watermark=number)
        self._unsaved[epoch_id] = number, saved
        # What is too high on disk would be believed after a restart: never later than now.
        if not saved <= number < saved + _SAVE_RECORDS:
            self._save()

    def set_aside(self, epoch: bytes) -> None:
        """Keep this epoch for ever, and send nothing more of it."""
        epoch_id = self._id(epoch)
        if epoch_id is not None:
            self._connected().execute(sql.SET_ASIDE, (epoch_id,))
            self._states[epoch_id] = replace(self._states[epoch_id], set_aside=True)

    def purge(self, epoch: bytes, through: int, before_ms: int) -> int:
        """Delete records up to `through` that are older than `before_ms` (ms UTC); the epoch's row stays for ever.

        A record is older when it, or one written after it, says so by a trusted clock, and none up to it says
        otherwise. Passages still open are kept. Returns how many were deleted; call again until 0.
        """
        self._refresh()
        epoch_id = self._ids.get(epoch)
        if epoch_id is None or self._states[epoch_id].set_aside:
            return 0
        state = self._states[epoch_id]
        connection = self._connected()
        (oldest_open,) = connection.execute(sql.OLDEST_OPEN, (epoch_id,)).fetchone()
        through = min(through, state.last, oldest_open - 1 if oldest_open else state.last)
        rows = connection.execute(sql.HEADERS_FROM, (epoch_id, state.floor, _PURGE_RECORDS)).fetchall()
        # What a later epoch wrote first was old enough to go: so is all that was written before it. If it went in this
        # run, only an answer at least as fresh as the one by which it went says that the collector still has these.
        outlived = any(
            later > epoch_id and other.floor > 1 and self._went_before_ms.get(other.epoch, before_ms) <= before_ms
            for later, other in self._states.items()
        )
        last_old = _last_old((row for row in rows if row[0] <= through), before_ms, outlived)
        if last_old is None:
            return 0
        number, raw = last_old
        self._went_before_ms.setdefault(epoch, before_ms)
        self._raise_floor(epoch_id, number + 1, records.head_of(raw))
        return number + 1 - state.floor

    def close(self) -> None:
        """Watermarks are written before, as far as the disk allows."""
        with contextlib.suppress(sqlite3.Error, OSError):
            self._save()
        self._disconnect()

    def _save(self) -> None:
        if not self._unsaved:
            return
        # First, since it forgets all of them when another database stands in the place of theirs.
        connection = self._connected()
        for epoch_id, (number, saved) in list(self._unsaved.items()):
            if number != saved:
                connection.execute(sql.SET_WATERMARK, (number, epoch_id))
            del self._unsaved[epoch_id]

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._states, self._ids, self._unsaved = {}, {}, {}

    def _verified(self, epoch: bytes, after: int, limit: int) -> Iterator[HeldRecord]:
        epoch_id = self._id(epoch)
        if epoch_id is None:
            return
        head = self.head_at(epoch, after)
        rows = self._connected().execute(sql.RUN, (epoch_id, after, limit)).fetchall()
        if head is None or not rows:
            state = self._states[epoch_id]
            if state.floor - 1 <= after < state.last:
                # The row is gone. Said as damage: silence would hold back every newer epoch.
                raise DamagedRecordError(epoch, after + 1)
            return
        for offset, (number, raw, salt, payload) in enumerate(rows):
            record = HeldRecord(number, raw, Sealed(salt, payload), records.head_of(raw))
            if number != after + 1 + offset or not _follows(record, head):
                if offset == 0:
                    raise DamagedRecordError(epoch, after + 1)
                return
            head = record.head
            yield record

    def _raise_floor(self, epoch_id: int, floor: int, head_before_floor: bytes) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(sql.DELETE_BELOW, (epoch_id, floor))
            connection.execute(sql.SET_FLOOR, (floor, head_before_floor, epoch_id))
        except sqlite3.Error:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        self._states[epoch_id] = replace(self._states[epoch_id], floor=floor, head_before_floor=head_before_floor)

    def _id(self, epoch: bytes) -> int | None:
        if epoch not in self._ids:
            self._refresh()
        return self._ids.get(epoch)

    def _refresh(self) -> None:
        connection = self._connected()
        newest = max(self._states, default=0)
        for epoch_id, epoch, *values in connection.execute(sql.EPOCHS_FROM, (newest,)).fetchall():
            last = connection.execute(sql.LAST_HEADER, (epoch_id,)).fetchone()
            state = _state(epoch, values, last)
            watermark, _ = self._unsaved.get(epoch_id, (state.watermark, 0))
            self._states[epoch_id] = replace(state, watermark=watermark)
            self._ids[epoch] = epoch_id

    def _connected(self) -> sqlite3.Connection:
        # A torn database is moved aside by the writer, and a new one stands in its place.
        inode = self._path.stat().st_ino
        replaced = inode != self._inode or (not self._writable and os.access(self._path, os.W_OK))
        if self._connection is not None and replaced:
            self._disconnect()
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"file:{self._path}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            # A watermark that a power cut takes back is asked for again: it need not wait for the disk.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._inode, self._writable = inode, _can_write(self._connection)
        return self._connection


def _can_write(connection: sqlite3.Connection) -> bool:
    """Opened on a disk that was read-only, it never can, and while it stays open nor can any other connection of this
    process: they share one index of the write-ahead log (sqlite.org/walformat.html#the_wal_index_file_format).
    """
    try:
        # Changes nothing. BEGIN IMMEDIATE would not do: of a read-only database it makes a transaction that reads.
        connection.execute(sql.SET_WATERMARK, (0, -1))
    except sqlite3.OperationalError:
        return False
    return True


def _state(epoch: bytes, values: list[Any], last: tuple[int, bytes] | None) -> EpochState:
    parent_epoch, parent_last, parent_head, floor, head_before_floor, watermark, set_aside = values
    number, head = (last[0], records.head_of(last[1])) if last else (floor - 1, head_before_floor)
    parent = None if parent_epoch is None else (parent_epoch, parent_last, parent_head)
    return EpochState(epoch, floor, head_before_floor, number, head, parent, watermark, bool(set_aside))


def _follows(record: HeldRecord, head_before: bytes) -> bool:
    try:
        header = records.decode_header(record.raw)
    except records.BAD_BYTES:
        return False
    # Number 1 names the head of another epoch, which is not looked up here.
    chained = record.number == 1 or header.prev == head_before
    return chained and header.number == record.number and records.payload_digest(record.sealed) == header.payload_digest


def _last_old(rows: Iterator[tuple[int, bytes]], before_ms: int, untrusted_are_old: bool) -> tuple[int, bytes] | None:
    found = None
    for number, raw in rows:
        try:
            header = records.decode_header(raw)
        except records.BAD_BYTES:
            # Nobody knows how old it is: it stays, and so does all after it.
            break
        if header.clock == "trusted" and header.at >= before_ms:
            break
        if header.clock == "trusted" or untrusted_are_old:
            found = (number, raw)
    return found
