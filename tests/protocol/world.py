"""Several gates' computers, the real collector and a broker that keeps no promise, driven by a schedule.

A schedule is a list of (act, a, b): the same list always gives the same run, so a failing one can be kept as a test.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

from central.ingest import Ingest
from central.publisher import Publisher
from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint import cose, records, wire
from tests.central.sim import START_MS, key_of, tree
from tests.edge.gate_clock import HandClock
from tests.protocol.collector import CollectorActs
from tests.protocol.computers import COLLECTOR_KEY, KNOWN_KEYS, Computer, Written
from tests.protocol.gates import GateActs
from tests.protocol.samples import GATES, forgery, tampered

Step = tuple[str, int, int]
Up = tuple[str, str, bytes]
TICKS_MS = (1, 100, 600, 2_000)
FAST = "/dev/shm" if os.path.isdir("/dev/shm") else None


@contextmanager
def the_same_chance():
    """Epochs and salts come from a counter: a schedule then always gives the same bytes."""
    counter = itertools.count()

    def chance(size: int) -> bytes:
        return sha256(next(counter).to_bytes(8)).digest()[:size]

    with patch("edge.outbox.os.urandom", chance):
        yield


class Heard:
    """What subscribers get. While `takes` is False the broker confirms nothing."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.takes = True

    def publish(self, topic: str, payload: bytes, *, retain: bool):
        self.messages.append((topic, payload))
        takes = self.takes
        return lambda: takes


