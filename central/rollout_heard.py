"""What a store that was put back learns of its roll-outs from documents that the broker still has."""

from __future__ import annotations

from dataclasses import replace

from central.rollout_plan import parse_stages
from central.store.rollouts import LIVE, RolloutAct, RolloutRow
from central.store.sqlite import SqliteStore
from checkpoint import topics
from checkpoint.documents import Document

_COLLECTOR = "collector"


def take_up(store: SqliteStore, document: Document, now_ms: int) -> None:
    """A newer policy than this store knew of was taken from the broker. In a transaction of the caller.

    One for some gates says how far the roll-out had gone; one for all that it has ended, and how.
    """
    slot = topics.staged_slot(document.kind)
    staged = [version for scope, kind, version, _ in store.documents() if (scope, kind) == (document.scope, slot)]
    if not document.staged and any(version < document.version for version in staged):
        store.drop_documents(document.scope, slot)
    live = (row for row in store.rollouts() if row.scope == document.scope and row.state in LIVE)
    row = next(live, None)
    if row is None or document.kind != "policy" or document.version <= row.version:
        return
    after = _widened(row, document) if document.staged else _ended(row, document)
    if after is not None:
        store.save_rollout(replace(after, version=document.version, changed_ms=now_ms))
        act = RolloutAct(now_ms, "heard", after.stage, document.version, _COLLECTOR, "from the broker, after a restore")
        store.add_rollout_act(row.no, act)


def _widened(row: RolloutRow, document: Document) -> RolloutRow | None:
    for number, stage in enumerate(parse_stages(row.stages)):
        targets = tuple(target.id for target in stage.targets)
        if (targets, stage.percent, row.content) == (document.targets, document.rollout, document.content):
            return replace(row, stage=number)
    return None


def _ended(row: RolloutRow, document: Document) -> RolloutRow:
    if document.content == row.content:
        return replace(row, state="done", stage=len(parse_stages(row.stages)) - 1)
    return replace(row, state="back")
