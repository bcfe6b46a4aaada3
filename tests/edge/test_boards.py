"""A board's thread on an emulated Modbus board: the way out before everything, and no pulse that comes late."""

from __future__ import annotations

import json
import threading
import time

import pytest

from drivers.barrier import open_board
from drivers.emulators.relay import RelayEmulator
from drivers.errors import DeviceGoneError, DeviceRefusedError
from edge.board_facts import BoardBack, BoardGone, InputChanged, Released
from edge.boards import BoardThread
from edge.wiring import Release, Wiring
from tests.waiting import wait_for

WIRING = Wiring(
    inverted=frozenset({6}),
    releases=(
        Release(terminal=4, cause="exit_button", channel=1, pulse_s=0.3),
        Release(terminal=5, cause="fire", channel=1, pulse_s=0.3),
    ),
)


def mono_ms():
    return time.monotonic_ns() // 1_000_000


class Bench:
    """An emulated board, its thread, and all it said."""

    def __init__(self, folder, wiring=WIRING, **options):
        self.log = folder / "wire.jsonl"
        self.board = RelayEmulator(folder / "relay", baud=57600, wire_log=self.log)
        self.facts = []
        self._new = threading.Condition()
        driver_options = {"port": str(folder / "relay"), "baud": 57600, "reply_timeout_s": 0.05}
        connect = lambda: open_board("modbus_relay", driver_options)  # noqa: E731
        self.thread = BoardThread("main", connect, wiring, self._post, mono_ms, **options)

    def __enter__(self):
        self.board.start()
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.thread.stop()
        self.board.stop()

    def _post(self, fact):
        with self._new:
            self.facts.append(fact)
            self._new.notify_all()

    def of(self, kind):
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def expect(self, fits, limit_s=5.0):
        with self._new:
            assert self._new.wait_for(lambda: any(fits(fact) for fact in self.facts), limit_s), self.facts
            return next(fact for fact in self.facts if fits(fact))

    def ready(self):
        wait_for(lambda: len(self.of(InputChanged)) >= 8)
        self.facts.clear()

    def openings(self):
        return [line for line in self.wire() if line["event"] == "open"]

    def wire(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path):
    with Bench(tmp_path) as bench:
        bench.ready()
        yield bench


def is_change(terminal, active):
    return lambda fact: isinstance(fact, InputChanged) and (fact.terminal, fact.active) == (terminal, active)


def is_released(cause, ok=True):
    return lambda fact: isinstance(fact, Released) and (fact.cause, fact.ok) == (cause, ok)


def test_every_input_is_told_once_at_the_start_with_inverted_contacts_turned(tmp_path):
    with Bench(tmp_path) as bench:
        wait_for(lambda: len(bench.of(InputChanged)) >= 8)
        assert isinstance(bench.facts[0], BoardBack)
        assert {(fact.terminal, fact.active) for fact in bench.of(InputChanged)} == {
            (terminal, terminal == 6) for terminal in range(8)
        }


def test_a_contact_is_told_when_it_changes_and_only_then(bench):
    bench.board.set_input(0, True)
    bench.expect(is_change(0, True))
    bench.board.set_input(0, False)
    bench.expect(is_change(0, False))
    assert len(bench.of(InputChanged)) == 2


def test_a_pulse_is_executed_and_confirmed(bench):
    assert bench.thread.pulse(0, 0.3).result(2).confirmed
    assert [line["channel"] for line in bench.openings()] == [0]


def test_two_pulses_of_one_relay_keep_their_gap(bench):
    first, second = bench.thread.pulse(0, 0.2), bench.thread.pulse(0, 0.2)
    assert first.result(2).confirmed
    assert second.result(3).confirmed
    wait_for(lambda: len(bench.wire()) == 4)
    assert [line["event"] for line in bench.wire()] == ["open", "close", "open", "close"]
    assert bench.wire()[2]["mono_ms"] - bench.wire()[1]["mono_ms"] >= 400


