"""The core between lanes and disk: what happens when the disk takes nothing, a lane fails, or the clock is wrong."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoint.formats.city import CityCode
from checkpoint.records import (
    Cleared,
    ClockSet,
    Egress,
    Fault,
    Header,
    Note,
    OutcomeOf,
    Override,
    Payload,
    Verdict,
    decode_header,
)
from checkpoint.records import decode_payload as decode
from checkpoint.temperature import Measurement
from drivers.errors import DeviceGoneError
from drivers.protocols import Pulse
from edge import facts
from edge.clock_trust import EARLIEST_MS, ClockKeeper
from edge.core import INBOX_SIZE, Core, FaultOver, FaultSeen, Item, LaneFact, Ports, Run
from edge.effects import ClearPass, TellSite
from edge.faults import FaultBook
from edge.lane import Lane
from edge.lane_view import view
from edge.outbox import Outbox, Stored
from edge.outbox_reader import OutboxReader
from edge.recorder import MOST_HELD
from edge.rulebook import Rulebook
from edge.standing import standing
from tests.edge.gate_clock import HandClock
from tests.edge.lane_bench import START_MS, Bench, a_pass
from tests.edge.outbox_samples import ALLOW, IDENTITY, open_outbox

HEALTHY = 36.2
EVERYTHING = 100_000_000


class Disk:
    """Breaks the outbox where a disk would: at the commit and at every opening."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken = False
        for name in ("_commit", "_connect_and_begin"):
            monkeypatch.setattr(Outbox, name, self._breaking(getattr(Outbox, name)))

    def _breaking(self, real: Callable[..., None]) -> Callable[..., None]:
        def guarded(outbox: Outbox, *values: object) -> None:
            if self.broken:
                raise sqlite3.OperationalError("disk I/O error")
            real(outbox, *values)

        return guarded


