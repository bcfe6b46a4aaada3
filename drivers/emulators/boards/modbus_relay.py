"""The device's side of the driver `modbus_relay`."""

from __future__ import annotations

from pathlib import Path

from drivers.emulators.relay import RelayEmulator


def emulate(folder: Path, seed: int = 0) -> RelayEmulator:
    return RelayEmulator(folder / "modbus_relay", "modbus", wire_log=folder / "modbus_relay.log", seed=seed)
