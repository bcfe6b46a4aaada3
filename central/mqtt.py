"""The one place that speaks MQTT: version 5, QoS 1, a window of our own; callbacks never raise into the library."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from checkpoint.wire import MAX_PACKET_BYTES
from webscreen.heart import Heart

_SESSION_EXPIRY_S: Final = 7 * 86_400
# As many messages as may wait for their transaction: the broker keeps the rest.
RECEIVE_MAXIMUM: Final = 64
_KEEPALIVE_S: Final = 20
_CONFIRM_S: Final = 10.0
_SLICE_S: Final = 0.2
_INFLIGHT: Final = 100
# The library's thread turns once a second; while it connects it may pause for half a minute, and ask a name server that
# is gone for as long.
_TURN_LIMIT_S: Final = 30.0
_CONNECT_LIMIT_S: Final = 120.0

_log = structlog.get_logger()

# (topic, payload, whether the broker had kept it, call when the message is done with)
Handler = Callable[[str, bytes, bool, Callable[[], None]], None]


class Link:
    """The collector's connection. It connects again by itself; `on_message` runs in the network thread."""

    def __init__(
        self, client_id: str, user: str, password: str, subscriptions: Sequence[str], handler: Handler
    ) -> None:
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._handler = handler
        self.connected = threading.Event()
        # Set when the broker knew nothing of us: what it retained may be lost as well.
        self.fresh = threading.Event()
        self.heart = Heart("mqtt-network", _TURN_LIMIT_S)
        self._client = _BeatingClient(
            self.heart, CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5, manual_ack=True
        )
        if user:
            self._client.username_pw_set(user, password)
        self._client.max_inflight_messages_set(_INFLIGHT)
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        self._client.on_pre_connect = self._before_connecting
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    def start(self, host: str, port: int) -> None:
        """Begin to connect; a broker that is not there yet is tried again."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        # A broker keeps to itself what is larger (MQTT 5.0, section 3.1.2.11.4).
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        # Keep the session's queue over restarts; the library's default would throw it away.
        self._client.connect_async(host, port, keepalive=_KEEPALIVE_S, clean_start=False, properties=properties)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> Callable[[], bool]:
        """Hand a message over at QoS 1; the result waits for the broker's word and says whether it came."""
        info = self._client.publish(topic, payload, qos=1, retain=retain)

        deadline_s = time.monotonic() + _CONFIRM_S

        def confirmed() -> bool:
            try:
                while not info.is_published() and self.connected.is_set() and time.monotonic() < deadline_s:
                    info.wait_for_publish(_SLICE_S)
                return info.is_published()
            except (ValueError, RuntimeError):
                # The library's own queue is full, or it was not connected: the message stays due.
                return False

        return confirmed

    def answer(self, topic: str, payload: bytes) -> None:
        """Send without waiting: an answer that gets lost is asked for again."""
        if self.connected.is_set():
            self._client.publish(topic, payload, qos=1)

    def quiet(self) -> None:
        """Nobody waits for the broker any more."""
        self.connected.clear()

    def stop(self) -> None:
        """Say goodbye to the broker and end the network thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _before_connecting(self, client: Client, userdata: Any) -> None:
        if not self.heart.beats:
            self.heart.begin()
        self.heart.beat(_CONNECT_LIMIT_S)

    def _on_connect(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            _log.error("broker_refused", reason=str(reason))
            return
        client.subscribe(self._subscriptions)
        if not flags.session_present:
            self.fresh.set()
        self.connected.set()
        _log.info("broker_connected", session_present=flags.session_present)

    def _on_disconnect(
        self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self.connected.clear()
        self.heart.beat(_CONNECT_LIMIT_S)
        _log.warning("broker_disconnected", reason=str(reason))

    def _on_publish(
        self, client: Client, userdata: Any, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            # Shown, and nothing more: correctness never rests on the broker's word.
            _log.warning("publish_refused", reason=str(reason))

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        def done() -> None:
            client.ack(message.mid, message.qos)

        try:
            self._handler(message.topic, bytes(message.payload), message.retain, done)
        except Exception:
            # An exception here would end the library's thread while it still claims to be connected.
            _log.exception("message_failed", topic=message.topic, size=len(message.payload))


class _BeatingClient(Client):
    """The library's client, whose thread says that it lives."""

    def __init__(self, heart: Heart, *values: Any, **named: Any) -> None:
        self._heart = heart
        super().__init__(*values, **named)

    def loop_misc(self) -> MQTTErrorCode:
        """The library's thread calls this at the end of each of its turns."""
        self._heart.beat()
        return super().loop_misc()

    def _sock_recv(self, bufsize: int) -> bytes:
        """The library takes a packet of 256 MiB, and asks for all of what it says of its length at once."""
        if bufsize > MAX_PACKET_BYTES:
            raise ConnectionAbortedError(f"a packet of {bufsize} bytes; the limit is {MAX_PACKET_BYTES}")
        return super()._sock_recv(bufsize)
