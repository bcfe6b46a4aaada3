"""The thread of one reader of a lane: opens it again and again, hands on what it says, and says when it is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from typing import Final

import structlog

from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import CardSeen, Reader, ReaderEvent
from edge.reader_ear import ReaderEar
from webscreen.heart import Heart

_log = structlog.get_logger(__name__)

_READ_S: Final = 0.5
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0
# Opening a USB port whose device does not answer takes two control transfers, which the kernel gives 5 s each.
_LIMIT_S: Final = 12.0
# A card that is there so soon after its reader was opened was left lying there, by nobody knows whom: it counts when it
# is laid down anew.
LEFT_S: Final = 1.0


class ReaderThread:
    """Owns one reader. `connect` opens it, and may raise DeviceGoneError or OptionError."""

    def __init__(
        self, lane: str, name: str, connect: Callable[[], Reader], ear: ReaderEar, *, left_s: float = LEFT_S
    ) -> None:
        self._lane, self._name = lane, name
        self._connect = connect
        self._ear = ear
        self._left_s = left_s
        place = f"{lane}-{name}"
        self.heart = Heart(f"reader-{place}", _LIMIT_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader-{place}", daemon=True)
        self._reader: Reader | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._opened_s = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        reader = self._reader
        if reader is not None:
            reader.close()
        if self._thread.is_alive():
            self._thread.join()

    def abandon(self) -> None:
        """Give the hung thread up, from the supervisor's. When it wakes, its device is gone and nobody hears it."""
        self._stop.set()
        reader = self._reader
        if reader is not None:
            reader.sever()

    def fresh(self) -> ReaderThread:
        """The same reader with a new thread, not started."""
        return ReaderThread(self._lane, self._name, self._connect, self._ear, left_s=self._left_s)

    def _run(self) -> None:
        self.heart.begin()
        while not self._stop.is_set():
            self.heart.beat()
            try:
                self._turn()
            except (DeviceGoneError, OptionError) as error:
                self._went(str(error))
            except Exception as error:
                # The outermost loop of this thread: a mistake in a driver must not end reading for good. Its words may
                # hold what was read of somebody; its place in the program does not.
                places = [f"{Path(one.filename).name}:{one.lineno}" for one in extract_tb(error.__traceback__)]
                _log.error("reader_thread", lane=self._lane, reader=self._name, error=type(error).__name__, at=places)
                self._went(type(error).__name__)
        self._close()
        self.heart.end()

    def _turn(self) -> None:
        if self._reader is None:
            self._reader = self._connect()
            self._opened_s = time.monotonic()
            return
        event = self._reader.read(_READ_S)
        if self._stop.is_set():
            return
        # It has answered, or been silent for a whole turn without being gone.
        self._pause_s = _FIRST_PAUSE_S
        self._ear.up()
        if event is not None and not self._was_left(event):
            self._ear.said(event)

    def _was_left(self, event: ReaderEvent) -> bool:
        return isinstance(event, CardSeen) and time.monotonic() - self._opened_s < self._left_s

    def _went(self, why: str) -> None:
        self._close()
        if self._stop.is_set():
            return
        self._ear.down(why)
        self._stop.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
