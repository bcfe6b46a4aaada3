"""`guankou-gate check`: everything that is wrong with a gate file, without opening a device."""

from __future__ import annotations

from pathlib import Path

from edge.device_check import device_problems
from firmware_config.load import ConfigError, load_gate_file


def check_gate_file(path: Path) -> list[str]:
    """One line for each problem; empty when the gate can start as far as the file is concerned."""
    try:
        file = load_gate_file(path)
    except ConfigError as error:
        return str(error).splitlines()
    return [f"{path}: {problem}" for problem in device_problems(file)]
