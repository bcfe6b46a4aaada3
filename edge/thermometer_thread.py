"""The thread of one lane's thermometer: reads, and says when the device is gone or silent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from drivers.errors import OptionError
from drivers.thermometer.reconnecting import ReconnectingThermometer
from edge.rim import SILENT_MS, ThermometerEar

_log = structlog.get_logger(__name__)

_READ_S: Final = 0.5


class ThermometerThread:
    """Owns one thermometer. `connect` gives a fresh one; it opens the port by itself, again and again."""

    def __init__(self, lane: str, connect: Callable[[], ReconnectingThermometer], ear: ThermometerEar) -> None:
        self._connect = connect
        self._ear = ear
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

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read_once()
            except OptionError as error:
                self._ear.down("thermometer_gone", str(error))
                self._stop.wait(_READ_S)
            except Exception:
                # The outermost loop of this thread: a mistake here must not end measuring for good.
                _log.exception("thermometer_thread")
                self._stop.wait(_READ_S)

    def _read_once(self) -> None:
        reading = self._thermometer.read(_READ_S)
        if reading is not None:
            self._ear.reading(reading)
        elif self._thermometer.gone is not None:
            self._ear.down("thermometer_gone", str(self._thermometer.gone))
        elif self._thermometer.silent_for_ms > SILENT_MS:
            self._ear.down("thermometer_silent", f"no reading for {self._thermometer.silent_for_ms} ms")
