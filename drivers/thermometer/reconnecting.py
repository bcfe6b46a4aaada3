"""A thermometer that is opened again each time it goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from drivers.errors import DeviceGoneError
from drivers.protocols import Reading
from drivers.thermometer.driver import Clock, SerialThermometer

Opener = Callable[[int | None], SerialThermometer]

_FIRST_PAUSE_S = 0.1
# With at most this pause, and the last good baud tried first, a replugged module reads again within 3 s.
_LONGEST_PAUSE_S = 1.0


class ReconnectingThermometer:
    """Reads like a Thermometer, but `read` never raises DeviceGoneError: it tries again with growing pauses.

    `open_port` takes the baud to try first. `gone` is the error while the thermometer is away, None while it is there.
    Reading the same port path each time, it needs one that outlives a replug.
    """

    def __init__(self, open_port: Opener, clock: Clock = time.monotonic) -> None:
        self._open_port = open_port
        self._clock = clock
        self._closed = threading.Event()
        self._thermometer: SerialThermometer | None = None
        self._baud: int | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._open_at_s = clock()
        self._good_at_s = clock()
        self.gone: DeviceGoneError | None = None

    @property
    def silent_for_ms(self) -> int:
        """Time since the last reading, or since the start."""
        return int((self._clock() - self._good_at_s) * 1000)

    @property
    def note(self) -> str:
        """What the device answers in place of values, in words; empty if nothing."""
        thermometer = self._thermometer
        return "" if thermometer is None else thermometer.note

    def read(self, timeout_s: float) -> Reading | None:
        """The next reading, or None if none came in time, the thermometer being away or silent."""
        deadline_s = self._clock() + timeout_s
        while not self._closed.is_set():
            left_s = max(0.0, deadline_s - self._clock())
            reading = self._read_or_open(left_s)
            if reading is not None:
                self._good_at_s = self._clock()
                return reading
            if self._clock() >= deadline_s:
                return None
        return None

    def close(self) -> None:
        """Release the port and end a read under way. May be called twice."""
        self._closed.set()
        thermometer = self._thermometer
        if thermometer is not None:
            thermometer.close()

    def sever(self) -> None:
        """Take the port from a thread that hangs in `read`, and end that read whenever it wakes. Never waits."""
        self._closed.set()
        thermometer = self._thermometer
        if thermometer is not None:
            thermometer.sever()

    def _read_or_open(self, left_s: float) -> Reading | None:
        try:
            if self._thermometer is not None:
                return self._thermometer.read(left_s)
            self._open_when_due(left_s)
        except DeviceGoneError as error:
            self._went(error)
        return None

    def _open_when_due(self, left_s: float) -> None:
        wait_s = self._open_at_s - self._clock()
        if wait_s > 0:
            self._closed.wait(min(wait_s, left_s))
            return
        self._thermometer = self._open_port(self._baud)
        self.gone = None
        self._pause_s = _FIRST_PAUSE_S
        if self._closed.is_set():
            # Closed by another thread while the port was being opened.
            self._thermometer.close()

    def _went(self, error: DeviceGoneError) -> None:
        self.gone = error
        if self._thermometer is not None:
            self._baud = self._thermometer.found_baud or self._baud
            self._thermometer.close()
            self._thermometer = None
        self._open_at_s = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
