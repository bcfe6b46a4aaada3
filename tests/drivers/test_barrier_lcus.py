"""An LCUS board keeps its relay on for ever: the child process that holds it must not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from drivers.barrier import open_board
from drivers.barrier.lcus_frames import switch
from drivers.emulators.relay import RelayEmulator
from drivers.errors import DeviceGoneError
from drivers.serial_port import SerialPort
from tests.waiting import wait_for

# A parent that opens for a minute, says so, and waits to be killed; its own child keeps the pipe open as a fork does.
PARENT = """
import os, sys, time
from drivers.barrier import open_board
board = open_board("lcus", {"port": sys.argv[1]})
board.pulse(0, 60.0)
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
sys.stdout.write("open\\n"); sys.stdout.flush()
time.sleep(60)
"""


def events(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "relay"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "wire.jsonl"


@pytest.fixture
def board(place, log):
    with RelayEmulator(place, "lcus", wire_log=log) as emulator:
        yield emulator


@pytest.fixture
def relay(board, place):
    relay = open_board("lcus", {"port": str(place), "relays": 2})
    yield relay
    relay.close()


def test_a_pulse_is_timed_by_the_child_and_never_confirmed(board, relay, log):
    assert not relay.pulse(1, 0.3).confirmed
    wait_for(lambda: len(events(log)) == 2)
    opened, closed = events(log)
    assert (opened["channel"], opened["cause"]) == (1, "A0 02 01 A3")
    assert (closed["event"], closed["cause"]) == ("close", "A0 02 00 A2")
    assert 280 <= closed["mono_ms"] - opened["mono_ms"] <= 500


def test_a_second_pulse_lengthens_the_first_and_no_contact_moves(board, relay, log):
    relay.pulse(0, 0.4)
    relay.pulse(0, 0.8)
    relay.pulse(0, 0.1)
    wait_for(lambda: len(events(log)) == 2)
    opened, closed = events(log)
    assert closed["mono_ms"] - opened["mono_ms"] >= 750


def test_a_relay_left_on_by_somebody_falls_at_start(board, place):
    port = SerialPort(str(place), 9600, "test")
    port.write(switch(0, on=True))
    wait_for(lambda: board.energised()[0])
    port.close()
    relay = open_board("lcus", {"port": str(place)})
    wait_for(lambda: not board.energised()[0])
    relay.close()


def test_closing_switches_off(board, relay):
    relay.pulse(0, 60.0)
    relay.close()
    relay.close()
    wait_for(lambda: not any(board.energised()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_child_switches_off(board, relay, number):
    relay.pulse(0, 60.0)
    relay._child.send_signal(number)
    wait_for(lambda: not any(board.energised()))
    with pytest.raises(DeviceGoneError):
        wait_for(relay.read_inputs)


def test_a_killed_parent_leaves_no_barrier_open_even_if_its_pipe_lives_on(board, place):
    command = [sys.executable, "-c", PARENT, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0) as parent:
        assert parent.stdout.readline() == b"open\n"
        wait_for(lambda: board.energised()[0])
        parent.kill()
        parent.wait()
        wait_for(lambda: not any(board.energised()))
        os.killpg(parent.pid, signal.SIGKILL)


def test_a_killed_child_is_noticed_and_its_successor_switches_off(board, relay, place):
    relay.pulse(0, 60.0)
    relay._child.kill()
    relay._child.wait()
    assert board.energised()[0]
    with pytest.raises(DeviceGoneError):
        relay.read_inputs()
    relay.close()
    successor = open_board("lcus", {"port": str(place)})
    wait_for(lambda: not any(board.energised()))
    successor.close()


def test_an_unplugged_board_is_noticed_without_an_order(board, relay):
    board.unplug()

    def gone():
        try:
            relay.read_inputs()
        except DeviceGoneError:
            return True
        return False

    wait_for(gone)
    with pytest.raises(DeviceGoneError):
        relay.pulse(0, 1.0)


def test_a_board_that_is_not_there_is_told_in_the_childs_words(tmp_path):
    with pytest.raises(DeviceGoneError, match="is it plugged in"):
        open_board("lcus", {"port": str(tmp_path / "nothing")})


def test_without_input_the_child_switches_off_and_ends(board, place):
    command = [sys.executable, "-m", "drivers.barrier.lcus_child", str(place), "9600", "1"]
    port = SerialPort(str(place), 9600, "test")
    port.write(switch(0, on=True))
    wait_for(lambda: board.energised()[0])
    port.close()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    assert done.returncode == 0
    wait_for(lambda: not any(board.energised()))


@pytest.mark.parametrize("line", [b"0", b"0 x", b"9 100", b"0 0", b"0 99999999999999", b"-1 100", b"x" * 9000])
def test_a_wrong_order_moves_nothing_and_ends_nothing(board, relay, log, line):
    relay._child.stdin.write(line + b"\n")
    assert relay._line(time.monotonic() + 2).startswith("refused")
    relay.pulse(0, 0.1)
    wait_for(lambda: [one["event"] for one in events(log)] == ["open", "close"])


def test_a_channel_that_the_board_has_not_is_not_sent(relay, log):
    with pytest.raises(ValueError, match="relay 2 does not exist"):
        relay.pulse(2, 1.0)
