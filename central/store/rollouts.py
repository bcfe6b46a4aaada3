"""Policies that go out in stages, what gates say of them, and who did what, in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass
from typing import Final, Literal

RolloutState = Literal["running", "stopped", "done", "back"]
# In these states a further stage may follow, and nothing else is published for the scope.
LIVE: Final[tuple[RolloutState, ...]] = ("running", "stopped")
GateAnswer = Literal["offered", "verified", "in_force", "refused"]

_ROLLOUT = (
    "SELECT no, scope, policy, policy_version, content, base_version, base_content, stages, stop_when, valid_ms, state,"
    " stage, version, changed_ms, position, jumped FROM rollout"
)


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """One roll-out of a policy. `stage` counts from 0; `version`: of the document that carries the newest stage.

    `base_*`: what the scope had before, which gates outside the stages keep. `valid_ms`: how long a document is valid.
    `jumped`: why the watch stopped it, empty else.
    """

    no: int
    scope: str
    policy: str
    policy_version: int
    content: bytes
    base_version: int
    base_content: bytes
    stages: str
    stop_when: str
    valid_ms: int
    state: RolloutState
    stage: int
    version: int
    changed_ms: int
    position: int
    jumped: str


@dataclass(frozen=True, slots=True)
class RolloutGate:
    """A gate of the stages so far: what it says, and its verdicts before and by the new policy.

    `version`: of the document that it speaks of. `in_force_ms`: when it first told that it has the new policy.
    """

    rollout: int
    gate_no: int
    state: GateAnswer
    version: int
    why: str
    in_force_ms: int | None
    before_all: int = 0
    before_deny: int = 0
    before_escalate: int = 0
    after_all: int = 0
    after_deny: int = 0
    after_escalate: int = 0


@dataclass(frozen=True, slots=True)
class RolloutAct:
    """One thing that was done: started, next, stopped, jumped, back, or heard from the broker after a restore."""

    at_ms: int
    act: str
    stage: int
    version: int
    by: str
    why: str


class RolloutTables:
    """Methods over tables `rollout`, `rollout_gate` and `rollout_act`."""

    _conn: sqlite3.Connection

    def rollouts(self) -> list[RolloutRow]:
        """Every roll-out, the newest first."""
        return [RolloutRow(*row) for row in self._conn.execute(f"{_ROLLOUT} ORDER BY no DESC")]

    def rollout(self, no: int) -> RolloutRow | None:
        row = self._conn.execute(f"{_ROLLOUT} WHERE no = ?", (no,)).fetchone()
        return RolloutRow(*row) if row else None

    def save_rollout(self, row: RolloutRow) -> None:
        self._conn.execute(
            "INSERT OR REPLACE INTO rollout VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(row)
        )

    def next_rollout(self) -> int:
        return int(self._conn.execute("SELECT coalesce(max(no), 0) + 1 FROM rollout").fetchone()[0])

    def rollout_gates(self, rollout: int) -> dict[int, RolloutGate]:
        """Gate number -> what is known of it in this roll-out."""
        rows = self._conn.execute("SELECT * FROM rollout_gate WHERE rollout = ?", (rollout,))
        return {row[1]: RolloutGate(*row) for row in rows}

    def save_rollout_gate(self, row: RolloutGate) -> None:
        self._conn.execute(
            "INSERT OR REPLACE INTO rollout_gate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(row)
        )

    def rollout_acts(self, rollout: int) -> list[RolloutAct]:
        """What was done, oldest first."""
        rows = self._conn.execute(
            "SELECT at_ms, act, stage, version, by, why FROM rollout_act WHERE rollout = ? ORDER BY id", (rollout,)
        )
        return [RolloutAct(*row) for row in rows]

    def add_rollout_act(self, rollout: int, act: RolloutAct) -> None:
        self._conn.execute(
            "INSERT INTO rollout_act(rollout, at_ms, act, stage, version, by, why) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (rollout, *astuple(act)),
        )

    def drop_documents(self, scope: str, kind: str) -> None:
        """Forget every version: nothing of it is published any more."""
        self._conn.execute("DELETE FROM document WHERE scope = ? AND kind = ?", (scope, kind))

    def last_record_id(self) -> int:
        return int(self._conn.execute("SELECT coalesce(max(id), 0) FROM record").fetchone()[0])

    def verdicts_between(self, gate_no: int, first_ms: int, last_ms: int) -> dict[str, int]:
        """Verdict -> how many passages of a gate have it, by corrected time; the end is excluded."""
        rows = self._conn.execute(
            "SELECT value, count(*) FROM counted JOIN dim ON dim.id = dim WHERE gate_no = ?"
            " AND counted.figure = 'verdict' AND corrected_ms >= ? AND corrected_ms < ? GROUP BY value",
            (gate_no, first_ms, last_ms),
        )
        return dict(rows.fetchall())

    def verdicts_after(self, position: int, policy: str, limit: int) -> list[tuple[int, int, bytes | None]]:
        """(record id, gate number, payload) of verdicts that came after the record with id `position`, in that order;
        no payload where it does not count, was deleted, or has not the policy's id in it."""
        return self._conn.execute(
            "SELECT record.id, gate_no, CASE WHEN mark = 1 AND instr(payload, CAST(? AS BLOB)) > 0 THEN payload END"
            " FROM record JOIN epoch ON epoch.id = epoch_id LEFT JOIN payload ON record_id = record.id"
            " WHERE record.id > ? AND kind = 'verdict' ORDER BY record.id LIMIT ?",
            (policy, position, limit),
        ).fetchall()
