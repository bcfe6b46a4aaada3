"""The watchdog of a daemon: judges its threads once a turn, replaces the hung ones, or ends the process."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog

from webscreen.heart import Heart, name_this_thread
from webscreen.notify import Notifier

# Distinct from the exit codes of bad input (2) and of nothing that came in time (3).
HUNG_EXIT: Final = 4
_TURN_S: Final = 0.5
# The interpreter itself stands still, a native call never gives it back: a thread below Python ends the process then.
STUCK_S: Final = 20.0
# A stop that hangs is cut off after this: everything that counts is on disk by then.
STOP_S: Final = 30.0
# Abandoned threads stay in the process for ever. After so many the process starts anew, with none.
_MOST_REPLACED: Final = 8

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ward:
    """A thread under watch. `replace` puts a fresh thread in its place; None: only a new process helps."""

    heart: Heart
    replace: Callable[[], None] | None = None


class Supervisor:
    """One thread calls `turn`, every `turn_s` seconds.

    `wards` gives all threads as they are now. `last_words` is told which thread ends the process, and must not wait.
    """

    def __init__(
        self,
        wards: Callable[[], Sequence[Ward]],
        notifier: Notifier,
        last_words: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wards = wards
        self._notifier = notifier
        self._last_words = last_words
        self._monotonic = monotonic
        watchdog_s = notifier.watchdog_s
        self.turn_s = _TURN_S if watchdog_s is None else min(_TURN_S, watchdog_s / 8)
        self._turned_s = monotonic()
        self._told_s = float("-inf")
        self._ready = False
        self._replaced = 0

    def run(self, stop: threading.Event) -> None:
        """A thread of its own, until `stop`. Should it fail itself, nobody calls off the end of the process."""
        name_this_thread("watchdog")
        # Before the first turn, too: what stands still at once would let none come.
        _end_after(STUCK_S)
        while not stop.wait(self.turn_s):
            self.turn()

    def turn(self) -> None:
        """Judge every thread. Does not return when one hangs that can't be replaced."""
        _end_after(STUCK_S)
        now_s = self._monotonic()
        # Time in which this thread did not run either (a stopped process, a sleeping machine) is nobody's silence.
        passed_s, self._turned_s = min(now_s - self._turned_s, 2 * self.turn_s), now_s
        wards = self._wards()
        for ward in wards:
            ward.heart.pass_time(passed_s)
            if ward.heart.hung:
                self._hung(ward)
        vital = [ward.heart for ward in wards if ward.replace is None]
        if not self._ready and all(heart.beats for heart in vital):
            self._ready = True
            self._notifier.ready()
            self._notifier.status("running")
        if not any(heart.faint for heart in vital):
            self._say_alive(now_s)

    def stop(self) -> None:
        """The process ends as it should, and in any case within `STOP_S`."""
        self._notifier.stopping()
        self._notifier.status("stopping")
        _end_after(STOP_S)

    def stopped(self) -> None:
        """Everything has ended: nothing is timed any more."""
        faulthandler.cancel_dump_traceback_later()
        self._notifier.close()

    def _say_alive(self, now_s: float) -> None:
        watchdog_s = self._notifier.watchdog_s
        # With the turn this stays below half of what systemd allows.
        if watchdog_s is not None and now_s - self._told_s >= watchdog_s / 4:
            self._told_s = now_s
            self._notifier.alive()

    def _hung(self, ward: Ward) -> None:
        name, silent_s = ward.heart.name, round(ward.heart.silent_s, 1)
        if ward.replace is None or self._replaced >= _MOST_REPLACED:
            self._end(name, silent_s)
        self._replaced += 1
        _log.error("thread_hung", thread=name, silent_s=silent_s, does="replaced by a fresh one")
        self._notifier.status(f"{name} hung and was replaced")
        try:
            ward.replace()
        except (OSError, RuntimeError) as error:
            # No file or thread can be had any more.
            _log.error("thread_not_replaced", thread=name, error=str(error))
            self._end(name, silent_s)

    def _end(self, name: str, silent_s: float) -> NoReturn:
        """With the stacks of all threads on standard error. Nothing is closed: a hung thread may hold anything."""
        _log.error("thread_hung", thread=name, silent_s=silent_s, does="the process ends and has to be started again")
        self._notifier.status(f"{name} hung")
        self._last_words(name)
        faulthandler.dump_traceback(all_threads=True)
        sys.stderr.flush()
        os._exit(HUNG_EXIT)


def _end_after(seconds: float) -> None:
    """A thread of C ends the process unless this is called again in time; it needs no interpreter."""
    try:
        faulthandler.dump_traceback_later(seconds, exit=True)
    except RuntimeError as error:
        # No thread can be made now. systemd still notices when this one stands still.
        _log.warning("no_timer", error=str(error))
