"""The six rules of every barrier, with what proves each; (a) to (f) as in docs/boards.md."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time

import pytest

from drivers import registry
from drivers.barrier import open_board
from drivers.emulators.catalogue import emulate
from drivers.emulators.pty_line import PtyLine
from drivers.emulators.relay import RelayEmulator
from drivers.errors import DeviceGoneError, DriverError, OptionError
from edge.board_facts import BoardBack, Released
from edge.boards import MIN_GAP_S, BoardThread
from edge.opening import Opening
from edge.wiring import Release, Wiring
from tests.waiting import wait_for

MOVING = [name for name in registry.names("board") if name != "none"]
# These can't be told how long: a door controller times its doors itself.
OTHERS_TIME = {"osdp_reader"}
LIBRARIES = {"gpio": "gpiozero", "osdp_reader": "osdp_sys"}

# A gate that opens, says so, and waits to be killed. Polled, since some boards answer only then.
GATE = """
import json, sys, time
from drivers.barrier import open_board
board = open_board(sys.argv[1], json.loads(sys.argv[2]))
board.pulse(0, float(sys.argv[3]))
sys.stdout.write("open\\n"); sys.stdout.flush()
while True:
    board.read_inputs()
    time.sleep(0.02)
"""
FIRE, EXIT, BARRIER = 5, 4, 1
WIRING = Wiring(releases=(Release(FIRE, "fire", BARRIER, 0.3), Release(EXIT, "exit_button", BARRIER, 0.3)))


@pytest.fixture(params=MOVING)
def driver(request):
    if request.param in LIBRARIES:
        pytest.importorskip(LIBRARIES[request.param])
    return request.param


@pytest.fixture
def device(driver, tmp_path):
    try:
        with emulate("board", driver, tmp_path) as device:
            yield device
    except OptionError as error:
        pytest.skip(str(error))


def openings(folder):
    logs = [log for log in folder.glob("*.log") if log.name != "broker.log"]
    return [
        one for log in logs for line in log.read_text().splitlines() if (one := json.loads(line))["event"] == "open"
    ]


def mono_ms():
    return time.monotonic_ns() // 1_000_000


@pytest.fixture
def bench(tmp_path):
    """A board's thread on an emulated board with inputs, and what it tells."""
    told = []
    with RelayEmulator(tmp_path / "relay", baud=57600, wire_log=tmp_path / "relay.log") as board:
        options = {"port": str(tmp_path / "relay"), "baud": 57600, "reply_timeout_s": 0.1}
        thread = BoardThread("main", lambda: open_board("modbus_relay", options), WIRING, told.append, mono_ms)
        thread.start()
        wait_for(lambda: any(isinstance(fact, BoardBack) for fact in told))
        yield board, thread, told
        thread.stop()


# --- (a) a gate that is killed leaves no barrier open --------------------------------------------------------------


def test_a_killed_gate_leaves_no_barrier_open(driver, device):
    needs_child = driver in ("lcus", "gpio")
    command = [sys.executable, "-c", GATE, driver, json.dumps(dict(device.options)), "60" if needs_child else "0.8"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as gate:
        assert gate.stdout.readline() == b"open\n"
        wait_for(lambda: device.energised()[0])
        gate.kill()
        gate.wait()
        wait_for(lambda: not any(device.energised()), limit_s=5.0)


# --- (b) LCUS boards, which stay on for ever, are switched off at the start, behind every pulse and at the end ------


def test_an_lcus_board_hears_its_off_frame_at_start_behind_a_pulse_and_at_the_end(tmp_path):
    line = PtyLine(tmp_path / "lcus", 9600, "whole", random.Random(0))
    line.plug()
    heard = bytearray()

    def hears(frames):
        heard.extend(line.read())
        return bytes(heard) == bytes.fromhex(frames)

    off, on = "A00100A1" * 2, "A00101A2"
    board = open_board("lcus", {"port": str(tmp_path / "lcus")})
    wait_for(lambda: hears(off), "off at the start")
    board.pulse(0, 0.2)
    wait_for(lambda: hears(off + on + off), "off behind the pulse")
    board.close()
    wait_for(lambda: hears(off + on + off + off), "off at the end")
    heard.clear()
    command = [sys.executable, "-m", "drivers.barrier.lcus_child", str(tmp_path / "lcus"), "9600", "1"]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=20)
    wait_for(lambda: hears(off + off), "off in ExecStopPost: at its start and at its end")
    line.unplug()


# --- (c) one order for each decision: nothing is sent twice --------------------------------------------------------


