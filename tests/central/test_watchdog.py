"""The collector's watchdog: what systemd is told, and that a collector of which a part hangs ends by itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from central.keys import make_keys
from checkpoint import topics
from tests.edge.broker import Broker
from tests.edge.gate_process import ROOT
from tests.notify_socket import NotifySocket, needs_ptrace
from tests.waiting import wait_for
from tools.faults.hang import has_ended, hung, thread_ids

pytestmark = pytest.mark.end_to_end
WATCHDOG_S = 4.0
# The real program, with a shorter patience.
LIMIT_S = 5.0
PROGRAM = f"""
from central import cli, daemon, mqtt
daemon._LIMIT_S, mqtt._TURN_LIMIT_S = {LIMIT_S}, {LIMIT_S - 2}
cli.main()
"""


class Collector:
    """The process, its broker, and the socket that it reports to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.systemd = NotifySocket(folder / "notify")
        self.broker = Broker(folder)
        make_keys(folder / "keys")
        shutil.copyfile(ROOT / "tools" / "demo" / "tree.toml", folder / "tree.toml")
        file = folder / "collector.toml"
        file.write_text(
            '[collector]\ndata_dir = "data"\ntree = "tree.toml"\n'
            f"[broker]\nport = {self.broker.port}\n[screen]\nport = 0\n[resident]\nenabled = true\nport = 0\n"
        )
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "run", str(file)],
                cwd=ROOT, stderr=log, env={**os.environ, **self.systemd.environment(WATCHDOG_S)},
            )  # fmt: skip

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            self.broker.kill()
            self.systemd.close()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    collector = Collector(tmp_path)
    try:
        wait_for(lambda: "broker_connected" in collector.log, "a collector that is connected")
        wait_for(lambda: collector.systemd.said("READY=1"), "READY=1")
        yield collector
    finally:
        collector.close()


def test_systemd_is_told_of_life_and_of_the_end(collector: Collector) -> None:
    wait_for(lambda: len(collector.systemd.beats()) > 4, "WATCHDOG=1, again and again")
    assert thread_ids(collector.process.pid).keys() >= {"ingest", "publish", "mqtt-network", "operators", "resident"}
    collector.process.terminate()
    assert collector.process.wait(20) == 0
    assert collector.systemd.said("STOPPING=1")


@needs_ptrace
@pytest.mark.parametrize("name", ["ingest", "publish", "mqtt-network", "operators", "resident"])
def test_a_hung_thread_silences_the_watchdog_and_ends_the_process(collector: Collector, name: str) -> None:
    wait_for(lambda: collector.systemd.beats(), "life")
    pid = collector.process.pid
    began_s = time.monotonic()
    with hung(thread_ids(pid)[name]):
        wait_for(lambda: has_ended(pid), "the end of the process", 60)
        ended_s = time.monotonic() - began_s
    quiet_s = collector.systemd.beats()[-1] - began_s
    print(f"{name} hung: last WATCHDOG=1 after {quiet_s:.1f} s, process ended after {ended_s:.1f} s")
    assert collector.process.wait(10) == 4
    assert quiet_s < ended_s - 1.5
    assert f'"thread": "{name}"' in collector.log
    assert "\nThread 0x" in collector.log, "the stacks"


def test_work_without_a_pause_and_a_locked_database_are_no_hang(collector: Collector) -> None:
    sender = Client(CallbackAPIVersion.VERSION2, client_id="flood", protocol=MQTTv5)
    sender.connect("127.0.0.1", collector.broker.port)
    sender.loop_start()
    locker = sqlite3.connect(collector.folder / "data" / "central.db", isolation_level=None)
    began_s = time.monotonic()
    try:
        while time.monotonic() < began_s + 3 * LIMIT_S:
            locker.execute("BEGIN IMMEDIATE")
            for _ in range(200):
                sender.publish(topics.records("nobody"), b"junk", qos=1)
            time.sleep(0.3 * LIMIT_S)
            locker.execute("ROLLBACK")
            time.sleep(0.05 * LIMIT_S)
    finally:
        sender.disconnect()
        sender.loop_stop()
        locker.close()
    assert collector.process.poll() is None
    beats = len(collector.systemd.beats())
    wait_for(lambda: len(collector.systemd.beats()) > beats + 2, "WATCHDOG=1 goes on")
    assert "thread_hung" not in collector.log
