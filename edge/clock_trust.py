"""Whether the wall clock may be believed: the kernel's own word, or signed times that agree with it in this boot."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from checkpoint.records import ClockSet
from edge.clock import Moment
from edge.clock_file import KeptClock, read_clock, write_clock

_log = structlog.get_logger(__name__)
# No gate of this software was made before 2025-01-01 UTC.
EARLIEST_MS: Final = 1_735_689_600_000
# A signed time further off than this, or a step of the wall clock by more, is a disagreement.
AGREE_MS: Final = 60_000
# The floor rises by more than this, and by more it is written to disk, only ...
FLOOR_STEP_MS: Final = 3_600_000
# ... after signed times and the wall clock have agreed for so long.
STEADY_MS: Final = 600_000
# Signed answers that contradict a clock which only signed answers vouch for, over so long: then it is in doubt.
DOUBT_MS: Final = 30_000
_DOUBT_ANSWERS: Final = 3
# One wrong answer must not date anything: two in a row that agree with each other may.
_DATING_ANSWERS: Final = 2
# New records of a clock that stays wrong are dated this often.
_TELL_AGAIN_MS: Final = 30_000
# How long one answer of the kernel is taken for the next, while the wall clock is not stepped by more than that.
_KERNEL_MS: Final = 1_000
# adjtimex(2): returned when the clock is not synchronised.
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512


class ClockKeeper:
    """Remembers over restarts what this boot's clock has proved, and the highest signed time that agreed with it.

    Trust is an offset between wall and monotonic clock: it survives a restart within the same boot and a cut cable, and
    ends when the wall clock is stepped. A signed time alone never moves the floor: the wall clock has to agree with it,
    and for a large rise to go on agreeing, so that one wrong clock can't lock a gate out for years.

    What was told as complete stays so. A step back by up to AGREE_MS is bridged: the time of records stands still until
    the clock has caught up. After a larger one the clock is not believed until then, or until a signed time agrees.
    While the clock is not believed, records take the time that it had at first and the monotonic clock since, however
    it is stepped: so one correction holds for all of them.
    """

    def __init__(self, path: Path, boot_id: bytes, kernel_synchronised: Callable[[], bool]) -> None:
        self._path = path
        self._boot_id = boot_id
        self._kernel_synchronised = kernel_synchronised
        # When the kernel was asked, at what offset, and its answer.
        self._kernel: tuple[int, int, bool] | None = None
        self._kept = kept = read_clock(path, boot_id, EARLIEST_MS)
        self._floor_ms = kept.floor_ms
        self._agreed_ms = kept.agreed_ms
        # Wall minus monotonic clock: as proved; as last read; as records are dated while it is not believed.
        self._offset_ms = kept.offset_ms
        self._wall_ms: int | None = None
        self._dating_ms = kept.dating_ms
        self._told_ms = 0
        # Signed minus monotonic clock when agreement began, and since when it has lasted.
        self._steady: tuple[int, int] | None = None
        # Signed minus monotonic clock of answers that contradict: the first, when it came, how many agree with it.
        self._against: tuple[int, int, int] | None = None
        self._last_record: tuple[int, int] | None = None

    @property
    def floor_ms(self) -> int:
        """No earlier time is believed, ms UTC."""
        return self._floor_ms

    @property
    def agreed_ms(self) -> int:
        """When the collector last answered with a time that agreed, as far as this gate remembers; ms UTC."""
        return max(self._floor_ms, self._agreed_ms)

    @property
    def undated(self) -> bool:
        """Whether this boot may have records that wait for a `clock` record."""
        return self._dating_ms is not None

    def believe(self, at_ms: int, mono_ms: int) -> bool:
        """Whether a reading of both clocks may be trusted. Safe to call from every thread."""
        if self._wall_ms is None and self._offset_ms is not None:
            # An earlier run of this boot has told times up to here.
            self._told_ms = self._offset_ms + mono_ms
        self._wall_ms = at_ms - mono_ms
        possible = at_ms >= self._floor_ms and at_ms >= self._told_ms - AGREE_MS
        trusted = possible and (self._proved(at_ms, mono_ms) or self._kernel_says(at_ms, mono_ms))
        if not trusted and self._dating_ms is None:
            self._dating_ms = at_ms - mono_ms
        return trusted

    def stamp(self, at_ms: int, mono_ms: int, trusted: bool) -> int:
        """The time of what happens at this reading, which `believe` has judged."""
        if trusted:
            return max(at_ms, self._told_ms)
        return at_ms if self._dating_ms is None else mono_ms + self._dating_ms

    def told(self, at_ms: int) -> None:
        """No record of a time before this one will follow: it was said so."""
        self._told_ms = max(self._told_ms, at_ms)

    def signed_time(self, signed_ms: int, moment: Moment, undated: bool = True) -> ClockSet | None:
        """Take the time of an answer that counted, heard at `moment`. Returns a `clock` record when one is due, which
        it can only be while there are records to be dated."""
        at_ms = moment.at_ms if self._wall_ms is None else moment.mono_ms + self._wall_ms
        if abs(signed_ms - at_ms) <= AGREE_MS and at_ms >= self._floor_ms:
            self._agreed(signed_ms, at_ms, moment.mono_ms)
            return None
        answers = self._contradicted(signed_ms, moment.mono_ms)
        if moment.trusted:
            _log.warning("signed_time_disagrees", error_ms=signed_ms - at_ms)
            self._doubt(moment)
            return None
        if not undated or answers < _DATING_ANSWERS or signed_ms < self._floor_ms:
            return None
        return self._record(signed_ms - moment.at_ms, moment.mono_ms)

    def signed_now_ms(self, moment: Moment) -> int | None:
        """What time it is by signed answers that contradict the wall clock, once they agree with each other."""
        against = self._against
        return against[0] + moment.mono_ms if against and against[2] >= _DATING_ANSWERS else None

    def settled(self, moment: Moment, undated: bool = True) -> ClockSet | None:
        """A `clock` record when the clock is believed again and records of before are to be dated. Call every turn."""
        if moment.trusted:
            self._pin()
        record = None
        if moment.trusted and self._dating_ms is not None and self._wall_ms is not None:
            if undated:
                record = ClockSet(1, self._boot_id, self._wall_ms - self._dating_ms, self._source(moment))
            else:
                self._dating_ms = None
        if self._dating_ms != self._kept.dating_ms:
            self._save()
        return record

    def _pin(self) -> None:
        """What is believed now is proved for the rest of this boot."""
        if self._wall_ms is None:
            return
        if self._offset_ms is None or abs(self._wall_ms - self._offset_ms) > AGREE_MS:
            self._offset_ms = self._wall_ms
            self._save()

    def _source(self, moment: Moment) -> str:
        return "kernel" if self._kernel_says(moment.at_ms, moment.mono_ms) else "signed answer"

    def _agreed(self, signed_ms: int, at_ms: int, mono_ms: int) -> None:
        first = self._steady is None
        steady = self._steady
        if steady is None or abs(signed_ms - mono_ms - steady[0]) > AGREE_MS:
            steady = self._steady = (signed_ms - mono_ms, mono_ms)
        self._against, self._offset_ms = None, at_ms - mono_ms
        self._agreed_ms = signed_ms
        if first:
            # Whatever an earlier run has told, the collector took as complete up to its own time at most.
            self._told_ms = max(self._told_ms, signed_ms)
        if self._told_ms > max(at_ms, signed_ms) + AGREE_MS:
            # It was told by a clock that ran ahead; of that, too, the collector took no more than its own time.
            self._told_ms = signed_ms
        rise_ms = signed_ms - AGREE_MS - self._floor_ms
        if 0 < rise_ms <= FLOOR_STEP_MS or (rise_ms > 0 and mono_ms - steady[1] >= STEADY_MS):
            self._floor_ms += rise_ms
        proved_before = self._kept.offset_ms is not None and abs(self._offset_ms - self._kept.offset_ms) <= _KERNEL_MS
        rises = (self._floor_ms - self._kept.floor_ms, abs(self._agreed_ms - self._kept.agreed_ms))
        if not proved_before or max(rises) >= FLOOR_STEP_MS:
            self._save()

    def _contradicted(self, signed_ms: int, mono_ms: int) -> int:
        """How many signed answers in a row agree with this one."""
        self._steady = None
        offset_ms = signed_ms - mono_ms
        if self._against is not None and abs(offset_ms - self._against[0]) <= AGREE_MS:
            first_ms, since_ms, count = self._against
            self._against = (first_ms, since_ms, count + 1)
        else:
            self._against = (offset_ms, mono_ms, 1)
        return self._against[2]

    def _doubt(self, moment: Moment) -> None:
        """Answers proved this clock, and answers go on contradicting it: one of them is wrong, so nobody knows."""
        if self._against is None or self._offset_ms is None or self._kernel_says(moment.at_ms, moment.mono_ms):
            return
        _, since_ms, count = self._against
        if count >= _DOUBT_ANSWERS and moment.mono_ms - since_ms >= DOUBT_MS:
            _log.warning("clock_in_doubt", answers=count)
            self._offset_ms = None
            self._save()

    def _record(self, offset_ms: int, mono_ms: int) -> ClockSet | None:
        last, self._last_record = self._last_record, (offset_ms, mono_ms)
        if last is not None and abs(last[0] - offset_ms) <= AGREE_MS and mono_ms - last[1] < _TELL_AGAIN_MS:
            self._last_record = last
            return None
        return ClockSet(1, self._boot_id, offset_ms, "signed answer")

    def _proved(self, at_ms: int, mono_ms: int) -> bool:
        offset_ms = self._offset_ms
        return offset_ms is not None and abs(at_ms - mono_ms - offset_ms) <= AGREE_MS

    def _kernel_says(self, at_ms: int, mono_ms: int) -> bool:
        known, offset_ms = self._kernel, at_ms - mono_ms
        fresh = known is not None and 0 <= mono_ms - known[0] < _KERNEL_MS and abs(offset_ms - known[1]) < _KERNEL_MS
        if known is None or not fresh:
            # A step takes the kernel's word away (ntp_clear in settimeofday), so it is asked again after one.
            known = self._kernel = (mono_ms, offset_ms, self._kernel_synchronised())
        return known[2]

    def _save(self) -> None:
        kept = KeptClock(self._floor_ms, self._offset_ms, self._dating_ms, self._agreed_ms)
        if write_clock(self._path, self._boot_id, kept):
            self._kept = kept


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
