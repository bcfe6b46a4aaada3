"""One connection to an MQTT broker, driven by the thread that owns it. Whatever fails, the connection is gone.

MQTT 5, a clean session, no reconnecting and nothing queued: an order that could not be handed over now is never handed
over later. The broker drops an order that it could not deliver within a second or two (message expiry, 3.3.2.3.3).
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from drivers.errors import DeviceGoneError, OptionError

_CONNECT_S: Final = 3.0
_LET_IN_S: Final = 3.0
_TAKEN_S: Final = 1.0
_EXPIRY_S: Final = 1
_KEEPALIVE_S: Final = 5
# The longest status of a relay with all its components is a few kB.
_MAX_PACKET_BYTES: Final = 65_536
_MAX_WAITING: Final = 200
_MAX_PASSWORD_BYTES: Final = 1024
# Reason code of PUBACK (3.4.2.1): nobody subscribes to the topic.
_NO_SUBSCRIBERS: Final = 0x10


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and who connects. The password stands in a file of its own, never in a gate file."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    user: str = ""
    password_file: str = ""

    def password(self) -> str | None:
        """Raises OptionError naming the file and what is wrong with it."""
        if not self.password_file:
            return None
        try:
            with Path(self.password_file).open("rb") as file:
                word = file.read(_MAX_PASSWORD_BYTES + 1)
            if len(word) > _MAX_PASSWORD_BYTES:
                raise OptionError(f"password_file {self.password_file} is longer than {_MAX_PASSWORD_BYTES} bytes")
            return word.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise OptionError(f"password_file {self.password_file} is not UTF-8 text") from error
        except OSError as error:
            raise OptionError(f"password_file {self.password_file} can't be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Message:
    """`retained`: the broker kept it from earlier; it says nothing about now."""

    topic: str
    payload: bytes
    retained: bool


class MqttPort:
    """An open connection, subscribed. One thread calls everything but `sever`.

    Raises DeviceGoneError, naming `device_name`, when the broker can't be reached, refuses or falls silent.
    """

    def __init__(
        self,
        broker: Broker,
        device_name: str,
        client_id: str,
        topics: Sequence[str],
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self._broker = broker
        self._name = device_name
        self._inbox: deque[Message] = deque(maxlen=_MAX_WAITING)
        self._answers: dict[int, ReasonCode] = {}
        self._let_in: ReasonCode | None = None
        self._subscribed: list[ReasonCode] | None = None
        self._ended = ""
        self._client = self._new_client(client_id, will)
        try:
            self._connect(topics)
        except (DeviceGoneError, OptionError):
            self.close()
            raise

    def pump(self, timeout_s: float) -> list[Message]:
        """What has come, as soon as there is anything, [] if nothing came in `timeout_s`."""
        self._turn(0.0 if self._inbox else timeout_s)
        messages = list(self._inbox)
        self._inbox.clear()
        return messages

    def send_once(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Hand one message to the broker and see it taken (QoS 1). Never sent again, never kept for later.

        Raises DeviceGoneError also when nobody listens to `topic`. If the broker does not answer, it may be on its way.
        """
        expiry = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if not retain:
            expiry.MessageExpiryInterval = _EXPIRY_S
        handed = self._client.publish(topic, payload, qos=1, retain=retain, properties=expiry)
        if handed.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._gone(f"the broker does not take {topic}")
        until_s = time.monotonic() + _TAKEN_S
        while handed.mid not in self._answers:
            if time.monotonic() >= until_s:
                raise self._gone(f"the broker does not say whether it has {topic}")
            self._turn(until_s - time.monotonic())
        reason = self._answers.pop(handed.mid)
        if reason.value == _NO_SUBSCRIBERS and not retain:
            raise self._gone(f"nobody listens to {topic}: is the device connected, and its name right?")
        if reason.is_failure:
            raise self._gone(f"the broker refused {topic}: {reason}; does its list of rights allow this user to write?")

    def close(self) -> None:
        """Say goodbye and release the connection. May be called twice."""
        self._ended = self._ended or "it was closed"
        # A broker that went first has nothing to be told.
        with contextlib.suppress(OSError, ValueError):
            self._client.disconnect()
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            sock.close()

    def sever(self) -> None:
        """Take the connection from a thread that hangs in it. From any thread; never waits."""
        self._ended = "it was given up"
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            # The other end may have been faster.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _new_client(self, client_id: str, will: tuple[str, bytes] | None) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5, reconnect_on_failure=False)
        client.connect_timeout = _CONNECT_S
        client.max_queued_messages_set(1)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password())
        if will is not None:
            client.will_set(will[0], will[1], qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _connect(self, topics: Sequence[str]) -> None:
        limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        limits.MaximumPacketSize = _MAX_PACKET_BYTES
        broker = self._broker
        try:
            self._client.connect(broker.host, broker.port, _KEEPALIVE_S, clean_start=True, properties=limits)
        except (OSError, ValueError) as error:
            raise self._gone(f"the broker can't be reached: {error}") from error
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            # An order is a few bytes: they must not wait for the acknowledgement of those before.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until_s = time.monotonic() + _LET_IN_S
        while self._let_in is None:
            self._turn_until(until_s, "does not answer")
        if not topics:
            return
        self._client.subscribe([(topic, 1) for topic in topics])
        while self._subscribed is None:
            self._turn_until(until_s, "does not answer a subscription")
        if any(reason.is_failure for reason in self._subscribed):
            raise self._gone(f"the broker does not allow reading {', '.join(topics)}; look at its list of rights")

    def _turn_until(self, until_s: float, what: str) -> None:
        if time.monotonic() >= until_s:
            raise self._gone(f"the broker {what}")
        self._turn(until_s - time.monotonic())

    def _turn(self, timeout_s: float) -> None:
        """One look at the socket, at most `timeout_s` long."""
        client = self._client
        sock = client.socket()
        try:
            if isinstance(sock, socket.socket) and not self._ended:
                writing = [sock] if client.want_write() else []
                readable, writable, _ = select.select([sock], writing, [], max(0.0, timeout_s))
                if readable:
                    client.loop_read()
                if writable:
                    client.loop_write()
                client.loop_misc()
        except (OSError, ValueError) as error:
            raise self._gone(f"the connection to the broker broke: {error}") from error
        if self._let_in is not None and self._let_in.is_failure:
            raise self._gone(f"the broker refused: {self._let_in}; look at user and password_file")
        if self._ended or client.socket() is None:
            raise self._gone(f"the connection to the broker has ended: {self._ended or 'lost'}")

    def _gone(self, why: str) -> DeviceGoneError:
        return DeviceGoneError(self._name, f"{why} ({self._broker.host}:{self._broker.port})")

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        self._let_in = reason

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _more: Properties | None
    ) -> None:
        self._subscribed = reasons

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _more: Properties | None) -> None:
        self._answers[mid] = reason

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._inbox.append(Message(message.topic, bytes(message.payload), bool(message.retain)))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        self._ended = self._ended or str(reason)
