"""Takes what gates send: all of a message in one transaction, or nothing; answers what is stored, and never more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.aggregate import Buckets
from central.checks import RefusedError, checked_alarm, checked_batch, checked_hello
from central.intake import Intake
from central.registry import Registry
from central.store.base import GateRow, RecordRow, Store
from checkpoint import topics
from checkpoint.chain import ChainError
from checkpoint.cose import CoseError
from checkpoint.records import Sealed
from checkpoint.wire import Answer, WireError, pack_answer

# Refused messages of one topic that go into quarantine.
KEPT_A_MINUTE: Final = 100
_MINUTE_MS: Final = 60_000
_PAGE: Final = 500
_REFUSALS: Final = (RefusedError, WireError, CoseError, ChainError, msgspec.DecodeError)


class Ingest:
    """The collector's core. `now_ms` gives UTC; a store's failure passes through, and then nothing was taken."""

    def __init__(self, store: Store, key: Ed25519PrivateKey, registry: Registry, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._key = key
        self._registry = registry
        self._now_ms = now_ms
        self._buckets = Buckets()
        # How many messages were refused in this minute, by topic.
        self._refused_in = 0
        self._refused: Counter[str] = Counter()

    def batch(self, topic_gate: str, data: bytes) -> list[Answer]:
        """Records of one epoch. No answer when anything about them is wrong; they are then in quarantine."""
        try:
            gate = self._speaker(topic_gate)
            batch, links = checked_batch(gate, data)
        except _REFUSALS as refusal:
            return self._refuse(topics.records(topic_gate), refusal, data)
        with self._store.transaction():
            intake = self._intake(gate)
            stored_through, head = intake.batch(batch, links)
            intake.finish()
        return [self._answer(gate, batch.epoch, stored_through, head, batch.nonce)]

    def hello(self, topic_gate: str, data: bytes, *, retained: bool = False) -> list[Answer]:
        """A heartbeat: one answer for each epoch it asks about. A `retained` one says nothing about the link."""
        try:
            gate = self._speaker(topic_gate)
            hello = checked_hello(gate, data)
        except _REFUSALS as refusal:
            return self._refuse(topics.state(topic_gate), refusal, data)
        with self._store.transaction():
            intake = self._intake(gate)
            stored = intake.hello(hello, retained=retained)
            intake.finish()
        if not hello.nonce:
            return []
        return [self._answer(gate, epoch, through, head, hello.nonce) for epoch, through, head in stored]

    def alarm(self, topic_gate: str, data: bytes) -> None:
        """A copy of one record that overtakes the others: opens (or closes) its case, and is never counted."""
        try:
            gate = self._speaker(topic_gate)
            item, sealed = checked_alarm(gate, data)
        except _REFUSALS as refusal:
            self._refuse(topics.alarm(topic_gate), refusal, data)
            return
        with self._store.transaction():
            intake = self._intake(gate)
            intake.copy(item, sealed)
            intake.finish()

    def read_again(self) -> int:
        """Take records that an older program stored without being able to read them; how many became readable."""
        done, position = 0, 0
        while rows := self._store.unread(position, _PAGE):
            for row, gate_id, sealed in rows:
                done += self._read_again(gate_id, row, sealed)
                position = row.id
        return done

    def _read_again(self, gate_id: str, row: RecordRow, sealed: Sealed) -> bool:
        gate = self._store.gate(gate_id)
        if gate is None:
            return False
        with self._store.transaction():
            intake = self._intake(gate)
            read = intake.read_again(row, sealed)
            intake.finish()
        return read

    def sign(self, answer: Answer) -> bytes:
        """The answer as it travels."""
        return pack_answer(self._key, answer)

    def _speaker(self, topic_gate: str) -> GateRow:
        gate = self._store.gate(topic_gate)
        if gate is None:
            raise RefusedError(f"gate {topic_gate!r} is not enrolled")
        if gate.revoked_ms is not None:
            raise RefusedError(f"gate {topic_gate!r} is revoked")
        return gate

    def _intake(self, gate: GateRow) -> Intake:
        return Intake(self._store, self._registry, self._buckets, gate, self._now_ms())

    def _refuse(self, topic: str, refusal: Exception, data: bytes) -> list[Answer]:
        if self._keeps(topic):
            with self._store.transaction():
                self._store.quarantine(topic, f"{type(refusal).__name__}: {refusal}", data, self._now_ms())
        return []

    def _keeps(self, topic: str) -> bool:
        """Each message that is kept costs a commit, while all gates wait: of a flood only the first ones are."""
        minute = self._now_ms() // _MINUTE_MS
        if minute != self._refused_in:
            self._refused_in, self._refused = minute, Counter()
        self._refused[topic] += 1
        return self._refused[topic] <= KEPT_A_MINUTE

    def _answer(self, gate: GateRow, epoch: bytes, stored_through: int, head: bytes, nonce: bytes) -> Answer:
        return Answer(1, gate.gate, epoch, stored_through, head, nonce, self._now_ms())
