"""The store in one SQLite file: WAL and synchronous=FULL, so that what was answered survives a power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database, Migrations

from central.store.audits import AuditQueries
from central.store.base import Dimension
from central.store.cards import CardTables
from central.store.cases import CaseTables
from central.store.counts import CountTables
from central.store.forgetting import ForgettingQueries
from central.store.gates import GateTables
from central.store.issued import IssuedTables
from central.store.people import PeopleTables
from central.store.records import RecordTables
from central.store.rescues import RescueTable
from central.store.rollouts import RolloutTables
from central.store.schema import TABLES_1, TABLES_2, TABLES_3, TABLES_4, TABLES_5, TABLES_6
from central.store.status_rows import StatusQueries
from central.store.topics import TopicTables
from central.store.watched import WatchedTable

_BUSY_S = 30.0

_migrations = Migrations("guankou-central")


@_migrations(name="0001_tables")
def _tables_1(db: Database) -> None:
    # Statement by statement: executescript would commit the migration's own transaction.
    for statement in TABLES_1.split(";\n"):
        db.execute(statement)


@_migrations(name="0002_keys_and_rescues")
def _tables_2(db: Database) -> None:
    for statement in TABLES_2.split(";\n"):
        db.execute(statement)


@_migrations(name="0003_people_and_passes")
def _tables_3(db: Database) -> None:
    for statement in TABLES_3.split(";\n"):
        db.execute(statement)


@_migrations(name="0004_cards")
def _tables_4(db: Database) -> None:
    for statement in TABLES_4.split(";\n"):
        db.execute(statement)


@_migrations(name="0005_watched")
def _tables_5(db: Database) -> None:
    for statement in TABLES_5.split(";\n"):
        db.execute(statement)


@_migrations(name="0006_rollouts")
def _tables_6(db: Database) -> None:
    for statement in TABLES_6.split(";\n"):
        db.execute(statement)


class StoreError(RuntimeError):
    """The store can't be opened, or is not what it should be; the message names the file and the remedy."""


class SqliteStore(
    GateTables,
    RecordTables,
    CountTables,
    CaseTables,
    TopicTables,
    RescueTable,
    PeopleTables,
    IssuedTables,
    CardTables,
    WatchedTable,
    RolloutTables,
    StatusQueries,
    ForgettingQueries,
    AuditQueries,
):
    """One connection; use it in one thread at a time. Several stores may be open on one file."""

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        """Open `file`, make it and climb its schema when needed. A read-only store sees one snapshot a transaction."""
        self.file = file
        self._dimensions: dict[Dimension, int] = {}
        try:
            self._conn = _connect(file, read_only=read_only)
        except sqlite3.Error as error:
            raise StoreError(f"{file}: can't be opened as the collector's store ({error})") from None
        if not read_only:
            # The connection stays ours: sqlite-utils only climbs the schema on it.
            _migrations.apply(Database(self._conn, execute_plugins=False))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE .. COMMIT; an exception rolls back and goes on."""
        self._conn.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._conn.execute("COMMIT")
        except BaseException:
            # A failed COMMIT may have ended the transaction by itself.
            if self._conn.in_transaction:
                self._conn.execute("ROLLBACK")
            # Dimensions added in this transaction are gone with it.
            self._dimensions.clear()
            raise

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Everything inside is done, can be read back, and is undone at the end."""
        self._conn.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            self._conn.execute("ROLLBACK")
            self._dimensions.clear()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside see the same moment."""
        self._conn.execute("BEGIN")
        try:
            yield
        finally:
            self._conn.execute("ROLLBACK")

    @property
    def connection(self) -> sqlite3.Connection:
        """For reports that ask in SQL."""
        return self._conn

    def backup(self, target: Path) -> None:
        """Copy the store while it runs (SQLite online backup). Refuses to overwrite."""
        if target.exists():
            raise StoreError(f"{target} exists; name a file that does not")
        copy = sqlite3.connect(target)
        try:
            self._conn.backup(copy, pages=2048)
        finally:
            copy.close()

    def close(self) -> None:
        self._conn.close()


def _connect(file: Path, *, read_only: bool) -> sqlite3.Connection:
    # Built in one thread, used in another: never in two at once.
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            # What is deleted is overwritten: else it stays readable in the free space of the file.
            connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA foreign_keys=OFF")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