class World(GateActs, CollectorActs):
    """Use as `with World() as world: world.play(steps); world.heal()`, then ask `facts`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="protocol-", dir=FAST))
        self.names = itertools.count()
        self.nonces = itertools.count(1)
        self.now_ms = START_MS
        self.registry = Registry(tree())
        self.written: dict[bytes, Written] = {}
        self.ever: set[tuple[str, bytes, int, bytes]] = set()
        self.purged: set[tuple[str, bytes, int]] = set()
        self.faults: set[str] = set()
        self.up: list[Up] = []
        self.down: list[tuple[str, bytes]] = []
        self.sent: list[Up] = []
        self.answers: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self.copies: list[tuple[str, Path, Computer]] = []
        self.backups: list[Path] = []
        self.heard = Heard()
        self.reads_newer = False
        self._stack = the_same_chance()

    def __enter__(self) -> World:
        self._stack.__enter__()
        self.store_file = self.folder / "central.db"
        self.open_collector()
        with self.store.transaction():
            for gate in GATES:
                self.store.enrol(gate, cose.public_bytes(key_of(gate)), "donghu-7", "east", 0)
        self.backup(0, 0)
        self.computers = [self.boot(gate, self.new_folder()) for gate in GATES]
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for computer in self.computers:
                computer.stop()
            self.store.close()
        finally:
            self._stack.__exit__(None, None, None)
            shutil.rmtree(self.folder)
            records.PAYLOAD_VERSION = 1

    def play(self, steps: list[Step]) -> None:
        for act, a, b in steps:
            self.pass_time(1)
            getattr(self, act)(a, b)
            self.check_always()

    # Both ends

    def open_collector(self) -> None:
        self.store = SqliteStore(self.store_file)
        self.ingest = Ingest(self.store, COLLECTOR_KEY, self.registry, lambda: self.now_ms)
        self.publisher = Publisher(self.store, self.registry, self.heard, lambda: self.now_ms, "/test")

    def new_folder(self) -> Path:
        return self.folder / f"disk-{next(self.names)}"

    def nonce(self) -> bytes:
        return next(self.nonces).to_bytes(8)

    def boot(self, gate: str, folder: Path) -> Computer:
        """A machine of its own: boot id, and a clock that never shows the same millisecond as another's."""
        clock = HandClock(self.now_ms)
        number = next(self.names)
        clock.at_ms += number * 7
        clock.boot_id = number.to_bytes(16)
        computer = Computer(gate, folder, clock, self.nonce)
        computer.start()
        return computer

    def replace(self, at: int, folder: Path) -> None:
        """The machine at this place starts anew on that disk."""
        old = self.computers[at]
        old.stop()
        self.computers[at] = self.boot(old.gate, folder)

    def pass_time(self, ms: int) -> None:
        self.now_ms += ms
        for computer in self.computers:
            computer.clock.advance(ms)

    def computer(self, a: int) -> Computer:
        return self.computers[a % len(self.computers)]

    # On the way

    def turn(self, a: int, b: int) -> None:
        self.pass_time(TICKS_MS[b % len(TICKS_MS)])
        self.send(self.computer(a))

    def send(self, computer: Computer) -> None:
        for message in computer.due():
            item = (computer.gate, message.topic, message.payload)
            if message.retain:
                self.retained[computer.gate] = message.payload
            self.up.append(item)
            self.sent.append(item)

    def exchange(self, a: int, b: int) -> None:
        """A good moment of the link: all that is on its way arrives, in order, some times over."""
        for _ in range(b % 3 + 1):
            self.turn(a, 3)
            self.carry_all(a, 1)
            self.hear_all(a, 1)

    def carry(self, a: int, b: int) -> None:
        if self.up:
            at = a % len(self.up)
            self.to_collector(self.up[at] if b % 3 == 0 else self.up.pop(at))

    def carry_all(self, a: int, b: int) -> None:
        waiting, self.up = self.up, []
        for item in reversed(waiting) if b % 4 == 0 else waiting:
            self.to_collector(item)

    def hear(self, a: int, b: int) -> None:
        if self.down:
            at = a % len(self.down)
            self.to_gates(*(self.down[at] if b % 3 == 0 else self.down.pop(at)))

    def hear_all(self, a: int, b: int) -> None:
        waiting, self.down = self.down, []
        for item in reversed(waiting) if b % 4 == 0 else waiting:
            self.to_gates(*item)

    def lose(self, a: int, b: int) -> None:
        (self.up if b % 2 else self.down).clear()

    def old_message(self, a: int, b: int) -> None:
        if self.sent:
            gate, topic, payload = self.sent[a * 31 % len(self.sent)]
            self.to_collector((gate, topic, payload), retained=b % 2 == 1)

    def old_answer(self, a: int, b: int) -> None:
        if self.answers:
            self.to_gates(*self.answers[a * 31 % len(self.answers)])

    def to_collector(self, item: Up, *, retained: bool = False) -> None:
        gate, topic, payload = item
        if topic == "alarm":
            self.ingest.alarm(gate, payload)
            return
        if topic == "state":
            answers = self.ingest.hello(gate, payload, retained=retained)
        else:
            answers = self.ingest.batch(gate, payload)
        self.note_stored()
        for answer in answers:
            self.check_answer(answer)
            packed = (gate, self.ingest.sign(answer))
            self.down.append(packed)
            self.answers.append(packed)

    def to_gates(self, gate: str, data: bytes) -> None:
        answer = wire.unpack_answer(data, KNOWN_KEYS)
        for computer in self.computers:
            if computer.gate == gate and computer.core.answer(data, computer.now()) == "counted":
                asked_ms = computer.asked.at_ms[answer.echo_nonce]
                computer.asked.covers.append((answer.epoch, answer.stored_through, asked_ms))

    # Wrong on purpose

    def forge_answer(self, a: int, b: int) -> None:
        if not self.answers:
            return
        gate, data = self.answers[-1 - a % min(8, len(self.answers))]
        forged = forgery(wire.unpack_answer(data, KNOWN_KEYS), b)
        for computer in self.computers:
            before = {state.epoch: state for state in computer.reader.epochs()}
            if computer.gate == gate:
                assert computer.core.answer(forged, computer.now()) in ("refused", "ignored")
            assert before == {state.epoch: state for state in computer.reader.epochs()}

    def tamper(self, a: int, b: int) -> None:
        """A batch that was changed on its way: nothing of it may be stored and nobody is answered."""
        batches = [item for item in self.sent if item[1] == "records"]
        if not batches:
            return
        gate, _, data = batches[a * 31 % len(batches)]
        before = self.store.connection.execute("SELECT count(*) FROM record").fetchone()
        for topic_gate, changed in tampered(gate, wire.unpack_batch(data), b):
            assert self.ingest.batch(topic_gate, changed) == []
        assert before == self.store.connection.execute("SELECT count(*) FROM record").fetchone()

    # The end

    def heal(self) -> None:
        """A good link from now on: everything has to arrive within a bounded time."""
        self.heard.takes = True
        for round_ in range(250):
            self.pass_time(100)
            for computer in self.computers:
                self.send(computer)
            self.carry_all(0, 1)
            self.hear_all(0, 1)
            self.check_always()
            if round_ >= 12 and self.settled():
                break
        else:
            raise AssertionError(
                f"{[c.core.depth for c in self.computers]} records still wait after 25 s of a good link"
            )
        for _ in range(8):
            self.pass_time(500)
            self.publisher.tick()

    def settled(self) -> bool:
        stored = self.stored()
        return all(
            computer.core.depth == 0
            and {(computer.gate, *item) for item in computer.held()} <= stored
            and all(state.set_aside or state.watermark == state.last for state in computer.reader.epochs())
            for computer in self.computers
        )

    # What must hold at every moment

    def note_stored(self) -> None:
        self.ever |= self.stored()

    def stored(self) -> set[tuple[str, bytes, int, bytes]]:
        """(gate, epoch, number, head) of everything that is stored, on every line."""
        return set(
            self.store.connection.execute(
                "SELECT gate, epoch.epoch, number, record.head FROM record JOIN epoch ON epoch.id = epoch_id"
                " JOIN gate ON gate.no = gate_no"
            ).fetchall()
        )

    def check_answer(self, answer: wire.Answer) -> None:
        """It claims nothing that is neither stored nor noted as a gap, and its head is the one there."""
        gate = self.store.gate(answer.gate)
        state = self.store.epoch(gate.no, answer.epoch)
        rows = {number: head for number, side, head in self.store.lines(state.id, 1, answer.stored_through) if not side}
        for gap in self.store.gaps(state.id):
            rows |= dict.fromkeys(range(gap.first, gap.last + 1)) | {gap.last: gap.head_after}
        assert set(range(1, answer.stored_through + 1)) <= set(rows)
        assert answer.head == (rows[answer.stored_through] if answer.stored_through else records.ZERO_HEAD)

    def check_always(self) -> None:
        for computer in self.computers:
            for state in computer.reader.epochs():
                assert 0 <= state.watermark <= state.last
                # A watermark is never above what the collector had, of this very disk's records, when it said so.
                for number in range(state.floor, state.watermark + 1):
                    head = computer.reader.head_at(state.epoch, number)
                    assert (computer.gate, state.epoch, number, head) in self.ever
                if state.set_aside:
                    assert "twin" in self.faults
