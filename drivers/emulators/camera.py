"""An emulated network camera, 720p MJPEG over HTTP: threads of a test, or `python -m drivers.emulators.camera`."""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

import cv2
import numpy as np

from drivers.emulators.camera_card import Effects, Held
from drivers.emulators.camera_control import Command, ControlSocket
from drivers.emulators.camera_scene import Scene
from drivers.emulators.scenario import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from drivers.emulators.camera_card import Picture

__all__ = ["CameraEmulator", "Effects", "Held", "run_foreground"]

Fault = Literal["frozen", "black", "missing", "silent", "last_picture", "garbage", "huge", "endless", "breaks_off"]

_BOUNDARY: Final = "emulated-frame"
_JPEG_QUALITY: Final = 80
# Of a picture that nobody asked for: larger than any sensor's, and still within what a decoder agrees to open.
_HUGE_PX: Final = 10_000
_ENDLESS_CHUNK: Final = bytes(1 << 16)
# A scene at rest is encoded this often and then repeated: consecutive frames differ, and the machine stays idle.
_VARIANTS: Final = 8


class CameraEmulator:
    """The camera; its methods may be called from any thread. `glide_s` is how long people take to come and to go."""

    def __init__(self, port: int = 0, fps: float = 15.0, seed: int = 1, glide_s: float = 0.6) -> None:
        cv2.setNumThreads(1)
        self._port = port
        self._period_s = 1 / fps
        self._glide_s = glide_s
        self._scene = Scene(seed)
        self._lock = threading.Condition()
        self._people: tuple[Held, ...] = ()
        self._leaving = False
        self._changed_s = -glide_s
        self._fault: Fault | None = None
        self._variants: list[bytes] = []
        self._turn = 0
        self._number = 0
        self._jpeg = b""
        self._watchers = 0
        self._stop = threading.Event()
        self._server: _Server | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the stream is; known once started."""
        return f"http://127.0.0.1:{self._port}/stream"

    def start(self) -> None:
        """Listen on loopback."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        for run in (self._server.serve_forever, self._tick):
            self._threads.append(threading.Thread(target=run, name="camera-emulator", daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Hang up. May be called twice."""
        self._stop.set()
        with self._lock:
            self._lock.notify_all()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        for thread in self._threads:
            thread.join()

    def show(self, people: Sequence[Held]) -> None:
        """These people come in and hold up what they have; whoever was there is gone. ValueError if it fits no code."""
        self._scene.picture(people)
        self._set(tuple(people), leaving=False)

    def clear(self) -> None:
        """Whoever is there leaves; who is leaving already goes on leaving."""
        with self._lock:
            people, leaving = self._people, self._leaving
        if not leaving:
            self._set(people, leaving=True)

    def fault(self, fault: str | None) -> None:
        """What is wrong from now on; None mends it.

        `frozen` repeats one picture, `black` covers the lens, `missing` hangs up and refuses, `silent` keeps the
        connection and sends nothing, `last_picture` sends an old picture to whoever connects and nothing more,
        `garbage` sends parts that are no pictures, `huge` pictures of 100 megapixels, `endless` one part that never
        ends, `breaks_off` hangs up in the middle of each picture.
        """
        if fault is not None and fault not in get_args(Fault):
            raise ValueError(f"a camera cannot be {fault!r}; choose one of {', '.join(get_args(Fault))}")
        with self._lock:
            self._fault = fault  # type: ignore[assignment]
            self._variants = []
            self._lock.notify_all()

    @property
    def refuses(self) -> bool:
        """Whether it plays dead."""
        return self._fault == "missing" or self._stop.is_set()

    @property
    def spoils(self) -> str:
        """What it does to a part on the wire: `endless`, `breaks_off` or nothing."""
        fault = self._fault
        return fault if fault in ("endless", "breaks_off") else ""

    def jpeg_after(self, number: int) -> tuple[int, bytes]:
        """Wait for a picture newer than `number`. Empty when the camera hangs up."""
        with self._lock:
            self._watchers += 1
            self._lock.notify_all()
            if self._fault == "silent":
                number = self._number
            self._lock.wait_for(lambda: self._number > number or self.refuses)
            self._watchers -= 1
            return (0, b"") if self.refuses else (self._number, self._jpeg)

    def _set(self, people: tuple[Held, ...], leaving: bool) -> None:
        with self._lock:
            self._people, self._leaving, self._changed_s = people, leaving, time.monotonic()
            self._variants = []

    def _tick(self) -> None:
        while not self._stop.is_set():
            began_s = time.monotonic()
            with self._lock:
                # Nobody looks: nothing is drawn.
                self._lock.wait_for(lambda: self._watchers > 0 or self._stop.is_set())
                if self._fault not in ("silent", "last_picture"):
                    if self._fault != "frozen" or not self._jpeg:
                        self._jpeg = self._next_jpeg(time.monotonic())
                    self._number += 1
                    self._lock.notify_all()
            self._stop.wait(max(0.0, began_s + self._period_s - time.monotonic()))

    def _next_jpeg(self, now_s: float) -> bytes:
        gone = (now_s - self._changed_s) / self._glide_s if self._glide_s > 0 else 1.0
        if gone < 1 and self._fault is None:
            away = gone if self._leaving else gone - 1
            return _encode(self._scene.noisy(self._scene.picture(self._people, away)))
        if self._fault == "garbage":
            return random.randbytes(len(self._jpeg) or 1000)
        self._turn += 1
        if len(self._variants) < _VARIANTS:
            self._variants.append(_encode(self._at_rest()))
            return self._variants[-1]
        return self._variants[self._turn % _VARIANTS]

    def _at_rest(self) -> Picture:
        if self._fault == "black":
            return self._scene.black()
        if self._fault == "huge":
            return np.full((_HUGE_PX, _HUGE_PX), 90 + len(self._variants), np.uint8)
        return self._scene.noisy(self._scene.picture(() if self._leaving else self._people))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], camera: CameraEmulator) -> None:
        super().__init__(address, _Handler)
        self.camera = camera

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """`/snapshot.jpg` is one picture; everything else the stream."""
        if self.server.camera.refuses:
            self.send_error(503)
        elif self.path.startswith("/snapshot"):
            self._picture(self.server.camera.jpeg_after(0)[1])
        else:
            self._stream()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _picture(self, jpeg: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(jpeg)))
        self.end_headers()
        self.wfile.write(jpeg)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        self.close_connection = True
        number, jpeg = self.server.camera.jpeg_after(0)
        with contextlib.suppress(OSError):
            while jpeg:
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                if self.server.camera.spoils:
                    self._spoil(head.encode(), jpeg)
                    return
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                number, jpeg = self.server.camera.jpeg_after(number)

    def _spoil(self, head: bytes, jpeg: bytes) -> None:
        if self.server.camera.spoils == "breaks_off":
            self.wfile.write(head + jpeg[: len(jpeg) // 2])
            return
        # Without a length only the next boundary would end it.
        self.wfile.write(head.split(b"Content-Length")[0] + b"\r\n" + jpeg)
        while self.server.camera.spoils == "endless":
            self.wfile.write(_ENDLESS_CHUNK)


def run_foreground(options: Mapping[str, Any], on_ready: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT. Options: port, fps, seed, glide_s of CameraEmulator; `control`, path of a socket;
    `scenario`, path of a file.

    `on_ready` is called with the address of the stream. To be called from the main thread, which takes the signals.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    own = dict(options)
    control, scenario = own.pop("control", None), own.pop("scenario", None)
    script = Script(Path(scenario), "camera", Command) if scenario else None
    with CameraEmulator(**own) as camera, contextlib.ExitStack() as stack:
        commands = ControlSocket(Path(control)) if control else None
        if commands is not None:
            stack.callback(commands.close)
        on_ready(camera.url)
        while not stop.is_set():
            for command in script.due(time.monotonic()) if script else ():
                command.apply(camera)
            if commands is None:
                stop.wait(0.1)
            else:
                commands.obey(camera)


def _encode(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fps", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--glide-s", type=float, default=0.6)
    parser.add_argument("--control", metavar="PATH")
    run_foreground(vars(parser.parse_args()), _announce)


def _announce(url: str) -> None:
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
