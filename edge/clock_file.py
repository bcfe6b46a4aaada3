"""What a gate keeps of its clock over restarts: one small file beside the outbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import structlog

from edge.outbox_files import write_whole

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptClock:
    """`floor_ms`: no earlier time is believed. `agreed_ms`: the signed time that last agreed. The others hold for one
    boot: wall minus monotonic clock, as proved and as records are dated while the clock is not believed."""

    floor_ms: int
    offset_ms: int | None = None
    dating_ms: int | None = None
    agreed_ms: int = 0


def read_clock(path: Path, boot_id: bytes, earliest_ms: int) -> KeptClock:
    """What was kept; of another boot only the floor. A file that is torn or not there counts as never written."""
    try:
        kept = json.loads(path.read_bytes())
        floor_ms, boot = max(earliest_ms, int(kept["floor_ms"])), str(kept["boot_id"])
        offset_ms, dating_ms, agreed_ms = kept["offset_ms"], kept.get("dating_ms"), int(kept.get("agreed_ms", 0))
    except FileNotFoundError:
        return KeptClock(earliest_ms)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("clock_file_unreadable", path=str(path), error=str(error))
        return KeptClock(earliest_ms)
    if boot != boot_id.hex():
        return KeptClock(floor_ms, agreed_ms=agreed_ms)
    return KeptClock(
        floor_ms,
        offset_ms if isinstance(offset_ms, int) else None,
        dating_ms if isinstance(dating_ms, int) else None,
        agreed_ms,
    )


def write_clock(path: Path, boot_id: bytes, kept: KeptClock) -> bool:
    """Whether it is on disk now; if not, the log says why and the gate goes on."""
    fields = {
        "boot_id": boot_id.hex(),
        "offset_ms": kept.offset_ms,
        "floor_ms": kept.floor_ms,
        "dating_ms": kept.dating_ms,
        "agreed_ms": kept.agreed_ms,
    }
    try:
        write_whole(path, json.dumps(fields).encode())
    except OSError as error:
        _log.warning("clock_file_not_written", path=str(path), error=str(error))
        return False
    return True
