"""A process that holds an LCUS board and switches its relays off whatever happens to its parent.

`python -m drivers.barrier.lcus_child PORT BAUD RELAYS [none|state|ff]`; see timed_child.py for what it is told.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from drivers.barrier.lcus_frames import ASK_ALL, FrameReader, TextReader, ask, switch
from drivers.barrier.timed_child import run
from drivers.errors import DeviceGoneError
from drivers.serial_port import SerialPort

READ_BACKS: Final = ("none", "state", "ff")
# The boards promise nothing about frames in one burst.
_FRAME_GAP_S: Final = 0.01
# A board with a CH340 answers within a few milliseconds, a line of text for each of eight relays takes 80.
_ANSWER_S: Final = 0.15
_SLICE_S: Final = 0.02
# A board that can answer is asked whether it is there. Three lost answers in a row are no disturbance.
_CHECK_S: Final = 0.4
_TRIES: Final = 3


class LcusSwitches:
    """One board. `read_back` says how it is asked for the state of its relays, if it can be."""

    def __init__(self, port: SerialPort, count: int, read_back: str) -> None:
        self._port = port
        self.count = count
        self._read_back = read_back
        self._checked_s = time.monotonic()

    def switch(self, channel: int, on: bool) -> None:
        self._write(switch(channel, on))
        if not on and self._read_back == "none":
            # Twice, since nothing acknowledges it and a lost frame would leave the way open.
            self._write(switch(channel, on))

    def energised(self, channel: int) -> bool | None:
        if self._read_back == "state":
            return self._ask(ask(channel), FrameReader().feed, channel)[1]
        return self._ask(ASK_ALL, TextReader().feed, channel)[1] if self._read_back == "ff" else None

    def inputs(self) -> tuple[bool, ...]:
        return ()

    def check(self) -> None:
        """What a board says unasked is of no use and thrown away."""
        if self._read_back == "none":
            self._port.read(64, 0.0)
        elif time.monotonic() - self._checked_s >= _CHECK_S:
            self._find()

    def close(self) -> None:
        self._port.close()

    def _find(self) -> None:
        for _ in range(_TRIES):
            reader = FrameReader() if self._read_back == "state" else TextReader()
            answered, _ = self._ask(ask(0) if self._read_back == "state" else ASK_ALL, reader.feed, 0)
            if answered:
                self._checked_s = time.monotonic()
                return
        raise DeviceGoneError("lcus", f"the board doesn't answer; does it know read_back = {self._read_back!r}?")

    def _ask(
        self, question: bytes, feed: Callable[[bytes], list[tuple[int, bool]]], channel: int
    ) -> tuple[bool, bool | None]:
        """Whether anything was answered, and the state of `channel` if that was."""
        self._port.flush_input()
        self._write(question)
        heard = b""
        until_s = time.monotonic() + _ANSWER_S
        while time.monotonic() < until_s:
            data = self._port.read(64, _SLICE_S)
            heard += data
            states = dict(feed(data))
            if channel in states:
                return True, states[channel]
        # Some boards answer FF with one byte whose meaning differs: they are there, and that is all it says.
        return bool(heard), None

    def _write(self, data: bytes) -> None:
        self._port.write(data)
        time.sleep(_FRAME_GAP_S)


def main(arguments: list[str]) -> int:
    read_back = arguments[3] if len(arguments) == 4 else "none"
    sound = len(arguments) in (3, 4) and all(word.isdigit() for word in arguments[1:3]) and read_back in READ_BACKS
    if not sound:
        usage = "python -m drivers.barrier.lcus_child PORT BAUD RELAYS [none|state|ff]"
        sys.stderr.write(f"usage: {usage}, not {arguments}\n")
        return 2
    path, baud, count = arguments[0], int(arguments[1]), int(arguments[2])
    return run(lambda: LcusSwitches(SerialPort(path, baud, f"lcus {path}"), count, read_back))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
