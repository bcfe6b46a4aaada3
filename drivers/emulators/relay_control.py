"""How an emulated relay board is told what to do, by a datagram socket or a scenario file, in the same words."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Annotated, Final

import msgspec

from drivers.emulators.relay_wires import Fault

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
