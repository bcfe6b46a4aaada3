"""`guankou-gate drill`: asks the gate that runs on this machine to begin or end a drill, and waits until it has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import msgspec

from checkpoint.drill import Drill, begin
from edge.clock import read_boot_id
from edge.drill import FILE, ORDER_FILE, ORDER_MODE, DrillOrder, read_file
from edge.outbox_files import held_by, write_whole
from firmware_config.load import load_gate_file

_LIMIT_S: Final = 10.0
_LOOK_S: Final = 0.05


class DrillCommandError(RuntimeError):
    """The gate did not do it; the message names the remedy."""


def start_drill(config: Path, minutes: int, by: str, with_barrier: bool) -> Drill:
    """The drill that has begun. Raises DrillError, DrillCommandError, ConfigError."""
    folder = _folder(config)
    mono_ms, boot_id = _mono_ms(), read_boot_id()
    # What the gate would refuse is refused here, where somebody reads it.
    begin(by, minutes, with_barrier, boot_id=boot_id, at_ms=0, mono_ms=mono_ms, trusted=False)
    _give(folder, DrillOrder("start", by, boot_id.hex(), mono_ms, minutes, with_barrier))
    begun = read_file(folder / FILE, Drill)
    if begun is None or begun.began_mono_ms < mono_ms:
        raise DrillCommandError("the gate did not begin it, because it can't put it on disk or on record: see its log")
    return begun


def stop_drill(config: Path, by: str) -> bool:
    """Whether there was one. Raises DrillCommandError, ConfigError."""
    folder = _folder(config)
    was_on = (folder / FILE).exists()
    # Also without the file: somebody may have removed it, and the gate would go on until its time is up.
    _give(folder, DrillOrder("stop", by, read_boot_id().hex(), _mono_ms()))
    if (folder / FILE).exists():
        raise DrillCommandError(
            f"the gate can't remove {folder / FILE}: it goes on after a restart; see the gate's log"
        )
    return was_on


def _folder(config: Path) -> Path:
    folder = Path(load_gate_file(config).gate.data_dir)
    if held_by(folder / "outbox.db") is None:
        raise DrillCommandError(f"no gate runs on {config}: start it, then give this command again")
    return folder


def _give(folder: Path, order: DrillOrder) -> None:
    """Until the gate has taken the order, and what follows from it is on disk."""
    file = folder / ORDER_FILE
    try:
        write_whole(file, msgspec.json.encode(order), ORDER_MODE)
    except OSError as error:
        raise DrillCommandError(f"{file}: {error.strerror}; give this command as the gate's user") from None
    limit_s = time.monotonic() + _LIMIT_S
    while file.exists():
        if time.monotonic() > limit_s:
            file.unlink(missing_ok=True)
            raise DrillCommandError(f"the gate did not take the order within {_LIMIT_S:.0f} s: see its log")
        time.sleep(_LOOK_S)


def _mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000