def test_an_order_whose_answer_is_lost_never_opens_twice(driver, device, tmp_path):
    board = open_board(driver, device.options)
    try:
        device.set(fault="lost_echo", times=1)
    except OptionError:
        # A wire on which nothing is answered has no answers to lose.
        device.set(fault="none")
    with contextlib.suppress(DriverError):
        board.pulse(0, 0.3)
    device.set(fault="none")
    settled_s = time.monotonic() + 0.6
    while time.monotonic() < settled_s:
        try:
            board.read_inputs()
        except DeviceGoneError:
            time.sleep(0.02)
    board.close()
    assert len(openings(tmp_path)) <= 1


def test_a_pulse_that_failed_is_not_asked_for_again_by_the_boards_thread(bench, tmp_path):
    board, thread, _ = bench
    board.set_fault("silent")
    with pytest.raises(DeviceGoneError):
        thread.pulse(0, 0.3).result(10)
    board.set_fault("none")
    wait_for(lambda: thread.pulse(2, 0.1).exception(10) is None, "the board is back")
    assert [one["channel"] for one in openings(tmp_path)] == [2]


# --- (d) nobody is said to have gone through whom nothing has seen -------------------------------------------------


def test_without_a_beam_an_opening_is_never_reported_as_passed():
    opening = Opening(bytes(16), "verdict", admitted=1, now_ms=0, pulse_ms=500, wait_ms=3000)
    opening.moved(ok=True, now_ms=10)
    assert opening.ended(60_000, beam_works=False).outcome == "opened_unconfirmed"


def test_with_a_beam_that_nobody_crossed_nobody_has_passed():
    opening = Opening(bytes(16), "verdict", admitted=1, now_ms=0, pulse_ms=500, wait_ms=3000)
    opening.moved(ok=True, now_ms=10)
    assert opening.ended(60_000, beam_works=True).outcome == "abandoned"
    opening.crossed(1000)
    assert opening.ended(60_000, beam_works=True).outcome == "passed"


@pytest.mark.parametrize("name", ["none", "lcus", "gpio", "osdp_reader"])
def test_boards_that_say_nothing_of_their_relays_confirm_nothing(name, tmp_path):
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name])
    if name == "none":
        assert not open_board("none", {}).pulse(0, 1.0).confirmed
        return
    with emulate("board", name, tmp_path) as device:
        board = open_board(name, device.options)
        assert not board.pulse(0, 0.2).confirmed
        board.close()


# --- (e) fire comes before everything, and is told ------------------------------------------------------------------


def test_fire_opens_though_a_pulse_of_the_same_relay_has_just_ended_and_is_told(bench, tmp_path):
    board, thread, told = bench
    thread.pulse(BARRIER, 0.2).result(10)
    wait_for(lambda: not board.energised()[BARRIER])
    board.set_input(FIRE, True)
    wait_for(lambda: board.energised()[BARRIER], limit_s=MIN_GAP_S)
    wait_for(lambda: [(fact.cause, fact.ok) for fact in told if isinstance(fact, Released)] == [("fire", True)])


def test_fire_holds_the_way_open_longer_than_any_pulse(bench):
    board, thread, _ = bench
    board.set_input(FIRE, True)
    wait_for(lambda: board.energised()[BARRIER])
    until_s = time.monotonic() + 1.5
    while time.monotonic() < until_s:
        assert board.energised()[BARRIER]
        time.sleep(0.02)
    # An order meanwhile must not shut the way by its own, shorter time.
    thread.pulse(BARRIER, 0.1).result(10)
    wait_for(lambda: board.energised()[BARRIER], limit_s=1.0)


# --- (f) two pulses of one relay keep their distance ----------------------------------------------------------------


def test_a_second_pulse_waits_until_the_motor_has_run_out(bench, tmp_path):
    _, thread, _ = bench
    first, second = thread.pulse(0, 0.3), thread.pulse(0, 0.3)
    first.result(10)
    second.result(10)
    began = [one["mono_ms"] for one in openings(tmp_path)]
    assert len(began) == 2
    assert began[1] - began[0] >= 300 + MIN_GAP_S * 1000 - 20


def test_another_relay_of_the_board_does_not_wait(bench, tmp_path):
    _, thread, _ = bench
    first, other = thread.pulse(0, 0.3), thread.pulse(2, 0.3)
    first.result(10)
    other.result(10)
    began = [one["mono_ms"] for one in openings(tmp_path)]
    assert began[1] - began[0] < 300 + MIN_GAP_S * 1000
