"""gpiozero's mock pins, tied to an emulated header behind a Unix socket: one line each way for every pin that changes.

The header sends `PIN 0|1` for the level at an input, and `ready` behind the first of them; it is told `PIN 0|1` for the
level that an output takes.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
from typing import Any, Final

from gpiozero.pins.mock import MockFactory, MockPin

from drivers.errors import DeviceGoneError

_READY_S: Final = 5.0
_MAX_WAITING: Final = 4096
_LEVEL: Final = re.compile(rb"([0-9]{1,2}) ([01])")


class HeaderPin(MockPin):  # type: ignore[misc]
    """A mock pin that tells the header when this process drives it."""

    def _set_pull(self, value: str) -> None:
        # Called as well whenever a pin becomes an input.
        super()._set_pull(value)
        self.factory.put_level(self)

    def _set_state(self, value: float) -> None:
        super()._set_state(value)
        self.factory.tell(self._number, bool(value))


class EmulatedFactory(MockFactory):  # type: ignore[misc]
    """Pins of an emulated Raspberry Pi. Raises DeviceGoneError when the header isn't there."""

    def __init__(self, path: str) -> None:
        super().__init__(pin_class=HeaderPin)
        self._levels: dict[int, bool] = {}
        self._waiting = b""
        self._ready = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise DeviceGoneError("gpio", f"no emulated header at {path}: {error}") from error
        until_s = time.monotonic() + _READY_S
        while not self._ready:
            self._wait(until_s)
            self.look()

    def look(self) -> None:
        """Take what the header has sent; raises DeviceGoneError when it has gone."""
        try:
            data = self._socket.recv(_MAX_WAITING, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            raise DeviceGoneError("gpio", f"the emulated header has gone: {error}") from error
        if not data:
            raise DeviceGoneError("gpio", "the emulated header has gone")
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        for line in lines:
            self._take(line)

    def tell(self, pin: int, high: bool) -> None:
        # Whether the header is still there is found out by looking.
        with contextlib.suppress(OSError):
            self._socket.sendall(b"%d %d\n" % (pin, high))

    def put_level(self, pin: Any) -> None:
        """The outside drives what is an input; what it leaves alone follows its pull."""
        level = self._levels.get(pin._number)
        if level is not None:
            (pin.drive_high if level else pin.drive_low)()

    def close(self) -> None:
        super().close()
        self._socket.close()

    def _wait(self, until_s: float) -> None:
        if not select.select([self._socket], [], [], max(0.0, until_s - time.monotonic()))[0]:
            self._socket.close()
            raise DeviceGoneError("gpio", "the emulated header doesn't say what its pins are")

    def _take(self, line: bytes) -> None:
        self._ready = self._ready or line == b"ready"
        found = _LEVEL.fullmatch(line)
        if found is None:
            return
        number = int(found[1])
        self._levels[number] = found[2] == b"1"
        for pin in self.pins.values():
            if pin._number == number and pin.function == "input":
                self.put_level(pin)
