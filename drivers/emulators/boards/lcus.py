"""The device's side of the driver `lcus`."""

from __future__ import annotations

from pathlib import Path

from drivers.emulators.relay import RelayEmulator


def emulate(folder: Path, seed: int = 0) -> RelayEmulator:
    return RelayEmulator(folder / "lcus", "lcus", wire_log=folder / "lcus.log", seed=seed)
