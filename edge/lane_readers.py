"""The readers of one lane: what each gives, which are away, and what they said a moment before anybody was sensed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from checkpoint.vehicle import vehicle_fact
from edge.facts import Brings, CardRead, DocumentRead, PlateSeen, Scanned

ReaderFact = Scanned | CardRead | DocumentRead | PlateSeen

# A hand is at the reader before its owner stands in the beam. A plate is read on the way to the loop, and while the
# vehicle before is still going through.
_EARLY_MS: Final = 3000
_EARLY_PLATE_MS: Final = 15_000
_MOST_EARLY: Final = 16


class Readers:
    """`gives`: what each reader's driver says it gives."""

    def __init__(self, gives: Mapping[str, tuple[Brings, ...]]) -> None:
        self._gives = gives
        # Reason and moment, by the reader's name.
        self._down: dict[str, tuple[str, int]] = {}

    def went(self, name: str, reason: str, now_ms: int) -> None:
        self._down.setdefault(name, (reason, now_ms))

    def came(self, name: str) -> None:
        self._down.pop(name, None)

    def has(self, what: Brings) -> bool:
        return any(what in gives for gives in self._gives.values())

    def works(self, what: Brings) -> bool:
        """At least one reader that gives this is there."""
        return any(what in gives and name not in self._down for name, gives in self._gives.items())

    def away_ms(self, what: Brings, now_ms: int) -> int | None:
        """How long there has been none that works; None while there is, or if the lane has none."""
        if not self.has(what) or self.works(what):
            return None
        return now_ms - max(since for name, (_, since) in self._down.items() if what in self._gives.get(name, ()))

    @property
    def down_reason(self) -> str:
        """Reason code of the one that has been away longest; empty if all are there."""
        return next((reason for reason, _ in self._down.values()), "")


class Early:
    """Acts at readers that nobody is known to have made yet. Short, and gone when their time is over."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, ReaderFact]] = deque(maxlen=_MOST_EARLY)

    def keep(self, fact: ReaderFact, now_ms: int) -> None:
        self._kept.append((now_ms, fact))

    @property
    def shows_somebody(self) -> bool:
        """Whether somebody wants to go through: a plate or a document alone is no wish."""
        return any(isinstance(fact, Scanned | CardRead) for _, fact in self._kept)

    def take(self, *kinds: type[ReaderFact]) -> list[ReaderFact]:
        """Those of these kinds, oldest first; they are kept no longer."""
        taken = [fact for _, fact in self._kept if isinstance(fact, kinds)]
        self._kept = deque((kept for kept in self._kept if not isinstance(kept[1], kinds)), maxlen=_MOST_EARLY)
        return taken

    def let_go(self, now_ms: int) -> None:
        """Drop what is too old to be of whoever comes now."""
        if self._kept:
            young = (kept for kept in self._kept if now_ms - kept[0] <= _limit_ms(kept[1]))
            self._kept = deque(young, maxlen=_MOST_EARLY)


class GonePlates:
    """Number plates of the vehicle that was let through last: for as long as its plate may be read, no next one's.

    Where that vehicle's own plate was not known, nobody knows whether one that is read before anybody went through is
    on it or on the one behind: such a plate is doubted, and opens for nobody.
    """

    def __init__(self) -> None:
        self._plates: list[str] = []
        self._doubted: list[str] = []
        self._until_ms = -1

    def let_in(self, plates: list[str]) -> None:
        """A vehicle with these plates is let in: until `drove_off`."""
        self._plates, self._doubted, self._until_ms = [*plates], [], -1

    def drove_off(self, now_ms: int) -> None:
        self._until_ms = now_ms + _EARLY_PLATE_MS

    def stayed(self) -> None:
        """It has not gone through: its plate is its own when it is read again."""
        self._plates, self._doubted = [], []

    def read(self, plate: str) -> None:
        """While the vehicle that was let in still stands there."""
        if not self._plates and len(self._doubted) < _MOST_EARLY:
            self._doubted.append(plate)

    def doubts(self, plate: str) -> bool:
        return plate in self._doubted

    def has(self, plate: str, now_ms: int) -> bool:
        """Read of that vehicle, or a slip in reading it: while it drives off, that makes no other vehicle of it."""
        if 0 <= self._until_ms < now_ms:
            self.stayed()
        return any(vehicle_fact((one, plate), one).result == "ok" for one in self._plates)


def _limit_ms(fact: ReaderFact) -> int:
    return _EARLY_PLATE_MS if isinstance(fact, PlateSeen) else _EARLY_MS
