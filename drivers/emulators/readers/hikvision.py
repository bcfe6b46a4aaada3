"""The device's side of the driver `hikvision`: a camera that serves its alertStream to whoever proves the password."""

from __future__ import annotations

import hashlib
import hmac
import random
import re
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from drivers.emulators.plate_scene import Scene, heartbeat, part, parts, spoiled

_PATH: Final = "/ISAPI/Event/notification/alertStream"
_USER: Final = "gate"
_REALM: Final = "IP Camera(GK001)"
_BOUNDARY: Final = "boundary"
_HEARTBEAT_S: Final = 0.5
_TICK_S: Final = 0.02
_HASHES: Final = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class HikvisionEmulator:
    """A camera at a free port of this machine. `algorithm` is that of its digest; any thread may call `set`."""

    def __init__(self, folder: Path, seed: int = 0, algorithm: Literal["MD5", "SHA-256"] = "MD5") -> None:
        self._rng = random.Random(seed)
        self._algorithm = algorithm
        self._secret_file = folder / "hikvision.secret"
        self._password = secrets.token_urlsafe(12)
        self._scene = Scene()
        self._to_send: list[Scene] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._listener: socket.socket | None = None
        self._port = 0
        self._nonces: set[str] = set()
        self._thread = threading.Thread(target=self._loop, name="hikvision-emulator", daemon=True)
        # Whoever watches the stream now, and how many have begun to.
        self._watchers: list[socket.socket] = []
        self.streams = 0
        # Plates that went out, spoiled or not.
        self.shown = 0
        # Proofs that were wrong: a real camera locks the account after a few.
        self.refused = 0

    @property
    def options(self) -> Mapping[str, object]:
        """What a gate file says to reach it. It is quick to notice silence, and counts each plate."""
        return {
            "host": "127.0.0.1",
            "port": self._port,
            "user": _USER,
            "password_file": str(self._secret_file),
            "silence_s": 1.5,
        }

    def __enter__(self) -> Self:
        self._secret_file.write_text(self._password + "\n")
        self._secret_file.chmod(0o600)
        self._plug()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self.unplug()

    def set(self, **change: Any) -> None:
        with self._lock:
            self._scene = self._scene.with_(**change)
            if change.get("plate"):
                self._to_send.append(self._scene)

    def unplug(self) -> None:
        with self._lock:
            for line in (self._listener, *self._watchers):
                if line is not None:
                    line.close()
            self._listener = None
            self._watchers = []

    def replug(self) -> None:
        with self._lock:
            self._plug()

    def _plug(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._listener.settimeout(0)
            self._port = self._listener.getsockname()[1]

    def _loop(self) -> None:
        next_s = 0.0
        while not self._stop.wait(_TICK_S):
            with self._lock:
                self._accept()
                if self._watchers and self._to_send:
                    self._show(self._to_send.pop(0))
                if time.monotonic() >= next_s:
                    next_s = time.monotonic() + _HEARTBEAT_S
                    self._beat()

    def _accept(self) -> None:
        try:
            line = self._listener.accept()[0] if self._listener else None
        except OSError:
            return
        if line is None:
            return
        line.settimeout(1.0)
        if self._answer(line):
            self._watchers.append(line)
            self.streams += 1
        else:
            line.close()

    def _answer(self, line: socket.socket) -> bool:
        """True: the answer to this request is the stream."""
        data = b""
        try:
            while b"\r\n\r\n" not in data and len(data) < 8192 and (piece := line.recv(4096)):
                data += piece
            answer = self._answer_to(data.decode("latin-1"))
            line.sendall(answer)
        except OSError:
            return False
        return answer.startswith(b"HTTP/1.1 200")

    def _answer_to(self, request: str) -> bytes:
        if not request.startswith(f"GET {_PATH} HTTP/1.1\r\n"):
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        proof = re.search(r"^Authorization: Digest (.*?)\r$", request, re.MULTILINE)
        if proof and self._is_proved(proof[1]) and self._scene.fault != "wrong_password":
            kind = f"multipart/mixed; boundary={_BOUNDARY}"
            return f"HTTP/1.1 200 OK\r\nMIME-Version: 1.0\r\nConnection: close\r\nContent-Type: {kind}\r\n\r\n".encode()
        self.refused += proof is not None
        nonce = secrets.token_hex(16)
        self._nonces.add(nonce)
        challenge = f'Digest qop="auth", realm="{_REALM}", nonce="{nonce}", algorithm={self._algorithm}, stale="FALSE"'
        return (
            f"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\n"
            "Content-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\nno\r\n"
        ).encode()

    def _is_proved(self, proof: str) -> bool:
        """RFC 7616 section 3.4.1, from the server's side."""
        said = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', proof)}

        def digest(text: str) -> str:
            return _HASHES[self._algorithm](text.encode()).hexdigest()

        secret = digest(f"{_USER}:{_REALM}:{self._password}")
        middle = ":".join(said.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        wanted = digest(f"{secret}:{middle}:{digest(f'GET:{_PATH}')}")
        is_known = said.get("nonce") in self._nonces and said.get("username") == _USER and said.get("uri") == _PATH
        return is_known and hmac.compare_digest(wanted, said.get("response", ""))

    def _beat(self) -> None:
        if self._scene.fault not in ("silence", "half_frame_then_silence"):
            self._send(part('application/xml; charset="UTF-8"', heartbeat(self._scene.dialect, time.time()), _BOUNDARY))

    def _show(self, scene: Scene) -> None:
        data = parts(scene, time.time(), _BOUNDARY)
        if scene.fault == "silence":
            return
        if scene.fault == "wrong_type":
            data = part("application/octet-stream", b"\x00" * 40, _BOUNDARY)
        elif scene.fault == "half_frame_then_silence":
            data = data[:200]
        self._send(spoiled(data, scene.fault, self._rng))
        self.shown += 1
        if scene.fault == "stale_repeat":
            self._to_send.append(scene)

    def _send(self, data: bytes) -> None:
        """In two pieces, as the network pleases."""
        cut = self._rng.randrange(len(data))
        for line in list(self._watchers):
            try:
                line.sendall(data[:cut])
                line.sendall(data[cut:])
            except OSError:
                self._watchers.remove(line)
                line.close()


def emulate(folder: Path, seed: int = 0) -> HikvisionEmulator:
    return HikvisionEmulator(folder, seed)
