"""The device's side of the driver `plate_push`: a camera that calls the gate with each plate, and between them."""

from __future__ import annotations

import random
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from drivers.emulators.plate_scene import Scene, heartbeat, parts, plain, spoiled

_HEARTBEAT_S: Final = 0.5
_TICK_S: Final = 0.02
_ANSWER_S: Final = 2.0
_BOUNDARY: Final = "---------------------------7e13971310878"
# As many answers are kept for whoever looks.
_MOST_KEPT: Final = 1000


class PlatePushEmulator:
    """A camera that pushes to a free port of this machine, its token at the end of the path. Any thread may `set`."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self._rng = random.Random(seed)
        self._token_file = folder / "plate_push.token"
        self._token = secrets.token_urlsafe(18)
        self._scene = Scene(dialect="plain")
        self._to_send: list[Scene] = []
        self._plugged = True
        self._lock = threading.Lock()
        self._stop = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self._thread = threading.Thread(target=self._loop, name="plate-push-emulator", daemon=True)
        # The status of each answer; 0: nobody answered.
        self.statuses: list[int] = []

    @property
    def options(self) -> Mapping[str, object]:
        """What a gate file says to be reached by it. It is quick to notice silence."""
        return {
            "address": "127.0.0.1",
            "port": self._port,
            "token_file": str(self._token_file),
            "silence_s": 1.5,
        }

    def __enter__(self) -> Self:
        self._token_file.write_text(self._token + "\n")
        self._token_file.chmod(0o600)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def set(self, **change: Any) -> None:
        with self._lock:
            self._scene = self._scene.with_(**change)
            if change.get("plate"):
                self._to_send.append(self._scene)

    def unplug(self) -> None:
        with self._lock:
            self._plugged = False
            self._to_send = []

    def replug(self) -> None:
        with self._lock:
            self._plugged = True

    def _loop(self) -> None:
        next_s = 0.0
        while not self._stop.wait(_TICK_S):
            with self._lock:
                scene = self._to_send.pop(0) if self._plugged and self._to_send else None
                beats = self._plugged and time.monotonic() >= next_s
                now = self._scene
            if scene:
                self._push(scene)
            elif beats:
                next_s = time.monotonic() + _HEARTBEAT_S
                self._push(now.with_(plate=""))

    def _push(self, scene: Scene) -> None:
        if scene.fault in ("silence", "wrong_password") and not scene.plate:
            return
        kind, body = self._body(scene)
        token = "0" * 24 if scene.fault == "wrong_password" else self._token
        head = (
            f"POST /plate/{token} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUser-Agent: camera\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        data = head.encode() + body
        if scene.plate:
            data = data[: len(data) // 2] if scene.fault == "half_frame_then_silence" else data
            data = spoiled(data, scene.fault, self._rng)
        if scene.fault == "silence":
            return
        self.statuses = [*self.statuses[-_MOST_KEPT:], self._deliver(data)]
        if scene.fault == "stale_repeat" and scene.plate:
            with self._lock:
                self._to_send.append(scene)

    def _body(self, scene: Scene) -> tuple[str, bytes]:
        if scene.fault == "wrong_type":
            return "application/octet-stream", b"\x00" * 40
        if scene.dialect == "plain":
            return "application/json", plain(scene, time.time())
        if not scene.plate:
            return "application/xml", heartbeat(scene.dialect, time.time())
        body = parts(scene, time.time(), _BOUNDARY, named=True) + f"--{_BOUNDARY}--\r\n".encode()
        return f"multipart/form-data; boundary={_BOUNDARY}", body

    def _deliver(self, data: bytes) -> int:
        try:
            with socket.create_connection(("127.0.0.1", self._port), _ANSWER_S) as line:
                line.sendall(data)
                line.shutdown(socket.SHUT_WR)
                answer = line.recv(4096)
        except OSError:
            return 0
        return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def emulate(folder: Path, seed: int = 0) -> PlatePushEmulator:
    return PlatePushEmulator(folder, seed)
