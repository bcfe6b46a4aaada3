"""A camera with its own thread: always grabbing, keeping only the newest frame, coming back by itself."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import cv2

from drivers.errors import DeviceGoneError
from drivers.protocols import Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    # A picture that is decoded when asked for, so that frames nobody looks at cost nothing; None if it is damaged.
    Picture = Callable[[], NDArray[Any] | None]

_FIRST_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 1.0
# Native reads cannot be interrupted; the thread is a daemon and lets go of the device when its read returns.
_JOIN_S: Final = 1.0


class SourceEndedError(DeviceGoneError):
    """There is nothing more to come: opening it again would only repeat it."""


class Source(Protocol):
    """Something that gives pictures one after another."""

    def grab(self) -> Picture:
        """Wait for the next picture. Raises DeviceGoneError, also when none comes for some seconds."""

    def close(self) -> None:
        """Let go of the device."""


class GrabbingCamera:
    """drivers.protocols.Camera over any source."""

    def __init__(self, name: str, open_source: Callable[[], Source]) -> None:
        self._name = name
        self._open_source = open_source
        self._changed = threading.Condition()
        self._newest: tuple[int, int, Picture] | None = None
        self._number = 0
        self._gone: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not seen before; None if none came in time. Raises DeviceGoneError, after the same wait."""
        until = time.monotonic() + timeout_s
        while True:
            taken = self._take(until - time.monotonic())
            if taken is None:
                return None
            number, mono_ms, picture = taken
            image = picture()
            if image is not None:
                return Frame(number, mono_ms, image)

    def close(self) -> None:
        """Stop grabbing. May be called twice, and does not wait long for a device that hangs."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(_JOIN_S)

    def _take(self, wait_s: float) -> tuple[int, int, Picture] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._stop.is_set(), max(0.0, wait_s))
            taken, self._newest = self._newest, None
            if taken is None and self._gone is not None:
                raise DeviceGoneError(self._name, self._gone)
            return taken

    def _run(self) -> None:
        retry_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            before = self._number
            try:
                self._grab_all()
            except SourceEndedError as end:
                self._set_gone(end.why)
                return
            except DeviceGoneError as gone:
                self._set_gone(gone.why)
            except (OSError, cv2.error) as fault:
                self._set_gone(str(fault))
            retry_s = _FIRST_RETRY_S if self._number > before else min(2 * retry_s, _LONGEST_RETRY_S)
            self._stop.wait(retry_s)

    def _grab_all(self) -> None:
        source = self._open_source()
        try:
            while not self._stop.is_set():
                picture = source.grab()
                # The time of grabbing: what happens to the picture later must not make it look younger.
                self._publish(time.monotonic_ns() // 1_000_000, picture)
        finally:
            source.close()

    def _publish(self, mono_ms: int, picture: Picture) -> None:
        with self._changed:
            self._number += 1
            self._gone = None
            self._newest = (self._number, mono_ms, picture)
            self._changed.notify_all()

    def _set_gone(self, why: str) -> None:
        with self._changed:
            self._gone = why
