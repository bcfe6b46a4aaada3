"""The uplink's thread over a real broker: draining, broken connections, and what the screen is told meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from checkpoint import topics, wire
from edge.clock import SystemClock
from edge.mqtt import LinkSettings
from edge.outbox import Outbox
from edge.outbox_reader import OutboxReader
from edge.uplink import Settings, UplinkCore
from edge.uplink_runner import (
    CommandArrived,
    Delivered,
    DocumentArrived,
    RetainedCommand,
    UplinkRunner,
    subscriptions,
)
from tests.edge.broker import Broker, free_port
from tests.edge.model_collector import COLLECTOR_KEY, GATE_KEY, ModelCollector
from tests.edge.outbox_samples import IDENTITY, note
from tests.edge.uplink_rig import KEYS
from tests.waiting import wait_for

LIMIT_S = 15


class Gate:
    """Outbox and uplink thread with short times."""

    def __init__(self, folder: Path, port: int, password: str = "secret") -> None:
        self.clock = SystemClock(bytes(16), lambda _at, _mono: True)
        self.outbox = Outbox.open(folder / "outbox.db", IDENTITY, self.clock, "0.1.0", "start", 1)
        self.reader = OutboxReader(self.outbox.path)
        self.facts: list[Delivered] = []
        settings = Settings("gate-7", heartbeat_ms=300, reask_ms=300, reask_most_ms=1_000, ask_soon_ms=50)
        core = UplinkCore(settings, KEYS, self.reader, lambda: os.urandom(8), self.clock.boot_id, {})
        self.runner = UplinkRunner(
            "gate-7",
            core,
            self.reader,
            LinkSettings("127.0.0.1", port, "gate-7", "gate-7", password, 5, (0.05, 0.2)),
            subscriptions("gate-7", ("gate-7", "sunrise-garden", "grid-3")),
            self.clock,
            self.facts.append,
        )
        self.runner.start()

    def record(self, count: int) -> None:
        for _ in range(count):
            self.outbox.append("note", note("y" * 200), self.clock.now())
            self.runner.wake()

    def word(self) -> str:
        return self.runner.word(self.clock.now())

    def stop(self) -> None:
        self.runner.stop()
        self.outbox.close("stopped")


class Collector:
    """The model behind a real client."""

    def __init__(self, port: int, user: str = "", password: str = "") -> None:
        self.model = ModelCollector("gate-7", GATE_KEY.public_key(), COLLECTOR_KEY)
        self.model.now_ms = time.time_ns() // 1_000_000
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="collector", protocol=MQTTv5)
        if user:
            self.client.username_pw_set(user, password)
        self.client.on_message = self._take
        self.client.on_connect = lambda client, *_: client.subscribe("guankou/1/gate/+/+", 1)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _take(self, client: Client, _data: object, message: MQTTMessage) -> None:
        kind = message.topic.rsplit("/", 1)[1]
        if kind in ("records", "alarm", "state") and not message.retain:
            for answer in self.model.receive(kind, bytes(message.payload)):
                client.publish(topics.watermark("gate-7"), answer, qos=1)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.kill()


@pytest.fixture
def gate(tmp_path: Path, broker: Broker) -> Iterator[Gate]:
    gate = Gate(tmp_path, broker.port)
    yield gate
    gate.stop()


@pytest.fixture
def collector(broker: Broker) -> Iterator[Collector]:
    collector = Collector(broker.port)
    yield collector
    collector.stop()


def drained(gate: Gate, collector: Collector) -> None:
    wait_for(lambda: gate.runner.depth == 0, "an empty outbox")
    store = collector.model.epochs[gate.outbox.epoch]
    assert store.through == gate.outbox.last


def test_everything_drains_and_the_screen_says_ok(gate: Gate, collector: Collector) -> None:
    gate.record(1500)
    wait_for(lambda: gate.runner.depth > 0 or gate.word() == "ok", "a first turn")
    drained(gate, collector)
    assert gate.word() == "ok"
    age_s = gate.runner.age_s(gate.clock.now())
    assert age_s is not None
    assert age_s < LIMIT_S


def test_a_killed_broker_costs_nothing_but_time(gate: Gate, collector: Collector, broker: Broker) -> None:
    gate.record(100)
    wait_for(lambda: gate.word() == "ok", "an answer")
    broker.kill()
    gate.record(100)
    wait_for(lambda: gate.word() == "broker_unreachable", "the screen to say so")
    broker.start()
    gate.record(100)
    wait_for(lambda: collector.model.epochs.get(gate.outbox.epoch) is not None, "a collector")
    wait_for(lambda: gate.outbox.last == collector.model.epochs[gate.outbox.epoch].through, "everything stored")
    drained(gate, collector)


def test_a_broker_without_a_collector_is_named_and_moves_no_watermark(gate: Gate) -> None:
    gate.record(3)
    wait_for(lambda: gate.word() == "collector_absent", "the screen to say so")
    wait_for(lambda: gate.runner.depth == 4, "a turn that counts all four")


def test_a_broker_that_does_not_know_us_is_named(tmp_path: Path) -> None:
    broker = Broker(tmp_path, {"gate-7": "another"})
    gate = Gate(tmp_path, broker.port)
    wait_for(lambda: gate.word() == "broker_refused", "the screen to say so")
    gate.stop()
    broker.kill()


def test_topics_that_are_not_allowed_are_named(tmp_path: Path) -> None:
    broker = Broker(tmp_path, {"gate-7": "secret"}, "user gate-7\ntopic read #\n")
    gate = Gate(tmp_path, broker.port)
    wait_for(lambda: gate.word() == "broker_refused", "the screen to say so")
    wait_for(lambda: gate.runner.depth == 1, "a turn that counts the record")
    gate.stop()
    broker.kill()


def test_records_that_are_refused_are_named_though_the_collector_answers(tmp_path: Path) -> None:
    rights = "topic read guankou/1/gate/gate-7/watermark\ntopic write guankou/1/gate/gate-7/state\n"
    passwords = {"gate-7": "secret", "collector": "secret"}
    broker = Broker(tmp_path, passwords, f"user gate-7\n{rights}user collector\ntopic #\n")
    collector, gate = Collector(broker.port, "collector", "secret"), Gate(tmp_path, broker.port)
    wait_for(lambda: gate.runner.age_s(gate.clock.now()) is not None, "an answer")
    wait_for(lambda: gate.word() == "broker_refused", "the screen to say so")
    collector.stop()
    gate.stop()
    broker.kill()


def test_a_broker_that_stands_still_is_named_by_the_age_of_the_answers(
    gate: Gate, collector: Collector, broker: Broker
) -> None:
    wait_for(lambda: gate.word() == "ok", "an answer")
    answered_s = time.monotonic()
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: gate.word() == "collector_absent", "the screen to say so")
        # Three heartbeats of 0.3 s; the connection itself would be given up after twice the keepalive of 5 s.
        assert time.monotonic() - answered_s < 5
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    wait_for(lambda: gate.word() == "ok", "an answer again")


def test_no_broker_at_all_is_named_and_stopping_is_quick(tmp_path: Path) -> None:
    gate = Gate(tmp_path, free_port())
    wait_for(lambda: gate.word() == "broker_unreachable", "the screen to say so")
    begun_s = time.monotonic()
    gate.stop()
    assert time.monotonic() - begun_s < 5


def test_an_alarm_copy_goes_out_at_once(gate: Gate, collector: Collector) -> None:
    wait_for(lambda: gate.word() == "ok", "an answer")
    stored = gate.outbox.append("note", note("alarm"), gate.clock.now())
    gate.runner.copy(stored.epoch, stored.number)
    wait_for(lambda: (stored.epoch, stored.number) in collector.model.alarms, "the copy")


def test_a_retained_command_is_refused_and_a_live_one_delivered(broker: Broker, tmp_path: Path) -> None:
    sender = Collector(broker.port)
    sender.client.publish(topics.command("gate-7"), b"old", qos=1, retain=True).wait_for_publish(LIMIT_S)
    gate = Gate(tmp_path, broker.port)
    wait_for(lambda: RetainedCommand() in gate.facts, "the refusal")
    sender.client.publish(topics.command("gate-7"), b"new", qos=1)
    wait_for(lambda: CommandArrived(b"new") in gate.facts, "the command")
    assert CommandArrived(b"old") not in gate.facts
    gate.stop()
    sender.stop()


def test_documents_of_every_place_are_delivered(gate: Gate, collector: Collector) -> None:
    for place in ("gate-7", "sunrise-garden", "grid-3"):
        collector.client.publish(topics.document(place, "policy"), place.encode(), qos=1, retain=True)
    wanted = {DocumentArrived(topics.document(p, "policy"), p.encode()) for p in ("gate-7", "sunrise-garden", "grid-3")}
    wait_for(lambda: wanted <= {fact for fact in gate.facts if isinstance(fact, DocumentArrived)}, "three documents")


@pytest.mark.parametrize("politely", [True, False])
def test_the_last_will_says_offline_for_a_gate_that_is_gone(tmp_path: Path, broker: Broker, politely: bool) -> None:
    gate = Gate(tmp_path, broker.port)
    seen: list[wire.Hello] = []
    gone = threading.Event()

    def take(_client: Client, _data: object, message: MQTTMessage) -> None:
        seen.append(wire.unpack_hello(bytes(message.payload), GATE_KEY.public_key()))
        if not seen[-1].online:
            gone.set()

    listener = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    listener.on_message = take
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe(topics.state("gate-7"), 1)
    listener.loop_start()
    wait_for(lambda: any(hello.online for hello in seen), "a heartbeat")
    if politely:
        gate.stop()
    else:
        client = gate.runner._link._client
        assert client is not None
        sock = client.socket()
        assert sock is not None
        sock.close()  # as a pulled cable would in the end
    assert gone.wait(LIMIT_S)
    listener.disconnect()
    listener.loop_stop()
    if not politely:
        gate.stop()
