"""The thread of one lane's thermometer: reads, and says when the device is gone or silent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from drivers.errors import OptionError
from drivers.thermometer.reconnecting import ReconnectingThermometer
from edge.rim import SILENT_MS, ThermometerEar
from webscreen.heart import Heart

_log = structlog.get_logger(__name__)

_READ_S: Final = 0.5
# Opening a USB port whose device does not answer takes two control transfers, which the kernel gives 5 s each.
_LIMIT_S: Final = 12.0


class ThermometerThread:
    """Owns one thermometer. `connect` gives a fresh one; it opens the port by itself, again and again."""

    def __init__(self, lane: str, connect: Callable[[], ReconnectingThermometer], ear: ThermometerEar) -> None:
        self._lane = lane
        self._connect = connect
        self._ear = ear
        self.heart = Heart(f"thermometer-{lane}", _LIMIT_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"thermometer-{lane}", daemon=True)
        self._thermometer = connect()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thermometer.close()
        if self._thread.is_alive():
            self._thread.join()

    def abandon(self) -> None:
        """Give the hung thread up, from the supervisor's. When it wakes, its port is gone and nobody hears it."""
        self._stop.set()
        self._thermometer.sever()

    def fresh(self) -> ThermometerThread:
        """The same thermometer with a new thread, not started."""
        return ThermometerThread(self._lane, self._connect, self._ear)

    def _run(self) -> None:
        self.heart.begin()
        while not self._stop.is_set():
            self.heart.beat()
            try:
                self._read_once()
            except OptionError as error:
                self._down("thermometer_gone", str(error))
                self._stop.wait(_READ_S)
            except Exception:
                # The outermost loop of this thread: a mistake here must not end measuring for good.
                _log.exception("thermometer_thread")
                self._stop.wait(_READ_S)
        self.heart.end()

    def _read_once(self) -> None:
        reading = self._thermometer.read(_READ_S)
        if reading is not None:
            if not self._stop.is_set():
                self._ear.reading(reading)
        elif self._thermometer.gone is not None:
            self._down("thermometer_gone", str(self._thermometer.gone))
        elif self._thermometer.silent_for_ms > SILENT_MS:
            note = self._thermometer.note and f": {self._thermometer.note}"
            self._down("thermometer_silent", f"no reading for {self._thermometer.silent_for_ms} ms{note}")

    def _down(self, code: str, detail: str) -> None:
        if not self._stop.is_set():
            self._ear.down(code, detail)
