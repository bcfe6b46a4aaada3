"""LCUS relay board: it can neither time a pulse nor answer, so a child process times it and switches off at its end."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from typing import IO, Annotated, Final

import msgspec

from drivers.barrier.board import BoardOptions, BoardSize
from drivers.errors import DeviceGoneError, DeviceRefusedError
from drivers.protocols import Pulse

# A small computer takes this long to start an interpreter when it is busy.
_START_S: Final = 10.0
_ANSWER_S: Final = 1.0
# A child that hangs holds no relay's time any more: it is asked this often whether it is there.
_ASK_S: Final = 0.5
# Switching eight relays off twice, plus reserve.
_STOP_S: Final = 2.0


class Options(BoardOptions, frozen=True):
    """The boards come with 1, 2, 4 or 8 relays and no inputs."""

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    baud: Annotated[int, msgspec.Meta(ge=1200, le=115200)] = 9600
    relays: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1


def size(options: Options) -> BoardSize:
    return BoardSize(options.relays, inputs=0)


class LcusRelay:
    """The parent's end. One thread owns it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._name = f"lcus {options.port}"
        command = [sys.executable, "-m", "drivers.barrier.lcus_child"]
        self._child = subprocess.Popen(
            [*command, options.port, str(options.baud), str(options.relays)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self._pending = b""
        self._asked_s = time.monotonic()
        try:
            self._expect("ready", _START_S)
        except (DeviceGoneError, DeviceRefusedError):
            self.close()
            raise

    def pulse(self, channel: int, seconds: float) -> Pulse:
        """One order to the child; one that fails it is given up. Never confirmed: the board has no read-back."""
        if not 0 <= channel < self._options.relays:
            raise ValueError(f"{self._name}: relay {channel} does not exist; it has 0 to {self._options.relays - 1}")
        try:
            self._send(f"{channel} {round(seconds * 1000)}\n".encode())
            self._expect(f"on {channel}", _ANSWER_S)
        except DeviceGoneError:
            # A late answer would be taken for that of the next order.
            self.close()
            raise
        return Pulse(confirmed=False)

    def read_inputs(self) -> tuple[bool, ...]:
        """It has none. Raises DeviceGoneError when the child hangs, or has ended because the board was unplugged.

        A child that hangs is ended at once: the next one begins by switching every relay off.
        """
        if _pipe(self._child.stdin).closed:
            raise DeviceGoneError(self._name, "its process was given up")
        if self._child.poll() is not None:
            raise DeviceGoneError(self._name, self._last_words())
        if time.monotonic() - self._asked_s >= _ASK_S:
            self._ask_whether_there()
        return ()

    def close(self) -> None:
        """Close the pipe; the child switches off and ends. One that does not is ended."""
        pipes = (self._child.stdin, self._child.stdout, self._child.stderr)
        if _pipe(self._child.stdin).closed:
            return
        _pipe(self._child.stdin).close()
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pipe in pipes:
            _pipe(pipe).close()

    def sever(self) -> None:
        """End the child; its successor switches the relays off."""
        self._child.kill()

    def _ask_whether_there(self) -> None:
        self._asked_s = time.monotonic()
        try:
            self._send(b"?\n")
            self._expect("here", _ANSWER_S)
        except DeviceGoneError:
            self._child.kill()
            self.close()
            raise

    def _send(self, line: bytes) -> None:
        try:
            _pipe(self._child.stdin).write(line)
        except (OSError, ValueError) as error:
            raise DeviceGoneError(self._name, self._last_words()) from error

    def _expect(self, word: str, timeout_s: float) -> None:
        answer = self._line(time.monotonic() + timeout_s)
        if answer.startswith("refused"):
            raise DeviceRefusedError(f"{self._name}: {answer}")
        if answer != word:
            raise DeviceGoneError(self._name, f"answered {answer!r} where {word!r} was expected")

    def _line(self, until_s: float) -> str:
        output = _pipe(self._child.stdout)
        while b"\n" not in self._pending:
            ready, _, _ = select.select([output], [], [], max(0.0, until_s - time.monotonic()))
            if not ready:
                raise DeviceGoneError(self._name, "its process does not answer")
            data = output.read(4096)
            if not data:
                raise DeviceGoneError(self._name, self._last_words())
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def _last_words(self) -> str:
        """What the child said on its way out, the last line of it."""
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            return "its process has closed its pipe"
        lines = (_pipe(self._child.stderr).read() or b"").decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line), f"its process ended with {self._child.returncode}")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:  # pragma: no cover - all three were asked for
        raise RuntimeError("the child has no pipe")
    return pipe


def connect(options: Options) -> LcusRelay:
    return LcusRelay(options)
