"""A service manager for one process of a town, as systemd is: hears its watchdog, ends it when that falls silent, and
starts whatever ended again."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from typing import Final

from tools.faults.lab import Lab, now_ms

_LOOK_S: Final = 0.1
_PAUSE_S: Final = 0.5


class ServiceManager:
    """Make it between `lab.build()` and `lab.start()`; `watch` when the process runs."""

    def __init__(self, lab: Lab, name: str, watchdog_s: float) -> None:
        self.name = name
        self.watchdog_s = watchdog_s
        self.restarts: list[str] = []
        """Why the process was started again, each time: `watchdog` or `exit CODE`."""
        self._lab = lab
        self._beat_s: float | None = None
        self._told: list[str] = []
        self._stop = threading.Event()
        path = lab.folder / f"{name}.notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(_LOOK_S)
        lab.town.environment[name] = {
            "NOTIFY_SOCKET": str(path),
            "WATCHDOG_USEC": str(round(watchdog_s * 1_000_000)),
        }
        self._threads = [
            threading.Thread(target=act, name=f"manager {name}", daemon=True) for act in (self._hear, self._watch)
        ]
        lab.at_end(self.close)

    def watch(self) -> None:
        """From now on what ends is started again."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._socket.close()

    def said(self, line: str) -> bool:
        return line in self._told

    def silent_s(self) -> float:
        """How long no WATCHDOG=1 has come from the process that runs now; 0 before its first."""
        return 0.0 if self._beat_s is None else time.monotonic() - self._beat_s

    def _hear(self) -> None:
        while not self._stop.is_set():
            try:
                lines = self._socket.recv(4096).decode().splitlines()
            except TimeoutError:
                continue
            if "WATCHDOG=1" in lines:
                self._beat_s = time.monotonic()
            self._told += [line for line in lines if line != "WATCHDOG=1"]

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_S):
            if (code := self._lab.town.ended(self.name)) is not None:
                self._start_again(f"exit {code}")
            elif self.silent_s() > self.watchdog_s:
                os.kill(self._lab.town.pid(self.name), signal.SIGKILL)
                self._start_again("watchdog")

    def _start_again(self, why: str) -> None:
        died_ms = now_ms()
        self._lab.town.kill(self.name)
        self._beat_s = None
        self._stop.wait(_PAUSE_S)
        self._lab.start_again(self.name, died_ms)
        self.restarts.append(why)
