"""Backup of the running store, and restore into a stopped one. Gates send again what the backup does not have."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from central.lock import locked
from central.store.sqlite import SqliteStore, StoreError


def backup(database: Path, target: Path) -> None:
    """Copy a store, running or not. Raises StoreError."""
    with closing(SqliteStore(database, read_only=True)) as store:
        store.backup(target)
    _check(target)


def restore(source: Path, database: Path) -> None:
    """Put a backup in place of the store. The old one is kept beside it. Raises StoreError or InUseError.

    Refuses while a collector runs on the store.
    """
    _check(source)
    with locked(database.parent):
        if database.exists():
            # What is only in the write-ahead log belongs to the file that is set aside.
            with closing(SqliteStore(database)) as old:
                old.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            kept = database.with_suffix(".before-restore")
            if kept.exists():
                raise StoreError(f"{kept} exists from an earlier restore; move it away first")
            database.replace(kept)
        for suffix in ("-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        with closing(SqliteStore(source, read_only=True)) as store:
            store.backup(database)


def _check(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"{file}: no such file; name a backup that `guankou-central backup` made")
    try:
        with closing(SqliteStore(file, read_only=True)) as store:
            verdict = store.connection.execute("PRAGMA integrity_check").fetchone()[0]
            store.gates()
    except sqlite3.Error as error:
        raise StoreError(f"{file}: is no store of a collector ({error})") from None
    if verdict != "ok":
        raise StoreError(f"{file}: is damaged ({verdict}); take another backup")
