"""The device's side of the driver `tasmota`: commands below `cmnd/`, answers below `stat/`, two relays."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from drivers.emulators.mqtt_device import MqttDevice, Said
from drivers.emulators.relay_board import RelayBoard, WireLog
from drivers.emulators.relay_wires import FaultPlan

TOPIC: Final = "tasmota_012345"
_RELAYS: Final = 2
_FOREVER: Final = float("inf")
_COMMAND: Final = re.compile(r"(power|pulsetime)([12]?)", re.IGNORECASE)


class Tasmota:
    """Both relays come without PulseTime, as from the shop."""

    def __init__(self, log: WireLog) -> None:
        self.board = RelayBoard(_RELAYS, 0, log)
        self.faults = FaultPlan()
        self.topics: tuple[str, ...] = (f"cmnd/{TOPIC}/+",)
        self.options: Mapping[str, object] = {"topic": TOPIC, "relays": _RELAYS}
        self.will = Said(f"tele/{TOPIC}/LWT", b"Offline", retain=True)
        self.pulse_times = [0] * _RELAYS
        # A device whose settings can't be written, as with a worn flash.
        self.keeps_pulse_time = True

    def hello(self) -> list[Said]:
        return [Said(f"tele/{TOPIC}/LWT", b"Online", retain=True)]

    def set_input(self, terminal: int, active: bool) -> list[Said]:
        return []

    def hear(self, topic: str, payload: bytes, now_s: float) -> list[Said]:
        word, text = topic.rsplit("/", 1)[1], payload.decode("utf-8", "replace").strip()
        found = _COMMAND.fullmatch(word)
        is_power = found is not None and found[1].lower() == "power"
        fault = self.faults.next_of(order=is_power and bool(text))
        if fault in ("silent", "lost_order"):
            return []
        if fault == "noise":
            return [Said(f"stat/{TOPIC}/RESULT", b"{nonsense")]
        if fault == "exception":
            return [_result({"Command": "Error", "Input": word.upper()})]
        if word.upper() == "STATUS":
            return [Said(f"stat/{TOPIC}/STATUS11", json.dumps({"StatusSTS": self._states()}).encode())]
        if found is None:
            return [_result({"Command": "Unknown", "Input": word.upper()})]
        channel = int(found[2] or 1) - 1
        answers = self._power(channel, text, now_s) if is_power else self._pulse_time(channel, text)
        return [] if fault == "lost_echo" else answers

    def _states(self) -> dict[str, Any]:
        states = {f"POWER{channel + 1}": "ON" if on else "OFF" for channel, on in enumerate(self.board.coils())}
        return {"Time": "2026-01-01T00:00:00", "Uptime": "0T00:10:00", **states, "Wifi": {"RSSI": 70}}

    def _power(self, channel: int, text: str, now_s: float) -> list[Said]:
        if text.upper() in ("ON", "1"):
            tenths = self.pulse_times[channel]
            lasts_s = _FOREVER if tenths == 0 else tenths / 10 if tenths <= 111 else tenths - 100
            self.board.on(channel, f"POWER{channel + 1} ON", now_s + lasts_s)
        elif text.upper() in ("OFF", "0"):
            self.board.off(channel, f"POWER{channel + 1} OFF")
        state = "ON" if self.board.coils()[channel] else "OFF"
        return [_result({f"POWER{channel + 1}": state}), Said(f"stat/{TOPIC}/POWER{channel + 1}", state.encode())]

    def _pulse_time(self, channel: int, text: str) -> list[Said]:
        if text.isdigit() and self.keeps_pulse_time:
            self.pulse_times[channel] = min(int(text), 64_900)
        value = self.pulse_times[channel]
        return [_result({f"PulseTime{channel + 1}": {"Set": value, "Remaining": 0}})]


def _result(said: dict[str, Any]) -> Said:
    return Said(f"stat/{TOPIC}/RESULT", json.dumps(said).encode())


def emulate(folder: Path, seed: int = 0) -> MqttDevice:
    log = WireLog(folder / "tasmota.log", lambda: time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000)
    return MqttDevice(Tasmota(log), folder, log.close)
