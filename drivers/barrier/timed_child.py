"""What a child process does that times pulses for a board that can't, and switches off whatever happens to its parent.

One order per line on standard input, `CHANNEL MILLISECONDS`; each is answered with `on CHANNEL` when the board has it,
and ` confirmed` behind it when the relay was read back as energised. `?` is answered with `here`, and the inputs as
ones and zeros where the board has any; the start with `ready`. End of input, a signal, or a parent that died switches
every relay off and ends the process. With `</dev/null` it switches off and ends at once, which suits systemd's
ExecStopPost.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol

from drivers.errors import DeviceGoneError, DeviceRefusedError, DriverError

# How often the parent is looked for. A process forked by it could hold our input pipe open after its death.
_PARENT_POLL_S: Final = 0.1
_OFF_TRIES: Final = 3
_MAX_LINE: Final = 64
_MAX_PULSE_MS: Final = 3_600_000


class Switches(Protocol):
    """A board whose relays stay as they are put. Every method raises DriverError when the board doesn't do it."""

    count: int

    def switch(self, channel: int, on: bool) -> None:
        """Put relay `channel` on or off. Off may be said more than once, on never."""

    def energised(self, channel: int) -> bool | None:
        """Asks the board; None where it doesn't say."""

    def inputs(self) -> tuple[bool, ...]:
        """Each input, first terminal first."""

    def check(self) -> None:
        """Called at each turn: raises DeviceGoneError once the board is known to be away."""

    def close(self) -> None:
        """Release the port. May be called twice."""


class Relays:
    """The relays of one board with the times at which they fall back."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._ends_s: dict[int, float] = {}

    def on(self, channel: int, seconds: float, now_s: float) -> bool:
        """Energise; a relay that is on stays so until the later of both ends. Returns whether it reads on."""
        # The end is noted before the order goes out: whatever interrupts us, there is nothing on without an end.
        self._ends_s[channel] = max(now_s + seconds, self._ends_s.get(channel, 0.0))
        self._switches.switch(channel, on=True)
        return self._switches.energised(channel) is True

    def off_where_due(self, now_s: float) -> None:
        for channel in [channel for channel, end_s in self._ends_s.items() if end_s <= now_s]:
            self._off(channel)
            del self._ends_s[channel]

    def off_all(self) -> None:
        """Every relay, also behind one that can't be switched; then raises what was wrong with the first."""
        errors: list[DriverError] = []
        for channel in range(self._switches.count):
            try:
                self._off(channel)
            except DriverError as error:
                errors.append(error)
        self._ends_s.clear()
        if errors:
            raise errors[0]

    def wait_s(self, now_s: float) -> float:
        """How long nothing is due."""
        return max(0.0, min([_PARENT_POLL_S, *(end_s - now_s for end_s in self._ends_s.values())]))

    def has(self, channel: int) -> bool:
        return 0 <= channel < self._switches.count

    def _off(self, channel: int) -> None:
        for _ in range(_OFF_TRIES):
            self._switches.switch(channel, on=False)
            if not self._switches.energised(channel):
                return
        raise DeviceGoneError(f"relay {channel}", f"is still on after {_OFF_TRIES} orders to fall")


def run(connect: Callable[[], Switches]) -> int:
    """From opening the board to switching it off; returns the process's exit code. The last line of stderr says why."""
    parent = os.getppid()
    _on_signals(_leave)
    try:
        switches = connect()
        relays = Relays(switches)
        try:
            relays.off_all()
            _answer("ready")
            _serve(switches, relays, parent)
        finally:
            _on_signals(signal.SIG_IGN)
            try:
                relays.off_all()
            finally:
                switches.close()
    except DeviceGoneError as error:
        sys.stderr.write(f"{error.why}\n")
        return 1
    except DriverError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:
        return 1
    return 0


def _serve(switches: Switches, relays: Relays, parent: int) -> None:
    """Until input ends or the parent has died."""
    pending = b""
    while os.getppid() == parent:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], relays.wait_s(time.monotonic()))
        relays.off_where_due(time.monotonic())
        switches.check()
        if ready:
            data = os.read(sys.stdin.fileno(), 4096)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            pending = pending[-_MAX_LINE:]
            for line in lines:
                _answer(_obey(switches, relays, line))


def _obey(switches: Switches, relays: Relays, line: bytes) -> str:
    if line == b"?":
        return "here " + "".join("1" if one else "0" for one in switches.inputs())
    words = line.split()
    if len(words) != 2 or not all(word.isdigit() and len(word) <= 9 for word in words):
        return f"refused {line[:_MAX_LINE]!r} is not CHANNEL MILLISECONDS"
    channel, pulse_ms = int(words[0]), int(words[1])
    if not relays.has(channel) or not 1 <= pulse_ms <= _MAX_PULSE_MS:
        return f"refused channel {channel} or {pulse_ms} ms is out of range"
    try:
        confirmed = relays.on(channel, pulse_ms / 1000, time.monotonic())
    except DeviceRefusedError as error:
        return f"refused {error}".replace("\n", " ")
    return f"on {channel} confirmed" if confirmed else f"on {channel}"


def _answer(text: str) -> None:
    os.write(sys.stdout.fileno(), text.encode() + b"\n")


def _leave(number: int, stack: FrameType | None) -> None:
    # A second signal must not cut the switching off short.
    _on_signals(signal.SIG_IGN)
    raise SystemExit(0)


def _on_signals(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, action)
