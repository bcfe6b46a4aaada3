"""The gate's side of vision: keeps one vision process per lane running and posts what it says. No OpenCV in here."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from drivers.camera.options import check_options
from edge.vision_messages import (
    Alive,
    LookForMask,
    MaskModel,
    MessageError,
    MessageReader,
    Start,
    VisionBack,
    VisionDied,
    frame,
)
from webscreen.heart import Heart

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.vision_messages import Message
    from firmware_config.schema import Device, Mask

_ROOT: Final = Path(__file__).resolve().parent.parent
_SILENCE_MS: Final = 3000
# Loading OpenCV from an SD card takes its time.
_FIRST_SILENCE_MS: Final = 15000
_POLL_S: Final = 0.1
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0
_STOP_S: Final = 1.0
# The watcher looks every 100 ms; starting and ending a process from a busy card takes longer.
_LIMIT_S: Final = 5.0
_PROCESS_LIMIT_S: Final = 15.0
_COMPLAINT_BYTES: Final = 2000
DEFAULT_MEMORY_MIB: Final = 1536
# One thread in every native library, and one memory arena: the process must stay small beside the gate.
_ENVIRONMENT: Final = {
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "16",
}


class Vision:
    """The vision process of one lane, watched by one thread.

    `post` is called from that thread with Seen, CameraFault, CameraOk, VisionDied and VisionBack; it must not block for
    long, for the watchdog waits with it. Raises OptionError at once if the camera's options are wrong.
    """

    def __init__(
        self,
        lane: str,
        camera: Device,
        post: Callable[[object], None],
        mono_ms: Callable[[], int],
        memory_mib: int = DEFAULT_MEMORY_MIB,
        mask: Mask | None = None,
    ) -> None:
        check_options(camera.driver, camera.options)
        self._camera, self._memory_mib, self._mask = camera, memory_mib, mask
        model = None if mask is None else model_of(mask)
        self._start_message = Start(lane, camera.driver, dict(camera.options), memory_mib, model)
        self._wants_mask = False
        self._lane = lane
        self._post = post
        self._mono_ms = mono_ms
        self._stop = threading.Event()
        self._said_dead = False
        self.heart = Heart(f"vision {lane}", _LIMIT_S)
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=f"vision {lane}", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process as it is now; None between two."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start the process. Returns at once."""
        self._thread.start()

    def want_mask(self, on: bool) -> None:
        """Whether somebody stands there whose mask is asked for; from any thread, at any time."""
        self._wants_mask = on

    def stop(self) -> None:
        """End the process and the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def abandon(self) -> None:
        """Give the hung watcher up, from the supervisor's, and kill its process. When it wakes, nobody hears it."""
        self._stop.set()
        process = self._process
        if process is not None:
            process.kill()
        if not self._said_dead:
            self._post(VisionDied(self._lane, "its watcher hung"))

    def fresh(self) -> Vision:
        """The same camera with a new watcher and a new process, not started."""
        fresh = Vision(self._lane, self._camera, self._post, self._mono_ms, self._memory_mib, self._mask)
        fresh._said_dead = True
        return fresh

    def _run(self) -> None:
        self.heart.begin()
        self._keep_one_alive()
        self.heart.end()

    def _keep_one_alive(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            was_back, why = self._live_once()
            if self._stop.is_set():
                return
            if not self._said_dead:
                self._said_dead = True
                self._post(VisionDied(self._lane, why))
            # A process that never came up is tried again ever slower, but always within a second or so.
            pause_s = _FIRST_PAUSE_S if was_back else min(2 * pause_s, _LONGEST_PAUSE_S)
            self._stop.wait(pause_s)

    def _live_once(self) -> tuple[bool, str]:
        """One process from start to end: whether it got to work, and why it ended."""
        self.heart.beat(_PROCESS_LIMIT_S)
        try:
            process = self._process = _spawn(frame(self._start_message))
        except OSError as fault:
            return False, f"cannot be started: {fault}"
        session = _Session(process, self._pass_on, self._mono_ms, self.heart, lambda: self._wants_mask)
        try:
            why = session.run_until(self._stop)
        finally:
            self._process = None
            self.heart.beat(_PROCESS_LIMIT_S)
            _end(process)
        return session.worked, f"{why} (exit {process.returncode}) {session.complaint}".strip()

    def _pass_on(self, message: Message) -> None:
        if isinstance(message, Alive) or self._stop.is_set():
            return
        if self._said_dead:
            self._said_dead = False
            self._post(VisionBack(self._lane))
        self._post(message)


class _Session:
    """The pipes of one process: its messages, its complaints, and the watchdog."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        on_message: Callable[[Message], None],
        mono_ms: Callable[[], int],
        heart: Heart,
        wants_mask: Callable[[], bool],
    ) -> None:
        self._heart = heart
        self._wants_mask, self._told_mask = wants_mask, False
        self._process = process
        self._on_message = on_message
        self._mono_ms = mono_ms
        self._reader = MessageReader()
        self._complaint = b""
        self._heard_ms = mono_ms()
        self._count = 0

    @property
    def worked(self) -> bool:
        """Whether it got beyond loading its libraries: the first message comes before that."""
        return self._count > 1

    @property
    def complaint(self) -> str:
        """The last line it wrote to its standard error."""
        lines = self._complaint.decode(errors="replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")

    def run_until(self, stop: threading.Event) -> str:
        """Pass messages on until the process ends, hangs, talks nonsense or shall stop; says which."""
        _, words, complaints = _pipes(self._process)
        with selectors.DefaultSelector() as selector:
            selector.register(words, selectors.EVENT_READ, self._hear)
            selector.register(complaints, selectors.EVENT_READ, self._note)
            while not stop.is_set():
                self._heart.beat()
                self._order()
                for key, _ in selector.select(_POLL_S):
                    try:
                        ended = key.data(os.read(key.fd, 65536))
                    except MessageError as fault:
                        return f"talked nonsense: {fault}"
                    if ended:
                        selector.unregister(key.fileobj)
                if len(selector.get_map()) < 2:
                    self._note(_rest(complaints.fileno()))
                    return "ended"
                if self._mono_ms() - self._heard_ms > (_SILENCE_MS if self.worked else _FIRST_SILENCE_MS):
                    return "hung"
        return "stopped"

    def _order(self) -> None:
        """Tell the process what is wanted of it now, once it listens."""
        wanted = self._wants_mask()
        if wanted == self._told_mask or not self._count:
            return
        self._told_mask = wanted
        with contextlib.suppress(BrokenPipeError):
            _pipes(self._process)[0].write(frame(LookForMask(wanted)))

    def _hear(self, data: bytes) -> bool:
        for message in self._reader.feed(data):
            self._count += 1
            self._on_message(message)
        # Taken after the messages are passed on: time that the gate itself took is no silence.
        self._heard_ms = self._mono_ms()
        return not data

    def _note(self, data: bytes) -> bool:
        self._complaint = (self._complaint + data)[-_COMPLAINT_BYTES:]
        return not data


def model_of(mask: Mask) -> MaskModel:
    """The gate file's table as the process that runs the model is told of it."""
    return MaskModel(mask.model, mask.kind, mask.face_min, mask.score_min, mask.every_ms)


def _spawn(first: bytes) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **_ENVIRONMENT, "PYTHONPATH": _python_path()}
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.vision_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        bufsize=0,
    )
    with contextlib.suppress(BrokenPipeError):
        # If it has died already, its exit says more than this.
        _pipes(process)[0].write(first)
    return process


def _python_path() -> str:
    # The process runs the same code as the gate, installed or not, from whatever folder.
    return os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    return cast("tuple[IO[bytes], IO[bytes], IO[bytes]]", (process.stdin, process.stdout, process.stderr))


def _rest(descriptor: int) -> bytes:
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask by closing its input, then kill. Whatever hangs in native code does not listen."""
    orders, words, complaints = _pipes(process)
    orders.close()
    if process.poll() is None:
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    words.close()
    complaints.close()
