"""Several gates' computers, the real collector and a broker that keeps no promise, driven by a schedule of small numbers.

A schedule is a list of (act, a, b): the same list always gives the same run, so a failing one can be kept as a test.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import tempfile
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import msgspec

from central.ingest import Ingest
from central.publisher import Publisher
from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint import cose, records, wire
from checkpoint.records import Cleared, ClockSet, Fault, Note, OutcomeOf, Payload, Sealed, Verdict
from edge.outbox import Outbox, Stored
from tests.central.sim import START_MS, WHERE, key_of, passage_id, tree
from tests.edge.gate_clock import HandClock
from tests.protocol.computers import COLLECTOR_KEY, DAY_MS, RETAIN_DAYS, Computer, Written

GATES = ("gate-1", "gate-2")
MOST_COMPUTERS = 4
Step = tuple[str, int, int]
Up = tuple[str, str, bytes]
VERDICTS = (("allow", "all_ok"), ("deny", "pass_expired"), ("escalate", "fever"))
OUTCOMES = ("passed", "turned_back", "opened_unconfirmed")
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


class World:
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

    # At the gate

    def write(self, a: int, b: int) -> None:
        """One record: which of them and of which passage, by b. Passages are few, so that they meet."""
        computer, passage = self.computer(a), passage_id(b // 8 % 3)
        value, reason = VERDICTS[b // 24 % 3]
        match b % 8:
            case 0 | 1:
                self.append(computer, "verdict", verdict(value, reason), passage)
            case 2 | 3:
                self.append(computer, "outcome", outcome(OUTCOMES[b // 24 % 3]), passage)
            case 4:
                fault = self.append(computer, "fault", Fault(1, "thermometer_silent", "thermometer", "in-1", "", 2))
                computer.faults.append(fault)
                computer.core.alarm(fault.epoch, fault.number)
            case 5:
                self.clear_fault(computer)
            case 6:
                self.append(computer, "outcome", msgspec.structs.replace(outcome("passed"), version=2), passage)
            case _:
                self.append(computer, "note", Note(1, "test", {}))

    def clear_fault(self, computer: Computer) -> None:
        if computer.faults:
            fault = computer.faults.pop()
            cleared = Cleared(1, "thermometer_silent", "thermometer", "in-1", fault.epoch, fault.number)
            self.append(computer, "cleared", cleared)

    def append(self, computer: Computer, kind: records.Kind, payload: Payload, passage: bytes | None = None) -> Stored:
        stored = computer.outbox.append(kind, payload, computer.now(), passage)
        self.written[stored.head] = Written(stored.header, payload)
        return stored

    def many(self, a: int, b: int) -> None:
        """A few records of every kind."""
        for offset in range(b % 10 + 1):
            self.pass_time(1)
            self.write(a, b + 5 * offset)

    def clock_lost(self, a: int, b: int) -> None:
        self.computer(a).clock.trusted = False

    def clock_found(self, a: int, b: int) -> None:
        clock = self.computer(a).clock
        if not clock.trusted:
            clock.trusted = True
            self.append(self.computer(a), "clock", ClockSet(1, clock.boot_id, b % 5 * 3_600_000, "ntp"))

    def days(self, a: int, b: int) -> None:
        self.pass_time((RETAIN_DAYS + b % 2) * DAY_MS)

    def tidy(self, a: int, b: int) -> None:
        """Passages end, days go by over a good link, and what is old goes."""
        for passage in self.computer(a).outbox.open_passages():
            self.append(self.computer(a), "outcome", outcome("abandoned"), passage.passage)
        self.exchange(a, 1)
        self.days(a, b)
        self.append(self.computer(a), "note", Note(1, "test", {}))
        self.exchange(a, 1)
        self.purge(a, b)

    def purge(self, a: int, b: int) -> None:
        computer = self.computer(a)
        before = {state.epoch: state for state in computer.reader.epochs()}
        headers = {(epoch, n): self.header_on(computer, epoch, n) for epoch, n, _ in computer.held()}
        computer.core.purge(computer.now())
        for state in computer.reader.epochs():
            for number in range(before[state.epoch].floor, state.floor):
                self.purged.add((computer.gate, state.epoch, number))
                header = headers[state.epoch, number]
                assert any(
                    epoch == state.epoch and through >= number
                    and (header.clock == "untrusted" or header.at <= asked_ms - RETAIN_DAYS * DAY_MS)
                    for epoch, through, asked_ms in computer.asked.covers
                ), f"{number} was purged without a fresh answer"  # fmt: skip

    def header_on(self, computer: Computer, epoch: bytes, number: int) -> records.Header:
        [record] = computer.reader.run(epoch, number - 1, 1, 10_000)
        return records.decode_header(record.raw)

    def restart(self, a: int, b: int) -> None:
        at = a % len(self.computers)
        self.replace(at, self.computers[at].folder)

    def crash(self, a: int, b: int) -> None:
        """kill -9: what is on disk at this moment is what the next start finds."""
        at = a % len(self.computers)
        folder = self.new_folder()
        self.computers[at].copy_disk(folder)
        self.replace(at, folder)

    def commit_error(self, a: int, b: int) -> None:
        """A commit that fails; with b odd the record is on disk all the same."""
        commit, left = Outbox._commit, [1]

        def failing(outbox: Outbox, row: object) -> None:
            if b % 2 or not left[0]:
                commit(outbox, row)
            if left[0]:
                left[0] = 0
                raise sqlite3.OperationalError("disk I/O error")

        with patch.object(Outbox, "_commit", failing):
            self.write(a, b // 2)

    def reconnect(self, a: int, b: int) -> None:
        self.computer(a).core.on_connected()

    # Disks

    def keep_disk(self, a: int, b: int) -> None:
        folder = self.new_folder()
        self.computer(a).copy_disk(folder)
        self.copies.append((self.computer(a).gate, folder, self.computer(a)))

    def roll_back(self, a: int, b: int) -> None:
        """The disk becomes an older copy of itself."""
        at = a % len(self.computers)
        copies = [folder for gate, folder, _ in self.copies if gate == self.computers[at].gate]
        if copies:
            self.faults.add("disk")
            folder = self.new_folder()
            shutil.copytree(copies[b % len(copies)], folder)
            self.replace(at, folder)

    def clone(self, a: int, b: int) -> None:
        """A second machine starts on a copy of this disk."""
        if len(self.computers) < MOST_COMPUTERS:
            self.faults.add("disk")
            folder = self.new_folder()
            self.computer(a).copy_disk(folder)
            self.computers.append(self.boot(self.computer(a).gate, folder))

    def twin(self, a: int, b: int) -> None:
        """A running machine is copied, memory and all: two programs now write the same epoch."""
        if len(self.computers) < MOST_COMPUTERS:
            self.faults |= {"disk", "twin"}
            original, folder = self.computer(a), self.new_folder()
            original.copy_disk(folder)
            clock = HandClock(original.clock.at_ms + 3, original.clock.trusted)
            clock.mono_ms, clock.boot_id = original.clock.mono_ms, original.clock.boot_id
            twin = Computer(original.gate, folder, clock, self.nonce)
            twin.resume(original)
            self.computers.append(twin)

    def new_card(self, a: int, b: int) -> None:
        self.faults.add("disk")
        self.replace(a % len(self.computers), self.new_folder())

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
        answer = wire.unpack_answer(data, {cose.key_id(cose.public_bytes(COLLECTOR_KEY)): COLLECTOR_KEY.public_key()})
        for computer in self.computers:
            if computer.gate == gate and computer.core.answer(data, computer.now()) == "counted":
                asked_ms = computer.asked.at_ms[answer.echo_nonce]
                computer.asked.covers.append((answer.epoch, answer.stored_through, asked_ms))

    # Wrong on purpose

    def forge_answer(self, a: int, b: int) -> None:
        if not self.answers:
            return
        gate, data = self.answers[-1 - a % min(8, len(self.answers))]
        forged = forgery(wire.unpack_answer(data, {cose.key_id(cose.public_bytes(COLLECTOR_KEY)): COLLECTOR_KEY.public_key()}), b)
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

    # At the collector

    def backup(self, a: int, b: int) -> None:
        target = self.folder / f"backup-{next(self.names)}.db"
        self.store.backup(target)
        self.backups.append(target)

    def restore(self, a: int, b: int) -> None:
        self.faults.add("restore")
        self.store.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.store_file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self.backups[a % len(self.backups)], self.store_file)
        self.open_collector()
        self.collector_starts()

    def collector_restart(self, a: int, b: int) -> None:
        self.store.close()
        self.open_collector()
        self.collector_starts()

    def collector_starts(self) -> None:
        for gate, data in self.retained.items():
            self.to_collector((gate, "state", data), retained=True)
        self.publisher.reconcile([])

    def collector_fails(self, a: int, b: int) -> None:
        """The transaction breaks just before its end: nothing of that message was taken."""
        if self.up:
            item = self.up[a % len(self.up)]
            before = self.dump()
            error = sqlite3.OperationalError("disk I/O error")
            with patch.object(SqliteStore, "touch", side_effect=error), patch.object(
                SqliteStore, "save_epoch", side_effect=error
            ):
                try:
                    self.to_collector(item)
                except sqlite3.OperationalError:
                    assert self.dump() == before

    def dump(self) -> list[tuple[int, ...]]:
        tables = ("record", "payload", "gap", "leaf", "counted", "alarm_case", "copy", "epoch", "dim")
        return [self.store.connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]

    def forget(self, a: int, b: int) -> None:
        """The collector's retention: payloads of what came more than a day ago."""
        with self.store.transaction():
            self.store.purge_payloads(self.now_ms - DAY_MS, 100)

    def learn(self, a: int, b: int) -> None:
        """A newer collector, which reads what the old one could not."""
        self.reads_newer = True
        records.PAYLOAD_VERSION = 2
        self.ingest.read_again()

    def publish(self, a: int, b: int) -> None:
        self.heard.takes = b % 2 == 0
        self.pass_time(500)
        self.publisher.tick()

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
            raise AssertionError(f"{[c.core.depth for c in self.computers]} records still wait after 25 s of a good link")
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
            rows |= {number: None for number in range(gap.first, gap.last + 1)} | {gap.last: gap.head_after}
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


