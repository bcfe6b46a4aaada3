"""What a schedule does to the gates: records, clocks, purges, crashes, failing commits, and their disks."""

from __future__ import annotations

import shutil
import sqlite3
from unittest.mock import patch

import msgspec

from checkpoint import records
from checkpoint.records import Cleared, ClockSet, Fault, Note, Payload
from edge.outbox import Outbox, Stored
from tests.central.sim import passage_id
from tests.edge.gate_clock import HandClock
from tests.protocol.computers import DAY_MS, RETAIN_DAYS, Computer, Written
from tests.protocol.samples import OUTCOMES, VERDICTS, outcome, verdict

MOST_COMPUTERS = 4


class GateActs:
    """The part of `World` that acts on `computers`."""

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
