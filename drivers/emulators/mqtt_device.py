"""Hosts an emulated board that speaks MQTT: a client of a real broker, in a thread of its own."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import msgspec

from drivers.emulators.broker import OwnBroker, known_broker
from drivers.emulators.relay_board import RelayBoard
from drivers.emulators.relay_control import Command
from drivers.emulators.relay_wires import FaultPlan
from drivers.errors import DeviceGoneError, OptionError
from drivers.mqtt_port import Broker, MqttPort

_CYCLE_S: Final = 0.005
_RETRY_S: Final = 0.1
_FAULTS: Final = ("none", "silent", "exception", "lost_order", "lost_echo", "noise")


@dataclass(frozen=True, slots=True)
class Said:
    """One message that the device sends."""

    topic: str
    payload: bytes
    retain: bool = False


class MqttLogic(Protocol):
    """The device's side, without any I/O; the host tells it what came and when."""

    board: RelayBoard
    faults: FaultPlan
    topics: tuple[str, ...]
    options: Mapping[str, object]
    will: Said

    def hello(self) -> list[Said]:
        """What it sends when it has connected."""

    def hear(self, topic: str, payload: bytes, now_s: float) -> list[Said]: ...
    def set_input(self, terminal: int, active: bool) -> list[Said]: ...


class MqttDevice:
    """One emulated device. Any thread may call its methods. Without `broker.json` in `folder` it brings its broker."""

    def __init__(self, logic: MqttLogic, folder: Path, close_log: Any) -> None:
        self._logic = logic
        self._close_log = close_log
        known = known_broker(folder)
        self.broker = None if known else OwnBroker(folder)
        self._host, self._port_number = known or ("127.0.0.1", self.broker.port if self.broker else 0)
        self._port: MqttPort | None = None
        self._plugged = True
        self._outbox: deque[Said] = deque(maxlen=100)
        # How often the gate has spoken to the board and been answered.
        self.answered = 0
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-emulator", daemon=True)

    def __enter__(self) -> Self:
        if self.broker is not None:
            self.broker.start()
        self._connect()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._port is not None:
            self._port.close()
        if self.broker is not None:
            self.broker.stop()
        self._close_log()

    @property
    def options(self) -> Mapping[str, object]:
        return {"host": self._host, "port": self._port_number, **self._logic.options}

    def set(self, **change: Any) -> None:
        """`input, active` and `fault, times` as for every board. Raises OptionError for what it does not know."""
        try:
            command = msgspec.convert(change, Command)
        except msgspec.ValidationError as error:
            raise OptionError(f"emulated board: {error}") from error
        if command.fault not in (None, *_FAULTS):
            raise OptionError(f"emulated board: fault {command.fault!r} is of serial lines; known are {_FAULTS}")
        with self._lock:
            if command.fault is not None:
                self._logic.faults.set(command.fault, command.times)
            if command.input is not None and command.input < len(self._logic.board.inputs):
                self._logic.board.inputs[command.input] = command.active
                self._outbox.extend(self._logic.set_input(command.input, command.active))

    def unplug(self) -> None:
        """The power goes: relays fall, and the broker hears nothing more."""
        with self._lock:
            self._plugged = False
            self._logic.board.off_all("unplugged")
            self._drop()

    def replug(self) -> None:
        with self._lock:
            self._plugged = True

    def energised(self) -> tuple[bool, ...]:
        with self._lock:
            return self._logic.board.coils()

    def _run(self) -> None:
        while not self._stop.is_set():
            pause_s = _CYCLE_S
            with self._lock:
                self._logic.board.tick(time.monotonic())
                try:
                    self._turn()
                except DeviceGoneError:
                    # The broker went, or is not back yet: a device tries again by itself.
                    self._drop()
                    pause_s = _RETRY_S
            self._stop.wait(pause_s)

    def _turn(self) -> None:
        if not self._plugged:
            return
        if self._port is None:
            self._connect()
        port = self._port
        if port is None:
            return
        for message in port.pump(0.0):
            if not message.retained:
                said = self._logic.hear(message.topic, message.payload, time.monotonic())
                self.answered += bool(said)
                self._outbox.extend(said)
        while self._outbox:
            said_now = self._outbox.popleft()
            self._say(port, said_now)

    def _say(self, port: MqttPort, said: Said) -> None:
        try:
            port.send_once(said.topic, said.payload, said.retain)
        except DeviceGoneError as error:
            # A device doesn't care whether anybody listens.
            if "nobody listens" not in error.why:
                raise

    def _connect(self) -> None:
        logic = self._logic
        name = f"emulated-{secrets.token_hex(4)}"
        broker = Broker(host=self._host, port=self._port_number)
        will = (logic.will.topic, logic.will.payload)
        self._port = MqttPort(broker, name, name, logic.topics, will)
        self._outbox.extendleft(reversed(logic.hello()))

    def _drop(self) -> None:
        self._outbox.clear()
        if self._port is not None:
            self._port.sever()
            self._port.close()
            self._port = None
