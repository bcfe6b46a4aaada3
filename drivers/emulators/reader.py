"""A reader on a serial line made of software: the host of every such emulated device, on a pseudo-terminal."""

from __future__ import annotations

import contextlib
import os
import random
import select
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Final, Self

from drivers.emulators.pty_line import PtyLine, Split
from drivers.emulators.reader_faults import FAULTS, LineFaults
from drivers.errors import OptionError

# How often a device is asked whether it has something to say unasked.
_TICK_S: Final = 0.01
_NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})


class ReaderDevice(ABC):
    """One reader, on the device's side of its line: bytes in, bytes out. No I/O, and the clock is handed in.

    `name`: the driver's. `words`: what `set` takes, each with the type of its value.
    """

    name: ClassVar[str]
    words: ClassVar[Mapping[str, type]]

    @abstractmethod
    def set(self, **what: Any) -> None:
        """See or do something else from now on; only `words`, of their types. Raises OptionError for a bad value."""

    @abstractmethod
    def wrong_type(self) -> bytes:
        """A sound frame that a gate can do nothing with."""

    def hear(self, data: bytes, now_s: float) -> list[bytes]:
        """Take bytes from the line; the answers, one frame each. A device that is only ever listened to has none."""
        return []

    def due(self, now_s: float) -> list[bytes]:
        """What it sends unasked by now, one frame each. Asked every few milliseconds while the line is free."""
        return []


class SerialReaderEmulator:
    """`device` behind `link`, paced as a line of `baud`. Use as a context manager; any thread may call `set`.

    `options`: those of the driver, beside the port, that this device needs. `delay_s`: from question to answer.
    `fault_every`: one frame in so many is hit by a fault that comes and goes. Raises FileExistsError if something that
    is no link stands in the place of `link`.
    """

    def __init__(
        self,
        link: Path,
        baud: int,
        device: ReaderDevice,
        split: Split = "torn",
        seed: int = 0,
        *,
        options: Mapping[str, object] = _NO_OPTIONS,
        delay_s: float = 0.01,
        fault_every: int = 3,
    ) -> None:
        rng = random.Random(seed)
        self.device = device
        self.fault: str | None = None
        self._options = options
        self._delay_s = delay_s
        self._line = PtyLine(link, baud, split, rng)
        self._faults = LineFaults(fault_every, rng)
        self._pending: deque[tuple[float, bytes]] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_r, self._wake_w = -1, -1

    @property
    def path(self) -> str:
        """The pseudo-terminal behind the link now."""
        return self._line.path

    @property
    def options(self) -> Mapping[str, object]:
        """What a gate file says to reach it."""
        return {"port": str(self._line.link), **self._options}

    def set(self, **change: Any) -> None:
        """`fault`, and what the device knows; None ends a fault. Raises OptionError for anything else."""
        what = {word: value for word, value in change.items() if word != "fault"}
        _check(self.device, what)
        with self._lock:
            if "fault" in change:
                self.fault = _checked_fault(self.device.name, change["fault"])
            if what:
                self.device.set(**what)
        self._wake()

    def unplug(self) -> None:
        """As when the cable is pulled."""
        self.set(fault="unplug")

    def replug(self) -> None:
        """Under the same link, as another device."""
        self.set(fault=None)

    def __enter__(self) -> Self:
        self._line.plug()
        self._wake_r, self._wake_w = os.pipe()
        # A full pipe wakes as well as one more byte would.
        os.set_blocking(self._wake_w, False)
        self._thread = threading.Thread(target=self._loop, name="reader-emulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self._line.unplug()
        with self._lock:
            for end in (self._wake_r, self._wake_w):
                os.close(end)
            self._wake_r = self._wake_w = -1

    def _wake(self) -> None:
        with self._lock:
            if self._wake_w >= 0:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._wake_w, b"!")

    def _loop(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                self._step(time.monotonic())
            self._wait()

    def _step(self, now_s: float) -> None:
        self._plug_or_unplug()
        heard = self._line.read()
        if heard:
            for answer in self.device.hear(heard, now_s):
                self._send(answer, now_s + self._delay_s)
        # A device that has not finished its last frame begins no other.
        if not self._pending:
            for frame in self.device.due(now_s):
                self._send(frame, now_s)
        while self._pending and self._pending[0][0] <= now_s:
            self._line.write(self._pending.popleft()[1])

    def _plug_or_unplug(self) -> None:
        plugged = self._line.master is not None
        if self.fault == "unplug" and plugged:
            self._line.unplug()
            self._pending.clear()
        elif self.fault != "unplug" and not plugged:
            self._line.plug()

    def _send(self, frame: bytes, start_s: float) -> None:
        # Nobody hears a device without a cable, and nothing of it may come out later.
        if self._line.master is None:
            return
        arrives_s = max(start_s, self._pending[-1][0]) if self._pending else start_s
        for piece, takes_s in self._line.pieces(self._faults.spoil(frame, self.fault, self.device.wrong_type())):
            arrives_s += takes_s
            self._pending.append((arrives_s, piece))

    def _wait(self) -> None:
        ends = [self._wake_r] if self._line.master is None else [self._wake_r, self._line.master]
        until_s = self._pending[0][0] - time.monotonic() if self._pending else _TICK_S
        ready, _, _ = select.select(ends, [], [], min(max(0.0, until_s), _TICK_S))
        if self._wake_r in ready:
            os.read(self._wake_r, 64)


def _check(device: ReaderDevice, what: Mapping[str, Any]) -> None:
    for word, value in what.items():
        form = device.words.get(word)
        known = ", ".join((*device.words, "fault"))
        if form is None:
            raise OptionError(f"emulated {device.name}: {word!r} is not known; known are: {known}")
        if not isinstance(value, form):
            raise OptionError(f"emulated {device.name}: {word} = {value!r} is not of type {form.__name__}")


def _checked_fault(name: str, fault: object) -> str | None:
    if fault == "replug":
        return None
    if fault is None or fault in FAULTS:
        return fault if fault is None else str(fault)
    raise OptionError(f"emulated {name}: fault {fault!r} is not known; known are: {', '.join(FAULTS)}, replug")
