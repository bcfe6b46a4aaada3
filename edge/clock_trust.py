"""Whether the wall clock may be believed: the kernel's own word, or a signed time that agrees with it in this boot."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from checkpoint.records import ClockSet
from edge.clock import Moment
from edge.outbox_files import write_whole

_log = structlog.get_logger(__name__)
# No gate of this software was made before 2025-01-01 UTC.
EARLIEST_MS: Final = 1_735_689_600_000
# A signed time further off than this, or a step of the wall clock by more, is a disagreement.
AGREE_MS: Final = 60_000
# The floor is written to disk only when it has risen by this much, to spare the card.
_FLOOR_STEP_MS: Final = 3_600_000
# How long one answer of the kernel is taken for the next.
_KERNEL_MS: Final = 1_000
# adjtimex(2): returned when the clock is not synchronised.
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512


class ClockKeeper:
    """Remembers over restarts what this boot's clock has proved, and the highest signed time that agreed with it.

    Trust is an offset between wall and monotonic clock: it survives a restart within the same boot and a cut cable, and
    ends when the wall clock is stepped. A signed time alone never moves the floor: the wall clock has to agree with it,
    so that one wrong clock at the collector can't lock a gate out for years.
    """

    def __init__(self, path: Path, boot_id: bytes, kernel_synchronised: Callable[[], bool]) -> None:
        self._path = path
        self._boot_id = boot_id
        self._kernel_synchronised = kernel_synchronised
        self._kernel: tuple[int, bool] | None = None
        self._offset_ms: int | None = None
        self._untrusted_offset_ms: int | None = None
        self._floor_ms = self._kept_floor_ms = EARLIEST_MS
        self._told: ClockSet | None = None
        self._load()

    @property
    def floor_ms(self) -> int:
        """No earlier time is believed, ms UTC."""
        return self._floor_ms

    def believe(self, at_ms: int, mono_ms: int) -> bool:
        """Whether a reading of both clocks may be trusted. Safe to call from every thread."""
        trusted = at_ms >= self._floor_ms and (self._proved(at_ms, mono_ms) or self._kernel_says(mono_ms))
        if not trusted:
            self._untrusted_offset_ms = at_ms - mono_ms
        return trusted

    def signed_time(self, signed_ms: int, moment: Moment) -> ClockSet | None:
        """Take the time of an answer that counted, heard at `moment`. Returns a `clock` record when one is due."""
        error_ms = signed_ms - moment.at_ms
        if abs(error_ms) <= AGREE_MS and moment.at_ms >= self._floor_ms:
            return self._agreed(signed_ms, moment)
        if moment.trusted:
            _log.warning("signed_time_disagrees", error_ms=error_ms)
            return None
        return self._tell(error_ms, "signed answer") if signed_ms >= self._floor_ms else None

    def settled(self, moment: Moment) -> ClockSet | None:
        """A `clock` record when the kernel has set the clock right after untrusted records. Call now and then."""
        if not moment.trusted:
            return None
        offset_ms = moment.at_ms - moment.mono_ms
        if self._offset_ms is None or abs(offset_ms - self._offset_ms) > AGREE_MS:
            self._offset_ms = offset_ms
            self._save()
        return self._correct_earlier(offset_ms, "kernel")

    def _agreed(self, signed_ms: int, moment: Moment) -> ClockSet | None:
        offset_ms, first = moment.at_ms - moment.mono_ms, self._offset_ms is None
        self._offset_ms = offset_ms
        self._floor_ms = max(self._floor_ms, signed_ms - AGREE_MS)
        if first or self._floor_ms - self._kept_floor_ms >= _FLOOR_STEP_MS:
            self._save()
        return self._correct_earlier(offset_ms, "signed answer")

    def _correct_earlier(self, offset_ms: int, source: str) -> ClockSet | None:
        if self._untrusted_offset_ms is None:
            return None
        correction_ms, self._untrusted_offset_ms = offset_ms - self._untrusted_offset_ms, None
        return self._tell(correction_ms, source)

    def _tell(self, offset_ms: int, source: str) -> ClockSet | None:
        told = self._told
        if told is not None and abs(told.offset_ms - offset_ms) <= AGREE_MS:
            return None
        self._told = ClockSet(1, self._boot_id, offset_ms, source)
        return self._told

    def _proved(self, at_ms: int, mono_ms: int) -> bool:
        return self._offset_ms is not None and abs(at_ms - mono_ms - self._offset_ms) <= AGREE_MS

    def _kernel_says(self, mono_ms: int) -> bool:
        if self._kernel is None or not 0 <= mono_ms - self._kernel[0] < _KERNEL_MS:
            self._kernel = (mono_ms, self._kernel_synchronised())
        return self._kernel[1]

    def _load(self) -> None:
        try:
            kept = json.loads(self._path.read_bytes())
            floor_ms, offset_ms, boot = int(kept["floor_ms"]), kept["offset_ms"], str(kept["boot_id"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("clock_file_unreadable", path=str(self._path), error=str(error))
            return
        self._floor_ms = self._kept_floor_ms = max(EARLIEST_MS, floor_ms)
        if boot == self._boot_id.hex() and isinstance(offset_ms, int):
            self._offset_ms = offset_ms

    def _save(self) -> None:
        kept = {"boot_id": self._boot_id.hex(), "offset_ms": self._offset_ms, "floor_ms": self._floor_ms}
        try:
            write_whole(self._path, json.dumps(kept).encode())
        except OSError as error:
            _log.warning("clock_file_not_written", path=str(self._path), error=str(error))
            return
        self._kept_floor_ms = self._floor_ms


def kernel_synchronised() -> bool:
    """Whether the kernel's clock is disciplined (NTP, GPS, PTP), by adjtimex(2). False where that can't be asked."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    # All zeroes: modes = 0 only reads. struct timex is smaller than this everywhere.
    state: int = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state < 0:
        _log.debug("adjtimex_failed", error=os.strerror(ctypes.get_errno()))
    return 0 <= state < _TIME_ERROR
