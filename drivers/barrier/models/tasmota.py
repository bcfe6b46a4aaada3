"""Relay with Tasmota firmware, over MQTT; it times the pulse itself once its PulseTime is set."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from drivers.barrier.board import BoardSize
from drivers.barrier.mqtt_talk import NO_JSON, MqttBoardOptions, Talk, Topic
from drivers.errors import DeviceGoneError, DeviceRefusedError
from drivers.mqtt_port import Message
from drivers.profile import Profile
from drivers.protocols import Pulse

PROFILE: Final = Profile(
    name="tasmota",
    kind="board",
    hardware="relays with Tasmota firmware (Sonoff and many others), 1 to 8 relays",
    wire="Wi-Fi or Ethernet, MQTT",
    gives=("relays", "read-back", "pulses timed by the board"),
    sources="B",
    sure="the firmware's description of PulseTime and POWER; that a second ON begins the time again is not verified",
    traps=(
        "the driver sets PulseTime of its relays, and the device keeps it: its button and its page pulse as well",
        "pulses above 11.1 s are rounded up to whole seconds",
        "topics must have the usual order, prefix before topic",
        "an opening goes over the network twice: tens of milliseconds, seconds on a bad Wi-Fi",
        "broker, access point or power gone: nothing opens; wire the way out past it",
        "its answers carry no number: give nobody else the right to write to the device",
    ),
    example={"topic": "tasmota_012345"},
)

_ANSWER_S: Final = 1.0
_OFF_S: Final = 0.5
_MIN_S, _MAX_S = 0.1, 3600.0
# PulseTime up to 111 counts tenths, from 112 on seconds behind an offset of 100.
_MOST_TENTHS: Final = 111
_SECONDS_OFFSET: Final = 100
_MAX_BYTES: Final = 65_536
_PULSE_TIME: Final = re.compile(r"PulseTime([1-9][0-9]?)")
_LEADING: Final = re.compile(r"\s*([0-9]{1,5})\b")


class Options(MqttBoardOptions, frozen=True, kw_only=True):
    """`topic`: the device's own topic. `pulse_time_s`: is set for a relay that has no PulseTime when we connect."""

    topic: Topic
    relays: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    pulse_time_s: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 1.0


def size(options: Options) -> BoardSize:
    return BoardSize(options.relays, inputs=0)


def pulse_time(seconds: float) -> int:
    """The value of PulseTime for a pulse that lasts at least `seconds`; 0 would be for ever."""
    tenths = round(seconds * 10)
    return tenths if tenths <= _MOST_TENTHS else math.ceil(seconds) + _SECONDS_OFFSET


def pulse_time_of(said: object) -> int | None:
    """What a device says of its PulseTime: an object with `Set`, a number, or words that begin with one."""
    if isinstance(said, dict):
        return pulse_time_of(said.get("Set"))
    if isinstance(said, str):
        found = _LEADING.match(said)
        return int(found[1]) if found else None
    return said if isinstance(said, int) and not isinstance(said, bool) else None


