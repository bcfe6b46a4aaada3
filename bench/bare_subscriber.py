"""The baseline of the drain: a process that receives a gate's batches like the collector does, and stores nothing.

Run as `python -m bench.bare_subscriber PORT USER PASSWORD TOPIC`. Says `ready`, then, at an empty message, one line of
JSON: messages, bytes, and the moment of the last one on the machine's monotonic clock.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import click
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

# As the collector's own connection.
_RECEIVE_MAXIMUM: Final = 64


def main(port: int, user: str, password: str, topic: str) -> None:
    messages = size = 0

    def count(client: Client, _data: Any, message: MQTTMessage) -> None:
        nonlocal messages, size
        if message.payload:
            messages, size = messages + 1, size + len(message.payload)
            return
        click.echo(json.dumps({"messages": messages, "bytes": size, "end_s": time.monotonic()}))
        client.disconnect()

    client = Client(CallbackAPIVersion.VERSION2, client_id="bench-subscriber", protocol=MQTTv5)
    client.username_pw_set(user, password)
    client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: click.echo("ready")
    client.on_message = count
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = _RECEIVE_MAXIMUM
    client.connect("127.0.0.1", port, properties=properties)
    client.loop_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5])
