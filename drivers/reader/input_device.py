"""An input device of Linux, taken for oneself: what it types reaches nobody else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
from typing import Final

from drivers.errors import DeviceGoneError

# _IOW('E', 0x90, int) of linux/input.h, on every processor that a gate runs on.
EVIOCGRAB: Final = 0x40044590
_OPEN_REMEDY: Final = "is it plugged in, and may this user read it (group input)?"
_GRAB_REMEDY: Final = "is it an input device, and does no other program hold it?"


class InputDevice:
    """An open device. One thread reads; any thread may close, which ends a read under way.

    `grab`: nobody else gets its keys, above all not the screen. Raises DeviceGoneError, naming `device_name`, whenever
    it can't be opened, taken or read.
    """

    def __init__(self, path: str, device_name: str, grab: bool) -> None:
        self._path = path
        self._device_name = device_name
        self._lock = threading.Lock()
        # Held while the descriptor goes: its number may belong to another file a moment later.
        self._ending = threading.Lock()
        self._closed = False
        self._is_open = False
        try:
            self._device = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceGoneError(device_name, f"cannot open {path}: {error}; {_OPEN_REMEDY}") from error
        try:
            if grab:
                fcntl.ioctl(self._device, EVIOCGRAB, 1)
            self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            os.close(self._device)
            raise DeviceGoneError(device_name, f"cannot take {path}: {error}; {_GRAB_REMEDY}") from error
        self._is_open = True
        self._poll = select.poll()
        self._poll.register(self._device, select.POLLIN)
        self._poll.register(self._wake_r, select.POLLIN)

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """What has been typed, as soon as there is anything; b"" if nothing came in `timeout_s`."""
        with self._lock:
            if self._closed:
                raise DeviceGoneError(self._device_name, f"{self._path} was closed")
            ready = {descriptor for descriptor, _ in self._poll.poll(timeout_s * 1000)}
            if self._closed:
                raise DeviceGoneError(self._device_name, f"{self._path} was closed")
            return self._read(max_bytes) if self._device in ready else b""

    def close(self) -> None:
        """Let the device go. From any thread; may be called twice."""
        self._closed = True
        with self._ending:
            self._wake()
        with self._lock, self._ending:
            if self._is_open:
                self._is_open = False
                for descriptor in (self._device, self._wake_r, self._wake_w):
                    os.close(descriptor)

    def sever(self) -> None:
        """Let the device go though a thread hangs in it; never waits for that one.

        Its descriptor leads to /dev/null from then on, for the sleeper to close when it wakes.
        """
        self._closed = True
        if not self._ending.acquire(blocking=False):
            # It is being closed just now.
            return
        try:
            if self._is_open:
                nowhere = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                os.dup2(nowhere, self._device, inheritable=False)
                os.close(nowhere)
                self._wake()
        finally:
            self._ending.release()

    def _wake(self) -> None:
        """End a wait under way; only with `_ending` held."""
        if self._is_open:
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_w, b"!")

    def _read(self, max_bytes: int) -> bytes:
        try:
            data = os.read(self._device, max_bytes)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise DeviceGoneError(self._device_name, f"cannot read {self._path}: {error}") from error
        if not data:
            raise DeviceGoneError(self._device_name, f"cannot read {self._path}: it has ended")
        return data
