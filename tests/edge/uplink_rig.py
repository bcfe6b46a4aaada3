"""A gate's outbox and uplink core beside a model collector, joined by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

from checkpoint import cose, wire
from checkpoint.wire import Answer, Batch, Hello
from edge.outbox import Outbox
from edge.outbox_reader import EpochState, OutboxReader
from edge.uplink import Effect, Keys, Message, Settings, UplinkCore
from tests.edge.gate_clock import HandClock
from tests.edge.model_collector import COLLECTOR_KEY, GATE_KEY, ModelCollector
from tests.edge.outbox_samples import note, open_outbox

KEYS = Keys(GATE_KEY, {cose.key_id(cose.public_bytes(COLLECTOR_KEY)): COLLECTOR_KEY.public_key()})
DAY_MS = 86_400_000


class Rig:
    """Heartbeat 10 s, asked again after 10 s, three batches of ten on their way at once, kept for three days."""

    settings = Settings("gate-7", retain_days=3, window=3, batch_records=10)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.nonces = itertools.count(1)
        self.collector = ModelCollector("gate-7", GATE_KEY.public_key(), COLLECTOR_KEY)
        self.outbox: Outbox | None = None
        self.restart()

    def restart(self) -> None:
        if self.outbox is not None:
            self.close()
        self.outbox = open_outbox(self.folder, self.clock)
        self.reader = OutboxReader(self.outbox.path)
        nonce = lambda: next(self.nonces).to_bytes(8)  # noqa: E731
        self.core = UplinkCore(self.settings, KEYS, self.reader, nonce, self.clock.boot_id, {"guankou": "0.1.0"})

    def close(self) -> None:
        assert self.outbox is not None
        self.reader.close()
        self.outbox.close("stopped")

    def record(self, count: int, text: str = "x") -> None:
        assert self.outbox is not None
        for _ in range(count):
            self.outbox.append("note", note(text), self.clock.advance(1))

    def due(self, ms: int = 0) -> list[Message]:
        return self.core.due(self.clock.advance(ms))

    def batches(self, ms: int = 0) -> list[Batch]:
        return [wire.unpack_batch(message.payload) for message in self.due(ms) if message.topic == "records"]

    def hellos(self, ms: int = 0) -> list[Hello]:
        key = GATE_KEY.public_key()
        return [wire.unpack_hello(message.payload, key) for message in self.due(ms) if message.topic == "state"]

    def state(self, back: int = 0) -> EpochState:
        """The newest epoch, or one so many openings back."""
        return self.reader.epochs()[-1 - back]

    def exchange(self, ms: int = 0) -> list[Effect]:
        """One round over a good link."""
        answers = [answer for message in self.due(ms) for answer in self.deliver(message)]
        return [self.core.answer(answer, self.clock.now()) for answer in answers]

    def deliver(self, message: Message) -> list[bytes]:
        return self.collector.receive(message.topic, message.payload)

    def answer(self, nonce: bytes, through: int, epoch: bytes | None = None, head: bytes | None = None) -> Effect:
        """A genuine answer of any content."""
        epoch = epoch or self.state().epoch
        head = head or self.reader.head_at(epoch, through) or bytes(32)
        answer = Answer(1, "gate-7", epoch, through, head, nonce, self.clock.at_ms)
        return self.core.answer(wire.pack_answer(COLLECTOR_KEY, answer), self.clock.now())
