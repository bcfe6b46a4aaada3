"""The device's side of the driver `shelly`: RPC over MQTT of a relay with two switch terminals."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from drivers.emulators.mqtt_device import MqttDevice, Said
from drivers.emulators.relay_board import RelayBoard, WireLog
from drivers.emulators.relay_wires import FaultPlan

TOPIC: Final = "shellyplus2pm-0123456789ab"
_RELAYS: Final = 2
_INPUTS: Final = 2
_FOREVER: Final = float("inf")


class Shelly:
    """Two relays, two inputs; answers on `SRC/rpc` of whoever asks, and tells what changes on `TOPIC/events/rpc`."""

    def __init__(self, log: WireLog) -> None:
        self.board = RelayBoard(_RELAYS, _INPUTS, log)
        self.faults = FaultPlan()
        self.topics: tuple[str, ...] = (f"{TOPIC}/rpc",)
        self.options: Mapping[str, object] = {"topic": TOPIC, "relays": _RELAYS, "inputs": _INPUTS}
        self.will = Said(f"{TOPIC}/online", b"false", retain=True)
        # A relay that ignores `toggle_after`, as one of another make might.
        self.times_pulses = True
        self._durations_s: dict[int, float] = {}

    def hello(self) -> list[Said]:
        return [Said(f"{TOPIC}/online", b"true", retain=True)]

    def set_input(self, terminal: int, active: bool) -> list[Said]:
        return [self._notice(f"input:{terminal}", {"id": terminal, "state": active})]

    def hear(self, topic: str, payload: bytes, now_s: float) -> list[Said]:
        try:
            frame = json.loads(payload)
            source, number, method = frame["src"], frame["id"], frame["method"]
        except (ValueError, KeyError, TypeError):
            return []
        fault = self.faults.next_of(order=method == "Switch.Set")
        if fault in ("silent", "lost_order"):
            return []
        if fault == "noise":
            return [Said(f"{source}/rpc", b'{"id": nonsense')]
        answer: dict[str, Any] = {"id": number, "src": TOPIC, "dst": source}
        if fault == "exception":
            answer["error"] = {"code": -114, "message": "Resource exhausted"}
            return [Said(f"{source}/rpc", json.dumps(answer).encode())]
        before = self.board.coils()
        answer |= self._do(method, frame.get("params") or {}, now_s)
        notices = [
            self._notice(f"switch:{channel}", {"id": channel, "output": on, "source": "MQTT"})
            for channel, on in enumerate(self.board.coils())
            if on != before[channel]
        ]
        if fault == "lost_echo":
            return notices
        return [Said(f"{source}/rpc", json.dumps(answer).encode()), *notices]

    def _do(self, method: str, params: dict[str, Any], now_s: float) -> dict[str, Any]:
        number = int(params.get("id", -1))
        if method == "Input.GetStatus" and number in range(_INPUTS):
            return {"result": {"id": number, "state": self.board.inputs[number]}}
        if method.startswith("Switch.") and number in range(_RELAYS):
            if method == "Switch.GetStatus":
                return {"result": self._status(number)}
            if method == "Switch.Set":
                return {"result": self._set(number, params, now_s)}
        known = method in ("Switch.Set", "Switch.GetStatus", "Input.GetStatus")
        error = {"code": -105, "message": f"Argument 'id', value {number} not found!"}
        return {"error": error if known else {"code": 404, "message": f"No handler for {method}"}}

    def _status(self, channel: int) -> dict[str, Any]:
        on = self.board.coils()[channel]
        status: dict[str, Any] = {"id": channel, "source": "MQTT", "output": on}
        if on and channel in self._durations_s:
            status |= {"timer_started_at": 0.0, "timer_duration": self._durations_s[channel]}
        return status

    def _set(self, channel: int, params: dict[str, Any], now_s: float) -> dict[str, Any]:
        was_on = self.board.coils()[channel]
        order = f"Switch.Set {json.dumps(params, sort_keys=True)}"
        duration_s = params.get("toggle_after") if self.times_pulses else None
        self._durations_s.pop(channel, None)
        if not params.get("on"):
            self.board.off(channel, order)
        elif duration_s is None:
            self.board.on(channel, order, _FOREVER)
        else:
            self._durations_s[channel] = float(duration_s)
            self.board.on(channel, order, now_s + float(duration_s))
        return {"was_on": was_on}

    def _notice(self, component: str, status: dict[str, Any]) -> Said:
        params = {"ts": round(time.time(), 2), component: status}
        frame = {"src": TOPIC, "dst": f"{TOPIC}/events", "method": "NotifyStatus", "params": params}
        return Said(f"{TOPIC}/events/rpc", json.dumps(frame).encode())


def emulate(folder: Path, seed: int = 0) -> MqttDevice:
    log = WireLog(folder / "shelly.log", lambda: time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000)
    return MqttDevice(Shelly(log), folder, log.close)
