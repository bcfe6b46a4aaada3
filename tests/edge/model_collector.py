"""A collector in a few lines, straight from the contract: what the uplink is tested against."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint import chain, wire
from checkpoint.records import ZERO_HEAD
from checkpoint.wire import Answer, Batch, Hello

GATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
COLLECTOR_KEY = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)


@dataclass
class EpochStore:
    """Heads by number; `through` counts gaps too. `gaps`: numbers that were told to be gone at the gate."""

    heads: dict[int, bytes] = field(default_factory=lambda: {0: ZERO_HEAD})
    gaps: set[int] = field(default_factory=set)
    through: int = 0

    def copy(self) -> EpochStore:
        return EpochStore(dict(self.heads), set(self.gaps), self.through)


class ModelCollector:
    """Answers questions as (bytes for the watermark topic); `now_ms` is what it writes into them."""

    def __init__(self, gate: str, gate_key: Ed25519PublicKey, key: Ed25519PrivateKey) -> None:
        self._gate, self._gate_key, self._key = gate, gate_key, key
        self.epochs: dict[bytes, EpochStore] = {}
        self.ever: set[tuple[bytes, int]] = set()
        self.alarms: set[tuple[bytes, int]] = set()
        self.now_ms = 1_790_000_000_000

    def receive(self, topic: str, data: bytes) -> list[bytes]:
        if topic == "alarm":
            copy = wire.unpack_alarm(data, self._gate_key)
            header = chain.link(bytes(copy.header)).header
            self.alarms.add((header.epoch, header.number))
            return []
        if topic == "records":
            return self._batch(wire.unpack_batch(data))
        return self._hello(wire.unpack_hello(data, self._gate_key))

    def backup(self) -> dict[bytes, EpochStore]:
        return {epoch: store.copy() for epoch, store in self.epochs.items()}

    def restore(self, backup: dict[bytes, EpochStore]) -> None:
        self.epochs = {epoch: store.copy() for epoch, store in backup.items()}

    def _batch(self, batch: Batch) -> list[bytes]:
        links = [chain.link(bytes(raw)) for raw in batch.headers]
        chain.check_run(links, self._gate, batch.epoch, batch.first)
        chain.check_sealed(links, batch.sealed)
        head = wire.verify_head(batch.signed_head, self._gate_key)
        last = batch.first + len(links) - 1
        assert (head.gate, head.epoch, head.last, head.head) == (self._gate, batch.epoch, last, links[-1].head)
        store = self.epochs.setdefault(batch.epoch, EpochStore())
        if batch.first <= store.through + 1:
            self._take(batch.epoch, store, batch.first, links)
        return [self._answer(batch.epoch, store, min(store.through, last), batch.nonce)]

    def _take(self, epoch: bytes, store: EpochStore, first: int, links: list[chain.Link]) -> None:
        if first > 1 and (before := store.heads.get(first - 1)) is not None:
            assert links[0].header.prev == before
        for number, item in enumerate(links, first):
            assert store.heads.setdefault(number, item.head) == item.head
            store.gaps.discard(number)
            self.ever.add((epoch, number))
            store.through = max(store.through, number)

    def _hello(self, hello: Hello) -> list[bytes]:
        if not hello.nonce:
            return []
        for newer, older in pairwise(hello.epochs):
            assert newer.parent == (older.epoch, older.last, older.head)
        answers = []
        for row in hello.epochs:
            store = self.epochs.setdefault(row.epoch, EpochStore())
            if store.through < row.floor - 1:
                store.gaps |= set(range(store.through + 1, row.floor))
                store.heads[row.floor - 1] = row.head_before_floor
                store.through = row.floor - 1
            answers.append(self._answer(row.epoch, store, min(store.through, row.last), hello.nonce))
        return answers

    def _answer(self, epoch: bytes, store: EpochStore, through: int, nonce: bytes) -> bytes:
        head = store.heads.get(through, bytes(32))
        return wire.pack_answer(self._key, Answer(1, self._gate, epoch, through, head, nonce, self.now_ms))
