"""The outbox of a dead gate's card: a copy of it is read, and each record is judged by itself and by its neighbours."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from central.checks import RefusedError, check_bounds
from checkpoint.audit import missing
from checkpoint.chain import ChainError, Link, check_run, check_sealed, link
from checkpoint.records import SALT_BYTES, Sealed, decode_header

_COPY_BYTES: Final = 1024 * 1024
_MAX_KEY_BYTES: Final = 4096
_EPOCHS: Final = """SELECT id, CAST(epoch AS BLOB), CAST(floor AS INTEGER), CAST(head_before_floor AS BLOB),
    CAST(parent_last AS INTEGER), CAST(parent_head AS BLOB) FROM epochs ORDER BY id"""
_RECORDS: Final = """SELECT CAST(number AS INTEGER), CAST(header AS BLOB), CAST(salt AS BLOB), CAST(payload AS BLOB)
    FROM records WHERE epoch_id = ? ORDER BY number"""
_HEADERS: Final = "SELECT CAST(header AS BLOB) FROM records ORDER BY epoch_id, number"


class CardError(ValueError):
    """The card can't be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class CardEpoch:
    """One epoch on the card: records from `floor` on; `end`: (number, head) with which the next epoch says it ended."""

    id: int
    epoch: bytes
    floor: int
    head_before_floor: bytes
    end: tuple[int, bytes] | None


@dataclass(frozen=True, slots=True)
class Good:
    """A record that fits."""

    link: Link
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that can't be taken, or the first of some that are missing."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    link: Link | None
    sealed: Sealed
    why: str = ""


class Card:
    """An opened copy of a card's outbox. `sha256`: of the database and, if there is one, of its write-ahead log."""

    def __init__(self, connection: sqlite3.Connection, sha256: str) -> None:
        self._connection = connection
        self.sha256 = sha256

    def gate(self) -> str:
        """The gate that wrote this outbox, by its first readable header; empty when there is none."""
        for (raw,) in self._connection.execute(_HEADERS):
            try:
                return decode_header(raw).gate
            except msgspec.DecodeError:
                continue
        return ""

    def epochs(self) -> list[CardEpoch]:
        """Every epoch of the card, oldest first."""
        rows = self._connection.execute(_EPOCHS).fetchall()
        ends = [(row[4], row[5]) for row in rows[1:]]
        return [CardEpoch(row[0], row[1], row[2], row[3], end) for row, end in zip(rows, [*ends, None], strict=True)]

    def records(self, gate: str, epoch: CardEpoch) -> Iterator[Good | Bad]:
        """The epoch's records in number order; what is missing between them is said."""
        expected = epoch.floor
        for row in _judged(self._rows(gate, epoch), epoch.end):
            if row.number < expected:
                # Below the floor: purged, or a number that makes no sense.
                continue
            if row.number > expected:
                yield Bad(expected, missing(expected, row.number - 1))
            yield Bad(row.number, row.why) if row.link is None else Good(row.link, row.sealed)
            expected = row.number + 1
        if epoch.end is not None and epoch.end[0] >= expected:
            yield Bad(expected, missing(expected, epoch.end[0]))

    def _rows(self, gate: str, epoch: CardEpoch) -> Iterator[_Row]:
        number = epoch.floor - 1
        try:
            for number, raw, salt, payload in self._connection.execute(_RECORDS, (epoch.id,)):
                yield _row(gate, epoch.epoch, number, raw, Sealed(salt, payload))
        except sqlite3.DatabaseError as error:
            yield _Row(number + 1, None, Sealed(b"", b""), f"the database itself is damaged from here on ({error})")


def _row(gate: str, epoch: bytes, number: int, raw: bytes, sealed: Sealed) -> _Row:
    try:
        found = link(raw)
        check_run([found], gate, epoch, number)
        check_bounds(found)
        check_sealed([found], [sealed])
    except msgspec.DecodeError as error:
        return _Row(number, None, sealed, f"its header can't be read ({error})")
    except ChainError as error:
        return _Row(number, None, sealed, error.why)
    except RefusedError as error:
        return _Row(number, None, sealed, str(error))
    if len(sealed.salt) != SALT_BYTES:
        return _Row(number, None, sealed, f"its salt has {len(sealed.salt)} bytes")
    return _Row(number, found, sealed)


def _judged(rows: Iterator[_Row], end: tuple[int, bytes] | None) -> Iterator[_Row]:
    """Rows with the changed one of two that don't fit marked: it is the one that a third does not confirm."""
    window: deque[_Row] = deque()
    for row in rows:
        window.append(row)
        if len(window) == 3:
            _judge(window, None)
            yield window.popleft()
    while window:
        _judge(window, end)
        yield window.popleft()


def _judge(window: deque[_Row], end: tuple[int, bytes] | None) -> None:
    """Mark the first or the second row; `end` is given when the window holds the epoch's last rows."""
    row = window[0].link
    if row is None:
        return
    if len(window) == 1:
        if end is not None and end[0] == row.header.number and end[1] != row.head:
            _mark(window, 0)
        return
    after = window[1].link
    if after is None or after.header.number != row.header.number + 1 or after.header.prev == row.head:
        return
    third = window[2].link if len(window) == 3 else None
    named = third.header.prev if third is not None else end[1] if len(window) == 2 and end is not None else None
    _mark(window, 0 if named == after.head else 1)


def _mark(window: deque[_Row], at: int) -> None:
    window[at] = replace(window[at], link=None, why="its header was changed: its neighbours name another head")


def find_outbox(place: Path) -> Path:
    """The outbox in a folder, or the file itself. Raises CardError."""
    file = place / "outbox.db" if place.is_dir() else place
    if not file.is_file():
        raise CardError(f"{file}: no such file; name an outbox.db, or the folder that holds it")
    return file


@contextmanager
def read_card(file: Path, scratch: Path) -> Iterator[Card]:
    """Copy an outbox with its `-wal` into a folder under `scratch`, and read the copy: the card is never written to.

    Raises CardError.
    """
    with tempfile.TemporaryDirectory(prefix=".rescue-", dir=scratch) as folder:
        copy = Path(folder) / "outbox.db"
        try:
            hashes = [_copy(file, copy)]
            wal = Path(f"{file}-wal")
            if wal.exists():
                hashes.append("wal " + _copy(wal, Path(f"{copy}-wal")))
        except OSError as error:
            raise CardError(f"{file}: can't be copied ({error.strerror}); the card or {scratch} is at fault") from None
        connection = sqlite3.connect(copy, isolation_level=None)
        with closing(connection):
            try:
                connection.execute("SELECT count(*) FROM epochs").fetchone()
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error as error:
                raise CardError(f"{file}: can't be read as an outbox ({error})") from None
            yield Card(connection, ", ".join(hashes))


def card_key(file: Path) -> Ed25519PrivateKey:
    """The gate's key as the gate keeps it: 64 hex digits, or PEM. Raises CardError."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise CardError(f"{file}: can't be read ({error.strerror})") from None
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            key = load_pem_private_key(data, password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(data.decode("ascii")))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise CardError(f"{file}: is no gate's key (64 hex digits, or PEM without a password)")
    return key


def _copy(source: Path, target: Path) -> str:
    """Copy, and the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while part := reading.read(_COPY_BYTES):
            digest.update(part)
            writing.write(part)
    return digest.hexdigest()
