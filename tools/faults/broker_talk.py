"""Anybody with a broker password: hears topics as raw bytes, and says what no product would."""

from __future__ import annotations

import threading

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tools.demo.processes import SetupError

_CONNECT_S = 10.0


class BrokerTalk:
    """Connected on return. `close` it."""

    def __init__(self, port: int, user: str, password: str, listen: tuple[str, ...] = ()) -> None:
        self._heard: dict[str, list[bytes]] = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"talk-{user}", protocol=MQTTv5)
        self._client.username_pw_set(user, password)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: (
            client.subscribe([(topic, 1) for topic in listen]) if listen else self._ready.set()
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not self._ready.wait(_CONNECT_S):
            raise SetupError(f"the broker on port {port} does not let {user} in")

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(_CONNECT_S)

    def heard(self, topic: str) -> list[bytes]:
        with self._lock:
            return list(self._heard.get(topic, ()))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._lock:
            self._heard.setdefault(message.topic, []).append(bytes(message.payload))
