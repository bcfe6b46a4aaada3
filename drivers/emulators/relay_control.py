"""How an emulated relay board is told what to do: a datagram socket and a scenario file, the same words in both."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Annotated, Final

import msgspec

from drivers.emulators.relay_wires import Fault
from drivers.emulators.scenario import Timeline, steps_for
from drivers.errors import OptionError

_MAX_DATAGRAM: Final = 4096


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One JSON object: `{"input": 2, "active": true}`, `{"fault": "silent", "times": 3}`, `{"plugged": false}`."""

    input: Annotated[int, msgspec.Meta(ge=0)] | None = None
    active: bool = True
    fault: Fault | None = None
    times: int | None = None
    plugged: bool | None = None


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
    """The relay board's part of a scenario file. Raises OptionError when a line is no command."""

    def __init__(self, path: Path) -> None:
        steps = steps_for(path, "relay")
        for step in steps:
            try:
                msgspec.json.decode(step.change, type=Command)
            except msgspec.DecodeError as error:
                raise OptionError(f"emulated relay board: {path} line {step.line}: {error}") from error
        self._timeline = Timeline(steps)

    def due(self, now_s: float) -> list[Command]:
        """What has become due since it was last asked; the first question starts the clock."""
        return [msgspec.json.decode(change, type=Command) for change in self._timeline.due(now_s)]
