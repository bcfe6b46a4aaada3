"""Shelly relay of the second generation or later, by its RPC over MQTT; it times the pulse itself (`toggle_after`)."""

from __future__ import annotations

import time
from itertools import count
from typing import Annotated, Any, Final

import msgspec

from drivers.barrier.board import BoardSize
from drivers.barrier.mqtt_talk import NO_JSON, MqttBoardOptions, Talk, Topic
from drivers.errors import DeviceGoneError, DeviceRefusedError
from drivers.mqtt_port import Message
from drivers.profile import Profile
from drivers.protocols import Pulse

PROFILE: Final = Profile(
    name="shelly",
    kind="board",
    hardware="Shelly Plus, Pro and later relays (second generation on), with 1 to 4 relays and their switch terminals",
    wire="Wi-Fi or Ethernet, RPC over an MQTT broker",
    gives=("relays", "inputs", "read-back", "pulses timed by the board"),
    sources="B",
    sure="the maker's description of the RPC and public code; no device was tried",
    traps=(
        "MQTT must be switched on in the device, with RPC and its status notifications; the broker must speak MQTT 5",
        "an opening goes over the network twice: tens of milliseconds, seconds on a bad Wi-Fi",
        "broker, access point or power gone: nothing opens; wire the way out past it",
        "an input must be of type switch, and detached from the relay",
        "first-generation devices know no RPC",
    ),
    example={"topic": "shellyplus1-0123456789ab"},
)

_ANSWER_S: Final = 1.0
_OFF_S: Final = 0.5
_MIN_S, _MAX_S = 0.1, 3600.0
# Answers are kept only while somebody waits for them.
_MAX_BYTES: Final = 65_536


class Options(MqttBoardOptions, frozen=True, kw_only=True):
    """`topic`: the device's MQTT prefix, by default its id."""

    topic: Topic
    relays: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    inputs: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0


def size(options: Options) -> BoardSize:
    return BoardSize(options.relays, options.inputs)


class Answer(msgspec.Struct, frozen=True):
    """An RPC answer; other fields are passed over."""

    id: int
    src: str = ""
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class Notice(msgspec.Struct, frozen=True):
    """A message that the device sends by itself when something has changed."""

    src: str = ""
    method: str = ""
    params: dict[str, Any] = {}


