"""What a restore must not undo: who was put on the watch list, or taken off it, since the backup was made."""

from __future__ import annotations

from dataclasses import replace

from central.store.sqlite import SqliteStore


def carry_watched(old: SqliteStore, new: SqliteStore) -> list[str]:
    """Bring what was added and removed since a backup into it, in a transaction of the caller; a line to say so."""
    known = {(row.no, row.added_ms): row for row in new.watched()}
    changed = 0
    for row in old.watched():
        here = known.get((row.no, row.added_ms))
        if here is None:
            taken = {one.no for one in new.watched()}
            new.add_watched(replace(row, no=new.next_watched()) if row.no in taken else row)
        elif row.removed_ms is not None and here.removed_ms is None:
            new.end_watched(row.no, row.removed_ms, row.removed_by, row.removed_why)
        changed += here is None or here.removed_ms != row.removed_ms
    return [f"{changed} entries of the watch list were added or removed since the backup, carried over"] * bool(changed)
