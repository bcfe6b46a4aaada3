"""Whoever stands in for the broker says that a message of 256 MiB is coming: neither end makes room for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from central.mqtt import Link
from checkpoint.wire import MAX_PACKET_BYTES
from edge.mqtt import LinkSettings, MqttLink
from tests.waiting import wait_for

_CONNACK: Final = bytes([0x20, 3, 0, 0, 0])
# PUBLISH with the longest length there is (MQTT 5.0, section 1.5.5), topic `a`, no properties.
_HUGE: Final = bytes([0x30, 0xFF, 0xFF, 0xFF, 0x7F]) + b"\0\1a\0"
_PIECE: Final = bytes(65536)
_LIMIT_S: Final = 10
# Property 39, Maximum Packet Size (section 3.1.2.11.4).
_MAXIMUM: Final = b"\x27" + MAX_PACKET_BYTES.to_bytes(4)


class _FalseBroker:
    """Lets everybody in and sends the beginning of a huge message; `given` bytes of it were taken."""

    def __init__(self) -> None:
        self.heard = b""
        self.given = 0
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LIMIT_S)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        line, _ = self._listener.accept()
        with line:
            line.settimeout(_LIMIT_S)
            self.heard = line.recv(4096)
            try:
                line.sendall(_CONNACK + _HUGE)
                while self.given < 64 * MAX_PACKET_BYTES:
                    line.sendall(_PIECE)
                    self.given += len(_PIECE)
            except OSError:
                self.ended.set()

    def close(self) -> None:
        self._thread.join(3 * _LIMIT_S)
        self._listener.close()


@pytest.fixture
def broker() -> Iterator[_FalseBroker]:
    broker = _FalseBroker()
    yield broker
    broker.close()


def _gate(port: int) -> tuple[Callable[[], None], Callable[[], None]]:
    settings = LinkSettings("127.0.0.1", port, "gate-7", "gate-7", "secret", pause_s=(60, 60))
    link = MqttLink(settings, ["x"], lambda: ("w", b""), lambda _: None)
    return link.start, link.stop


def _collector(port: int) -> tuple[Callable[[], None], Callable[[], None]]:
    link = Link("collector", "collector", "secret", ["x"], lambda *_: None)
    return lambda: link.start("127.0.0.1", port), link.stop


@pytest.mark.parametrize("end", [_gate, _collector])
def test_the_connection_ends_before_a_huge_message_is_in_memory(
    broker: _FalseBroker, end: Callable[..., object]
) -> None:
    start, stop = end(broker.port)  # type: ignore[misc]
    start()
    try:
        wait_for(broker.ended.is_set, _LIMIT_S)
        # What the two machines' buffers hold, and no more.
        assert broker.given < 32 * MAX_PACKET_BYTES
        assert _MAXIMUM in broker.heard
    finally:
        stop()


def test_the_brokers_own_configuration_has_the_same_limit() -> None:
    from firmware_config.broker_files import conf_text

    assert f"\nmax_packet_size {MAX_PACKET_BYTES}\n" in conf_text("/etc/mosquitto", 1883)
