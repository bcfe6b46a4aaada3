"""A board that is held by a child process, which times the pulses and switches off when this process dies."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO, Final

from drivers.errors import DeviceGoneError, DeviceRefusedError
from drivers.protocols import Pulse

# A small computer takes this long to start an interpreter when it is busy.
_START_S: Final = 10.0
_ANSWER_S: Final = 1.0
# A child that hangs holds no relay's time any more: where no inputs are polled, it is asked this often.
_ASK_S: Final = 0.5
# Switching eight relays off twice, plus reserve.
_STOP_S: Final = 2.0


class ChildBoard:
    """The parent's end. `command`: the child's module and its arguments; `inputs`: how many it answers `?` with.

    One thread owns it. Raises DeviceGoneError, naming `name`, with the child's last words when it ends.
    """

    def __init__(self, name: str, command: Sequence[str], relays: int, inputs: int = 0) -> None:
        self._name = name
        self._relays, self._inputs = relays, inputs
        self._child = subprocess.Popen(
            [sys.executable, "-m", *command],
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
        """One order to the child; one that fails it is given up. Confirmed when the child has read the relay back."""
        if not 0 <= channel < self._relays:
            raise ValueError(f"{self._name}: relay {channel} does not exist; it has 0 to {self._relays - 1}")
        try:
            self._send(f"{channel} {round(seconds * 1000)}\n".encode())
            rest = self._expect(f"on {channel}", _ANSWER_S)
        except DeviceGoneError:
            # A late answer would be taken for that of the next order.
            self.close()
            raise
        return Pulse(confirmed=rest == "confirmed")

    def read_inputs(self) -> tuple[bool, ...]:
        """Raises DeviceGoneError when the child hangs, or has ended because the board was unplugged.

        A child that hangs is ended at once: the next one begins by switching every relay off.
        """
        if _pipe(self._child.stdin).closed:
            raise DeviceGoneError(self._name, "its process was given up")
        if self._child.poll() is not None:
            raise DeviceGoneError(self._name, self._last_words())
        if self._inputs or time.monotonic() - self._asked_s >= _ASK_S:
            return self._ask()
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

    def _ask(self) -> tuple[bool, ...]:
        self._asked_s = time.monotonic()
        try:
            self._send(b"?\n")
            said = self._expect("here", _ANSWER_S)
        except DeviceGoneError:
            self._child.kill()
            self.close()
            raise
        return tuple(one == "1" for one in said[: self._inputs])

    def _send(self, line: bytes) -> None:
        try:
            _pipe(self._child.stdin).write(line)
        except (OSError, ValueError) as error:
            raise DeviceGoneError(self._name, self._last_words()) from error

    def _expect(self, words: str, timeout_s: float) -> str:
        """What follows `words` on the next line."""
        answer = self._line(time.monotonic() + timeout_s)
        if answer.startswith("refused"):
            raise DeviceRefusedError(f"{self._name}: {answer}")
        head, rest = answer[: len(words)], answer[len(words) :]
        if head != words or (rest and not rest.startswith(" ")):
            raise DeviceGoneError(self._name, f"answered {answer!r} where {words!r} was expected")
        return rest.strip()

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
