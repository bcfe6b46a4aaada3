"""What a schedule does to running gates: records, clocks, purges, restarts and commits that fail."""

from __future__ import annotations

import sqlite3
from typing import Final
from unittest.mock import patch

import msgspec

from checkpoint import records
from checkpoint.records import Cleared, ClockSet, Fault, Payload
from edge.outbox import Outbox, Stored
from tools.faults.protocol.computers import RETAIN_DAYS, Computer, Sizes
from tools.faults.protocol.ground import must
from tools.faults.protocol.samples import DAY_MS, OUTCOMES, VERDICTS, note, outcome, passage_id, verdict
from tools.faults.protocol.way import Way

_HOUR_MS: Final = 3_600_000
# The first is a correction that keeps the trust; the others end it, as any step does.
_STEPS_MS: Final = (20_000, -30_000, -_HOUR_MS, -10 * DAY_MS, 10 * DAY_MS, 400 * DAY_MS)
_TRUSTED_STEPS: Final = 1
_SIZES: Final = (Sizes(1, 8), Sizes(64, 8), Sizes(500, 8), Sizes(4, 3))
_BIG_BYTES: Final = 90_000


class GateActs(Way):
    """The acts on `computers` that leave their disks alone."""

    def write(self, a: int, b: int) -> None:
        """One record: which of them and of which passage, by b. Passages are few, so that they meet."""
        computer, passage = self.computer(a), passage_id(b // 8 % 3)
        value, reason = VERDICTS[b // 24 % 3]
        match b % 8:
            case 0 | 1:
                self.append(computer, "verdict", verdict(value, reason), passage, urgent=value == "escalate")
            case 2 | 3:
                self.append(computer, "outcome", outcome(OUTCOMES[b // 24 % 3]), passage)
            case 4:
                alarm = Fault(1, "thermometer_silent", "thermometer", "in-1", "", 2)
                computer.faults.append(self.append(computer, "fault", alarm, urgent=True))
            case 5:
                self._clear_fault(computer)
            case 6:
                self.seen["newer payload version"] += 1
                self.append(computer, "outcome", msgspec.structs.replace(outcome("passed"), version=3), passage)
            case _:
                self.append(computer, "note", note())

    def _clear_fault(self, computer: Computer) -> None:
        if computer.faults:
            fault = computer.faults.pop()
            cleared = Cleared(1, "thermometer_silent", "thermometer", "in-1", fault.epoch, fault.number)
            self.append(computer, "cleared", cleared, urgent=True)

    def append(
        self,
        computer: Computer,
        kind: records.Kind,
        payload: Payload,
        passage: bytes | None = None,
        *,
        urgent: bool = False,
    ) -> Stored:
        """An urgent one is copied to the alarm topic."""
        stored = computer.outbox.append(kind, payload, computer.now(), passage)
        if urgent:
            computer.core.alarm(stored.epoch, stored.number)
        return stored

    def many(self, a: int, b: int) -> None:
        """A few records of every kind."""
        for offset in range(b % 10 + 1):
            self.pass_time(1)
            self.write(a, b + 5 * offset)

    def big(self, a: int, b: int) -> None:
        """Records so big that the bytes, not the number, end a batch."""
        self.seen["big records"] += 1
        for _ in range(b % 4 + 1):
            self.append(self.computer(a), "note", note(_BIG_BYTES))

    def size(self, a: int, b: int) -> None:
        """This program starts again with another size of batch."""
        self.sizes = _SIZES[b % len(_SIZES)]
        self.restart(a, b)

    # Clocks

    def clock_lost(self, a: int, b: int) -> None:
        self.faults.add("clock")
        self.computer(a).clock.trusted = False

    def clock_step(self, a: int, b: int) -> None:
        clock, step_ms = self.computer(a).clock, _STEPS_MS[b % len(_STEPS_MS)]
        if b % len(_STEPS_MS) < _TRUSTED_STEPS:
            self.slack_ms += abs(step_ms)
        else:
            clock.trusted = False
        self.faults.add("clock")
        self.seen["clock stepped back"] += step_ms < 0
        clock.at_ms += step_ms

    def clock_found(self, a: int, b: int) -> None:
        clock = self.computer(a).clock
        if not clock.trusted:
            offset_ms = self.now_ms - clock.at_ms + b % 3 * _HOUR_MS
            clock.trusted, clock.at_ms = True, self.now_ms
            self.append(self.computer(a), "clock", ClockSet(1, clock.boot_id, offset_ms, "ntp"))

    def days(self, a: int, b: int) -> None:
        self.pass_time((RETAIN_DAYS + b % 2) * DAY_MS)

    # Purging

    def tidy(self, a: int, b: int) -> None:
        """Passages end, days go by over a good link, and what is old goes."""
        self.settle(a, b)
        self.exchange(a, 1)
        self.days(a, b)
        self.append(self.computer(a), "note", note())
        self.exchange(a, 1)
        self.purge(a, b)

    def settle(self, a: int, b: int) -> None:
        """Every passage that is open ends."""
        for passage in self.computer(a).outbox.open_passages():
            self.append(self.computer(a), "outcome", outcome("abandoned"), passage.passage)

    def purge(self, a: int, b: int) -> None:
        computer = self.computer(a)
        floors = {state.epoch: state for state in computer.epochs()}
        heads = {(epoch, n): self.reader_head(computer, epoch, n) for epoch, n in self._numbers(computer)}
        open_before = computer.outbox.open_passages()
        computer.core.purge(computer.now())
        must(computer.outbox.open_passages() == open_before, "a passage that is open is not purged")
        for state in computer.epochs():
            before = floors[state.epoch]
            must(not state.set_aside or state.floor == before.floor, "what is set aside is never purged", state.epoch)
            for number in range(before.floor, state.floor):
                self.seen["purged"] += 1
                self.purged.add((computer.gate, state.epoch, number))
                written = self.written.get(heads[state.epoch, number] or b"")
                if written is not None:
                    self._check_purge(computer, state.epoch, number, written.true_ms)

    def _numbers(self, computer: Computer) -> list[tuple[bytes, int]]:
        return [(state.epoch, n) for state in computer.epochs() for n in range(state.floor, state.last + 1)]

    def reader_head(self, computer: Computer, epoch: bytes, number: int) -> bytes | None:
        return computer.reader.head_at(epoch, number)

    def _check_purge(self, computer: Computer, epoch: bytes, number: int, written_ms: int) -> None:
        """By true time, and by our own book of answers: never ahead of what the collector said last, and afresh."""
        asked, old_ms = computer.asked, RETAIN_DAYS * DAY_MS - self.slack_ms
        must(self.now_ms - written_ms >= old_ms, "only what is old by true time is purged", number)
        counted = asked.counted.get(epoch, {})
        must(
            any(
                through >= number and nonce > asked.doubted and asked.true_ms[nonce] - written_ms >= old_ms
                for nonce, through in counted.items()
            ),
            "only what a fresh answer covers is purged",
            number,
        )
        must(counted[max(counted)] >= number, "nothing is purged that the newest answer does not cover", number)

    # Programs

    def restart(self, a: int, b: int) -> None:
        at = a % len(self.computers)
        self.seen["restarted"] += 1
        self.replace(at, self.computers[at].folder)

    def restarts(self, a: int, b: int) -> None:
        """So many that the epochs need several pages of a hello."""
        for _ in range(b % 6 + 4):
            self.restart(a, b)

    def crash(self, a: int, b: int) -> None:
        """kill -9: what is on disk at this moment is what the next start finds."""
        at = a % len(self.computers)
        self.seen["killed"] += 1
        self.replace(at, self.copied(self.computers[at].folder))

    def commit_error(self, a: int, b: int) -> None:
        """A commit that fails; with b odd the record is on disk all the same. Either way it is there once."""
        commit, left = Outbox._commit, [1]
        self.seen["commit error"] += 1

        def failing(outbox: Outbox, row: object) -> None:
            if b % 2 or not left[0]:
                commit(outbox, row)  # type: ignore[arg-type]
            if left[0]:
                left[0] = 0
                raise sqlite3.OperationalError("disk I/O error")

        # Without a fault that is open there is nothing to clear, and so no record.
        kind = b // 2 if b // 2 % 8 != 5 else 7
        computer = self.computer(a)
        before, aside = self._count(computer), computer.outbox.moved_aside
        with patch.object(Outbox, "_commit", failing):
            self.write(a, kind)
        if computer.outbox.moved_aside != aside:
            self.moved_aside(computer.folder)
        else:
            must(self._count(computer) == before + 1, "after a commit error a record is on disk exactly once")

    def _count(self, computer: Computer) -> int:
        """Records on disk that are not the outbox's own `opened`."""
        heads = [computer.reader.head_at(epoch, number) for epoch, number in self._numbers(computer)]
        return sum(head in self.written and self.written[head].header.kind != "opened" for head in heads if head)
