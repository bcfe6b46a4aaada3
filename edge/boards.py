"""One thread per board of relays and inputs: the way out first, then everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import structlog

from drivers.barrier import Board
from drivers.errors import DriverError
from drivers.protocols import Pulse
from edge.board_facts import BoardBack, BoardFact, BoardGone, InputChanged, Released, ReleaseCause
from edge.board_orders import Orders
from edge.debounce import Debouncer
from firmware_config.schema import GateFile, InputWire

POLL_S: Final = 0.025
# A sliding gate's motor must not be reversed while it runs out (rule of thumb of the makers' manuals).
MIN_GAP_S: Final = 0.5
# An order that could not be executed by then is refused: whoever it was for has gone.
MAX_WAIT_S: Final = 10.0
_BACK_OFF_S: Final = (0.1, 0.2, 0.4, 0.8, 1.0)
# While the fire contact is active the relay is held by overlapping pulses, with room for two lost ones.
_FIRE_PULSE_S: Final = 3.0
_FIRE_REPEAT_MS: Final = 1000
# A way out that the board did not take is asked for again at once; opening it twice harms nobody.
_RELEASE_TRIES: Final = 3

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Release:
    """A terminal that frees a way out, and the relay that does it."""

    terminal: int
    cause: ReleaseCause
    channel: int
    pulse_s: float


@dataclass(frozen=True, slots=True)
class Wiring:
    """What is connected to one board."""

    inverted: frozenset[int] = frozenset()
    releases: tuple[Release, ...] = ()


def wiring_of(file: GateFile, board: str) -> Wiring:
    """The wiring of one board, from all lanes."""
    inverted: set[int] = set()
    releases: list[Release] = []
    for lane in file.lanes:
        table = lane.inputs
        wires = (table.presence, table.crossing, table.exit_button, table.fire)
        inverted |= {wire.terminal for wire in wires if wire and wire.board == board and wire.inverted}
        barrier = lane.barrier
        if barrier is None or barrier.board != board:
            continue
        ways_out: tuple[tuple[ReleaseCause, InputWire | None], ...] = (
            ("exit_button", table.exit_button),
            ("fire", table.fire),
        )
        for cause, wire in ways_out:
            if wire is not None and wire.board == board:
                releases.append(Release(wire.terminal, cause, barrier.channel, barrier.pulse_s))
    return Wiring(frozenset(inverted), tuple(releases))


class BoardThread:
    """Owns one board: polls its inputs, frees ways out, executes pulses, connects again when it was gone.

    `connect` opens the board or raises DriverError; `post` takes facts and must not block for long, since the next poll
    waits for it; `mono_ms` is the monotonic clock.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Board],
        wiring: Wiring,
        post: Callable[[BoardFact], None],
        mono_ms: Callable[[], int],
        *,
        poll_s: float = POLL_S,
        min_gap_s: float = MIN_GAP_S,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._name = name
        self._connect = connect
        self._wiring = wiring
        self._post = post
        self._mono_ms = mono_ms
        self._poll_s = poll_s
        self._min_gap_ms = round(min_gap_s * 1000)
        self._orders = Orders(name, round(max_wait_s * 1000))
        self._stop = threading.Event()
        self._told_gone = False
        # Channel -> when its last pulse ends, and fire releases under way -> when to pulse again.
        self._ends_ms: dict[int, int] = {}
        self._held: dict[Release, int] = {}
        # Terminals of exit buttons that are pressed; kept while the board is gone, so that only a new press counts.
        self._pressed: set[int] = set()
        self._thread = threading.Thread(target=self._run, name=f"board-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waiting pulses fail, relays go off. May be called twice."""
        self._stop.set()
        self._orders.shut("the gate stops")
        if self._thread.is_alive():
            self._thread.join()

    def pulse(self, channel: int, seconds: float) -> Future[Pulse]:
        """Open relay `channel` once. The result is the board's Pulse or its error; a board that is gone fails at once."""
        return self._orders.ask(channel, seconds, self._mono_ms())

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._serve_once()
                failures = 0
            except DriverError as error:
                self._gone(str(error))
            except Exception as error:
                _log.exception("board_thread", board=self._name)
                self._gone(repr(error))
            if not self._told_gone:
                failures = 0
            self._stop.wait(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])
            failures += 1
