"""The uplink against a model collector over a link that loses, doubles and reorders, while both ends restart."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from checkpoint import cose, wire
from checkpoint.wire import Answer
from edge.outbox_reader import OutboxReader
from edge.uplink import Keys, Settings, UplinkCore
from tests.edge.gate_clock import HandClock
from tests.edge.model_collector import COLLECTOR_KEY, GATE_KEY, EpochStore, ModelCollector
from tests.edge.outbox_samples import note, open_outbox

DAY_MS = 86_400_000
STRANGER_KEY = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
KEYS = Keys(GATE_KEY, {cose.key_id(cose.public_bytes(COLLECTOR_KEY)): COLLECTOR_KEY.public_key()})
# Small batches and a small window, so that few records make many questions.
SETTINGS = Settings(
    "gate-7", retain_days=3, heartbeat_ms=1_000, reask_ms=500, reask_most_ms=4_000, window=3, batch_records=4,
    ask_soon_ms=100,
)  # fmt: skip


class Uplink(RuleBasedStateMachine):
    """Gate and collector with a list of messages in each direction between them."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="uplink-"))
        self.clock = HandClock()
        self.collector = ModelCollector("gate-7", GATE_KEY.public_key(), COLLECTOR_KEY)
        self.kept: dict[bytes, EpochStore] = {}
        self.up: list[tuple[str, bytes]] = []
        self.down: list[bytes] = []
        self.heard: list[bytes] = []
        self.nonces = itertools.count(1)
        self.alarms: set[tuple[bytes, int]] = set()
        self.start_gate()

    def start_gate(self) -> None:
        self.outbox = open_outbox(self.folder, self.clock)
        self.reader = OutboxReader(self.outbox.path)
        self.core = UplinkCore(
            SETTINGS, KEYS, self.reader, lambda: next(self.nonces).to_bytes(8), self.clock.boot_id, {"guankou": "0.1.0"}
        )

    def stop_gate(self) -> None:
        self.reader.close()
        self.outbox.close("stopped")

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        self.heal()
        self.everything_arrived()
        self.stop_gate()
        shutil.rmtree(self.folder)

    # What happens at the gate

    @rule(count=st.integers(1, 15))
    def append(self, count: int) -> None:
        for _ in range(count):
            self.outbox.append("note", note(), self.clock.advance(10))

    @rule()
    def raise_alarm(self) -> None:
        stored = self.outbox.append("note", note("alarm"), self.clock.advance(10))
        self.core.alarm(stored.epoch, stored.number)

    @rule(ms=st.sampled_from([1, 100, 600, 2_000]))
    def tick(self, ms: int) -> None:
        self.send(ms)

    @rule()
    def reconnect(self) -> None:
        self.core.on_connected()

    @rule()
    def restart_gate(self) -> None:
        self.stop_gate()
        self.start_gate()

    @rule()
    def days_go_by(self) -> None:
        self.clock.advance(2 * DAY_MS)
        self.outbox.append("note", note("later"), self.clock.now())

    @rule()
    def purge(self) -> None:
        self.core.purge(self.clock.now())

    # What happens on the way

    @precondition(lambda self: self.up)
    @rule(data=st.data(), twice=st.booleans())
    def collector_receives(self, data: st.DataObject, twice: bool) -> None:
        at = data.draw(st.integers(0, len(self.up) - 1))
        self.receive(*(self.up[at] if twice else self.up.pop(at)))

    @precondition(lambda self: self.down)
    @rule(data=st.data(), twice=st.booleans())
    def gate_receives(self, data: st.DataObject, twice: bool) -> None:
        at = data.draw(st.integers(0, len(self.down) - 1))
        self.core.answer(self.down[at] if twice else self.down.pop(at), self.clock.now())

    @rule(up=st.booleans())
    def lose(self, up: bool) -> None:
        (self.up if up else self.down).clear()

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        self.core.answer(data.draw(st.sampled_from(self.heard)), self.clock.now())

    @precondition(lambda self: self.heard)
    @rule(data=st.data(), change=st.sampled_from(["stranger", "other gate", "unknown nonce", "too high", "torn"]))
    def forge(self, data: st.DataObject, change: str) -> None:
        genuine = wire.unpack_answer(data.draw(st.sampled_from(self.heard)), dict(KEYS.collector))
        forged = forgery(genuine, change)
        before = self.watermarks()
        assert self.core.answer(forged, self.clock.now()) in ("refused", "ignored")
        assert self.watermarks() == before

    # What happens at the collector

    @rule()
    def backup(self) -> None:
        self.kept = self.collector.backup()

    @rule()
    def restore(self) -> None:
        self.collector.restore(self.kept)

    # What must hold

    @invariant()
    def watermarks_never_exceed_what_was_ever_stored(self) -> None:
        for state in self.reader.epochs():
            gone = self.collector.epochs.get(state.epoch, EpochStore()).gaps
            assert state.watermark <= state.last
            assert all(
                (state.epoch, number) in self.collector.ever or number in gone or number < state.floor
                for number in range(1, state.watermark + 1)
            )
            assert not state.set_aside

    @invariant()
    def nothing_is_purged_that_was_never_stored(self) -> None:
        for state in self.reader.epochs():
            assert all((state.epoch, number) in self.collector.ever for number in range(1, state.floor))

    def watermarks(self) -> dict[bytes, int]:
        return {state.epoch: state.watermark for state in self.reader.epochs()}

    def receive(self, topic: str, payload: bytes) -> None:
        answers = self.collector.receive(topic, payload)
        self.down += answers
        self.heard = (self.heard + answers)[-50:]

    def send(self, ms: int) -> None:
        self.up += [(message.topic, message.payload) for message in self.core.due(self.clock.advance(ms))]

    def heal(self) -> None:
        """A good link from now on: all that waits arrives, in order, within a bounded time."""
        for _ in range(400):
            self.send(100)
            for topic, payload in self.up:
                self.receive(topic, payload)
            for answer in self.down:
                self.core.answer(answer, self.clock.now())
            self.up, self.down = [], []
            if self.clock.mono_ms % 5_000 < 100 and self.core.depth == 0 and self.all_agree():
                return
        raise AssertionError(f"{self.core.depth} records still wait after 40 s of a good link")

    def all_agree(self) -> bool:
        stored = self.collector.epochs
        return all(stored.get(state.epoch, EpochStore()).through >= state.last for state in self.reader.epochs())

    def everything_arrived(self) -> None:
        for state in self.reader.epochs():
            store = self.collector.epochs[state.epoch]
            assert state.watermark == state.last == store.through
            for number in range(state.floor, state.last + 1):
                assert store.heads[number] == self.reader.head_at(state.epoch, number)
                assert number not in store.gaps
            # What is missing is reported exactly, and only ever by purging and then restoring an old backup.
            assert store.gaps == {number for number in range(1, state.floor) if number not in store.heads} | (
                store.gaps & {state.floor - 1}
            )


def forgery(genuine: Answer, change: str) -> bytes:
    fields = {name: getattr(genuine, name) for name in Answer.__struct_fields__}
    match change:
        case "stranger":
            return wire.pack_answer(STRANGER_KEY, genuine)
        case "other gate":
            return wire.pack_answer(COLLECTOR_KEY, Answer(**{**fields, "gate": "gate-8"}))
        case "unknown nonce":
            return wire.pack_answer(COLLECTOR_KEY, Answer(**{**fields, "echo_nonce": b"\xff" * 8}))
        case "too high":
            return wire.pack_answer(COLLECTOR_KEY, Answer(**{**fields, "stored_through": 1_000_000}))
        case _:
            return wire.pack_answer(COLLECTOR_KEY, genuine)[:-1]


Uplink.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_the_uplink_machine = Uplink.TestCase
