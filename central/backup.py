"""Backup of the running store, and restore into a stopped one. Gates send again what the backup does not have."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from central.carried import carry_passes
from central.carried_rollouts import carry_rollouts
from central.carried_watch import carry_watched
from central.cases import FROM_GATE
from central.lock import locked
from central.store.sqlite import SqliteStore, StoreError

# The cursor that holds the time (ms UTC) at which this store was put back, or nothing in one that never was.
RESTORED: Final = "restored"
_COMPANIONS: Final = ("-wal", "-shm")


def backup(database: Path, target: Path) -> None:
    """Copy a store, running or not. Raises StoreError."""
    with closing(SqliteStore(database, read_only=True)) as store:
        store.backup(target)
    _check(target)


def restore(source: Path, database: Path, now_ms: int) -> list[str]:
    """Put a backup in place of the store. The old one is kept beside it. Raises StoreError or InUseError.

    What operators have done since the backup is carried over as far as the old store can be read; returns what of it
    they have to know, a line each. Refuses while a collector runs on the store.
    """
    _check(source)
    kept, fresh = database.with_suffix(".before-restore"), database.with_suffix(".restoring")
    with locked(database.parent):
        if kept.exists():
            raise StoreError(f"{kept} exists from an earlier restore; move it away first")
        for suffix in ("", *_COMPANIONS):
            Path(f"{fresh}{suffix}").unlink(missing_ok=True)
        with closing(SqliteStore(source, read_only=True)) as store:
            store.backup(fresh)
        with closing(SqliteStore(fresh)) as new, new.transaction():
            words = _carry_over(database, new, now_ms)
            new.move_cursor(RESTORED, now_ms)
        if database.exists():
            # At every moment there is a store in place: an empty one would tell everybody that nothing ever happened.
            kept.hardlink_to(database)
            for suffix in _COMPANIONS:
                if Path(f"{database}{suffix}").exists():
                    Path(f"{database}{suffix}").rename(f"{kept}{suffix}")
        fresh.replace(database)
    return words


def _carry_over(database: Path, new: SqliteStore, now_ms: int) -> list[str]:
    """Enrolments, revocations, documents, roll-outs, passes and closed findings of the store that was in place."""
    if not database.exists():
        return []
    try:
        with closing(SqliteStore(database)) as old:
            # What is only in the write-ahead log belongs to the file that is set aside.
            old.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            _close_findings(old, new)
            carried = [*_carry_gates(old, new), *_carry_documents(old, new, now_ms)]
            return [*carried, *carry_rollouts(old, new), *carry_passes(old, new), *carry_watched(old, new)]
    except (sqlite3.Error, StoreError) as error:
        return [f"the store in place can't be read ({error}): enrol and revoke again what was since the backup"]


def _carry_gates(old: SqliteStore, new: SqliteStore) -> list[str]:
    words = []
    known = {gate.gate: gate for gate in new.gates()}
    # In their order, so that a gate has the same number in both.
    for gate in sorted(old.gates(), key=lambda row: row.no):
        here = known.get(gate.gate)
        if here is None or here.enrolled_ms != gate.enrolled_ms:
            new.enrol(gate.gate, gate.public_key, gate.grid, gate.site, gate.enrolled_ms)
            words.append(f"gate {gate.gate}: enrolled since the backup, carried over")
        if gate.revoked_ms is not None and new.revoke(gate.gate, gate.revoked_ms):
            words.append(f"gate {gate.gate}: revoked since the backup, carried over")
    return words


def _carry_documents(old: SqliteStore, new: SqliteStore, now_ms: int) -> list[str]:
    known = {(scope, kind): version for scope, kind, version, _ in new.documents()}
    words = []
    for scope, kind, version, data in old.documents():
        if version > known.get((scope, kind), 0):
            new.save_document(scope, kind, version, data, now_ms)
            words.append(f"document {kind}/{scope} version {version}: published since the backup, carried over")
    return words


def _close_findings(old: SqliteStore, new: SqliteStore) -> None:
    """What the collector found by itself is closed by a person, whose word is not taken back."""
    for row in new.open_cases():
        before = old.case(row.gate_no, row.epoch, row.number, row.origin)
        if row.origin != FROM_GATE and before is not None and not before.open:
            new.save_case(before)


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
