"""A gate comes back with a long backlog: records a second from link up to stored, through mosquitto into the collector.

The gate is the product's own uplink over an outbox file on disk; broker and collector are real processes. Baseline in
the same run: the same messages from the same reader, packer and connection to a subscriber that stores nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import IO, Final

from bench.gate_side import enrolment_of, link_settings, runner_of
from bench.town import cpu_s, quiet_town, waited_s
from checkpoint import topics
from edge.clock import SystemClock
from edge.keys import load_key
from edge.mqtt import Acknowledged, Connected, LinkFact, MqttLink
from edge.outbox import Identity
from edge.outbox_reader import OutboxReader
from edge.uplink_messages import Packer
from firmware_config.schema import Enrolment
from tools.demo.processes import PLACES, Town
from tools.demo.street import wait
from tools.faults.backlog import make_backlog

_BATCH: Final = 500
_BATCH_BYTES: Final = 255 * 1024
_LIMIT_S: Final = 120.0


def run(records: int = 100_000, repeats: int = 3) -> dict[str, object]:
    """Records a second of product and baseline: medians, every single figure, and the ratio of the medians."""
    with quiet_town() as town:
        backlog = town.folder / "backlog.db"
        enrolment = _enrolment(town)
        identity = Identity(enrolment.gate, enrolment.grid, enrolment.tree_version)
        make_backlog(backlog, identity, records, 1, site=enrolment.site)
        town.start_broker()
        # Before the collector has ever been there: the broker would keep these messages for its session.
        bare = [_bare(town, backlog) for _ in range(repeats)]
        drains = [_drain(town, backlog, number) for number in range(repeats)]
    rates, bare_rates = [one["records_per_s"] for one in drains], [one["records_per_s"] for one in bare]
    return {
        "records": records,
        "records_per_s": statistics.median(rates),
        "each": rates,
        "bare_subscriber_records_per_s": statistics.median(bare_rates),
        "bare_each": bare_rates,
        "bare_over_product": round(statistics.median(bare_rates) / statistics.median(rates), 2),
        "bytes_per_record_on_the_wire": bare[0]["bytes_per_record"],
        **{name: statistics.median(one[name] for one in drains) for name in drains[0] if name != "records_per_s"},
    }


def _enrolment(town: Town) -> Enrolment:
    return enrolment_of(town.folder, PLACES[0].gate)


# --- the product ---------------------------------------------------------------------------------------------------


def _drain(town: Town, backlog: Path, number: int) -> dict[str, float]:
    """One drain into a collector that has nothing of this gate yet."""
    _fresh_collector(town, number)
    outbox = town.folder / "outbox.db"
    shutil.copyfile(backlog, outbox)
    reader = OutboxReader(outbox)
    total = reader.depth()
    clock = SystemClock(os.urandom(16), lambda _at_ms, _mono_ms: True)
    runner = runner_of(town.folder, _enrolment(town), reader, town.broker_port, clock)
    before, waited_before_s = _cpu(town), waited_s()
    begun_s = time.monotonic()
    runner.start()
    try:
        with closing(sqlite3.connect(f"file:{town.database}?mode=ro", uri=True)) as database:
            if not wait(lambda: _through(database) == total, _LIMIT_S):
                raise RuntimeError(
                    f"only {_through(database)} of {total} records were stored: {town.tail('collector')}"
                )
            seconds = time.monotonic() - begun_s
            stored = database.execute("SELECT count(*) FROM record").fetchone()[0]
    finally:
        runner.stop()
    if stored != total:
        raise RuntimeError(f"the collector says it has {total} records but holds {stored}")
    used_s = {name: after - before[name] for name, after in _cpu(town).items()}
    town.kill("collector")
    return {
        "records_per_s": round(total / seconds),
        **{f"{name}_cpu_us_per_record": round(one_s / total * 1e6, 1) for name, one_s in used_s.items()},
        "machine_short_of_cores": round((waited_s() - waited_before_s) / seconds, 2),
    }


def _through(database: sqlite3.Connection) -> int:
    """What the collector has committed of all epochs."""
    return int(database.execute("SELECT coalesce(sum(through), 0) FROM epoch").fetchone()[0])


def _cpu(town: Town) -> dict[str, float]:
    return {"collector": cpu_s(town.pid("collector")), "broker": cpu_s(town.pid("broker")), "gate": cpu_s(os.getpid())}


def _fresh_collector(town: Town, number: int) -> None:
    """Start the collector with its store as it was after set-up."""
    data, kept = town.database.parent, town.folder / "central" / "as-set-up"
    if number == 0:
        shutil.copytree(data, kept)
    else:
        shutil.rmtree(data)
        shutil.copytree(kept, data)
    (town.folder / "collector.log").write_bytes(b"")
    town.start_collector()
    if not wait(lambda: "broker_connected" in town.tail("collector", 100), 20.0):
        raise RuntimeError(f"the collector does not connect: {town.tail('collector')}")


# --- the baseline --------------------------------------------------------------------------------------------------


def _bare(town: Town, backlog: Path) -> dict[str, float]:
    """The same batches, packed and signed by the same code, to a process that only counts them."""
    topic = topics.records(_enrolment(town).gate)
    password = (town.folder / "broker" / "collector.password").read_text().strip()
    command = [sys.executable, "-m", "bench.bare_subscriber", str(town.broker_port), "collector", password, topic]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        words = _pipe(subscriber)
        if words.readline() != "ready\n":
            raise RuntimeError("the bare subscriber did not get ready")
        begun_s = time.monotonic()
        records, messages = _BarePublisher(town, backlog).publish(topic)
        said = json.loads(words.readline())
    if said["messages"] != messages:
        raise RuntimeError(f"{said['messages']} of {messages} messages arrived")
    return {
        "records_per_s": round(records / (said["end_s"] - begun_s)),
        "bytes_per_record": round(said["bytes"] / records),
    }


def _pipe(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdout is None:
        raise RuntimeError("no pipe")
    return process.stdout


class _BarePublisher:
    """The gate's reader, packer and connection without the protocol above them."""

    def __init__(self, town: Town, backlog: Path) -> None:
        enrolment = _enrolment(town)
        self._reader = OutboxReader(backlog)
        key = load_key(town.gate_folder(enrolment.gate) / "data" / "gate.key")
        self._packer = Packer(enrolment.gate, key, bytes(16), {})
        self._acknowledged = 0
        self._connected, self._room = threading.Event(), threading.Event()
        listen = (topics.watermark(enrolment.gate),)
        self._link = MqttLink(
            link_settings(enrolment, town.broker_port), listen, lambda: (topics.state(enrolment.gate), b""), self._heard
        )

    def publish(self, topic: str) -> tuple[int, int]:
        """Everything, then an empty message. Returns records and messages."""
        self._link.start()
        try:
            if not self._connected.wait(10):
                raise RuntimeError("the broker does not answer")
            counts = self._publish_all(topic)
            self._say(topic, b"")
            # The link's goodbye waits for nothing: the last message must be at the broker.
            wait(lambda: self._acknowledged > counts[1], 10)
            return counts
        finally:
            self._link.stop()
            self._reader.close()

    def _publish_all(self, topic: str) -> tuple[int, int]:
        records = messages = 0
        for state in self._reader.epochs():
            after = 0
            while run := self._reader.run(state.epoch, after, _BATCH, _BATCH_BYTES):
                self._say(topic, self._packer.batch(state.epoch, os.urandom(8), run))
                after, records, messages = run[-1].number, records + len(run), messages + 1
        return records, messages

    def _say(self, topic: str, payload: bytes) -> None:
        self._room.clear()
        while not self._link.publish(topic, payload, False):
            self._room.wait(1)
            self._room.clear()

    def _heard(self, fact: LinkFact) -> None:
        if isinstance(fact, Connected):
            self._connected.set()
        elif isinstance(fact, Acknowledged):
            self._acknowledged += 1
            self._room.set()
