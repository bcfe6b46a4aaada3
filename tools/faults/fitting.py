"""What hangs on a gate of the laboratory beside its usual devices: readers, another board or thermometer, a door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from drivers.emulators.catalogue import Emulated, emulate
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.finding import driver_module
from drivers.profile import Kind
from tools.chaos.run import PACE
from tools.demo.entrances import board_table, device_value
from tools.demo.processes import Pace
from tools.demo.street import Street
from tools.faults.lab import Lab

# A terminal of the gate's own board that nothing else uses.
DOOR: Final = 5
_RULES: Final = """[[rule]]
name = "vehicles: their plate is looked at"
lane_kind = "vehicle"
checks = ["pass", "vehicle"]

[[rule]]
name = "workers show their identity document"
class = ["worker"]
checks = ["pass", "document"]

[[rule]]
name = "everybody"""
_STANDS: Final = """[pass]
card = "allow"
plate = "allow"

[temperature]
"""


def readers_pace(folder: Path) -> Pace:
    """The kill tests' pace, with the checks that readers answer, and cards and plates that open."""
    text = PACE.policy.read_text(encoding="utf-8")
    text = text.replace('[[rule]]\nname = "everybody', _RULES).replace("[temperature]\n", _STANDS)
    file = folder / "readers-policy.toml"
    file.write_text(text, encoding="utf-8")
    return replace(PACE, policy=file)


def slow_pace(folder: Path) -> Pace:
    """The kill tests' pace for thermometers that speak four times a second."""
    text = PACE.policy.read_text(encoding="utf-8").replace("window_s = 0.35", "window_s = 1.2")
    file = folder / "slow-policy.toml"
    file.write_text(text, encoding="utf-8")
    return replace(PACE, policy=file)


class Fitting:
    """Changes one gate of a town that is built and not yet started. What is fitted ends with the laboratory."""

    def __init__(self, lab: Lab, gate: str = "gate-1") -> None:
        self._lab = lab
        self._folder = lab.town.gate_folder(gate)
        self._file = self._folder / "gate.toml"

        self.street: Street = lab.town.streets[lab.place(gate).street]

    def reader(self, driver: str, name: str = "reader", device: Emulated | None = None) -> Emulated:
        """Another reader in the lane; `device`: one that is set up otherwise than the catalogue's, not started."""
        device = self._started(device) if device else self._emulated("reader", driver, name)
        self.lane_key(f"readers.{name} = {device_value(driver, device.options)}")
        return device

    def thermometer(self, driver: str, options: Mapping[str, object]) -> None:
        """Of another kind, in the place of the gate's own."""
        self.street.thermometer.stop()
        example = driver_module("thermometer", driver).PROFILE.example
        link, settings = self._folder / "thermometer", EmulatorSettings(options={**example, **options})
        fresh = self.street.thermometer = ThermometerEmulator(driver, link, settings).start()
        fresh.set(object_c=None, ambient_c=20.0)
        self._line("thermometer = ", f"thermometer = {device_value(driver, fresh.options)}")

    def opener(self, driver: str, wire_log: str, pulse_s: float) -> Any:
        """Another board opens; who stands there is seen by the first one, as before. `wire_log`: its file's name.

        A way out is freed by the board that it opens, so this gate has no exit button.
        """
        device = self._emulated("board", driver, "opener")
        table = board_table("boards.opener", driver, device.options)
        self._replace("\n[[lanes]]", f"\n{table}\n[[lanes]]")
        self._line("barrier = ", f'barrier = {{ board = "opener", channel = 0, pulse_s = {pulse_s} }}')
        for way_out in ("exit_button = ", "fire = "):
            self._line(way_out, "")
        self.street.barrier, self.street.wire_log = device, self._made("opener") / wire_log  # type: ignore[assignment]
        return device

    def door(self, open_s: float) -> None:
        """A contact that tells when the door stands open."""
        self._replace("\n[lanes.inputs]\n", f'\n[lanes.inputs]\ndoor = {{ board = "relay", terminal = {DOOR} }}\n')
        self.lane_key(f"door_open_s = {open_s}")

    def no_camera(self) -> None:
        self._line("camera = ", "")

    def unattended(self) -> None:
        self._replace('attendance = "guard"', 'attendance = "none"')

    def for_vehicles(self) -> None:
        """Nobody is measured in such a lane, and a vehicle is a minute under way."""
        self._replace('kind = "person"', 'kind = "vehicle"')

    def lane_key(self, line: str) -> None:
        """One more key of the lane."""
        self._replace("\n[lanes.inputs]", f"\n{line}\n\n[lanes.inputs]")

    def _emulated(self, kind: Kind, driver: str, name: str) -> Emulated:
        return self._started(emulate(kind, driver, self._made(name)))

    def _started(self, device: Emulated) -> Emulated:
        device.__enter__()
        self._lab.at_end(lambda: device.__exit__(None, None, None))
        return device

    def _made(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _replace(self, old: str, new: str) -> None:
        text = self._file.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"the laboratory's gate file has no {old!r} to be replaced")
        self._file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def _line(self, begins: str, new: str) -> None:
        """The one line that begins so becomes another."""
        lines = self._file.read_text(encoding="utf-8").splitlines()
        (place,) = [number for number, line in enumerate(lines) if line.startswith(begins)]
        lines[place] = new
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")
