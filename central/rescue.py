"""Puts what the collector lacks from a dead gate's card through the same intake as batches; safe to run again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.aggregate import Buckets
from central.card import Bad, Card, CardEpoch, Good
from central.cases import Cases
from central.checks import checked_batch
from central.intake import Intake
from central.lines import cut_at_floor
from central.registry import Registry
from central.store.base import Gap, GateRow, Store
from central.store.rescues import Rescue
from central.store.sqlite import SqliteStore
from checkpoint import cose
from checkpoint.audit import Finding
from checkpoint.chain import Link
from checkpoint.records import SALT_BYTES
from checkpoint.wire import (
    MAX_BATCH_BYTES,
    MAX_BATCH_RECORDS,
    NONCE_BYTES,
    Batch,
    SignedHead,
    pack_batch,
    sign_head,
)

_RECORD_OVERHEAD: Final = 16


class RescueError(ValueError):
    """Nothing was imported; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from and who answers for them. `key` None: by the operator's word alone."""

    gate: GateRow
    key: Ed25519PrivateKey | None
    by: str
    file: str
    sha256: str


@dataclass(slots=True)
class EpochRescue:
    """What became of one epoch of the card: its records `first`..`last`; `damage` names what could not be taken."""

    epoch: str
    first: int
    last: int
    there: int = 0
    rescued: int = 0
    gaps: tuple[str, ...] = ()
    damage: list[Finding] = field(default_factory=list)

    def line(self) -> str:
        """For a person."""
        held = f"{self.first}..{self.last}" if self.first <= self.last else "holds no records"
        told = f"{self.there} were there, {self.rescued} rescued, gaps {', '.join(self.gaps) or 'none'}"
        return "\n  ".join([f"{self.epoch} {held}: {told}", *map(str, self.damage)])

    def plain(self) -> dict[str, Any]:
        """For a program."""
        damage = [{"number": finding.number, "why": finding.why} for finding in self.damage]
        return {
            "epoch": self.epoch, "first": self.first, "last": self.last, "there": self.there,
            "rescued": self.rescued, "gaps": self.gaps, "damage": damage,
        }  # fmt: skip


class _Run:
    """Records that go into one batch."""

    def __init__(self) -> None:
        self.items: list[Good] = []
        self._bytes = 0

    def take(self, item: Good) -> bool:
        """Add a record; False when the batch is full without it."""
        size = len(item.link.raw) + len(item.sealed.payload) + SALT_BYTES + _RECORD_OVERHEAD
        if self.items and (len(self.items) == MAX_BATCH_RECORDS or self._bytes + size > MAX_BATCH_BYTES):
            return False
        self.items.append(item)
        self._bytes += size
        return True

    def clear(self) -> None:
        self.items, self._bytes = [], 0


class _CardIntake(Intake):
    """The intake of batches for what is history by now: nothing of it may call anybody as a live alarm would."""

    def __init__(self, store: Store, registry: Registry, buckets: Buckets, gate: GateRow, now_ms: int) -> None:
        super().__init__(store, registry, buckets, gate, now_ms)
        self._cases = Cases(store, gate, now_ms, late=True)

    def hole(self, epoch: bytes, first: int, head_before: bytes, reason: str) -> None:
        """The card goes on at `first`, and names the head before it: what is not stored below becomes a gap."""
        state = self._epoch(epoch)
        gaps = self._store.gaps(state.id)
        behind = state.through < first - 1
        cut = cut_at_floor(state, gaps, first, head_before)
        if behind:
            cut = [*cut[:-1], replace(cut[-1], reason=reason)]
        if cut != gaps:
            self._keep_gaps(state, cut)
            state.top = max(state.top, state.through)
        self._store.save_epoch(state)


