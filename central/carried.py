"""What a restore must not undo: passes that were given or taken back since the backup was made."""

from __future__ import annotations

import secrets

from central.store.issued import CutoffRow, Issued
from central.store.sqlite import SqliteStore
from checkpoint.documents import Document
from checkpoint.status_list import CutOff, status_from_content

_TABLES = ("household", "person", "issued", "cutoff", "application")


def carry_passes(old: SqliteStore, new: SqliteStore) -> list[str]:
    """Bring the register of the store that was in place into the backup's; what there is to say, a line each.

    If the old one holds everybody of the backup, it is the same register some time later, and replaces it. Else it was
    begun anew, and only what it says of passes that both know counts.
    """
    before, after = _standings(new), _standings(old)
    if _known(new) <= _known(old):
        _replace(old, new)
    else:
        _merge(old, new, before, after)
    changed = sum(before.get(pass_id) != standing for pass_id, standing in after.items())
    return [f"{changed} passes were given or changed since the backup, carried over"] if changed else []


def save_adopted(store: SqliteStore, document: Document) -> int:
    """Believe a status list that is newer than this store, which was put back; returns how many passes it changed.

    What it says of a pass counts unless somebody has spoken later. Cut-offs are taken over as they are. Places on the
    list that this store knows nothing of, but that are not simply valid, belong to passes given since: they stay taken.
    """
    status, scope = status_from_content(document.content), document.scope
    issued_ms = status.issued_s * 1000
    changed = 0
    passes = store.passes_on(scope)
    for pass_id, index, held, since_ms in passes:
        said = status.value(index)
        if said is not None and said != held and since_ms < issued_ms:
            changed += store.set_status(pass_id, said, "in force before the restore", issued_ms)
    for index, said in status.exceptions({index for _, index, _, _ in passes}):
        store.save_issued(_unknown_pass(scope, index, said, issued_ms))
        changed += 1
    for row in store.cutoffs(scope):
        if row.set_ms < issued_ms:
            store.drop_cutoff(scope, row.kind, row.value)
    for cut in status.cut_offs:
        store.save_cutoff(CutoffRow(scope, cut.kind, _bytes_of(cut), cut.before_s, issued_ms, "restore"))
    return changed


def _unknown_pass(scope: str, index: int, status: int, at_ms: int) -> Issued:
    """A pass of which only its place on the list is left; under an id that nobody has."""
    return Issued(
        pass_id=secrets.token_bytes(8),
        person=None,
        subject=b"",
        pass_class="visitor",  # noqa: S106  # a class of passes
        household=None,
        list_scope=scope,
        status_index=index,
        status=status,
        status_why="in force before the restore",
        status_ms=at_ms,
        not_before_s=0,
        expires_s=0,
        claims=b"",
        link_digest=None,
        device_key=None,
        variant="paper",
        issued_ms=at_ms,
    )


def _standings(store: SqliteStore) -> dict[bytes, tuple[int, int]]:
    """Pass id -> (since when in ms, status)."""
    rows = store.connection.execute("SELECT pass_id, status_ms, status FROM issued")
    return {pass_id: (since_ms, status) for pass_id, since_ms, status in rows}


def _known(store: SqliteStore) -> set[bytes]:
    """The pass ids of everybody: with a pass, registered, or waiting to be."""
    rows = store.connection.execute(
        "SELECT pass_id FROM issued UNION SELECT pass_id FROM person UNION SELECT pass_id FROM application"
    )
    return {pass_id for (pass_id,) in rows}


def _replace(old: SqliteStore, new: SqliteStore) -> None:
    # All is read before anything is changed: a page that can't be read leaves the backup as it was.
    tables = {name: old.connection.execute(f"SELECT * FROM {name}").fetchall() for name in _TABLES}  # noqa: S608
    for name, rows in tables.items():
        new.connection.execute(f"DELETE FROM {name}")  # noqa: S608
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            new.connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608


def _merge(
    old: SqliteStore, new: SqliteStore, before: dict[bytes, tuple[int, int]], after: dict[bytes, tuple[int, int]]
) -> None:
    for pass_id, (since_ms, status) in after.items():
        if pass_id in before and since_ms > before[pass_id][0]:
            new.set_status(pass_id, status, "carried over at the restore", since_ms)
    for scope in old.list_scopes():
        for row in old.cutoffs(scope):
            new.save_cutoff(row)


def _bytes_of(cut: CutOff) -> bytes:
    if cut.value is None:
        return b""
    return bytes([cut.value]) if isinstance(cut.value, int) else cut.value
