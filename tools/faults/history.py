"""What subscribers of the collector got and when: the outside view of alarms, passages and sums."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

_TOPICS: Final = ("guankou/1/escalation/#", "guankou/1/passage/#", "guankou/1/summary/#")


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as a subscriber got it. `body` is None for an empty payload: what was retained is over."""

    at_ms: int
    topic: str
    retained: bool
    body: dict[str, Any] | None


@dataclass(slots=True)
class Case:
    """One escalation topic: when its case opened and closed, and how often it did either."""

    topic: str
    gate: str
    name: str
    late: bool
    opened_ms: int
    closed_ms: int | None = None
    times_opened: int = 1


class History:
    """A subscriber that connects again by itself and forgets nothing."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._lock = threading.Lock()
        self._heard: list[Heard] = []
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="history", protocol=MQTTv5)
        self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in _TOPICS])
        self._client.on_message = self._take
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def heard(self) -> list[Heard]:
        with self._lock:
            return list(self._heard)

    def cases(self, gate: str) -> list[Case]:
        """The cases of one gate, in the order in which they were told."""
        found: dict[str, Case] = {}
        for item in self.heard:
            case = found.get(item.topic)
            if item.body is None:
                if case is not None and case.closed_ms is None:
                    case.closed_ms = item.at_ms
            elif item.body.get("schema", "").startswith("guankou/escalation/") and item.body["gate"] == gate:
                if case is None:
                    found[item.topic] = Case(item.topic, gate, item.body["name"], item.body["late"], item.at_ms)
                elif case.closed_ms is not None:
                    case.closed_ms = None
                    case.times_opened += 1
        return list(found.values())

    def _take(self, client: Client, _data: object, message: MQTTMessage) -> None:
        body = json.loads(message.payload) if message.payload else None
        with self._lock:
            self._heard.append(Heard(time.time_ns() // 1_000_000, message.topic, message.retain, body))
