"""`guankou-gate check`: everything that is wrong with a gate file, without opening a device."""

from __future__ import annotations

from pathlib import Path

from edge.device_check import device_problems
from edge.mask_worker import MaskWorker, MaskWorkerError
from edge.vision import model_of
from firmware_config.load import ConfigError, load_gate_file


def check_gate_file(path: Path) -> list[str]:
    """One line for each problem; empty when the gate can start as far as the file is concerned."""
    try:
        file = load_gate_file(path)
    except ConfigError as error:
        return str(error).splitlines()
    return [f"{path}: {problem}" for problem in device_problems(file)]


def check_models(path: Path) -> tuple[list[str], list[str]]:
    """The mask models of a gate file that is right, each loaded and tried in a process of its own.

    Gives a line for each that can't be used, and for each other one its lane, file, hash and tensors.
    """
    problems, models = [], []
    for number, lane in enumerate(load_gate_file(path).lanes, 1):
        if lane.mask is None:
            continue
        try:
            worker = MaskWorker(model_of(lane.mask))
        except (MaskWorkerError, OSError) as error:
            problems.append(f"{path}: [lanes #{number} / mask]: {error}")
            continue
        worker.close()
        ready = worker.ready
        models.append(f"lane {lane.name}: mask model {lane.mask.model}, sha256 {ready.sha256}, {ready.detail}")
    return problems, models
