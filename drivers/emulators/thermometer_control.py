"""Changes of the scene from outside: a scenario's steps when their time comes, and datagrams on a Unix socket."""

from __future__ import annotations

import logging
import math
import socket
from collections import deque
from pathlib import Path
from typing import Final

from drivers.emulators.thermometer_scene import Change, ScenarioStep, read_change
from drivers.errors import OptionError

_LOG = logging.getLogger(__name__)
_LONGEST_DATAGRAM: Final = 4096


class ScenarioClock:
    """Steps, handed out when they are due. Times are seconds of one monotonic clock."""

    def __init__(self, steps: list[ScenarioStep], start_s: float) -> None:
        self._steps = deque(steps)
        self._start_s = start_s

    @property
    def next_at_s(self) -> float:
        """When the next step is due."""
        return self._start_s + self._steps[0].at_s if self._steps else math.inf

    def due(self, now_s: float) -> list[Change]:
        """The steps that are due and were not handed out yet."""
        due: list[Change] = []
        while self.next_at_s <= now_s:
            due.append(self._steps.popleft())
        return due


class ControlSocket:
    """A datagram socket at `path`; each datagram is one change as JSON. One that does not fit is logged and dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_socket():
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(str(path))
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """To wait on."""
        return self._socket.fileno()

    def receive(self) -> list[Change]:
        """The changes that have arrived."""
        changes: list[Change] = []
        while True:
            try:
                changes.append(read_change(self._socket.recv(_LONGEST_DATAGRAM)))
            except BlockingIOError:
                return changes
            except OptionError as error:
                _LOG.warning("%s", error)

    def close(self) -> None:
        """Release the socket and its path. May be called twice."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
