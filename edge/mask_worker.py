"""The near end of the mask process: starts it, asks it, and never waits for it longer than it may take."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final, TypeVar

from edge.vision_messages import (
    MaskFailed,
    MaskModel,
    MaskReady,
    MaskSeen,
    Message,
    MessageError,
    MessageReader,
    Picture,
    frame,
)

_ROOT: Final = Path(__file__).resolve().parent.parent
# Loading OpenCV and a model from an SD card takes its time; a look takes a hundredth of this.
_LOAD_S: Final = 30.0
_LOOK_S: Final = 2.0
_END_S: Final = 1.0
_Answer = TypeVar("_Answer", MaskReady, MaskSeen)


class MaskWorkerError(RuntimeError):
    """The model can't be used: why, in one line."""


class MaskWorker:
    """One mask process. Use from one thread; after an error it is only good for closing."""

    def __init__(self, asked: MaskModel, load_s: float = _LOAD_S, look_s: float = _LOOK_S) -> None:
        """Returns when the model has looked at its first picture. Raises MaskWorkerError."""
        self._look_s = look_s
        self._reader = MessageReader()
        self._line, far = socket.socketpair()
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge.mask_process"],
                stdin=far.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        try:
            self.ready = self._ask(asked, load_s, MaskReady)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def look(self, pixels: bytes) -> MaskSeen:
        """What one picture shows; lane and time are the caller's to fill in. Raises MaskWorkerError."""
        return self._ask(Picture(pixels), self._look_s, MaskSeen)

    def close(self) -> None:
        """End the process, which may hang. May be called twice."""
        self._line.close()
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _ask(self, question: Message, limit_s: float, wanted: type[_Answer]) -> _Answer:
        self._line.settimeout(limit_s)
        try:
            self._line.sendall(frame(question))
            answer = self._hear()
        except TimeoutError as fault:
            raise MaskWorkerError(f"the model did not answer within {limit_s:g} s") from fault
        except (OSError, MessageError) as fault:
            raise MaskWorkerError(f"the model's process failed: {fault}") from fault
        if isinstance(answer, MaskFailed):
            raise MaskWorkerError(answer.why)
        if not isinstance(answer, wanted):
            raise MaskWorkerError("the model's process talked nonsense")
        return answer

    def _hear(self) -> Message:
        while data := self._line.recv(65536):
            for message in self._reader.feed(data):
                return message
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        raise MaskWorkerError(f"the model's process ended (exit {self._process.returncode})")


def _environment() -> dict[str, str]:
    # The process runs the same code as the gate, installed or not, from whatever folder.
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
