"""The outside of a pin header: relays on some pins, contacts on others, behind a Unix socket for the driver `gpio`.

Whoever owns the pins may die: the levels stay as they were left, which is the worst that a real header does.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from drivers.emulators.relay_board import RelayBoard, WireLog
from drivers.emulators.relay_control import Command
from drivers.errors import OptionError

RELAYS: Final = (17, 27)
INPUTS: Final = (5, 6, 13)
_CYCLE_S: Final = 0.01


class GpioEmulator:
    """Two relays that are on at a high level, three contacts to ground. Any thread may call its methods."""

    def __init__(self, path: Path, wire_log: Path | None = None) -> None:
        self._path = path
        self._log = WireLog(wire_log, lambda: time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000)
        self._board = RelayBoard(len(RELAYS), len(INPUTS), self._log)
        self._listener: socket.socket | None = None
        self._line: socket.socket | None = None
        self._waiting = b""
        self._silent = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpio-emulator", daemon=True)

    def __enter__(self) -> Self:
        self.replug()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self.unplug()
        self._log.close()

    @property
    def options(self) -> Mapping[str, object]:
        return {"header": str(self._path), "relays": RELAYS, "inputs": INPUTS}

    def set(self, **change: Any) -> None:
        """`input, active` closes or opens a contact, `fault="silent"` cuts the relays' wires. Raises OptionError."""
        try:
            command = msgspec.convert(change, Command)
        except msgspec.ValidationError as error:
            raise OptionError(f"emulated pin header: {error}") from error
        if command.fault not in (None, "none", "silent"):
            raise OptionError(
                f"emulated pin header: fault {command.fault!r} is of wires with frames; it knows 'silent'"
            )
        with self._lock:
            if command.fault is not None:
                self._silent = command.fault == "silent"
            if command.input is not None and command.input < len(INPUTS):
                self._board.inputs[command.input] = command.active
                self._send(_level(command.input, command.active))

    def unplug(self) -> None:
        """The whole header loses its power."""
        with self._lock:
            self._hang_up()
            if self._listener is not None:
                self._listener.close()
                self._listener = None
                self._path.unlink(missing_ok=True)
            self._board.off_all("unplugged")

    def replug(self) -> None:
        with self._lock:
            if self._listener is None:
                self._path.unlink(missing_ok=True)
                self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._listener.bind(str(self._path))
                self._listener.listen(1)

    def energised(self) -> tuple[bool, ...]:
        with self._lock:
            return self._board.coils()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                places = [one for one in (self._listener, self._line) if one is not None]
            # Outside the lock a socket may be closed while it is waited for: the next turn looks again.
            with contextlib.suppress(OSError, ValueError):
                select.select(places, [], [], _CYCLE_S)
            with self._lock:
                self._accept()
                self._hear()
            if not places:
                self._stop.wait(_CYCLE_S)

    def _accept(self) -> None:
        # One owner at a time: pins that are taken can't be had by another process.
        if self._listener is None or self._line is not None or not select.select([self._listener], [], [], 0)[0]:
            return
        self._line, _ = self._listener.accept()
        self._send(b"".join(_level(number, active) for number, active in enumerate(self._board.inputs)) + b"ready\n")

    def _hear(self) -> None:
        if self._line is None:
            return
        try:
            data = self._line.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        for line in lines:
            self._obey(line.decode())

    def _obey(self, line: str) -> None:
        number, _, level = line.partition(" ")
        if self._silent or int(number) not in RELAYS:
            return
        channel = RELAYS.index(int(number))
        if level == "1":
            self._board.on(channel, f"pin {number} high")
        else:
            self._board.off(channel, f"pin {number} low")

    def _send(self, data: bytes) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.sendall(data)

    def _hang_up(self) -> None:
        self._waiting = b""
        if self._line is not None:
            self._line.close()
            self._line = None


def _level(number: int, active: bool) -> bytes:
    """A closed contact pulls its pin to ground."""
    return b"%d %d\n" % (INPUTS[number], not active)


def emulate(folder: Path, seed: int = 0) -> GpioEmulator:
    return GpioEmulator(folder / "gpio.socket", folder / "gpio.log")
