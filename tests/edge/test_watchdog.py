"""The gate's watchdog: what systemd is told, and what becomes of every thread and process that hangs."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from checkpoint.records import Cleared, Fault
from drivers.barrier import open_board
from drivers.emulators.relay import RelayEmulator
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.errors import DeviceGoneError
from drivers.protocols import Reading
from drivers.thermometer import reopening
from edge.board_facts import BoardBack, InputChanged
from edge.boards import BoardThread
from edge.rim import ThermometerEar
from edge.thermometer_thread import ThermometerThread
from edge.wiring import Wiring
from tests.edge.broker import Broker
from tests.edge.gate_process import GateProcess
from tests.notify_socket import NotifySocket, needs_ptrace
from tests.waiting import wait_for
from tools.demo.evidence import openings
from tools.demo.processes import children
from tools.demo.street import EXIT_BUTTON
from tools.faults.hang import has_ended, hung, thread_ids

pytestmark = pytest.mark.end_to_end
WATCHDOG_S = 4.0


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    notify = NotifySocket(tmp_path / "notify")
    for name, value in notify.environment(WATCHDOG_S).items():
        monkeypatch.setenv(name, value)
    yield notify
    notify.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GateProcess]:
    gate = GateProcess(tmp_path)
    yield gate
    gate.close()


def process_of(gate: GateProcess) -> subprocess.Popen[str]:
    process = gate._process
    assert process is not None
    return process


def faults(gate: GateProcess, kind: type = Fault) -> list[tuple[str, str]]:
    return [(fault.name, fault.device) for fault in gate.payloads(kind)]


def device_faults(gate: GateProcess) -> list[str]:
    """There is no broker in these tests, and the gate says so."""
    return [fault for fault in gate.faults() if not fault.startswith("Broker")]


def test_systemd_is_told_of_the_start_of_life_and_of_the_end(systemd: NotifySocket, gate: GateProcess) -> None:
    gate.start()
    wait_for(lambda: systemd.said("READY=1"), "READY=1")
    began = len(systemd.beats())
    wait_for(lambda: len(systemd.beats()) > began + 4, "WATCHDOG=1, again and again")
    beats = systemd.beats()
    assert max(b - a for a, b in itertools.pairwise(beats)) < WATCHDOG_S / 2
    assert thread_ids(process_of(gate).pid).keys() >= {
        "core", "uplink", "screen", "mqtt-link", "board-relay", "vision out", "thermometer-out",
    }  # fmt: skip
    process = process_of(gate)
    gate.stop()
    assert process.returncode == 0, gate.log[-5:]
    wait_for(lambda: systemd.said("STOPPING=1"), "STOPPING=1", 5)
    assert [text for _, text in systemd.messages if text.startswith("STATUS=")] == ["STATUS=running", "STATUS=stopping"]


def test_a_gate_that_is_stopped_as_a_whole_says_nothing(systemd: NotifySocket, gate: GateProcess) -> None:
    gate.start()
    wait_for(lambda: systemd.beats(), "life")
    os.kill(process_of(gate).pid, signal.SIGSTOP)
    try:
        wait_for(lambda: systemd.silent_s() > WATCHDOG_S, "silence for as long as systemd waits")
    finally:
        os.kill(process_of(gate).pid, signal.SIGCONT)
    before = len(systemd.beats())
    # Nobody was hung: it goes on, and says that somebody may have waited.
    wait_for(lambda: len(systemd.beats()) > before + 2, "life again")
    wait_for(lambda: ("core_late", "core") in faults(gate), "the fault that says so")


@needs_ptrace
@pytest.mark.parametrize("name", ["core", "screen"])
def test_a_hung_core_or_screen_ends_the_process_and_the_next_run_records_it(
    systemd: NotifySocket, gate: GateProcess, name: str
) -> None:
    gate.start()
    wait_for(lambda: systemd.beats(), "life")
    process = process_of(gate)
    began_s = time.monotonic()
    with hung(thread_ids(process.pid)[name]):
        wait_for(lambda: has_ended(process.pid), "the end of the process", 40)
        ended_s = time.monotonic() - began_s
    quiet_s = systemd.beats()[-1] - began_s
    print(f"{name} hung: last WATCHDOG=1 after {quiet_s:.1f} s, process ended after {ended_s:.1f} s")
    gate.kill()
    assert process.returncode == 4
    assert quiet_s < ended_s - 3
    assert systemd.said(f"STATUS={name} hung")
    assert any('"thread_hung"' in line and f'"thread": "{name}"' in line for line in gate.log)
    assert any(line.startswith("Thread 0x") for line in gate.log), "the stacks"
    gate.start()
    wait_for(lambda: ("gate_hung", "gate") in faults(gate, Cleared), "the record of it")
    [told] = [fault for fault in gate.payloads(Fault) if fault.name == "gate_hung"]
    assert told.detail == name


@needs_ptrace
def test_every_hung_thread_of_a_device_is_replaced_and_its_device_works_again(
    systemd: NotifySocket, gate: GateProcess
) -> None:
    gate.start()
    wait_for(lambda: gate.page["lanes"][0]["state"] == "wait" and not device_faults(gate), "a gate without faults")
    process = process_of(gate)
    threads = thread_ids(process.pid)
    [child] = children(process.pid)
    began_s = time.monotonic()
    with hung(threads["thermometer-out"]), hung(threads["board-relay"]), hung(threads["vision out"]):
        for device in ("thermometer", "relay", "camera"):
            wait_for(lambda device=device: ("thread_hung", device) in faults(gate, Cleared), f"{device} replaced", 40)
            print(f"{device}: replaced, told and over {time.monotonic() - began_s:.1f} s after its hang")
        # While the old threads still hang, the new ones work.
        wait_for(lambda: [c for c in children(process.pid) if c != child], "another vision process")
        wait_for(lambda: not device_faults(gate), "no fault")
        before = gate.openings()
        assert gate.street.wait_polled()
        gate.street.press(EXIT_BUTTON)
        wait_for(lambda: gate.openings() == before + 1, "the way out")
        beats = len(systemd.beats())
        wait_for(lambda: len(systemd.beats()) > beats, "WATCHDOG=1 goes on")
    # And when the old ones wake, they say and move nothing.
    gate.show_code()
    wait_for(lambda: gate.openings() == before + 2, "an opening by the new threads")
    gate.street.lower()
    hung_ids = {threads[name] for name in ("thermometer-out", "board-relay", "vision out")}
    wait_for(lambda: hung_ids.isdisjoint(thread_ids(process.pid).values()), "the end of the old threads")
    assert (gate.openings(), device_faults(gate)) == (before + 2, [])
    told = [fault for fault in faults(gate) if fault[1] != "uplink"]
    assert sorted(told) == [
        ("thread_hung", "camera"), ("thread_hung", "relay"), ("thread_hung", "thermometer"), ("vision_died", "camera"),
    ]  # fmt: skip
    assert process.poll() is None


@needs_ptrace
def test_a_hung_network_thread_is_replaced_by_a_new_connection(
    systemd: NotifySocket, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broker = Broker(tmp_path)
    request.addfinalizer(broker.kill)
    gate = GateProcess(tmp_path, broker_port=broker.port)
    request.addfinalizer(gate.close)

    def connections() -> int:
        return sum('"broker_connected"' in line for line in gate.log)

    gate.start()
    wait_for(lambda: connections() == 1, "a connection")
    began_s = time.monotonic()
    process = process_of(gate)
    old = thread_ids(process.pid)["mqtt-network"]
    with hung(old):
        wait_for(lambda: connections() == 2, "a new connection", 60)
        print(f"mqtt-network: connected again {time.monotonic() - began_s:.1f} s after the hang")
        wait_for(lambda: ("thread_hung", "uplink") in faults(gate, Cleared), "its record")
    wait_for(lambda: old not in thread_ids(process.pid).values(), "the end of the old thread")
    assert connections() == 2, "the old thread leaves the new connection alone"


# --- the same without tracing: a call that blocks --------------------------------------------------------------------


class Asleep:
    """A device that does what it is told only when it is woken; `names`: the calls that sleep."""

    def __init__(self, device: Any, *names: str) -> None:
        self._device = device
        self.names = names
        self.began, self.wake = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        if name not in self.names:
            return getattr(self._device, name)

        def call(*values: object) -> object:
            self.began.set()
            self.wake.wait(60)
            return getattr(self._device, name)(*values)

        return call


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def test_a_board_thread_that_hangs_in_a_pulse_never_sends_it_when_it_wakes(tmp_path: Path) -> None:
    options = {"port": str(tmp_path / "relay"), "baud": 57600}
    said: list[object] = []
    boards: list[Asleep] = []

    def hear(fact: object) -> None:
        if not isinstance(fact, InputChanged):
            said.append(fact)

    def connect() -> Any:
        # Only the first one sleeps.
        boards.append(Asleep(open_board("modbus_relay", options), *([] if boards else ["pulse"])))
        return boards[-1]

    with RelayEmulator(tmp_path / "relay", baud=57600, wire_log=tmp_path / "wire.jsonl") as relay:
        old = BoardThread("main", connect, Wiring(frozenset(), ()), hear, mono_ms)
        old.start()
        wait_for(lambda: said, "the board")
        under_way = old.pulse(0, 0.5)
        assert boards[0].began.wait(10)
        waiting = old.pulse(1, 0.5)
        old.abandon()
        assert isinstance(under_way.exception(1), DeviceGoneError)
        assert isinstance(waiting.exception(1), DeviceGoneError)
        fresh = old.fresh()
        fresh.start()
        try:
            wait_for(lambda: len(said) == 2, "the fresh thread, while the old one sleeps")
            boards[0].wake.set()
            wait_for(lambda: old.heart.ended, "the end of the old thread")
            assert fresh.pulse(1, 0.5).result(5).confirmed
            assert relay.energised()[:2] == (False, True)
            assert said == [BoardBack("main"), BoardBack("main")]
        finally:
            fresh.stop()
        assert len(openings(tmp_path / "wire.jsonl")) == 1


def test_a_thermometer_thread_that_hangs_loses_its_port_to_the_fresh_one(tmp_path: Path) -> None:
    heard: list[tuple[threading.Thread, object]] = []
    devices: list[Asleep] = []

    class Ear:
        def reading(self, reading: object) -> None:
            heard.append((threading.current_thread(), reading))

        def down(self, code: str, detail: str) -> None:
            heard.append((threading.current_thread(), code))

    def connect() -> Any:
        devices.append(Asleep(reopening("gy9061x", {"port": str(tmp_path / "thermometer")})))
        return devices[-1]

    emulator = ThermometerEmulator("gy9061x", tmp_path / "thermometer", EmulatorSettings(seed=1))
    emulator.start()
    old = ThermometerThread("in", connect, cast(ThermometerEar, Ear()))
    old.start()
    try:
        wait_for(lambda: heard, "a reading")
        devices[0].names = ("read",)
        assert devices[0].began.wait(10)
        old.abandon()
        fresh = old.fresh()
        fresh.start()
        wait_for(lambda: heard[-1][0] is fresh._thread, "readings of the fresh thread")
        devices[0].wake.set()
        wait_for(lambda: old.heart.ended, "the end of the old thread")
        before = len(heard)
        wait_for(lambda: len(heard) > before + 5, "more readings")
        assert all(thread is fresh._thread and isinstance(what, Reading) for thread, what in heard[before:])
        fresh.stop()
    finally:
        emulator.stop()


def test_a_board_child_that_is_stopped_while_a_relay_is_on_is_ended_and_the_relay_falls(tmp_path: Path) -> None:
    said: list[object] = []
    with RelayEmulator(tmp_path / "relay", "lcus", wire_log=tmp_path / "wire.jsonl") as relay:
        connect = partial(open_board, "lcus", {"port": str(tmp_path / "relay")})
        thread = BoardThread("main", connect, Wiring(frozenset(), ()), said.append, mono_ms)
        thread.start()
        try:
            wait_for(lambda: BoardBack("main") in said, "the board")
            thread.pulse(0, 1.5).result(5)
            child = cast(Any, thread._board)._child
            os.kill(child.pid, signal.SIGSTOP)
            began_s = time.monotonic()
            wait_for(lambda: not relay.energised()[0], "the relay to fall")
            print(f"relay off {time.monotonic() - began_s:.1f} s after its child was stopped")
            wait_for(lambda: said.count(BoardBack("main")) == 2, "the board again")
            assert child.returncode == -signal.SIGKILL
            thread.pulse(0, 0.3).result(5)
        finally:
            thread.stop()