def verdict(value: str, reason: str) -> Verdict:
    return Verdict(1, WHERE, value, reason, "resident", (), None, (), "everyday", 1, "normal", "guard", (), None, "")


def outcome(value: str) -> OutcomeOf:
    return OutcomeOf(1, WHERE, value, "resident", "", 1, None)


def forgery(genuine: wire.Answer, b: int) -> bytes:
    match b % 5:
        case 0:
            return wire.pack_answer(key_of("stranger"), genuine)
        case 1:
            return wire.pack_answer(COLLECTOR_KEY, msgspec.structs.replace(genuine, gate="gate-9"))
        case 2:
            return wire.pack_answer(COLLECTOR_KEY, msgspec.structs.replace(genuine, echo_nonce=b"\xff" * 8))
        case 3:
            return wire.pack_answer(COLLECTOR_KEY, msgspec.structs.replace(genuine, stored_through=1_000_000))
        case _:
            return wire.pack_answer(COLLECTOR_KEY, genuine)[:-1]


def tampered(gate: str, batch: wire.Batch, b: int) -> list[tuple[str, bytes]]:
    """(topic's gate, message) of one way to change a batch."""
    change = msgspec.structs.replace
    match b % 5:
        case 0:
            stripped = tuple(Sealed(seal.salt, b"\x91\x01") for seal in batch.sealed)
            return [(gate, wire.pack_batch(change(batch, sealed=stripped)))]
        case 1:
            last = records.decode_header(bytes(batch.headers[-1]))
            head = wire.SignedHead(gate, batch.epoch, last.number, records.head_of(bytes(batch.headers[-1])))
            return [(gate, wire.pack_batch(change(batch, signed_head=wire.sign_head(key_of("thief"), head))))]
        case 2:
            return [(other, wire.pack_batch(batch)) for other in (*GATES, "gate-9") if other != gate]
        case 3:
            first = records.decode_header(bytes(batch.headers[0]))
            changed = msgspec.Raw(records.encode_header(change(first, at=first.at + 1)))
            return [(gate, wire.pack_batch(change(batch, headers=(changed, *batch.headers[1:]))))]
        case _:
            return [(gate, wire.pack_batch(batch)[:-1])]
