"""The gate's connection to its broker: MQTT 5, QoS 1, nothing kept here. SQLite is the only queue.

Each connection is a new client of the library, so that nothing of an old one is sent again behind our back; connecting
again, with a pause that grows and varies, is done here. The broker's acknowledgements are shown, and count for nothing.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from checkpoint.wire import MAX_PACKET_BYTES
from webscreen.heart import Heart

_log = structlog.get_logger(__name__)

LinkWord = Literal["ok", "connecting", "broker_unreachable", "broker_refused", "collector_absent"]

# Unacknowledged messages at the broker, and as many more in the library: more is refused, and asked again later.
_WINDOW: Final = 20
# Reason codes of PUBACK (MQTT 5.0, section 3.4.2.1).
_NO_SUBSCRIBERS: Final = 0x10
_NOT_AUTHORIZED: Final = 0x87
_CONNECT_TIMEOUT_S: Final = 5.0
_CONNACK_TIMEOUT_S: Final = 10.0
_GOODBYE_S: Final = 1.0
# A name server that is gone is asked for half a minute before the call comes back.
_LINK_LIMIT_S: Final = 60.0
# The library's own thread turns once a second.
_NETWORK_LIMIT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Where the broker is and who connects. `pause_s`: least and most pause before connecting again."""

    host: str
    port: int
    client_id: str
    user: str
    password: str
    keepalive_s: int = 20
    pause_s: tuple[float, float] = (0.5, 5.0)


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker has let us in and the subscriptions are on their way."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended or did not come about; it is tried again by itself."""

    word: LinkWord
    detail: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker's word about message `mid` of this connection; `ok` says only that somebody subscribes to it."""

    mid: int
    word: LinkWord


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message from a subscribed topic. `retained`: it was kept by the broker and may be old."""

    topic: str
    payload: bytes
    retained: bool


LinkFact = Connected | Disconnected | Acknowledged | Arrived
Will = tuple[str, bytes]


class MqttLink:
    """`post` receives every fact, in the library's thread: it must not wait and must not raise."""

    def __init__(
        self,
        settings: LinkSettings,
        subscriptions: Sequence[str],
        will: Callable[[], Will],
        post: Callable[[LinkFact], None],
    ) -> None:
        self._settings = settings
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._will = will
        self._post = post
        self._client: Client | None = None
        self._up = False
        self._abandoned = False
        self._heart = Heart("mqtt-link", _LINK_LIMIT_S)
        self._network: Heart | None = None
        self._ended = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def hearts(self) -> tuple[Heart, ...]:
        """Of this thread, and of the library's while there is a connection."""
        network = self._network
        return (self._heart,) if network is None else (self._heart, network)

    def abandon(self) -> None:
        """Give both threads up, from the supervisor's. Whenever they wake, nobody hears them, and they end."""
        self._abandoned = True
        self._stopping.set()
        self._ended.set()
        client = self._client
        if client is not None:
            _shut(client)

    def stop(self) -> None:
        """Say goodbye, so that the broker publishes the last will at once, and end the thread."""
        self._stopping.set()
        client = self._client
        if client is not None and self._up:
            reason = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
            client.disconnect(reason)
            self._ended.wait(_GOODBYE_S)
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_CONNECT_TIMEOUT_S + _GOODBYE_S)

    def publish(self, topic: str, payload: bytes, retain: bool) -> int:
        """Hand one message to the connection. Returns its id there, to be acknowledged by the broker; 0 if there is no
        connection or its window is full: nothing is kept then."""
        client = self._client
        if client is None or not self._up:
            return 0
        handed = client.publish(topic, payload, qos=1, retain=retain)
        return handed.mid if handed.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else 0

    def _run(self) -> None:
        self._heart.begin()
        least_s, most_s = self._settings.pause_s
        pause_s = least_s
        while not self._stopping.is_set():
            try:
                was_up = self._one_connection()
            except Exception:
                # The outermost loop of this thread: whatever the library did, we connect again.
                _log.exception("mqtt_link_failed")
                was_up = False
            pause_s = least_s if was_up else min(2 * pause_s, most_s)
            # Hundreds of gates lose the same broker at once: none comes back at the same moment as another.
            self._stopping.wait(random.uniform(least_s, pause_s) if was_up else random.uniform(pause_s / 2, pause_s))
        self._heart.end()

    def _one_connection(self) -> bool:
        """From connecting to the end. Returns whether the broker had let us in."""
        self._heart.beat()
        self._ended.clear()
        client = self._new_client()
        settings = self._settings
        try:
            client.connect(
                settings.host, settings.port, settings.keepalive_s, clean_start=True, properties=_connect_properties()
            )
        except (OSError, ValueError) as error:
            self._tell(Disconnected("broker_unreachable", str(error)))
            return False
        self._client = client
        self._network = client.heart
        client.loop_start()
        try:
            return self._wait_for_the_end()
        finally:
            was_up, self._up, self._client = self._up, False, None
            _sever(client)
            self._network = None
            if was_up:
                self._tell(Disconnected("connecting", "connection lost"))

    def _wait_for_the_end(self) -> bool:
        begun_s = time.monotonic()
        while not self._ended.wait(0.2):
            self._heart.beat()
            if self._stopping.is_set():
                break
            if not self._up and time.monotonic() - begun_s > _CONNACK_TIMEOUT_S:
                self._tell(Disconnected("broker_unreachable", "the broker does not answer"))
                break
        return self._up

    def _tell(self, fact: LinkFact) -> None:
        if not self._abandoned:
            self._post(fact)

    def _new_client(self) -> _BeatingClient:
        client = _BeatingClient(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            protocol=MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.username_pw_set(self._settings.user, self._settings.password)
        client.max_inflight_messages_set(_WINDOW)
        client.max_queued_messages_set(2 * _WINDOW)
        topic, payload = self._will()
        client.will_set(topic, payload, qos=1, retain=True)
        client.on_connect = self._noticed(self._on_connect)
        client.on_disconnect = self._noticed(self._on_disconnect)
        client.on_message = self._noticed(self._on_message)
        client.on_publish = self._noticed(self._on_publish)
        return client

    def _noticed(self, callback: Callable[..., None]) -> Callable[..., None]:
        """An exception in a callback would end the library's thread while it still seems connected."""

        def guarded(*values: Any) -> None:
            try:
                callback(*values)
            except Exception:
                # See above; the connection ends instead, and a new one is made.
                _log.exception("mqtt_callback_failed", callback=callback.__name__)
                self._ended.set()

        return guarded

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._tell(Disconnected("broker_refused", str(reason)))
            self._ended.set()
            return
        client.subscribe(self._subscriptions)
        self._up = True
        self._tell(Connected())

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._ended.set()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._tell(Arrived(message.topic, bytes(message.payload), bool(message.retain)))

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._tell(Acknowledged(mid, _word_of(reason.value)))


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    # A broker keeps to itself what is larger (MQTT 5.0, section 3.1.2.11.4): one that was retained would come for ever.
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties


class _BeatingClient(Client):
    """One connection's client, whose thread says that it lives."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self.heart = Heart("mqtt-network", _NETWORK_LIMIT_S)
        super().__init__(*values, **named)

    def loop_misc(self) -> MQTTErrorCode:
        """The library's thread calls this at the end of each of its turns."""
        if self.heart.beats:
            self.heart.beat()
        else:
            self.heart.begin()
        return super().loop_misc()

    def _sock_recv(self, bufsize: int) -> bytes:
        """The library takes a packet of 256 MiB, and asks for all of what it says of its length at once."""
        if bufsize > MAX_PACKET_BYTES:
            raise ConnectionAbortedError(f"a packet of {bufsize} bytes; the limit is {MAX_PACKET_BYTES}")
        return super()._sock_recv(bufsize)


def _word_of(code: int) -> LinkWord:
    if code == _NO_SUBSCRIBERS:
        return "collector_absent"
    return "broker_refused" if code >= _NOT_AUTHORIZED else "ok"


def _sever(client: Client) -> None:
    """End the library's thread even if the broker is silent: its own `loop_stop` would wait for acknowledgements."""
    _shut(client)
    client.loop_stop()


def _shut(client: Client) -> None:
    sock = client.socket()
    if isinstance(sock, socket.socket):
        # The other end may have been faster.
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