class TasmotaBoard:
    """One device that has answered and times its relays. One thread owns it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._name = f"tasmota {options.topic}"
        self._closed = False
        self._pulse_times: dict[int, int] = {}
        self._ends_s: dict[int, float] = {}
        # What the device has said since somebody last asked; forgotten before each question.
        self._results: dict[str, Any] = {}
        self._status: dict[str, Any] | None = None
        topics = (f"stat/{options.topic}/RESULT", f"stat/{options.topic}/STATUS11")
        self._talk = Talk(self._name, options, topics, self._hear, self._poll)
        try:
            for relay in range(options.relays):
                self._ensure_timed(relay)
        except (DeviceGoneError, DeviceRefusedError):
            self._talk.close()
            raise

    def pulse(self, channel: int, seconds: float) -> Pulse:
        """One `POWER ON`, behind a PulseTime that was read back; confirmed when the status asked for afterwards is ON.

        An order whose answer is lost is not sent again, since the relay may have moved: its state is asked instead.
        """
        self._check(channel, seconds)
        self._talk.prove()
        # Before the order, never behind it: without its PulseTime a relay would stay on.
        self._set_pulse_time(channel, pulse_time(seconds))
        self._ends_s[channel] = ends_s = time.monotonic() + seconds
        answered = self._answered(f"POWER{channel + 1}", b"ON", lambda: self._power(self._results, channel) == "ON")
        state = self._state(channel)
        if state == "ON":
            return Pulse(confirmed=True)
        if answered:
            return Pulse(confirmed=False)
        if state is None:
            raise DeviceGoneError(self._name, f"no answer to a pulse of relay {channel}; it may have opened")
        if time.monotonic() < ends_s:
            raise DeviceGoneError(self._name, f"no answer to a pulse of relay {channel}, and it has not opened")
        # The pulse may have come and gone before the device was asked.
        return Pulse(confirmed=False)

    def read_inputs(self) -> tuple[bool, ...]:
        """It has none. Raises DeviceGoneError when the device has fallen silent."""
        self._talk.turn()
        return ()

    def close(self) -> None:
        """Relays that are in a pulse go off; a device that has fallen silent is left to its own timer."""
        if self._closed:
            return
        self._closed = True
        try:
            for channel, ends_s in self._ends_s.items():
                if time.monotonic() < ends_s and not self._talk.silent:
                    self._off(channel)
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

    def _off(self, channel: int) -> None:
        self._results.clear()
        self._command(f"POWER{channel + 1}", b"OFF")
        self._talk.wait(lambda: self._power(self._results, channel) == "OFF", _OFF_S)

    def _ensure_timed(self, relay: int) -> None:
        """A relay without PulseTime gets one, so that nobody leaves it on by way of this device."""
        # An empty payload asks.
        now = self._pulse_time(relay, b"")
        if now is None:
            raise DeviceGoneError(self._name, f"no answer to PulseTime{relay + 1} in {_ANSWER_S} s")
        self._pulse_times[relay] = now
        if now == 0:
            self._set_pulse_time(relay, pulse_time(self._options.pulse_time_s))

    def _set_pulse_time(self, relay: int, value: int) -> None:
        """Set and read back; raises DeviceRefusedError when the device has another value afterwards."""
        if self._pulse_times.get(relay) == value:
            return
        self._pulse_times.pop(relay, None)
        self._pulse_time(relay, b"%d" % value)
        got = self._pulse_time(relay, b"")
        if got is None:
            raise DeviceGoneError(self._name, f"no answer to PulseTime{relay + 1}; nothing was opened")
        if got != value:
            raise DeviceRefusedError(f"{self._name}: PulseTime{relay + 1} is {got} and not {value}; nothing was opened")
        self._pulse_times[relay] = got

    def _pulse_time(self, relay: int, payload: bytes) -> int | None:
        word = f"PulseTime{relay + 1}"
        self._answered(word, payload, lambda: word in self._results)
        return pulse_time_of(self._results.get(word))

    def _answered(self, word: str, payload: bytes, is_answer: Callable[[], bool]) -> bool:
        """Send once; whether the answer came in time. Raises DeviceRefusedError when the device doesn't know `word`."""
        self._results.clear()
        self._command(word, payload)
        answered = self._talk.wait(lambda: is_answer() or "Command" in self._results, _ANSWER_S)
        if answered and not is_answer():
            raise DeviceRefusedError(f"{self._name}: {word} refused: {self._results['Command']!s:.100}")
        return answered

    def _state(self, channel: int) -> str | None:
        """Asked now. What comes behind the answer to an order was said behind it: the device does one at a time."""
        self._status = None
        try:
            self._command("STATUS", b"11")
            self._talk.wait(lambda: self._status is not None, _ANSWER_S)
        except DeviceGoneError:
            return None
        return self._power(self._status or {}, channel)

    def _power(self, said: dict[str, Any], channel: int) -> str | None:
        """A device with one relay may leave its number out."""
        state = said.get(f"POWER{channel + 1}", said.get("POWER") if channel == 0 else None)
        return state if isinstance(state, str) else None

    def _command(self, word: str, payload: bytes) -> None:
        self._talk.send(f"cmnd/{self._options.topic}/{word}", payload)

    def _poll(self) -> None:
        self._command("STATUS", b"11")

    def _hear(self, message: Message) -> bool:
        if len(message.payload) > _MAX_BYTES:
            return False
        try:
            said = msgspec.json.decode(message.payload, type=dict[str, Any])
        except NO_JSON:
            return False
        if message.topic.endswith("/STATUS11"):
            status = said.get("StatusSTS")
            self._status = status if isinstance(status, dict) else self._status
            return isinstance(status, dict)
        for word, value in said.items():
            if word.startswith(("POWER", "PulseTime", "Command")):
                self._results[word] = value
                # Somebody else set it, at the device's own page perhaps: the next pulse looks again.
                self._forget(word, value)
        return True

    def _forget(self, word: str, value: object) -> None:
        named = _PULSE_TIME.fullmatch(word)
        relay = int(named[1]) - 1 if named else -1
        if self._pulse_times.get(relay) not in (None, pulse_time_of(value)):
            del self._pulse_times[relay]


def connect(options: Options) -> TasmotaBoard:
    return TasmotaBoard(options)
