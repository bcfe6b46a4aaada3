"""Pulses that wait for their board: few, never for long, and never for a board that is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from drivers.errors import DeviceGoneError, DeviceRefusedError
from drivers.protocols import Pulse

# One order for each lane that a board may serve. More means that nobody executes them.
_MAX_WAITING: Final = 8


@dataclass(frozen=True, slots=True)
class Order:
    """One pulse that somebody waits for."""

    channel: int
    seconds: float
    asked_ms: int
    result: Future[Pulse]


class Orders:
    """Asked by any thread, taken by the board's. Shut whenever there is no board to execute them."""

    def __init__(self, board: str, max_wait_ms: int) -> None:
        self._board = board
        self._max_wait_ms = max_wait_ms
        self._changed = threading.Condition()
        self._waiting: list[Order] = []
        self._shut_because: str | None = "not connected yet"

    def ask(self, channel: int, seconds: float, now_ms: int) -> Future[Pulse]:
        order = Order(channel, seconds, now_ms, Future())
        with self._changed:
            if self._shut_because is not None:
                order.result.set_exception(DeviceGoneError(self._board, self._shut_because))
            elif len(self._waiting) >= _MAX_WAITING:
                order.result.set_exception(DeviceRefusedError(f"{self._board}: {_MAX_WAITING} pulses wait already"))
            else:
                self._waiting.append(order)
                self._changed.notify_all()
        return order.result

    def open(self) -> None:
        with self._changed:
            self._shut_because = None

    def shut(self, why: str) -> None:
        """Every waiting pulse fails now, and every later one at once: an opening must never come as a surprise."""
        with self._changed:
            self._shut_because = why
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for order in waiting:
            if order.result.set_running_or_notify_cancel():
                order.result.set_exception(DeviceGoneError(self._board, why))

    def take(self, now_ms: int, is_free: Callable[[int], bool]) -> Order | None:
        """The oldest order whose relay `is_free`; orders that have waited too long are refused on the way."""
        with self._changed:
            late = [order for order in self._waiting if now_ms - order.asked_ms > self._max_wait_ms]
            self._waiting = [order for order in self._waiting if order not in late]
            ready = next((order for order in self._waiting if is_free(order.channel)), None)
            if ready is not None:
                self._waiting.remove(ready)
        for order in late:
            if order.result.set_running_or_notify_cancel():
                order.result.set_exception(
                    DeviceRefusedError(f"{self._board}: relay {order.channel} was busy too long")
                )
        return ready if ready is not None and ready.result.set_running_or_notify_cancel() else None

    def wait(self, timeout_s: float) -> None:
        """Until an order comes that was not there, or `timeout_s` is over."""
        with self._changed:
            self._changed.wait(timeout_s)
