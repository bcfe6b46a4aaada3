"""An emulated relay board on a pseudo-terminal: a thread of a test, or `python -m drivers.emulators.relay`."""

from __future__ import annotations

import argparse
import contextlib
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, get_args

import msgspec

from drivers.emulators.pty_line import PtyLine, Split
from drivers.emulators.relay_board import RelayBoard, WireLog
from drivers.emulators.relay_control import Command, ControlSocket
from drivers.emulators.relay_wires import Fault, FaultPlan, LcusAnswers, LcusWire, ModbusWire, Wire
from drivers.emulators.scenario import Script
from drivers.errors import OptionError

Variant = Literal["modbus", "lcus"]
# The longest time for which a due relay, a scenario line or a call of another thread may wait.
_CYCLE_S: Final = 0.005
# One start bit, eight data bits, one stop bit.
_BITS_PER_BYTE: Final = 10


class RelayEmulator:
    """A board of 8 relays and 8 inputs (none on LCUS) behind `link`; its methods may be called from any thread.

    `answers`: how an LCUS board answers; `flash`: whether a Modbus board knows flash orders.
    """

    def __init__(
        self,
        link: Path,
        variant: Variant = "modbus",
        *,
        baud: int = 9600,
        unit: int = 1,
        coil_offset: int = 0,
        wire_log: Path | None = None,
        control: Path | None = None,
        scenario: Path | None = None,
        split: Split = "whole",
        seed: int = 0,
        answers: LcusAnswers = "none",
        flash: bool = True,
    ) -> None:
        self._log = WireLog(wire_log, lambda: time.monotonic_ns() // 1_000_000, lambda: time.time_ns() // 1_000_000)
        self._board = RelayBoard(8, 8 if variant == "modbus" else 0, self._log)
        self._faults = FaultPlan()
        self._wire: Wire = (
            ModbusWire(self._board, unit, coil_offset, self._faults, flash)
            if variant == "modbus"
            else LcusWire(self._board, self._faults, answers)
        )
        # An LCUS board lives on the power of its plug; the Modbus boards have a supply of their own.
        self._falls_when_unplugged = variant == "lcus"
        self.link = link
        # How often the gate has spoken to the board and been answered.
        self.answered = 0
        self._line = PtyLine(link, baud, split, random.Random(seed))
        self._byte_s = _BITS_PER_BYTE / baud
        self._control = ControlSocket(control) if control else None
        self._script = Script(scenario, "relay", Command) if scenario else None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay-emulator", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        self._line.plug()
        self._thread.start()

    def stop(self) -> None:
        """May be called twice."""
        self._stop.set()
        self._thread.join()
        self._line.unplug()
        self._log.close()
        if self._control:
            self._control.close()

    @property
    def options(self) -> Mapping[str, object]:
        """What a gate file says to reach it."""
        return {"port": str(self.link)}

    def set(self, **change: Any) -> None:
        """What a Command says, as words: `input=2, active=True` or `fault="silent", times=3`. Raises OptionError."""
        try:
            command = msgspec.convert(change, Command)
        except msgspec.ValidationError as error:
            raise OptionError(f"emulated board: {error}") from error
        with self._lock:
            self._obey(command)

    def set_input(self, terminal: int, active: bool) -> None:
        with self._lock:
            self._board.inputs[terminal] = active

    def set_fault(self, fault: Fault, times: int | None = None) -> None:
        """For the next `times` requests, or until told otherwise."""
        with self._lock:
            self._faults.set(fault, times)

    def unplug(self) -> None:
        with self._lock:
            self._pull()

    def replug(self) -> None:
        with self._lock:
            self._push()

    def energised(self) -> tuple[bool, ...]:
        with self._lock:
            return self._board.coils()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                self._cycle(time.monotonic())
            self._pause()

    def _pause(self) -> None:
        # Outside the lock the line may be pulled while it is waited for: the next cycle looks again.
        with contextlib.suppress(OSError, ValueError):
            own = self._line.master
            select.select([] if own is None else [own], [], [], _CYCLE_S)

    def _cycle(self, now_s: float) -> None:
        self._board.tick(now_s)
        commands = self._control.take() if self._control else []
        commands += self._script.due(now_s) if self._script else []
        for command in commands:
            self._obey(command)
        arrived = self._line.read()
        # A pseudo-terminal brings everything at once; a real line takes its time, and the board acts after it.
        time.sleep(len(arrived) * self._byte_s)
        for answer in self._wire.feed(arrived, time.monotonic()):
            self.answered += 1
            for piece, line_time_s in self._line.pieces(answer):
                time.sleep(line_time_s)
                self._line.write(piece)

    def _obey(self, command: Command) -> None:
        if command.input is not None and command.input < len(self._board.inputs):
            self._board.inputs[command.input] = command.active
        if command.fault is not None:
            self._faults.set(command.fault, command.times)
        if command.plugged is True:
            self._push()
        elif command.plugged is False:
            self._pull()

    def _push(self) -> None:
        if self._line.master is None:
            self._line.plug()

    def _pull(self) -> None:
        self._line.unplug()
        if self._falls_when_unplugged:
            self._board.off_all("unplugged")


def main(arguments: list[str]) -> int:
    """Emulate until SIGINT or SIGTERM; writes `ready LINK` when the board can be opened."""
    parser = argparse.ArgumentParser(prog="python -m drivers.emulators.relay", description=__doc__)
    parser.add_argument("link", type=Path, help="the name under which the board appears")
    parser.add_argument("--variant", choices=["modbus", "lcus"], default="modbus")
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--unit", type=int, default=1)
    parser.add_argument("--coil-offset", type=int, default=0)
    parser.add_argument("--answers", choices=get_args(LcusAnswers), default="none", help="how an LCUS board answers")
    parser.add_argument("--no-flash", dest="flash", action="store_false", help="a Modbus board that times no pulse")
    parser.add_argument("--wire-log", type=Path, help="JSON lines of every contact that moves")
    parser.add_argument("--control", type=Path, help="Unix datagram socket for commands")
    parser.add_argument("--scenario", type=Path, help="JSON lines with at_s; the board takes its part, relay")
    parser.add_argument("--split", choices=["whole", "torn", "bytes"], default="whole", help="how answers arrive")
    parser.add_argument("--seed", type=int, default=0, help="of the pieces")
    options = vars(parser.parse_args(arguments))
    ends = {signal.SIGINT, signal.SIGTERM}
    # Blocked before any thread starts, so that they wait for sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with RelayEmulator(options.pop("link"), options.pop("variant"), **options) as emulator:
        sys.stdout.write(f"ready {emulator.link}\n")
        sys.stdout.flush()
        signal.sigwait(ends)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
