"""Questions to one board behind an MQTT broker, and its answers. A board that says nothing for two seconds is gone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec

from drivers.barrier.board import BoardOptions
from drivers.errors import DeviceGoneError
from drivers.mqtt_port import Broker, Message, MqttPort

# How often a board is asked, and how long it may stay silent meanwhile.
ASK_S: Final = 0.5
SILENT_S: Final = 2.0
_PROOF_S: Final = 1.0


class MqttBoardOptions(BoardOptions, frozen=True, kw_only=True):
    """`host`, `port`: the broker. `user`, `password_file`: who connects; the password is the file's text."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    user: Annotated[str, msgspec.Meta(max_length=200)] = ""
    password_file: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def broker(self) -> Broker:
        return Broker(host=self.host, port=self.port, user=self.user, password_file=self.password_file)


# A topic's part: no wildcards, and no level that MQTT keeps for itself.
Topic = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^+#$/\x00][^+#\x00]*$")]


# What msgspec raises for bytes that are no such JSON: not of that form, not UTF-8, nested without end.
NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Talk:
    """`hear` takes each message that is not retained and says whether the board itself spoke just now;
    `ask` sends a question that changes nothing. `topics` may hold `{me}`, the name under which we connect.
    """

    def __init__(
        self,
        name: str,
        options: MqttBoardOptions,
        topics: Sequence[str],
        hear: Callable[[Message], bool],
        ask: Callable[[], None],
    ) -> None:
        self._name = name
        self._hear, self._ask = hear, ask
        # A new name for each connection: nothing that was meant for an earlier one reaches this.
        self.me = f"guankou-{secrets.token_hex(6)}"
        self._port = MqttPort(options.broker(), name, self.me, [topic.replace("{me}", self.me) for topic in topics])
        self._heard_s = self._asked_s = time.monotonic()
        self._silent = False

    def send(self, topic: str, payload: bytes) -> None:
        self._port.send_once(topic, payload)

    def turn(self, timeout_s: float = 0.0) -> None:
        """Take what has come; ask when it is time. Raises DeviceGoneError when the board or the broker is."""
        for message in self._port.pump(timeout_s):
            # What a broker has kept, or replays, says how things were.
            if not message.retained and self._hear(message):
                self._heard_s = time.monotonic()
        now_s = time.monotonic()
        if now_s - self._heard_s > SILENT_S:
            self._silent = True
            raise DeviceGoneError(self._name, f"the board has said nothing for {SILENT_S} s")
        if now_s - self._asked_s >= ASK_S:
            self._asked_s = now_s
            self._ask()

    def prove(self) -> None:
        """Hear the board just now, for an order that follows at once. Raises DeviceGoneError.

        A broker that stands still takes an order into its buffers and hands it on when it wakes, however late: the
        message's own expiry counts from there. So nothing is ordered that could not be answered a moment ago.
        """
        self._asked_s = asked_s = time.monotonic()
        self._ask()
        if not self.wait(lambda: self._heard_s > asked_s, _PROOF_S):
            raise DeviceGoneError(self._name, "it does not answer just before a pulse, so none was asked for")

    def wait(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Whether `condition` came true in time."""
        until_s = time.monotonic() + limit_s
        while not condition():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            self.turn(min(left_s, 0.1))
        return True

    @property
    def silent(self) -> bool:
        """Whether the board was found gone; there is no use in telling it anything more."""
        return self._silent

    def close(self) -> None:
        self._port.close()

    def sever(self) -> None:
        self._port.sever()
