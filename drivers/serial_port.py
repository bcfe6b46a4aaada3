"""A serial port whose every failure is one error: the device is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import termios
import threading
from collections.abc import Callable
from typing import TypeVar

import serial

from drivers.errors import DeviceGoneError

_T = TypeVar("_T")

# A port that does not take a few bytes within this time has nobody at the other end.
_WRITE_TIMEOUT_S = 1.0
_OPEN_REMEDY = "is it plugged in, not in use by another program, and may this user open it (group dialout)?"


class SerialPort:
    """An open port, 8N1 without flow control, locked against a second opener.

    DTR and CTS are never touched: a pseudo-terminal and many USB adapters have none (ENOTTY).
    One thread reads and writes; any thread may close, which ends a read or write under way.
    Raises DeviceGoneError, naming `device_name`, whenever the port cannot be opened, read or written.
    """

    def __init__(self, path: str, baud: int, device_name: str) -> None:
        self.path = path
        self.baud = baud
        self._device_name = device_name
        self._lock = threading.Lock()
        self._closed = False
        # Held while the descriptor goes: its number may belong to another file a moment later.
        self._ending = threading.Lock()
        try:
            self._serial = serial.Serial(
                path, baud, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=True, rtscts=False, dsrdtr=False
            )
        # tcsetattr on a device that has just left raises termios.error, which is no OSError.
        except (OSError, termios.error, ValueError) as error:
            raise DeviceGoneError(device_name, f"cannot open {path} at {baud} baud: {error}; {_OPEN_REMEDY}") from error

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """What has arrived, as soon as there is anything, at most `max_bytes`; b"" if nothing came in `timeout_s`."""
        return self._try(lambda: self._read(max_bytes, timeout_s), "cannot read")

    def write(self, data: bytes) -> None:
        """Hand all of `data` to the line."""
        self._try(lambda: self._serial.write(data), "cannot write")

    def flush_input(self) -> None:
        """Forget what has arrived and was not read."""
        self._try(self._serial.reset_input_buffer, "cannot flush")

    def set_baud(self, baud: int) -> None:
        """Go on at another speed; what has arrived stays."""
        self._try(lambda: setattr(self._serial, "baudrate", baud), "cannot set the baud of")
        self.baud = baud

    def close(self) -> None:
        """Release the port. May be called twice."""
        self._closed = True
        with self._ending:
            if self._serial.is_open:
                self._serial.cancel_read()
                self._serial.cancel_write()
        with self._lock, self._ending:
            self._serial.close()

    def sever(self) -> None:
        """Take the line from a thread that hangs in it. From any thread; never waits for that one, as `close` does.

        Whatever the hung thread reads or writes when it wakes goes to /dev/null, and the line can be opened again.
        Raises OSError when this process can open no file more.
        """
        self._closed = True
        if not self._ending.acquire(blocking=False):
            # It is being closed just now, which may hang as well; then the port stays taken.
            return
        try:
            if self._serial.fd is not None:
                _lead_nowhere(self._serial.fd)
        finally:
            self._ending.release()

    def _read(self, max_bytes: int, timeout_s: float) -> bytes:
        # Setting the same timeout again would reconfigure the whole port.
        if self._serial.timeout != timeout_s:
            self._serial.timeout = timeout_s
        first = bytes(self._serial.read(1))
        # in_waiting raises a bare OSError on a port that is gone, where read and write raise SerialException.
        more = min(self._serial.in_waiting, max_bytes - 1) if first else 0
        return first + bytes(self._serial.read(more)) if more > 0 else first

    def _try(self, action: Callable[[], _T], what: str) -> _T:
        # A port that is closed by another thread in the middle of this has no descriptor any more.
        with self._lock:
            if self._closed:
                raise DeviceGoneError(self._device_name, f"{what}: {self.path} was closed")
            try:
                return action()
            except (OSError, termios.error) as error:
                raise DeviceGoneError(self._device_name, f"{what} {self.path}: {error}") from error


def _lead_nowhere(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    # Else the kernel may wait half a minute for a dead line to take what was written to it.
    with contextlib.suppress(termios.error):
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    # A descriptor that is only closed would be given to the next file that is opened, for the sleeper to write to.
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)
