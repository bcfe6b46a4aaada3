"""What a restore must not undo: roll-outs that were begun, widened, stopped or taken back since the backup was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from central.store.rollouts import LIVE, RolloutGate
from central.store.sqlite import SqliteStore
from checkpoint import topics

_NOTHING: Final = RolloutGate(0, 0, "offered", 0, "", None)


def carry_rollouts(old: SqliteStore, new: SqliteStore) -> list[str]:
    """Bring them as they stood into the backup, in a transaction of the caller; a line for each.

    Their verdicts are counted on from where the backup stood: gates send again what it does not have.
    """
    words = []
    for row in old.rollouts():
        done = old.rollout_acts(row.no)
        known = len(new.rollout_acts(row.no))
        if len(done) == known:
            continue
        before, counted = new.rollout(row.no), new.rollout_gates(row.no)
        new.save_rollout(replace(row, position=before.position if before else new.last_record_id()))
        for gate in old.rollout_gates(row.no).values():
            one = counted.get(gate.gate_no, _NOTHING)
            figures = one.after_all, one.after_deny, one.after_escalate
            new.save_rollout_gate(replace(gate, after_all=figures[0], after_deny=figures[1], after_escalate=figures[2]))
        for act in done[known:]:
            new.add_rollout_act(row.no, act)
        if row.state not in LIVE:
            new.drop_documents(row.scope, topics.staged_slot("policy"))
        words.append(f"roll-out {row.no} of policy/{row.scope}: {row.state}, carried over")
    return words
