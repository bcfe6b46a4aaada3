"""Programs at the broker beside the product's own: with a gate's credential, the collector's or a subscriber's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Final

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tools.demo.processes import SetupError, Town
from tools.demo.street import wait
from tools.demo.subscriber import password_of

_ANSWER_S: Final = 20.0
_AT_ONCE: Final = 20


class Peer:
    """One connection under another client id than the product's, so that it throws nobody out."""

    def __init__(self, town: Town, user: str, password: str, topic: str = "") -> None:
        self.got: dict[str, bytes] = {}
        """The last payload by topic; an empty one ends it."""
        self._topic = topic
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"peer-{os.urandom(4).hex()}", protocol=MQTTv5)
        self._client.username_pw_set(user, password)
        self._client.max_inflight_messages_set(_AT_ONCE)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1) if topic else self._ready.set()
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", town.broker_port)
        self._client.loop_start()
        if not self._ready.wait(_ANSWER_S):
            raise SetupError(f"the broker does not answer {user}")

    def publish(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        """Hand all over, and wait until the broker has them."""
        for info in [self._client.publish(topic, payload, qos=1, retain=retain) for payload in payloads]:
            info.wait_for_publish(_ANSWER_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.payload:
            self.got[message.topic] = bytes(message.payload)
        else:
            self.got.pop(message.topic, None)


def as_gate(town: Town, gate: str, topic: str = "") -> Peer:
    enrolment = json.loads((town.gate_folder(gate) / "enrolment.json").read_text())
    return Peer(town, enrolment["broker_user"], enrolment["broker_password"], topic)


def as_collector(town: Town, topic: str = "") -> Peer:
    password = (town.folder / "broker" / "collector.password").read_text().strip()
    return Peer(town, "collector", password, topic)


def as_subscriber(town: Town, topic: str) -> Peer:
    return Peer(town, "subscriber", password_of(town.folder / "broker"), topic)


def retained(peer: Peer, wait_s: float = 1.0) -> dict[str, bytes]:
    """What a client that comes anew is given, by topic; closes it."""
    before = -1
    while before != len(peer.got):
        before = len(peer.got)
        time.sleep(wait_s)
    peer.close()
    return dict(peer.got)


class Consumer:
    """A program of its own that reads passages and sums at QoS 1 in a session that outlives it (mosquitto_sub)."""

    def __init__(self, town: Town, name: str, folder: Path) -> None:
        self._file = folder / f"{name}.lines"
        self._command = [
            "stdbuf", "-oL", "mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(town.broker_port), "-i", name,
            "-c", "-x", "3600", "-q", "1", "-k", "600", "-u", "subscriber", "-P", password_of(town.folder / "broker"),
            "-t", "guankou/1/passage/#", "-t", "guankou/1/summary/#", "-F", "%t %p",
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        with self._file.open("ab") as lines:
            self._process = subprocess.Popen(self._command, stdout=lines, stderr=subprocess.DEVNULL)

    def stand_still(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def ready(self) -> bool:
        """It has been given the retained sums."""
        return bool(self.versions())

    def passages(self) -> list[str]:
        """The ids of the events that it got, in their order."""
        return [body["id"] for topic, body in self._lines() if "/passage/" in topic]

    def versions(self) -> dict[str, list[int]]:
        """The versions of the sums that it got, by topic."""
        found: dict[str, list[int]] = {}
        for topic, body in self._lines():
            if "/summary/" in topic:
                found.setdefault(topic, []).append(body["version"])
        return found

    def _lines(self) -> list[tuple[str, dict]]:  # type: ignore[type-arg]
        found = []
        for line in self._file.read_text().splitlines(keepends=True):
            topic, _, body = line.partition(" ")
            # The last one may still be on its way.
            if line.endswith("\n"):
                found.append((topic, json.loads(body)))
        return found


def wait_ready(consumer: Consumer) -> bool:
    return wait(lambda: consumer.ready, _ANSWER_S)
