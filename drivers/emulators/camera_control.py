"""How an emulated camera is told what to show: JSON datagrams at a Unix socket, or its part of a scenario file."""

from __future__ import annotations

import base64
import contextlib
import socket
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from drivers.emulators.camera_card import Effects, Held, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from drivers.emulators.camera import CameraEmulator

_MAX_DATAGRAM: Final = 65536
_WAIT_S: Final = 0.2

Share = Annotated[float, msgspec.Meta(ge=-1, le=2)]


class Pass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One held pass; `payload_base64` in place of `payload` for bytes that are no text. The rest as in Held."""

    payload: str = ""
    payload_base64: str | None = None
    kind: Kind = "phone"
    x: Share = 0.5
    y: Share = 0.55
    px_per_module: Annotated[float, msgspec.Meta(gt=0, le=40)] = 5.0
    effects: Effects = msgspec.field(default_factory=Effects)

    def held(self) -> Held:
        """Raises ValueError if payload_base64 is none."""
        code = self.payload if self.payload_base64 is None else base64.b64decode(self.payload_base64, validate=True)
        return Held(code, self.kind, self.x, self.y, self.px_per_module, self.effects)


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One JSON object: `{"show": [{"payload": "GK1:"}]}`, `{"clear": true}`, `{"fault": "black"}` or null."""

    show: tuple[Pass, ...] | None = None
    clear: bool = False
    fault: str | msgspec.UnsetType | None = msgspec.UNSET

    def apply(self, camera: CameraEmulator) -> None:
        """Raises ValueError for an unknown fault or a payload that fits no QR code."""
        if self.show is not None:
            camera.show([one.held() for one in self.show])
        if self.clear:
            camera.clear()
        if self.fault is not msgspec.UNSET:
            camera.fault(self.fault)


class ControlSocket:
    """Takes commands; what is no command is dropped, since nobody waits for an answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(_WAIT_S)

    def obey(self, camera: CameraEmulator) -> None:
        """Wait a moment for one command and carry it out."""
        with contextlib.suppress(TimeoutError, ValueError):
            # msgspec's own errors are ValueErrors, too.
            msgspec.json.decode(self._socket.recv(_MAX_DATAGRAM), type=Command).apply(camera)

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
