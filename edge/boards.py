"""One thread per board of relays and inputs: the way out first, then everything else."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Final

import structlog

from drivers.barrier import Board
from drivers.errors import DeviceGoneError, DriverError
from drivers.protocols import Pulse
from edge.board_facts import BoardBack, BoardFact, BoardGone, InputChanged, Released
from edge.board_orders import Order, Orders
from edge.debounce import Change, Debouncer
from edge.wiring import Release, Wiring
from webscreen.heart import Heart

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
_STOPPED: Final = "the gate stops"
_HUNG: Final = "its thread hung"
# Longer than any board takes for one turn: eight relays asked three times each, and a child that does not answer.
_TURN_LIMIT_S: Final = 8.0
# Starting a board's child and giving it up takes this long on a busy machine.
_CONNECT_LIMIT_S: Final = 20.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _Hold:
    """A way out that is kept open: when to pulse again, and whether the last pulse was taken."""

    due_ms: int
    freed: bool


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
        self._min_gap_s, self._max_wait_s = min_gap_s, max_wait_s
        self._orders = Orders(name, round(max_wait_s * 1000))
        self._stop = threading.Event()
        self._abandoned = False
        self._board: Board | None = None
        self._order: Order | None = None
        self.heart = Heart(f"board-{name}", _TURN_LIMIT_S)
        self._connected = False
        self._told_gone = False
        self._failures = 0
        # Channel -> when its last pulse ends.
        self._ends_ms: dict[int, int] = {}
        self._held: dict[Release, _Hold] = {}
        self._thread = threading.Thread(target=self._run, name=f"board-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waiting pulses fail, relays go off. May be called twice."""
        self._stop.set()
        self._orders.shut(_STOPPED)
        if self._thread.is_alive():
            self._thread.join()

    def pulse(self, channel: int, seconds: float) -> Future[Pulse]:
        """Open relay `channel` once. The result is a Pulse or the board's error; a board that is gone fails at once."""
        return self._orders.ask(channel, seconds, self._mono_ms())

    def abandon(self) -> None:
        """Give the hung thread up, from the supervisor's. When it wakes, it moves nothing and says nothing.

        Its board is taken from it first: what it was about to send goes nowhere. Then its orders fail.
        """
        self._abandoned = True
        self._stop.set()
        board, order = self._board, self._order
        if board is not None:
            board.sever()
        self._orders.shut(_HUNG)
        if order is not None:
            _fail(order, DeviceGoneError(self._name, _HUNG))

    def fresh(self) -> BoardThread:
        """The same board with a new thread, not started."""
        return BoardThread(
            self._name, self._connect, self._wiring, self._post, self._mono_ms,
            poll_s=self._poll_s, min_gap_s=self._min_gap_s, max_wait_s=self._max_wait_s,
        )  # fmt: skip

    def _run(self) -> None:
        self.heart.begin()
        while not self._stop.is_set():
            try:
                self._serve()
            except DriverError as error:
                self._gone(str(error))
            except Exception as error:
                # The outermost loop of this thread: without it nobody would free the way out any more.
                _log.exception("board_thread", board=self._name)
                self._gone(repr(error))
            self._stop.wait(_BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)])
            self._failures += 1
        # Once more: a connection may have been made while `stop` was on its way.
        self._orders.shut(_STOPPED)
        self.heart.end()

    def _serve(self) -> None:
        """One connection, from opening to its loss or the end."""
        self.heart.beat(_CONNECT_LIMIT_S)
        board = self._board = self._connect()
        debouncer = Debouncer(self._wiring.inverted)
        try:
            while not self._stop.is_set():
                self.heart.beat()
                changes = debouncer.feed(board.read_inputs())
                self._back()
                self._free_ways_out(board, changes)
                for change in changes:
                    self._tell(InputChanged(self._name, change.terminal, change.active, self._mono_ms(), change.first))
                self._execute(board, self._orders.take(self._mono_ms(), self._is_free))
                self._orders.wait(self._poll_s)
        finally:
            self._held.clear()
            self.heart.beat(_CONNECT_LIMIT_S)
            board.close()
            self._board = None

    def _back(self) -> None:
        if not self._connected:
            self._connected, self._told_gone, self._failures = True, False, 0
            self._orders.open()
            self._tell(BoardBack(self._name))

    def _gone(self, why: str) -> None:
        self._connected = False
        self._orders.shut(why)
        if not self._told_gone:
            self._told_gone = True
            self._tell(BoardGone(self._name, why))

    def _tell(self, fact: BoardFact) -> None:
        if not self._abandoned:
            self._post(fact)

    def _free_ways_out(self, board: Board, changes: list[Change]) -> None:
        for change in changes:
            for release in self._wiring.releases:
                if release.terminal == change.terminal:
                    self._obey(board, release, change)
        for release, hold in self._held.items():
            if hold.due_ms <= self._mono_ms():
                self._hold_open(board, release, hold)

    def _obey(self, board: Board, release: Release, change: Change) -> None:
        if release.cause == "fire" and change.active:
            freed = self._free(board, release, _fire_pulse_s(release))
            self._held[release] = _Hold(self._mono_ms() + _FIRE_REPEAT_MS if freed else 0, freed)
        elif release.cause == "fire":
            self._held.pop(release, None)
        elif change.active and not change.first:
            # A button found pressed when the board comes back was pressed before: only a new press counts.
            self._free(board, release, release.pulse_s)

    def _free(self, board: Board, release: Release, seconds: float) -> bool:
        asked_ms = self._mono_ms()
        freed = any(self._try_pulse(board, release.channel, seconds) for _ in range(_RELEASE_TRIES))
        self._post_released(release, asked_ms, freed)
        return freed

    def _hold_open(self, board: Board, release: Release, hold: _Hold) -> None:
        asked_ms = self._mono_ms()
        # If the way was shut for a moment, this is another opening, and is told as one.
        reopened = not hold.freed or asked_ms >= self._ends_ms.get(release.channel, 0)
        hold.freed = self._try_pulse(board, release.channel, _fire_pulse_s(release))
        hold.due_ms = asked_ms + _FIRE_REPEAT_MS if hold.freed else 0
        if hold.freed and reopened:
            self._post_released(release, asked_ms, freed=True)

    def _post_released(self, release: Release, asked_ms: int, freed: bool) -> None:
        self._tell(Released(self._name, release.terminal, release.cause, asked_ms, freed, release.channel))

    def _try_pulse(self, board: Board, channel: int, seconds: float) -> bool:
        try:
            self._pulse(board, channel, seconds)
        except (DriverError, ValueError) as error:
            _log.error("way_out_not_freed", board=self._name, channel=channel, why=str(error))
            return False
        return True

    def _execute(self, board: Board, order: Order | None) -> None:
        if order is None:
            return
        self._order = order
        try:
            pulse = self._pulse(board, order.channel, order.seconds)
        except (DriverError, OSError, ValueError) as error:
            _fail(order, error)
        else:
            with contextlib.suppress(InvalidStateError):
                order.result.set_result(pulse)
        self._order = None
        # It may have shortened the time of a relay that is held.
        for release, hold in self._held.items():
            if release.channel == order.channel:
                hold.due_ms = 0

    def _pulse(self, board: Board, channel: int, seconds: float) -> Pulse:
        # Noted before the order goes out, since a failed order may have moved the relay.
        self._ends_ms[channel] = max(self._ends_ms.get(channel, 0), self._mono_ms() + round(seconds * 1000))
        return board.pulse(channel, seconds)

    def _is_free(self, channel: int) -> bool:
        if channel not in self._ends_ms or any(release.channel == channel for release in self._held):
            return True
        return self._mono_ms() >= self._ends_ms[channel] + round(self._min_gap_s * 1000)


def _fail(order: Order, error: Exception) -> None:
    # A hung thread's order has failed already when that thread wakes and fails it.
    with contextlib.suppress(InvalidStateError):
        order.result.set_exception(error)


def _fire_pulse_s(release: Release) -> float:
    return max(_FIRE_PULSE_S, release.pulse_s)
