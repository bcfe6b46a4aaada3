"""The other end of NOTIFY_SOCKET: what a service manager would be told, with the time at which it was."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from tools.faults.hang import can_hang

needs_ptrace = pytest.mark.skipif(not can_hang(), reason="needs the right to trace processes (CAP_SYS_PTRACE)")


class NotifySocket:
    """Takes everything; `messages` holds (monotonic seconds, text)."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self.messages: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                text = self._socket.recv(4096).decode()
            except TimeoutError:
                continue
            self.messages.append((time.monotonic(), text))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def environment(self, watchdog_s: float) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(round(watchdog_s * 1e6))}

    def said(self, text: str) -> bool:
        return any(said == text for _, said in self.messages)

    def beats(self) -> list[float]:
        """When WATCHDOG=1 came."""
        return [at for at, said in self.messages if said == "WATCHDOG=1"]

    def silent_s(self) -> float:
        """How long no WATCHDOG=1 has come."""
        return time.monotonic() - self.beats()[-1]
