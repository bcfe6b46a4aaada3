"""A reader on a serial port: the port and what is said on it put together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from drivers.errors import DeviceGoneError
from drivers.reader.events import ReaderEvent
from drivers.serial_port import SerialPort

_READ_BYTES: Final = 512
# If nobody read for this long, what waits in the port is a thing of the past: whoever showed it may have left.
_BACKLOG_S: Final = 1.0


class Talk(Protocol):
    """What is said on one reader's line: bytes in, events and questions out. No I/O; times on the reader's clock."""

    @property
    def next_at_s(self) -> float:
        """When `say` or `lost` may have something new, if no byte comes before; never in the past for long."""

    def say(self, now_s: float) -> bytes:
        """What to send now; empty: nothing. Called before each wait."""

    def feed(self, data: bytes, now_s: float) -> Sequence[ReaderEvent]:
        """Take what came, also nothing at all (the line was quiet); the events in it."""

    def lost(self, now_s: float) -> str | None:
        """Why the device counts as gone: it owes an answer for too long. None while it doesn't."""

    def forget(self, now_s: float) -> None:
        """Whatever was heard or asked up to now is a thing of the past; begin anew."""


class Patience:
    """How long a device owes the answer to a question. It counts as gone after `limit_s` without a sound one."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._owed_since_s: float | None = None
        self._extra_s = 0.0

    @property
    def owes(self) -> bool:
        """Whether a question is out."""
        return self._owed_since_s is not None

    @property
    def over_at_s(self) -> float:
        """When it ends; infinity while nothing is owed."""
        return float("inf") if self._owed_since_s is None else self._owed_since_s + self._limit_s + self._extra_s

    def asked(self, now_s: float, extra_s: float = 0.0) -> None:
        """A question went out. Asked again without an answer, the time runs on. `extra_s`: its answer is so long."""
        if self._owed_since_s is None:
            self._owed_since_s = now_s
        self._extra_s = max(self._extra_s, extra_s)

    def answered(self) -> None:
        """A sound answer came."""
        self._owed_since_s = None
        self._extra_s = 0.0

    def is_over(self, now_s: float) -> bool:
        return now_s >= self.over_at_s


class SerialReader:
    """An open reader. One thread reads; any may close or sever.

    Raises DeviceGoneError, naming `device_name`, when the port can't be opened; from `read` when it has gone, or when
    `talk` says that the device owes an answer for too long.
    """

    def __init__(self, port: str, baud: int, device_name: str, talk: Talk, clock: Callable[[], float]) -> None:
        self._device_name = device_name
        self._talk = talk
        self._clock = clock
        self._ready: deque[ReaderEvent] = deque()
        self._port = SerialPort(port, baud, device_name)
        self._read_ended_at_s = clock()
        talk.forget(self._read_ended_at_s)

    def read(self, timeout_s: float) -> ReaderEvent | None:
        """The next event, or None if none came in time. Raises DeviceGoneError when it is away or does not answer."""
        deadline_s = self._clock() + timeout_s
        self._forget_backlog()
        try:
            while not self._ready:
                self._exchange(deadline_s)
                if self._clock() >= deadline_s and not self._ready:
                    return None
            return self._ready.popleft()
        finally:
            self._read_ended_at_s = self._clock()

    def close(self) -> None:
        """Release the port. From any thread; ends a read under way. May be called twice."""
        self._port.close()

    def sever(self) -> None:
        """Take the port from a thread that hangs in it; from any thread, without waiting."""
        self._port.sever()

    def _exchange(self, deadline_s: float) -> None:
        now_s = self._clock()
        why = self._talk.lost(now_s)
        if why is not None:
            raise DeviceGoneError(self._device_name, why)
        question = self._talk.say(now_s)
        if question:
            self._port.write(question)
        wait_s = max(0.0, min(deadline_s, self._talk.next_at_s) - self._clock())
        data = self._port.read(_READ_BYTES, wait_s)
        self._ready.extend(self._talk.feed(data, self._clock()))

    def _forget_backlog(self) -> None:
        now_s = self._clock()
        if now_s - self._read_ended_at_s > _BACKLOG_S:
            self._port.flush_input()
            self._ready.clear()
            self._talk.forget(now_s)
