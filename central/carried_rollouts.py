"""What a restore must not undo: roll-outs that were begun, widened, stopped or taken back since the backup was made."""

from __future__ import annotations

from dataclasses import replace

from central.store.rollouts import LIVE
from central.store.sqlite import SqliteStore
from checkpoint import topics


def carry_rollouts(old: SqliteStore, new: SqliteStore) -> list[str]:
    """Bring them as they stood into the backup, in a transaction of the caller; a line for each.

    Their verdicts are counted again from the first record on: gates send again what the backup does not have.
    """
    words = []
    for row in old.rollouts():
        done = old.rollout_acts(row.no)
        known = len(new.rollout_acts(row.no))
        if len(done) == known:
            continue
        new.save_rollout(replace(row, position=0))
        for gate in old.rollout_gates(row.no).values():
            new.save_rollout_gate(replace(gate, after_all=0, after_deny=0, after_escalate=0))
        for act in done[known:]:
            new.add_rollout_act(row.no, act)
        if row.state not in LIVE:
            new.drop_documents(row.scope, topics.staged_slot("policy"))
        words.append(f"roll-out {row.no} of policy/{row.scope}: {row.state}, carried over")
    return words
