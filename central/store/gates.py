"""Gates, what they last said of themselves, and versions of the tree, in SQLite."""

from __future__ import annotations

import sqlite3
from itertools import islice
from typing import Final

import msgspec

from central.store.base import GateRow, GateState, Mark
from checkpoint.one_line import one_line
from checkpoint.wire import Hello

# Far more than a gate has; whoever holds its key may write a megabyte into every heartbeat.
_MOST_FAULTS: Final = 64
_MOST_PARTS: Final = 256
_MOST_CODE: Final = 64
_MOST_TEXT: Final = 300

_GATE = "SELECT no, gate, public_key, grid, site, enrolled_ms, revoked_ms FROM gate"


class GateTables:
    """Methods over tables `gate`, `gate_key`, `gate_state` and `tree`."""

    _conn: sqlite3.Connection

    def gate(self, gate: str) -> GateRow | None:
        row = self._conn.execute(f"{_GATE} WHERE gate = ?", (gate,)).fetchone()
        return GateRow(*row) if row else None

    def gates(self) -> list[GateRow]:
        """Every gate that was ever enrolled, by id."""
        return [GateRow(*row) for row in self._conn.execute(f"{_GATE} ORDER BY gate")]

    def enrol(self, gate: str, public_key: bytes, grid: str, site: str, now_ms: int) -> None:
        """Add a gate, or give a known one a new key and place; it may then speak (again)."""
        self._conn.execute(
            "INSERT INTO gate(gate, public_key, grid, site, enrolled_ms) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT(gate) DO UPDATE SET public_key = excluded.public_key, grid = excluded.grid, "
            "site = excluded.site, enrolled_ms = excluded.enrolled_ms, revoked_ms = NULL",
            (gate, public_key, grid, site, now_ms),
        )
        self._conn.execute(
            "INSERT OR IGNORE INTO gate_key SELECT no, public_key, ? FROM gate WHERE gate = ?", (now_ms, gate)
        )

    def gate_keys(self, gate_no: int) -> list[bytes]:
        """Every public key that this gate was ever enrolled with, oldest first."""
        rows = self._conn.execute(
            "SELECT public_key FROM gate_key WHERE gate_no = ? ORDER BY since_ms, public_key", (gate_no,)
        )
        return [row[0] for row in rows]

    def revoke(self, gate: str, now_ms: int) -> bool:
        """Whether there was such a gate that could still speak."""
        cursor = self._conn.execute(
            "UPDATE gate SET revoked_ms = ? WHERE gate = ? AND revoked_ms IS NULL", (now_ms, gate)
        )
        return cursor.rowcount == 1

    def save_state(self, gate_no: int, hello: Hello, seen_ms: int | None) -> None:
        """Keep the newest heartbeat; `seen_ms` None leaves the time of the last live one as it is."""
        claim = hello.complete_through
        self._conn.execute(
            "INSERT INTO gate_state(gate_no, hello_at, boot_id, clock, online, seen_ms, backlog, faults, versions,"
            " claim_at, claim_epoch, claim_number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT(gate_no) DO UPDATE SET hello_at = excluded.hello_at, boot_id = excluded.boot_id,"
            " clock = excluded.clock, online = excluded.online, seen_ms = coalesce(excluded.seen_ms, seen_ms),"
            " backlog = excluded.backlog, faults = excluded.faults, versions = excluded.versions,"
            " claim_at = excluded.claim_at, claim_epoch = excluded.claim_epoch, claim_number = excluded.claim_number",
            (
                gate_no, hello.at, hello.boot_id, hello.clock, hello.online, seen_ms, hello.outbox_depth,
                _json(_faults(hello)), _json(_versions(hello)),
                claim.at if claim else None, claim.epoch if claim else None, claim.number if claim else None,
            ),
        )  # fmt: skip

    def set_offline(self, gate_no: int) -> None:
        self._conn.execute("UPDATE gate_state SET online = 0 WHERE gate_no = ?", (gate_no,))

    def hello_at(self, gate_no: int) -> tuple[int, bytes] | None:
        """Time (by the gate) and boot id of the newest heartbeat that was kept."""
        row = self._conn.execute("SELECT hello_at, boot_id FROM gate_state WHERE gate_no = ?", (gate_no,)).fetchone()
        return (row[0], row[1]) if row else None

    def claim(self, gate_no: int) -> tuple[int, bytes, int] | None:
        """The gate's `complete_through`: (time, epoch, number)."""
        row = self._conn.execute(
            "SELECT claim_at, claim_epoch, claim_number FROM gate_state WHERE gate_no = ?", (gate_no,)
        ).fetchone()
        return (row[0], row[1], row[2]) if row and row[0] is not None else None

    def set_complete(self, gate_no: int, complete_ms: int) -> int | None:
        """Keep the time through which this gate's records are all stored; returns the one before."""
        row = self._conn.execute("SELECT complete_ms FROM gate_state WHERE gate_no = ?", (gate_no,)).fetchone()
        if row and row[0] != complete_ms:
            self._conn.execute("UPDATE gate_state SET complete_ms = ? WHERE gate_no = ?", (complete_ms, gate_no))
        return row[0] if row else None

    def gate_states(self) -> dict[int, GateState]:
        """Gate number -> its newest state, of every gate that was ever heard."""
        rows = self._conn.execute(
            "SELECT gate_no, online, seen_ms, backlog, faults, versions, complete_ms FROM gate_state"
        )
        return {row[0]: _state(*row) for row in rows}

    def unread_by_gate(self) -> dict[int, int]:
        """Gate number -> how many of its records this program could not read."""
        rows = self._conn.execute(
            "SELECT gate_no, count(*) FROM record JOIN epoch ON epoch.id = epoch_id WHERE mark = ? GROUP BY gate_no",
            (Mark.UNREAD,),
        )
        return dict(rows.fetchall())

    def gaps_by_gate(self) -> dict[int, int]:
        """Gate number -> how many of its records are known to be missing for good, as far as is known."""
        rows = self._conn.execute(
            "SELECT gate_no, sum(last - first + 1) FROM gap JOIN epoch ON epoch.id = epoch_id GROUP BY gate_no"
        )
        return dict(rows.fetchall())

    def take_tree(self, version: int, body: str, now_ms: int) -> bool:
        """Keep a version of the tree; False when this version was taken before with another content."""
        self._conn.execute("INSERT OR IGNORE INTO tree VALUES (?, ?, ?)", (version, now_ms, body))
        kept = self._conn.execute("SELECT body FROM tree WHERE version = ?", (version,)).fetchone()
        return bool(kept[0] == body)


def _state(
    gate_no: int, online: int, seen_ms: int | None, backlog: int, faults: str, versions: str, complete_ms: int | None
) -> GateState:
    return GateState(
        gate_no,
        bool(online),
        seen_ms,
        backlog,
        msgspec.json.decode(faults, type=tuple[str, ...]),
        msgspec.json.decode(versions, type=dict[str, str]),
        complete_ms,
    )


def _faults(hello: Hello) -> list[str]:
    return [one_line(name, _MOST_CODE) for name in hello.faults[:_MOST_FAULTS]]


def _versions(hello: Hello) -> dict[str, str]:
    parts = islice(hello.versions.items(), _MOST_PARTS)
    return {one_line(part, _MOST_TEXT): one_line(text, _MOST_TEXT) for part, text in parts}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
