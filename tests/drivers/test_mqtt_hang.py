"""A broker that stands still under an order: what it has in its buffers when it wakes must open nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from drivers.barrier.models import shelly, tasmota
from drivers.emulators.catalogue import emulate
from drivers.errors import DeviceGoneError
from tests.waiting import wait_for

_MODELS: dict[str, tuple[Any, str]] = {"shelly": (shelly, "{topic}/rpc"), "tasmota": (tasmota, "cmnd/{topic}/+")}


@contextmanager
def listener(options: Any, topic: str) -> Iterator[list[bytes]]:
    """Somebody who hears, in time or later, what is sent to the board."""
    heard: list[bytes] = []
    subscribed: list[bool] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.on_connect = lambda one, *_: one.subscribe(topic.format(topic=options.topic), 1)
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    client.connect(options.host, options.port, keepalive=60)
    client.loop_start()
    try:
        wait_for(lambda: bool(subscribed), "the subscription", 5)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("name", _MODELS)
def test_a_broker_that_wakes_up_has_no_order_in_its_buffers(tmp_path: Path, name: str) -> None:
    model, topic = _MODELS[name]
    with emulate("board", name, tmp_path) as device:
        options = msgspec.convert(dict(device.options), model.Options)
        broker: Any = device.broker  # type: ignore[attr-defined]
        board = model.connect(options)
        with listener(options, topic) as heard:
            board.pulse(0, 0.2)
            assert any(b'"on":true' in one or one == b"ON" for one in heard)
            # Asked a moment ago: nothing is due that would find out by itself.
            until_s = time.monotonic() + 0.6
            wait_for(lambda: board.read_inputs() is not None and time.monotonic() > until_s, "a question", 5)
            heard.clear()
            pid = broker._process.pid
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(DeviceGoneError):
                    board.pulse(0, 0.2)
                board.close()
            finally:
                os.kill(pid, signal.SIGCONT)
            wait_for(lambda: bool(heard), "what the broker had in its buffers", 5)
            again = model.connect(options)
            again.pulse(0, 0.2)
            again.close()
        orders = [one for one in heard if b'"on":true' in one or one == b"ON"]
        assert len(orders) == 1, "the second pulse's alone"