class Importer:
    """Takes a card, epoch by epoch. `scope` makes the transaction of each step."""

    def __init__(
        self,
        store: SqliteStore,
        registry: Registry,
        source: Source,
        now_ms: int,
        scope: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._store = store
        self._registry = registry
        self._source = source
        self._now_ms = now_ms
        self._scope = scope
        self._buckets = Buckets()

    def epoch(self, card: Card, epoch: CardEpoch) -> EpochRescue:
        """Import one epoch: up to the first damage, and what stands behind it with the gap named."""
        result = EpochRescue(epoch.epoch.hex(), epoch.floor, epoch.floor - 1)
        run = _Run()
        # Why what lies before the next run is not on the card; empty where that run goes on from the one before.
        hole = "purged" if epoch.floor > 1 else ""
        for item in card.records(self._source.gate.gate, epoch):
            result.last = max(result.last, item.number if isinstance(item, Bad) else item.link.header.number)
            if isinstance(item, Bad):
                self._flush(epoch, run, hole, result)
                result.damage.append(Finding(item.number, item.why))
                hole = "damaged"
            elif not run.take(item):
                self._flush(epoch, run, hole, result)
                run.take(item)
                hole = ""
        self._flush(epoch, run, hole, result)
        state = self._store.epoch(self._source.gate.no, epoch.epoch)
        result.gaps = tuple(_told(gap) for gap in self._store.gaps(state.id)) if state else ()
        return result

    def _flush(self, epoch: CardEpoch, run: _Run, hole: str, result: EpochRescue) -> None:
        """Import what has been gathered, and empty it."""
        if run.items:
            with self._scope():
                self._take(epoch, run.items, hole, result)
            run.clear()

    def _take(self, epoch: CardEpoch, run: Sequence[Good], hole: str, result: EpochRescue) -> None:
        store, gate = self._store, self._source.gate
        links = [item.link for item in run]
        before = self._stored(epoch.epoch, links)
        result.there += len(before)
        if len(before) == len(links):
            return
        intake = _CardIntake(store, self._registry, self._buckets, gate, self._now_ms)
        if hole:
            # Where the floor itself can't be read, two gaps stand side by side.
            if epoch.floor > 1:
                intake.hole(epoch.epoch, epoch.floor, epoch.head_before_floor, "purged")
            intake.hole(epoch.epoch, links[0].header.number, links[0].header.prev, hole)
        first_id = store.next_record_id()
        intake.batch(*self._batch(epoch.epoch, run))
        intake.finish()
        new = sorted(self._stored(epoch.epoch, links) - before)
        result.rescued += len(new)
        state = store.epoch(gate.no, epoch.epoch)
        if new and state is not None:
            self._note(state.id, first_id, new)
        if len(new) + len(before) < len(links):
            result.damage.append(Finding(links[0].header.number, "does not follow from anything that is stored"))

    def _batch(self, epoch: bytes, run: Sequence[Good]) -> tuple[Batch, list[Link]]:
        """As the gate would have sent it: with its key through the same checks as any batch from the wire."""
        gate, key, last = self._source.gate, self._source.key, run[-1].link
        signed = b""
        if key is not None:
            signed = sign_head(key, SignedHead(gate.gate, epoch, last.header.number, last.head))
        headers = tuple(msgspec.Raw(item.link.raw) for item in run)
        sealed = tuple(item.sealed for item in run)
        nonce = os.urandom(NONCE_BYTES)
        batch = Batch(1, gate.gate, epoch, run[0].link.header.number, nonce, headers, sealed, signed)
        if key is None:
            return batch, [item.link for item in run]
        return checked_batch(replace(gate, public_key=cose.public_bytes(key)), pack_batch(batch))

    def _stored(self, epoch: bytes, links: Sequence[Link]) -> set[int]:
        """Those of these numbers that are stored with the very same head."""
        state = self._store.epoch(self._source.gate.no, epoch)
        if state is None:
            return set()
        heads = {(item.header.number, item.head) for item in links}
        lines = self._store.lines(state.id, links[0].header.number, links[-1].header.number)
        return {number for number, _, head in lines if (number, head) in heads}

    def _note(self, epoch_id: int, first_id: int, new: Sequence[int]) -> None:
        source = self._source
        self._store.add_rescue(
            Rescue(first_id, first_id + len(new) - 1, epoch_id, new[0], new[-1], source.key is not None, source.by,
                   source.file, source.sha256, self._now_ms)
        )  # fmt: skip


def rescue(
    store: SqliteStore, registry: Registry, card: Card, source: Source, now_ms: int, *, dry_run: bool
) -> list[EpochRescue]:
    """Import a card; with `dry_run` everything is done and undone again. The collector must not run meanwhile."""
    with store.trial() if dry_run else nullcontext():
        scope = nullcontext if dry_run else store.transaction
        importer = Importer(store, registry, source, now_ms, scope)
        return [importer.epoch(card, epoch) for epoch in card.epochs()]


def _told(gap: Gap) -> str:
    return f"{gap.first}..{gap.last} {gap.reason}"
