"""How an emulated relay board is told what to do: a datagram socket and a scenario file, the same words in both."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Annotated, Final

import msgspec

from drivers.emulators.relay_wires import Fault

_MAX_DATAGRAM: Final = 4096


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One JSON object: `{"input": 2, "active": true}`, `{"fault": "silent", "times": 3}`, `{"plugged": false}`.

    `after_s`, in scenario files only, counts from the start.
    """

    input: Annotated[int, msgspec.Meta(ge=0)] | None = None
    active: bool = True
    fault: Fault | None = None
    times: int | None = None
    plugged: bool | None = None
    after_s: float = 0.0


class ControlSocket:
    """Datagrams at a Unix socket; one that is no command is dropped, since nobody waits for an answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def take(self) -> list[Command]:
        commands = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self._socket.recv(_MAX_DATAGRAM)
                with contextlib.suppress(msgspec.DecodeError):
                    commands.append(msgspec.json.decode(data, type=Command))
        return commands

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)


class Scenario:
    """JSON lines with `after_s`. Raises msgspec.DecodeError when a line is no command."""

    def __init__(self, path: Path) -> None:
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
        commands = [msgspec.json.decode(line, type=Command) for line in lines]
        self._waiting = sorted(commands, key=lambda command: command.after_s)
        self._start_s: float | None = None

    def due(self, now_s: float) -> list[Command]:
        """What has become due since it was last asked; the first question starts the clock."""
        self._start_s = now_s if self._start_s is None else self._start_s
        passed_s = now_s - self._start_s
        due = [command for command in self._waiting if command.after_s <= passed_s]
        self._waiting = self._waiting[len(due) :]
        return due
