"""Relays and contacts on a pin header: gpiozero's mock pins in the real child process, an emulated outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from drivers.barrier import board_size, check_options, open_board
from drivers.emulators.catalogue import emulate
from drivers.errors import DeviceGoneError, OptionError
from tests.waiting import wait_for

# A parent that opens for a minute, says so, and waits to be killed; its own child keeps the pipe open as a fork does.
PARENT = """
import json, os, sys, time
from drivers.barrier import open_board
board = open_board("gpio", json.loads(sys.argv[1]))
board.pulse(0, 60.0)
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
sys.stdout.write("open\\n"); sys.stdout.flush()
time.sleep(60)
"""


def events(folder):
    return [json.loads(line) for line in (folder / "gpio.log").read_text().splitlines()]


@pytest.fixture
def header(tmp_path):
    pytest.importorskip("gpiozero")
    with emulate("board", "gpio", tmp_path) as header:
        yield header


@pytest.fixture
def board(header):
    board = open_board("gpio", header.options)
    yield board
    board.close()


def test_a_pulse_drives_the_pin_for_its_time_and_is_never_confirmed(header, board, tmp_path):
    assert not board.pulse(1, 0.3).confirmed
    wait_for(lambda: len(events(tmp_path)) == 2)
    opened, closed = events(tmp_path)
    assert (opened["channel"], opened["cause"]) == (1, "pin 27 high")
    assert (closed["event"], closed["cause"]) == ("close", "pin 27 low")
    assert 280 <= closed["mono_ms"] - opened["mono_ms"] <= 600


def test_contacts_to_ground_are_read_with_a_pull_up(header, board):
    assert board.read_inputs() == (False, False, False)
    header.set(input=2, active=True)
    wait_for(lambda: board.read_inputs() == (False, False, True))
    header.set(input=2, active=False)
    wait_for(lambda: board.read_inputs() == (False, False, False))


def test_a_contact_that_is_closed_when_the_gate_starts_is_read_at_once(header):
    header.set(input=0, active=True)
    board = open_board("gpio", header.options)
    assert board.read_inputs() == (True, False, False)
    board.close()


def test_with_a_pull_down_a_contact_is_closed_while_its_pin_is_high(header):
    board = open_board("gpio", {**header.options, "pull": "down"})
    assert board.read_inputs() == (True, True, True)
    board.close()


def test_low_active_relays_are_high_while_the_barrier_is_shut(header):
    board = open_board("gpio", {**header.options, "active_low": True})
    wait_for(lambda: header.energised() == (True, True), "the emulated relays, which are on at a high level")
    board.pulse(0, 60.0)
    wait_for(lambda: header.energised() == (False, True))
    board.close()
    wait_for(lambda: header.energised() == (True, True))


def test_closing_switches_off(header, board):
    board.pulse(0, 60.0)
    wait_for(lambda: header.energised()[0])
    board.close()
    board.close()
    wait_for(lambda: not any(header.energised()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_child_switches_off(header, board, number):
    board.pulse(0, 60.0)
    wait_for(lambda: header.energised()[0])
    board._child.send_signal(number)
    wait_for(lambda: not any(header.energised()))


def test_a_killed_parent_leaves_no_barrier_open_even_if_its_pipe_lives_on(header):
    command = [sys.executable, "-c", PARENT, json.dumps(dict(header.options))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0) as parent:
        assert parent.stdout.readline() == b"open\n"
        wait_for(lambda: header.energised()[0])
        parent.kill()
        parent.wait()
        wait_for(lambda: not any(header.energised()))
        os.killpg(parent.pid, signal.SIGKILL)


def test_a_killed_child_is_noticed_and_its_successor_switches_off(header, board):
    board.pulse(0, 60.0)
    wait_for(lambda: header.energised()[0])
    board._child.kill()
    board._child.wait()
    assert header.energised()[0], "a real header keeps its levels as well"
    with pytest.raises(DeviceGoneError):
        board.read_inputs()
    board.close()
    successor = open_board("gpio", header.options)
    wait_for(lambda: not any(header.energised()))
    successor.close()


def test_with_no_input_the_child_switches_off_and_ends(header, tmp_path):
    command = [sys.executable, "-m", "drivers.barrier.gpio_child", json.dumps(dict(header.options))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, b"ready\n")


def test_a_header_that_goes_is_noticed_and_found_again(header, board):
    header.unplug()
    wait_for(lambda: _gone(board))
    header.replug()
    again = open_board("gpio", header.options)
    assert again.read_inputs() == (False, False, False)
    again.close()


def _gone(board):
    try:
        board.read_inputs()
    except DeviceGoneError:
        return True
    return False


def test_a_machine_without_a_header_says_so(tmp_path):
    pytest.importorskip("lgpio")
    if os.path.exists("/dev/gpiochip0"):
        pytest.skip("this machine has pins of its own")
    with pytest.raises(DeviceGoneError, match="is this a Raspberry Pi"):
        open_board("gpio", {"relays": [17]})


def test_lgpio_leaves_nothing_in_the_folder_of_the_gate(tmp_path, monkeypatch):
    pytest.importorskip("lgpio")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeviceGoneError):
        open_board("gpio", {"relays": [17], "header": str(tmp_path / "none")})
    if not os.path.exists("/dev/gpiochip0"):
        with pytest.raises(DeviceGoneError):
            open_board("gpio", {"relays": [17]})
    assert list(tmp_path.iterdir()) == []


def test_a_pin_that_stands_twice_is_refused_by_its_number():
    with pytest.raises(OptionError, match="pin 17 stands twice"):
        check_options("gpio", {"relays": [17], "inputs": [5, 17]})
    with pytest.raises(OptionError):
        check_options("gpio", {"relays": []})
    with pytest.raises(OptionError):
        check_options("gpio", {"relays": [28]})


def test_without_its_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("drivers.barrier.models.gpio.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"pip install 'guankou\[gpio\]'"):
        open_board("gpio", {"relays": [17]})


def test_its_size_is_what_is_wired():
    assert board_size("gpio", {"relays": [1, 2], "inputs": [3]}).inputs == 1
