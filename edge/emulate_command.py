"""`guankou-gate emulate`: hosts the emulators that ship with the drivers, until it is told to end."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from drivers.emulators.catalogue import emulate
from drivers.emulators.control import serve
from drivers.emulators.relay import RelayEmulator, Variant
from drivers.emulators.thermometer import EmulatorSettings, run_foreground
from drivers.emulators.thermometer_scene import Change
from drivers.profile import Kind

Ready = Callable[[str], None]


def emulate_thermometer(
    model: str,
    link: Path | None,
    change: dict[str, Any],
    scenario: Path | None,
    control: Path | None,
    on_ready: Ready,
    stop: threading.Event,
) -> None:
    """Raises drivers.errors.OptionError for an unknown model, fault or scenario."""
    _end_on_signals(stop)
    settings = EmulatorSettings(start=msgspec.convert(change, Change), scenario=scenario, control=control)
    if link is not None:
        run_foreground(model, link, settings, on_ready, stop)
        return
    with tempfile.TemporaryDirectory(prefix="guankou-") as folder:
        run_foreground(model, Path(folder) / model, settings, on_ready, stop)


def emulate_relay(
    link: Path,
    wire_log: Path,
    control: Path | None,
    scenario: Path | None,
    kind: str,
    on_ready: Ready,
    stop: threading.Event,
) -> None:
    _end_on_signals(stop)
    variant: Variant = "modbus" if kind == "modbus_relay" else "lcus"
    with RelayEmulator(link, variant, wire_log=wire_log, control=control, scenario=scenario) as emulator:
        on_ready(str(emulator.link))
        stop.wait()


def emulate_device(
    kind: Kind, driver: str, folder: Path, control: Path | None, on_ready: Ready, stop: threading.Event
) -> None:
    """Any driver's device; tells the options with which a gate file reaches it, as JSON. Raises OptionError."""
    _end_on_signals(stop)
    folder.mkdir(parents=True, exist_ok=True)
    with emulate(kind, driver, folder) as emulated:
        on_ready(json.dumps(dict(emulated.options)))
        serve(emulated, control, stop)


def emulate_camera(
    port: int, fps: float, control: Path | None, scenario: Path | None, on_ready: Ready, stop: threading.Event
) -> None:
    # Imported here: OpenCV is large, and the other emulators do without.
    from drivers.emulators.camera import run_foreground as run_camera

    options: dict[str, object] = {"port": port, "fps": fps}
    if control is not None:
        options["control"] = str(control)
    if scenario is not None:
        options["scenario"] = str(scenario)
    run_camera(options, on_ready)


def _end_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