class ShellyBoard:
    """One device that has answered. One thread owns it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._name = f"shelly {options.topic}"
        self._numbers = count(1)
        self._wanted: dict[int, Answer | None] = {}
        self._polled: dict[int, int] = {}
        # None: of a type without a state. Said when the inputs are read, never in the middle of a pulse.
        self._states: list[bool | None] = [None] * options.inputs
        self._closed = False
        self._ends_s: dict[int, float] = {}
        topics = ("{me}/rpc", f"{options.topic}/events/rpc")
        self._talk = Talk(self._name, options, topics, self._hear, self._poll)
        try:
            for relay in range(options.relays):
                self._call("Switch.GetStatus", {"id": relay})
            for terminal in range(options.inputs):
                self._take_input(terminal, self._call("Input.GetStatus", {"id": terminal}))
            self._inputs()
        except (DeviceGoneError, DeviceRefusedError):
            self._talk.close()
            raise

    def pulse(self, channel: int, seconds: float) -> Pulse:
        """One `Switch.Set` with `toggle_after`; confirmed when the device, asked afterwards, says that it is on.

        An order whose answer is lost is not sent again, since the relay may have moved: its state is asked instead.
        """
        self._check(channel, seconds)
        self._talk.prove()
        self._ends_s[channel] = ends_s = time.monotonic() + seconds
        order = {"id": channel, "on": True, "toggle_after": round(seconds, 1)}
        answered = self._question("Switch.Set", order, _ANSWER_S) is not None
        status = self._status_of(channel)
        if status is not None and status.get("output") is True:
            if not _is_timed(status):
                self._question("Switch.Set", {"id": channel, "on": False}, _OFF_S)
                raise DeviceRefusedError(f"{self._name}: relay {channel} does not time its pulse; it was switched off")
            return Pulse(confirmed=True)
        if answered:
            return Pulse(confirmed=False)
        if status is None:
            raise DeviceGoneError(self._name, f"no answer to a pulse of relay {channel}; it may have opened")
        if time.monotonic() < ends_s:
            raise DeviceGoneError(self._name, f"no answer to a pulse of relay {channel}, and it has not opened")
        # The pulse may have come and gone before the device was asked.
        return Pulse(confirmed=False)

    def read_inputs(self) -> tuple[bool, ...]:
        """As the device told them: at each change by itself, and twice a second when asked."""
        self._talk.turn()
        return self._inputs()

    def close(self) -> None:
        """Relays that are in a pulse go off; a device that has fallen silent is left to its own timer."""
        if self._closed:
            return
        self._closed = True
        try:
            for channel, ends_s in self._ends_s.items():
                if time.monotonic() < ends_s and not self._talk.silent:
                    self._question("Switch.Set", {"id": channel, "on": False}, _OFF_S)
        except (DeviceGoneError, DeviceRefusedError):
            return
        finally:
            self._talk.close()

    def sever(self) -> None:
        """The relays are left to their own timers."""
        self._talk.sever()

    def _check(self, channel: int, seconds: float) -> None:
        if not 0 <= channel < self._options.relays:
            raise ValueError(f"{self._name}: relay {channel} does not exist; it has 0 to {self._options.relays - 1}")
        if not _MIN_S <= seconds <= _MAX_S:
            raise ValueError(f"{self._name}: a pulse of {seconds} s is not between {_MIN_S} s and {_MAX_S:.0f} s")

    def _status_of(self, channel: int) -> dict[str, Any] | None:
        try:
            return self._question("Switch.GetStatus", {"id": channel}, _ANSWER_S)
        except DeviceGoneError:
            return None

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        result = self._question(method, params, _ANSWER_S)
        if result is None:
            raise DeviceGoneError(self._name, f"no answer to {method} in {_ANSWER_S} s; is RPC over MQTT switched on?")
        return result

    def _question(self, method: str, params: dict[str, Any], limit_s: float) -> dict[str, Any] | None:
        """Send once; the result, None if none came in time. Raises DeviceRefusedError with the device's own words."""
        number = self._send(method, params)
        self._wanted[number] = None
        try:
            self._talk.wait(lambda: self._wanted[number] is not None, limit_s)
        finally:
            answer = self._wanted.pop(number)
        if answer is not None and answer.error is not None:
            why = f"{answer.error.get('message', 'no reason')!s:.200} (code {answer.error.get('code', 'none')!s:.20})"
            raise DeviceRefusedError(f"{self._name}: {method} {params} refused: {why}")
        return None if answer is None else answer.result or {}

    def _send(self, method: str, params: dict[str, Any]) -> int:
        number = next(self._numbers)
        frame = {"id": number, "src": self._talk.me, "method": method, "params": params}
        self._talk.send(f"{self._options.topic}/rpc", msgspec.json.encode(frame))
        return number

    def _poll(self) -> None:
        """Inputs whose change was lost, or, without inputs, whether the device is there at all."""
        # An answer that has not come by now is not waited for any more.
        self._polled.clear()
        if not self._options.inputs:
            self._polled[self._send("Switch.GetStatus", {"id": 0})] = -1
        for terminal in range(self._options.inputs):
            self._polled[self._send("Input.GetStatus", {"id": terminal})] = terminal

    def _hear(self, message: Message) -> bool:
        if len(message.payload) > _MAX_BYTES:
            return False
        try:
            if message.topic == f"{self._talk.me}/rpc":
                return self._hear_answer(msgspec.json.decode(message.payload, type=Answer))
            return self._hear_notice(msgspec.json.decode(message.payload, type=Notice))
        except NO_JSON:
            # Not a word of RPC: whoever sent it, it says nothing.
            return False

    def _hear_answer(self, answer: Answer) -> bool:
        if answer.id in self._wanted:
            self._wanted[answer.id] = answer
            return True
        terminal = self._polled.pop(answer.id, None)
        if terminal is None:
            return False
        if terminal >= 0 and answer.result is not None:
            self._take_input(terminal, answer.result)
        return True

    def _hear_notice(self, notice: Notice) -> bool:
        if notice.method not in ("NotifyStatus", "NotifyFullStatus"):
            return False
        for terminal in range(self._options.inputs):
            part = notice.params.get(f"input:{terminal}")
            if isinstance(part, dict) and "state" in part:
                self._take_input(terminal, part)
        return True

    def _take_input(self, terminal: int, status: dict[str, Any]) -> None:
        state = status.get("state")
        self._states[terminal] = state if isinstance(state, bool) else None

    def _inputs(self) -> tuple[bool, ...]:
        known = tuple(state for state in self._states if state is not None)
        if len(known) < len(self._states):
            raise DeviceRefusedError(
                f"{self._name}: input {self._states.index(None)} has no state; set it to type switch"
            )
        return known


def _is_timed(status: dict[str, Any]) -> bool:
    duration_s = status.get("timer_duration")
    return isinstance(duration_s, int | float) and duration_s > 0


def connect(options: Options) -> ShellyBoard:
    return ShellyBoard(options)
