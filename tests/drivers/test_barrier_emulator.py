"""The emulated relay board as a program: scenario, control socket, wire log, plug."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time

import pytest

from drivers.barrier import open_board
from drivers.emulators.relay_board import RelayBoard, WireLog
from drivers.errors import DeviceGoneError
from tests.waiting import wait_for


@pytest.fixture
def run(tmp_path):
    running = []

    def run(*arguments):
        place = tmp_path / "relay"
        command = [sys.executable, "-m", "drivers.emulators.relay", str(place), *map(str, arguments)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert running[-1].stdout.readline() == f"ready {place}\n".encode()
        return place

    yield run
    for process in running:
        process.terminate()
        assert process.wait(5) == 0
        process.stdout.close()


@pytest.fixture
def tell(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        yield lambda text: sender.sendto(text.encode(), str(tmp_path / "control"))


def test_a_scenario_moves_contacts_in_its_time(run, tmp_path):
    (tmp_path / "scenario").write_text(
        '{"at_s": 0.3, "relay": {"input": 1}}\n{"at_s": 0.6, "relay": {"input": 1, "active": false}}\n'
    )
    board = open_board("modbus_relay", {"port": str(run("--scenario", tmp_path / "scenario"))})
    seen = []
    wait_for(lambda: seen.append(board.read_inputs()[1]) or (True in seen and not seen[-1]))
    board.close()


def test_the_control_socket_takes_commands_and_drops_what_is_none(run, tell, tmp_path):
    place = run("--control", tmp_path / "control", "--split", "torn", "--seed", 3)
    board = open_board("modbus_relay", {"port": str(place)})
    for text in ["no json", '{"input": -1}', '{"input": 99}', '{"unknown": 1}', '{"input": 2, "active": true}']:
        tell(text)
    wait_for(lambda: board.read_inputs()[2])
    tell('{"plugged": false}')

    def gone():
        try:
            board.read_inputs()
        except DeviceGoneError:
            return True
        return False

    wait_for(gone)
    board.close()
    tell('{"plugged": true}')
    wait_for(place.exists)
    again = open_board("modbus_relay", {"port": str(place)})
    assert again.read_inputs()[2]
    again.close()


def test_the_wire_log_has_a_line_for_each_contact_that_moved(run, tmp_path):
    log = tmp_path / "wire.jsonl"
    board = open_board("modbus_relay", {"port": str(run("--wire-log", log))})
    before_ms = time.monotonic_ns() // 1_000_000
    board.pulse(3, 0.1)
    wait_for(lambda: len(log.read_text().splitlines()) == 2)
    first = json.loads(log.read_text().splitlines()[0])
    assert list(first) == ["mono_ms", "at_ms", "event", "channel", "cause"]
    assert before_ms <= first["mono_ms"] <= time.monotonic_ns() // 1_000_000
    assert abs(first["at_ms"] - time.time() * 1000) < 60_000
    board.close()


def test_a_relay_that_is_on_already_moves_no_contact(tmp_path):
    log = WireLog(tmp_path / "log", lambda: 0, lambda: 0)
    board = RelayBoard(8, 8, log)
    board.on(0, "first", until_s=1.0)
    board.on(0, "second", until_s=3.0)
    board.tick(2.0)
    assert board.coils()[0]
    board.tick(3.0)
    board.off(0, "off again")
    log.close()
    assert [json.loads(line)["cause"] for line in (tmp_path / "log").read_text().splitlines()] == ["first", "time"]
