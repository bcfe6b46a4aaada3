"""The outbox's tables and statements, as SQL text.

`records` is kept in (epoch, number) order in one b-tree, so that an append touches the fewest pages (wear of SD cards).
An epoch's last number and head are those of its last record; once all are purged, `floor - 1` and
`head_before_floor`.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_VERSION: Final = 1
_CREATE: Final = (
    """CREATE TABLE IF NOT EXISTS epochs (
        id INTEGER PRIMARY KEY,
        epoch BLOB NOT NULL UNIQUE,
        parent_epoch BLOB, parent_last INTEGER NOT NULL, parent_head BLOB NOT NULL,
        floor INTEGER NOT NULL DEFAULT 1, head_before_floor BLOB NOT NULL,
        watermark INTEGER NOT NULL DEFAULT 0,
        set_aside INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS records (
        epoch_id INTEGER NOT NULL REFERENCES epochs(id), number INTEGER NOT NULL,
        header BLOB NOT NULL, salt BLOB NOT NULL, payload BLOB NOT NULL,
        PRIMARY KEY (epoch_id, number)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS open_passages (
        passage BLOB PRIMARY KEY, epoch_id INTEGER NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID""",
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, all or none. By hand: a library for it costs a small computer a second of every
    start. Raises sqlite3.Error; the connection is of no use then."""
    if connection.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    for statement in _CREATE:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


ADD_EPOCH: Final = (
    "INSERT INTO epochs (epoch, parent_epoch, parent_last, parent_head, head_before_floor) VALUES (?, ?, ?, ?, ?)"
)
ADD_RECORD: Final = "INSERT INTO records (epoch_id, number, header, salt, payload) VALUES (?, ?, ?, ?, ?)"
OPEN_PASSAGE: Final = "INSERT OR IGNORE INTO open_passages (passage, epoch_id, number) VALUES (?, ?, ?)"
CLOSE_PASSAGE: Final = "DELETE FROM open_passages WHERE passage = ?"
OPEN_PASSAGES: Final = """SELECT p.passage, e.epoch, r.number, r.header, r.payload FROM open_passages p
    JOIN records r ON r.epoch_id = p.epoch_id AND r.number = p.number JOIN epochs e ON e.id = p.epoch_id
    ORDER BY p.epoch_id, p.number"""
# Looks at so many records and no more; a header that holds these bytes may still be another's.
NAMED_AFTER: Final = """SELECT header, salt, payload FROM (SELECT header, salt, payload FROM records
    WHERE (epoch_id, number) > ((SELECT id FROM epochs WHERE epoch = ?), ?) ORDER BY epoch_id, number LIMIT ?)
    WHERE instr(header, ?) > 0"""

NEWEST_EPOCH: Final = "SELECT id, epoch, floor, head_before_floor FROM epochs ORDER BY id DESC LIMIT 1"
LAST_RECORDS: Final = (
    "SELECT number, header, salt, payload FROM records WHERE epoch_id = ? ORDER BY number DESC LIMIT 2"
)
HEADER_AT: Final = """SELECT header FROM records
    WHERE epoch_id = (SELECT id FROM epochs WHERE epoch = ?) AND number = ?"""

EPOCHS_FROM: Final = """SELECT id, epoch, parent_epoch, parent_last, parent_head, floor, head_before_floor, watermark,
    set_aside FROM epochs WHERE id >= ? ORDER BY id"""
LAST_HEADER: Final = "SELECT number, header FROM records WHERE epoch_id = ? ORDER BY number DESC LIMIT 1"
RUN: Final = """SELECT number, header, salt, payload FROM records WHERE epoch_id = ? AND number > ?
    ORDER BY number LIMIT ?"""
HEADERS_FROM: Final = "SELECT number, header FROM records WHERE epoch_id = ? AND number >= ? ORDER BY number LIMIT ?"
ONE_HEADER: Final = "SELECT header FROM records WHERE epoch_id = ? AND number = ?"
OLDEST_OPEN: Final = "SELECT MIN(number) FROM open_passages WHERE epoch_id = ?"
SET_WATERMARK: Final = "UPDATE epochs SET watermark = ? WHERE id = ?"
SET_ASIDE: Final = "UPDATE epochs SET set_aside = 1 WHERE id = ?"
SET_FLOOR: Final = "UPDATE epochs SET floor = ?, head_before_floor = ? WHERE id = ?"
DELETE_BELOW: Final = "DELETE FROM records WHERE epoch_id = ? AND number < ?"
