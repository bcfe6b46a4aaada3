"""What the uplink has asked and not yet heard about: nonces, and batches in flight."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from edge.clock import Moment

# Older questions than these are forgotten: their answers no longer count.
_MOST_QUESTIONS: Final = 1024
# So few records on their way are worth a batch on any line.
_LEAST_RECORDS: Final = 16


@dataclass(frozen=True, slots=True)
class Question:
    """A batch or a page of a hello: `named` is the last number it named of each epoch, `order` grows with each one."""

    order: int
    hello: bool
    named: dict[bytes, int]
    asked: Moment


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch on its way: records `first`..`last` of `epoch`."""

    order: int
    epoch: bytes
    first: int
    last: int
    asked_mono_ms: int


class Questions:
    """Every question of this process that may still be answered, by nonce."""

    def __init__(self) -> None:
        self._by_nonce: OrderedDict[bytes, Question] = OrderedDict()
        self._answered: dict[bytes, int] = {}
        self.newest = 0
        """Order of the newest question."""

    def ask(self, nonce: bytes, named: dict[bytes, int], asked: Moment, *, hello: bool = False) -> Question:
        self.newest += 1
        question = Question(self.newest, hello, named, asked)
        self._by_nonce[nonce] = question
        if len(self._by_nonce) > _MOST_QUESTIONS:
            self._by_nonce.popitem(last=False)
        return question

    def find(self, nonce: bytes, epoch: bytes) -> Question | None:
        """The question with this nonce; None if a later one about `epoch` has been answered: its answer is too late."""
        question = self._by_nonce.get(nonce)
        if question is None or epoch not in question.named or question.order < self._answered.get(epoch, 0):
            return None
        return question

    def answered(self, question: Question, epoch: bytes) -> None:
        """From now on no earlier question about `epoch` can be answered."""
        self._answered[epoch] = question.order


class Flights:
    """The batches on their way, all of one epoch, one after the other without a gap."""

    def __init__(self) -> None:
        self._flights: list[Flight] = []

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def epoch(self) -> bytes | None:
        return self._flights[0].epoch if self._flights else None

    @property
    def oldest_mono_ms(self) -> int | None:
        """When the batch that has waited longest was sent."""
        return self._flights[0].asked_mono_ms if self._flights else None

    @property
    def last(self) -> int:
        """The last number on its way, 0 if there is none."""
        return self._flights[-1].last if self._flights else 0

    @property
    def records(self) -> int:
        """How many records are on their way."""
        return sum(flight.last - flight.first + 1 for flight in self._flights)

    def add(self, flight: Flight) -> None:
        self._flights.append(flight)

    def clear(self) -> None:
        self._flights.clear()

    def settle(self, order: int, epoch: bytes, stored: int) -> bool:
        """The question `order` about `epoch` was answered with `stored`. Returns whether it was a batch that is done.

        What still counts as on its way is the unbroken row of batches that continues `stored`; the rest is sent again.
        A batch that continues `stored` exactly and yet was not taken stays in the row, and so waits for its time-out.
        """
        if epoch != self.epoch:
            return False
        answered = next((flight for flight in self._flights if flight.order == order), None)
        waiting = [flight for flight in self._flights if flight.last > stored]
        self._flights = []
        for flight in waiting:
            if flight.first > max(self.last, stored) + 1 or (flight is answered and flight.first != stored + 1):
                break
            self._flights.append(flight)
        return answered is not None and answered not in self._flights


class Room:
    """How many records may be on their way at once: as many as the line carries well within the time of an answer.

    On a line of 32 kbit/s everything that may be on its way fills minutes: the answers of all questions behind it come
    too late, the connection is given up, and the same batches are sent again, for ever. So what is lost quarters this,
    a slow answer halves it, and a quick one doubles it again.
    """

    def __init__(self, most: int) -> None:
        self._most = self._now = most

    def left(self, flights: Flights) -> int:
        return max(0, self._now - flights.records)

    def answered(self, *, slowly: bool) -> None:
        self._now = max(self._now // 2, min(_LEAST_RECORDS, self._most)) if slowly else min(2 * self._now, self._most)

    def lost(self) -> None:
        """A time-out, or the end of a connection, with batches on their way."""
        self._now = max(self._now // 4, min(_LEAST_RECORDS, self._most))
