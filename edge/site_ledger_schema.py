"""The ledger's tables and statements, as SQL text. A row is one crossing; `dated` 0: its time is not believed yet."""

from __future__ import annotations

import sqlite3
from typing import Final

_VERSION: Final = 1
BEGIN: Final = "BEGIN IMMEDIATE"
COMMIT: Final = "COMMIT"
_CREATE: Final = (
    """CREATE TABLE IF NOT EXISTS crossings (
        at_ms INTEGER NOT NULL, gate TEXT NOT NULL, passage BLOB NOT NULL, move TEXT NOT NULL,
        pass_id BLOB NOT NULL, household BLOB, people INTEGER NOT NULL, dated INTEGER NOT NULL,
        PRIMARY KEY (gate, passage, move)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS by_time ON crossings (at_ms)",
    "CREATE INDEX IF NOT EXISTS by_pass ON crossings (pass_id, at_ms)",
    "CREATE INDEX IF NOT EXISTS by_household ON crossings (household, at_ms) WHERE household IS NOT NULL",
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, all or none. Raises sqlite3.Error."""
    if connection.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
        return
    connection.execute(BEGIN)
    for statement in _CREATE:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute(COMMIT)


# Columns come in the order of the table, which is that of a crossing's fields, `dated` last.
PUT: Final = "INSERT OR REPLACE INTO crossings VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
ONE: Final = "SELECT * FROM crossings WHERE gate = ? AND passage = ? AND move = ?"
BY_HOLDER: Final = "SELECT * FROM crossings WHERE pass_id = ? AND at_ms >= ? ORDER BY at_ms, gate, passage, move"
EXITS: Final = """SELECT * FROM crossings WHERE household = ? AND at_ms >= ? AND move = 'out'
    ORDER BY at_ms, gate, passage"""
BETWEEN: Final = """SELECT * FROM crossings WHERE at_ms >= ? AND at_ms < ? AND dated
    AND (at_ms, gate, passage, move) > (?, ?, ?, ?)
    ORDER BY at_ms, gate, passage, move LIMIT ?"""
DATED: Final = "SELECT * FROM crossings WHERE dated"
ALL: Final = "SELECT * FROM crossings"
# The time of the oldest one that stays when `?` of the newest are kept.
NTH_NEWEST: Final = "SELECT at_ms FROM crossings ORDER BY at_ms DESC LIMIT 1 OFFSET ?"
DELETE_BEFORE: Final = "DELETE FROM crossings WHERE at_ms < ?"