class Rig:
    """A core with real lanes and a real outbox; barrier and network are lists. `play` runs the core to its end."""

    def __init__(self, folder: Path, lanes: dict[str, Lane] | None = None, clock: HandClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or HandClock(START_MS)
        self.bench = Bench()
        self.moved: list[str] = []
        self.refuses = False
        self.copies: list[Stored] = []
        self.complete: list[int] = []
        self.turns = 0
        self.on_turn: Callable[[], None] = lambda: None
        self.outbox, self.failing = Outbox.open_or_failing(folder / "outbox.db", IDENTITY, self.clock, "0", "start", 1)
        self.site: list[TellSite | ClearPass] = []
        self.asked: list[tuple[str, int, CityCode]] = []
        ports = Ports(
            self._move,
            self.copies.append,
            lambda at_ms, *_: self.complete.append(at_ms),
            lambda: None,
            self._turn,
            self.site.append,
            lambda *question: self.asked.append(question),
        )
        self.book = FaultBook(folder / "faults.msgpack")
        self.core = Core(lanes or {"in": self.bench.lane}, self.outbox, self.clock, self.book, ports)

    def _move(self, lane: str) -> Future[Pulse]:
        self.moved.append(lane)
        done: Future[Pulse] = Future()
        if self.refuses:
            done.set_exception(DeviceGoneError("relay", "no answer"))
        else:
            done.set_result(Pulse(confirmed=True))
        return done

    def _turn(self, _now: object) -> None:
        self.turns += 1
        self.on_turn()

    def play(self, *items: Item | facts.Fact | int) -> None:
        """Each in order; a number lets so many milliseconds pass in ticks. Facts are for lane `in`."""
        for item in items:
            if isinstance(item, facts.GuardDecided):
                item = replace(item, stands=standing(self.core.lanes["in"]).token)
            if isinstance(item, int):
                for _ in range(item // 100):
                    self.core.post(Run(lambda: self.clock.advance(100) and None))
            else:
                self.core.post(item if isinstance(item, Item) else LaneFact("in", item))
        self.core.stop()
        self.core.run()

    def come_with(self, code: bytes, object_c: float | None = None) -> None:
        """Somebody steps in, shows a code and holds still for two seconds."""
        self.play(*self.presentation(code, object_c))

    def presentation(self, code: bytes, object_c: float | None) -> Iterator[facts.Fact | int]:
        yield facts.PresenceChanged(True)
        yield 100
        for step in range(1, 21):
            yield facts.CodesSeen((code,))
            if object_c is not None:
                mono_ms = self.clock.mono_ms + 100 * step
                yield facts.Measured(Measurement(mono_ms, object_c, 20.0 + step % 2 / 100, None, "surface", ("ok",)))
            yield 100

    @property
    def headers(self) -> list[Header]:
        return [header for header, _ in self.records]

    @property
    def records(self) -> list[tuple[Header, Payload | None]]:
        """Everything on disk, oldest first."""
        reader = OutboxReader(self.folder / "outbox.db")
        found = [
            (header, decode(header.kind, record.sealed.payload))
            for state in reader.epochs()
            for record in reader.run(state.epoch, 0, 100_000, EVERYTHING)
            for header in [decode_header(record.raw)]
        ]
        reader.close()
        return found

    def payloads(self, kind: type[Payload]) -> list[Payload]:
        return [payload for _, payload in self.records if isinstance(payload, kind)]

    def reconstructed(self) -> list[Note]:
        return [
            payload for header, payload in self.records if header.kind == "reconstructed" and isinstance(payload, Note)
        ]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.outbox.close("stopped")


def names(rig: Rig) -> set[str]:
    return {fault.name for fault in rig.book.open}


ADMIT = facts.GuardDecided("admit", "", "known_resident", "guard")


# --- the disk --------------------------------------------------------------------------------------------------------


def test_on_a_good_disk_the_verdict_is_recorded_and_the_barrier_moves_once(rig: Rig) -> None:
    rig.come_with(a_pass(), HEALTHY)
    assert [v.verdict for v in rig.payloads(Verdict)] == ["allow"]
    assert rig.moved == ["in"]


def test_while_the_disk_takes_nothing_nothing_opens_by_itself_and_the_screen_says_so(disk: Disk, rig: Rig) -> None:
    disk.broken = True
    rig.come_with(a_pass(), HEALTHY)
    assert rig.moved == []
    assert not rig.core.recording
    assert names(rig) == {"disk_failing"}
    shown = view(rig.bench.lane, rig.core.recording)
    assert (shown.state, shown.reason) == ("fault", "not_recorded")
    assert [tick.check for tick in shown.ticks] == ["pass", "temperature"]


def test_what_a_guard_does_meanwhile_works_and_is_reconstructed_afterwards(disk: Disk, rig: Rig) -> None:
    disk.broken = True
    rig.come_with(a_pass(), HEALTHY)
    rig.play(ADMIT, 300)
    did_at_ms = rig.clock.at_ms
    assert rig.moved == ["in"]
    disk.broken = False
    rig.play(5000)
    assert rig.core.recording
    (note,) = rig.reconstructed()
    assert note.code == "override"
    assert (note.facts["act"], note.facts["reason"], note.facts["lane"]) == ("admit", "known_resident", "in")
    assert did_at_ms - 1000 <= int(note.facts["at_ms"]) <= did_at_ms
    # Its header tells the time of the act, not that of the writing.
    (header,) = [header for header in rig.headers if header.kind == "reconstructed"]
    assert str(header.at) == note.facts["at_ms"]
    assert names(rig) == set()


def test_a_way_out_that_was_freed_meanwhile_is_reconstructed_too(disk: Disk, rig: Rig) -> None:
    disk.broken = True
    rig.play(facts.WayOutFreed("exit_button", 1234, True), 300)
    disk.broken = False
    rig.play(5000)
    (note,) = rig.reconstructed()
    assert (note.code, note.facts["cause"], note.facts["opened_mono_ms"]) == ("egress", "exit_button", "1234")
    assert rig.payloads(Egress) == []


def test_of_more_acts_than_memory_has_room_for_the_number_is_recorded(disk: Disk, rig: Rig) -> None:
    disk.broken = True
    rig.play(ADMIT, *[facts.WayOutFreed("exit_button", 0, True)] * (MOST_HELD + 2))
    assert rig.moved == ["in"]
    disk.broken = False
    rig.play(3000)
    assert len(rig.reconstructed()) == MOST_HELD
    lost = [note for note in rig.payloads(Note) if note.code == "acts_not_held"]
    assert [note.facts for note in lost] == [{"count": "3"}]


def test_the_fault_of_the_disk_is_recorded_and_cleared_when_anything_can_be(disk: Disk, rig: Rig) -> None:
    disk.broken = True
    rig.play(FaultSeen("board_gone", "relay", "", "unplugged", 2), 3000)
    # The screen and the heartbeat know it from memory.
    assert names(rig) == {"board_gone", "disk_failing"}
    disk.broken = False
    rig.play(3000)
    assert sorted(fault.name for fault in rig.payloads(Fault)) == ["board_gone", "disk_failing"]
    assert [cleared.name for cleared in rig.payloads(Cleared)] == ["disk_failing"]
    assert names(rig) == {"board_gone"}
    assert len(rig.copies) == 3


def test_a_fault_that_ends_while_nothing_is_recorded_is_cleared_afterwards(disk: Disk, rig: Rig) -> None:
    rig.play(FaultSeen("board_gone", "relay", "", "unplugged", 2), 100)
    disk.broken = True
    rig.play(FaultSeen("camera_black", "camera", "in", "", 2), 2100)
    rig.play(FaultOver("relay", ""), FaultOver("camera", "in"), 100)
    assert names(rig) == {"disk_failing"}
    disk.broken = False
    rig.play(3000)
    assert names(rig) == set()
    assert sorted(cleared.name for cleared in rig.payloads(Cleared)) == ["board_gone", "camera_black", "disk_failing"]


def test_a_fault_that_ends_and_begins_again_meanwhile_stands_afterwards(disk: Disk, rig: Rig) -> None:
    seen = FaultSeen("board_gone", "relay", "", "unplugged", 2)
    rig.play(seen, 100)
    disk.broken = True
    rig.play(2100, FaultOver("relay", ""), seen, 100)
    disk.broken = False
    rig.play(3000)
    assert names(rig) == {"board_gone"}
    assert len([fault for fault in rig.payloads(Fault) if fault.name == "board_gone"]) == 2


def test_a_gate_starts_on_a_disk_that_takes_nothing_and_records_once_it_does(disk: Disk, tmp_path: Path) -> None:
    disk.broken = True
    rig = Rig(tmp_path)
    assert "disk I/O error" in str(rig.failing)
    rig.come_with(a_pass(), HEALTHY)
    rig.play(ADMIT, 2500)
    assert rig.moved == ["in"]
    assert names(rig) == {"disk_failing"}
    assert rig.complete == []
    disk.broken = False
    rig.play(5000)
    kinds = [header.kind for header in rig.headers]
    assert kinds[0] == "opened"
    assert kinds.count("reconstructed") == 1
    rig.play(facts.PresenceChanged(False), 6000)
    rig.come_with(a_pass(2), HEALTHY)
    assert [v.verdict for v in rig.payloads(Verdict)] == ["allow"]
    rig.outbox.close("stopped")


def test_nothing_is_called_complete_while_acts_are_held_in_memory(disk: Disk, rig: Rig) -> None:
    rig.play(1000)
    assert rig.complete
    disk.broken = True
    rig.play(ADMIT, 100)
    rig.complete.clear()
    rig.play(3000)
    assert rig.complete == []


@pytest.mark.parametrize("late", [False, True])
def test_passages_that_the_last_run_left_open_are_abandoned_also_on_a_late_disk(
    late: bool, disk: Disk, tmp_path: Path
) -> None:
    clock = HandClock(START_MS)
    before = open_outbox(tmp_path, clock)
    before.append("verdict", ALLOW, clock.now(), bytes(16))
    before.close("killed")
    disk.broken = late
    rig = Rig(tmp_path)
    rig.play(2500)
    disk.broken = False
    rig.play(3000)
    assert [(o.outcome, o.reason) for o in rig.payloads(OutcomeOf)] == [("abandoned", "gate_restarted")]
    rig.outbox.close("stopped")


def test_a_passage_whose_outcome_met_the_failing_disk_is_abandoned_and_one_under_way_is_not(
    disk: Disk, rig: Rig
) -> None:
    rig.come_with(a_pass(), HEALTHY)
    assert rig.moved == ["in"]
    disk.broken = True
    rig.play(6000)
    disk.broken = False
    rig.play(facts.PresenceChanged(False), 5000)
    assert [(o.outcome, o.reason) for o in rig.payloads(OutcomeOf)] == [("abandoned", "gate_restarted")]
    rig.come_with(a_pass(2), HEALTHY)
    rig.play(facts.Crossed(), 3000)
    assert [o.outcome for o in rig.payloads(OutcomeOf)] == ["abandoned", "passed"]


# --- the barrier -----------------------------------------------------------------------------------------------------


def test_a_pulse_that_was_refused_turns_the_person_back_and_the_screen_says_so(rig: Rig) -> None:
    rig.refuses = True
    rig.come_with(a_pass(), HEALTHY)
    assert [v.verdict for v in rig.payloads(Verdict)] == ["allow"]
    assert [(o.outcome, o.reason) for o in rig.payloads(OutcomeOf)] == [("turned_back", "barrier_not_moved")]
    shown = view(rig.bench.lane, rig.core.recording)
    assert (shown.state, shown.reason) == ("escalate", "barrier_not_moved")


# --- a lane that fails -----------------------------------------------------------------------------------------------


class BrokenLane(Lane):
    """A mistake in the program."""

    broken = True

    def handle(self, fact: facts.Fact, now: object) -> list[object]:  # type: ignore[override]
        if self.broken:
            raise ZeroDivisionError("a mistake")
        return super().handle(fact, now)  # type: ignore[arg-type, return-value]


def test_a_lane_that_fails_stops_neither_the_core_nor_the_other_lane(tmp_path: Path) -> None:
    good, bad = Bench().lane, Bench().lane
    bad.__class__ = BrokenLane
    rig = Rig(tmp_path, {"bad": bad, "in": good})
    mended = Run(lambda: setattr(bad, "broken", False))
    rig.play(LaneFact("bad", facts.PresenceChanged(True)), *rig.presentation(a_pass(), HEALTHY), mended, 50_000, 11_000)
    assert rig.moved == ["in"]
    assert rig.turns > 20
    faults = [h for h, payload in rig.records if isinstance(payload, Fault)]
    cleared = [h for h, payload in rig.records if isinstance(payload, Cleared)]
    assert [(f.name, f.lane) for f in rig.payloads(Fault)] == [("lane_failed", "bad")]
    assert [(c.name, c.lane) for c in rig.payloads(Cleared)] == [("lane_failed", "bad")]
    assert cleared[0].at - faults[0].at >= 60_000
    rig.outbox.close("stopped")


def test_a_lane_that_fails_lets_nobody_in_and_its_passage_is_abandoned(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.come_with(a_pass(), HEALTHY)
    assert rig.bench.lane.opening is not None
    rig.bench.lane.__class__ = BrokenLane
    rig.play(500)
    assert rig.bench.lane.opening is None
    assert [o.outcome for o in rig.payloads(OutcomeOf)] == ["abandoned"]
    rig.outbox.close("stopped")


def test_a_mistake_outside_of_lanes_does_not_stop_the_core_either(rig: Rig) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a mistake")

    rig.on_turn = fail
    rig.play(Run(fail), FaultSeen("board_gone", "relay", "", "", 2), 300)
    assert names(rig) == {"board_gone"}


# --- the inbox -------------------------------------------------------------------------------------------------------


def measured(mono_ms: int) -> LaneFact:
    return LaneFact("in", facts.Measured(Measurement(mono_ms, HEALTHY, 20.0, None, "surface", ("ok",))))


def test_readings_and_sightings_leave_room_for_everything_else(rig: Rig) -> None:
    for _ in range(INBOX_SIZE):
        rig.core.post(measured(0))
    rig.core.post(LaneFact("in", facts.CodesSeen((b"x",))))
    assert rig.core.dropped == INBOX_SIZE // 2 + 1
    rig.core.post(LaneFact("in", facts.WayOutFreed("exit_button", 7, True)))
    rig.core.post(FaultSeen("board_gone", "relay", "", "", 2))
    rig.core.stop()
    rig.core.run()
    assert len(rig.payloads(Egress)) == 1
    assert names(rig) == {"board_gone"}


def test_a_flood_at_the_readers_leaves_room_for_the_word_of_an_opening(rig: Rig) -> None:
    for number in range(INBOX_SIZE):
        rig.core.post(LaneFact("in", facts.Scanned(b"%d" % number)))
        rig.core.post(LaneFact("in", facts.CardRead("em4100", number.to_bytes(5, "big"))))
    rig.core.post(LaneFact("in", facts.WayOutFreed("exit_button", 7, True)))
    rig.core.stop()
    rig.core.run()
    assert len(rig.payloads(Egress)) == 1


def test_posting_never_waits_for_a_core_that_hangs(rig: Rig) -> None:
    pressed = LaneFact("in", facts.WayOutFreed("exit_button", 7, True))
    began_s = time.monotonic()
    for _ in range(INBOX_SIZE + 3):
        rig.core.post(pressed)
    assert rig.core.dropped == 3
    assert time.monotonic() - began_s < 5


def test_what_the_core_says_to_itself_never_waits_for_room(rig: Rig) -> None:
    def fill() -> None:
        for _ in range(INBOX_SIZE):
            rig.core.post(FaultOver("none", ""))

    filled = threading.Event()

    def from_the_core() -> None:
        thread = threading.Thread(target=lambda: (fill(), filled.set()), daemon=True)
        thread.start()
        thread.join(5)
        rig.core.post(FaultSeen("board_gone", "relay", "", "", 2))

    rig.core.post(Run(from_the_core))
    runner = threading.Thread(target=rig.core.run, daemon=True)
    runner.start()
    assert filled.wait(10)
    rig.core.stop()
    runner.join(10)
    assert not runner.is_alive()
    assert names(rig) == {"board_gone"}


# --- the clock -------------------------------------------------------------------------------------------------------


class KeptClock(HandClock):
    """Trusted when the gate's own keeper says so."""

    def __init__(self, at_ms: int, keeper: ClockKeeper) -> None:
        super().__init__(at_ms)
        self._keeper = keeper

    def now(self):
        moment = super().now()
        return replace(moment, trusted=self._keeper.believe(moment.at_ms, moment.mono_ms))


def clocked(folder: Path, at_ms: int, kernel: Callable[[], bool]) -> Rig:
    """A rig whose lane hears from the real rulebook how long the clock has not been trusted."""
    keeper = ClockKeeper(folder / "clock.json", bytes(16), kernel)
    rig = Rig(folder, clock=KeptClock(at_ms, keeper))
    rulebook, lane = Rulebook("guard", ("garden",), at_ms, 30.0), rig.bench.lane
    given = lane.world

    def turn() -> None:
        now = rig.clock.now()
        since_ms = rulebook.world(None, now).clock_untrusted_since_ms
        lane.enter(replace(given, clock_untrusted_since_ms=since_ms))
        keeper.settled(now)

    rig.on_turn = turn
    return rig


def clocks(rig: Rig, kind: str) -> list[str]:
    return [header.clock for header in rig.headers if header.kind == kind]


def test_with_a_clock_before_2025_a_pass_is_for_a_person_to_judge_and_records_say_untrusted(tmp_path: Path) -> None:
    rig = clocked(tmp_path, EARLIEST_MS - 86_400_000, lambda: True)
    rig.come_with(a_pass(), HEALTHY)
    assert [(v.verdict, v.reason) for v in rig.payloads(Verdict)] == [("escalate", "clock_untrusted")]
    assert clocks(rig, "verdict") == ["untrusted"]
    assert rig.moved == []
    rig.outbox.close("stopped")


def test_a_clock_that_is_stepped_is_no_longer_believed_until_something_proves_it(tmp_path: Path) -> None:
    synchronised = [True]
    rig = clocked(tmp_path, START_MS, lambda: synchronised[0])
    rig.come_with(a_pass(), HEALTHY)
    rig.play(facts.Crossed(), 3000, facts.PresenceChanged(False), 2000)
    synchronised[0] = False
    rig.clock.at_ms += 2 * 3_600_000
    rig.play(2000)
    rig.come_with(a_pass(2), HEALTHY)
    rig.play(facts.PresenceChanged(False), 8000)
    synchronised[0] = True
    rig.play(2000)
    rig.come_with(a_pass(3), HEALTHY)
    assert [v.verdict for v in rig.payloads(Verdict)] == ["allow", "escalate", "allow"]
    assert clocks(rig, "verdict") == ["trusted", "untrusted", "trusted"]
    rig.outbox.close("stopped")


def test_nothing_is_called_complete_before_records_of_a_doubtful_clock_are_dated(rig: Rig) -> None:
    rig.clock.trusted = False
    rig.play(ADMIT, 2000)
    assert rig.core.undated
    rig.clock.trusted = True
    rig.play(2000)
    assert rig.complete == []
    rig.core.post(Run(lambda: rig.core.record("clock", ClockSet(1, bytes(16), 0, "kernel"))))
    rig.play(2000)
    assert not rig.core.undated
    assert rig.complete


def test_an_override_is_recorded_like_everything_else(rig: Rig) -> None:
    rig.play(ADMIT, 200)
    assert [(o.act, o.reason) for o in rig.payloads(Override)] == [("admit", "known_resident")]