def test_the_pulse_of_another_relay_does_not_wait(bench):
    bench.thread.pulse(0, 2.0).result(2)
    assert bench.thread.pulse(2, 0.2).result(1).confirmed


def test_a_pulse_that_waits_too_long_is_refused_not_executed_late(tmp_path):
    with Bench(tmp_path, max_wait_s=0.3) as bench:
        bench.ready()
        bench.thread.pulse(0, 5.0).result(2)
        with pytest.raises(DeviceRefusedError, match="busy too long"):
            bench.thread.pulse(0, 0.2).result(2)
        assert len(bench.openings()) == 1


def test_more_pulses_than_anybody_needs_are_refused(bench):
    bench.thread.pulse(0, 5.0).result(2)
    results = [bench.thread.pulse(0, 0.2) for _ in range(9)]
    with pytest.raises(DeviceRefusedError, match="wait already"):
        results[-1].result(0)


def test_a_relay_that_does_not_exist_is_an_error_of_that_order_alone(bench):
    with pytest.raises(ValueError, match="relay 9"):
        bench.thread.pulse(9, 0.2).result(2)
    assert bench.thread.pulse(0, 0.2).result(2).confirmed


def test_an_exit_button_opens_before_it_is_told_and_once_for_each_press(bench):
    bench.board.set_input(4, True)
    released = bench.expect(is_released("exit_button"))
    opening = bench.openings()[0]
    assert (opening["channel"], opening["cause"]) == (1, "flash 05 0201 0003")
    assert 0 <= opening["mono_ms"] - released.opened_mono_ms <= 200
    assert bench.facts.index(released) < bench.facts.index(bench.expect(is_change(4, True)))
    wait_for(lambda: len(bench.wire()) == 2)
    bench.board.set_input(4, False)
    bench.expect(is_change(4, False))
    bench.board.set_input(4, True)
    wait_for(lambda: len(bench.openings()) == 2)
    wait_for(lambda: len(bench.of(Released)) == 2)


def test_an_exit_button_acts_within_a_quarter_of_a_second(bench):
    pressed_ms = mono_ms()
    bench.board.set_input(4, True)
    bench.expect(is_released("exit_button"))
    assert bench.openings()[0]["mono_ms"] - pressed_ms < 250


def test_an_exit_button_does_not_wait_for_the_gap_after_a_pulse(bench):
    bench.thread.pulse(1, 0.2).result(2)
    wait_for(lambda: len(bench.wire()) == 2)
    bench.board.set_input(4, True)
    bench.expect(is_released("exit_button"))
    assert bench.openings()[1]["mono_ms"] - bench.wire()[1]["mono_ms"] < 400


def test_fire_holds_the_way_open_as_one_opening_and_lets_go_afterwards(bench):
    bench.board.set_input(5, True)
    bench.expect(is_released("fire"))
    wait_for(lambda: mono_ms() - bench.openings()[0]["mono_ms"] > 4000)
    assert [line["event"] for line in bench.wire()] == ["open"]
    assert len(bench.of(Released)) == 1
    bench.board.set_input(5, False)
    wait_for(lambda: bench.wire()[-1]["event"] == "close")
    assert len(bench.wire()) == 2


def test_a_short_pulse_during_a_fire_does_not_shut_the_way(bench):
    bench.board.set_input(5, True)
    bench.expect(is_released("fire"))
    assert bench.thread.pulse(1, 0.1).result(1).confirmed
    wait_for(lambda: mono_ms() - bench.openings()[0]["mono_ms"] > 1500)
    assert [line["event"] for line in bench.wire()] == ["open"]


def test_a_release_that_the_board_did_not_hear_is_asked_for_again(bench):
    bench.board.set_input(5, True)
    bench.board.set_fault("exception", times=3)
    bench.expect(is_released("fire"))
    assert len(bench.openings()) == 1


