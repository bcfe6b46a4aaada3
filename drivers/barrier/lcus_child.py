"""A process that holds an LCUS board and switches its relays off whatever happens to its parent.

`python -m drivers.barrier.lcus_child PORT BAUD RELAYS`. The boards keep a relay on for ever, so the time of a pulse
lives here. One order per line on standard input, `CHANNEL MILLISECONDS`; each is answered with `on CHANNEL` when its
frame has been written, the start with `ready`, and `?` with `here`. End of input, a signal, or a parent that died
switches every relay off and ends the process. With `</dev/null` it switches off and ends at once, which suits
systemd's ExecStopPost.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from drivers.barrier.lcus_frames import switch
from drivers.errors import DeviceGoneError
from drivers.serial_port import SerialPort

# How often the parent is looked for. A process forked by it could hold our input pipe open after its death.
_PARENT_POLL_S: Final = 0.1
# The boards answer nothing and promise nothing about frames in one burst.
_FRAME_GAP_S: Final = 0.01
_MAX_LINE: Final = 64
_MAX_PULSE_MS: Final = 3_600_000


class Relays:
    """The relays of one board with the times at which they fall back."""

    def __init__(self, port: SerialPort, count: int) -> None:
        self._port = port
        self._count = count
        self._ends_s: dict[int, float] = {}

    def on(self, channel: int, seconds: float, now_s: float) -> None:
        """Energise; a relay that is on stays so until the later of both ends."""
        # The end is noted before the frame goes out: whatever interrupts us, there is nothing on without an end.
        self._ends_s[channel] = max(now_s + seconds, self._ends_s.get(channel, 0.0))
        self._write(switch(channel, on=True))

    def off_where_due(self, now_s: float) -> None:
        for channel in [channel for channel, end_s in self._ends_s.items() if end_s <= now_s]:
            self._off(channel)
            del self._ends_s[channel]

    def off_all(self) -> None:
        for channel in range(self._count):
            self._off(channel)
        self._ends_s.clear()

    def wait_s(self, now_s: float) -> float:
        """How long nothing is due."""
        return max(0.0, min([_PARENT_POLL_S, *(end_s - now_s for end_s in self._ends_s.values())]))

    def check_port(self) -> None:
        """Raises DeviceGoneError when the board is unplugged; what a board may say is of no use and thrown away."""
        self._port.read(64, 0.0)

    def has(self, channel: int) -> bool:
        return 0 <= channel < self._count

    def _off(self, channel: int) -> None:
        # Twice, since nothing acknowledges it and a lost frame would leave the way open.
        self._write(switch(channel, on=False))
        self._write(switch(channel, on=False))

    def _write(self, data: bytes) -> None:
        self._port.write(data)
        time.sleep(_FRAME_GAP_S)


def serve(relays: Relays, parent: int) -> None:
    """Until input ends or the parent has died."""
    pending = b""
    while os.getppid() == parent:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], relays.wait_s(time.monotonic()))
        relays.off_where_due(time.monotonic())
        relays.check_port()
        if ready:
            data = os.read(sys.stdin.fileno(), 4096)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            pending = pending[-_MAX_LINE:]
            for line in lines:
                _obey(relays, line)


def _obey(relays: Relays, line: bytes) -> None:
    if line == b"?":
        return _answer("here")
    words = line.split()
    if len(words) != 2 or not all(word.isdigit() and len(word) <= 9 for word in words):
        return _answer(f"refused {line[:_MAX_LINE]!r} is not CHANNEL MILLISECONDS")
    channel, pulse_ms = int(words[0]), int(words[1])
    if not relays.has(channel) or not 1 <= pulse_ms <= _MAX_PULSE_MS:
        return _answer(f"refused channel {channel} or {pulse_ms} ms is out of range")
    relays.on(channel, pulse_ms / 1000, time.monotonic())
    return _answer(f"on {channel}")


def _answer(text: str) -> None:
    os.write(sys.stdout.fileno(), text.encode() + b"\n")


def _leave(number: int, stack: FrameType | None) -> None:
    # A second signal must not cut the switching off short.
    _on_signals(signal.SIG_IGN)
    raise SystemExit(0)


def _on_signals(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, action)


def main(arguments: list[str]) -> int:
    parent = os.getppid()
    if len(arguments) != 3 or not all(word.isdigit() for word in arguments[1:]):
        sys.stderr.write(f"usage: python -m drivers.barrier.lcus_child PORT BAUD RELAYS, not {arguments}\n")
        return 2
    _on_signals(_leave)
    path, baud, count = arguments[0], int(arguments[1]), int(arguments[2])
    try:
        port = SerialPort(path, baud, f"lcus {path}")
        relays = Relays(port, count)
        try:
            relays.off_all()
            _answer("ready")
            serve(relays, parent)
        finally:
            _on_signals(signal.SIG_IGN)
            relays.off_all()
            port.close()
    except DeviceGoneError as error:
        sys.stderr.write(f"{error.why}\n")
        return 1
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