def test_an_unplugged_board_is_told_once_and_pulses_fail_at_once(bench):
    bench.board.unplug()
    bench.expect(lambda fact: isinstance(fact, BoardGone))
    with pytest.raises(DeviceGoneError):
        bench.thread.pulse(0, 0.2).result(0)
    bench.board.replug()
    bench.expect(lambda fact: isinstance(fact, BoardBack), limit_s=2.5)
    wait_for(lambda: len(bench.of(InputChanged)) == 8)
    assert len(bench.of(BoardGone)) == 1
    assert bench.openings() == []


def test_a_pulse_that_waits_when_the_board_goes_fails_and_never_comes_later(bench):
    bench.thread.pulse(0, 1.0).result(2)
    waiting = bench.thread.pulse(0, 0.2)
    bench.board.unplug()
    with pytest.raises(DeviceGoneError):
        waiting.result(2)
    bench.board.replug()
    wait_for(lambda: len(bench.of(InputChanged)) == 8)
    assert bench.thread.pulse(2, 0.1).result(2)
    assert [line["channel"] for line in bench.openings()] == [0, 2]


def test_a_fire_that_is_still_active_after_a_reconnect_frees_the_way_again(bench):
    bench.board.set_input(5, True)
    bench.expect(is_released("fire"))
    bench.board.unplug()
    bench.expect(lambda fact: isinstance(fact, BoardGone))
    bench.facts.clear()
    bench.board.replug()
    bench.expect(is_released("fire"))


def test_an_exit_button_still_held_after_a_reconnect_opens_nothing_until_pressed_again(bench):
    bench.board.set_input(4, True)
    bench.expect(is_released("exit_button"))
    bench.board.unplug()
    bench.expect(lambda fact: isinstance(fact, BoardGone))
    bench.facts.clear()
    bench.board.replug()
    bench.expect(is_change(4, True))
    assert bench.of(Released) == []
    bench.board.set_input(4, False)
    bench.expect(is_change(4, False))
    bench.board.set_input(4, True)
    bench.expect(is_released("exit_button"))


def test_stopping_fails_what_waits_and_leaves_the_relays_off(tmp_path):
    with Bench(tmp_path) as bench:
        bench.ready()
        bench.thread.pulse(0, 20.0).result(2)
        waiting = bench.thread.pulse(0, 0.2)
        bench.thread.stop()
        bench.thread.stop()
        with pytest.raises(DeviceGoneError, match="stops"):
            waiting.result(1)
        wait_for(lambda: not any(bench.board.energised()))


def test_a_failure_nobody_thought_of_is_told_and_the_thread_lives_on(tmp_path):
    calls = []

    def connect():
        calls.append(1)
        raise RuntimeError("unforeseen")

    facts = []
    thread = BoardThread("main", connect, Wiring(), facts.append, mono_ms)
    thread.start()
    wait_for(lambda: len(calls) >= 3)
    thread.stop()
    assert [type(fact) for fact in facts] == [BoardGone]
    assert "unforeseen" in facts[0].why


def test_a_killed_lcus_child_leaves_the_barrier_open_for_a_moment_only(tmp_path):
    facts = []
    boards = []

    def connect():
        boards.append(open_board("lcus", {"port": str(tmp_path / "relay")}))
        return boards[-1]

    with RelayEmulator(tmp_path / "relay", "lcus") as emulator:
        thread = BoardThread("main", connect, Wiring(), facts.append, mono_ms)
        thread.start()
        wait_for(lambda: facts == [BoardBack("main")])
        assert not thread.pulse(0, 60.0).result(2).confirmed
        wait_for(lambda: emulator.energised()[0])
        boards[0]._child.kill()
        wait_for(lambda: not emulator.energised()[0])
        wait_for(lambda: [type(fact) for fact in facts] == [BoardBack, BoardGone, BoardBack])
        thread.stop()
