"""Where the records of a batch belong: on the main line, into a gap of it, or on a fork's other side. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from central.store.base import EpochState, Gap
from checkpoint.chain import Link

MAIN = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A record that is new: its place in the batch, and the line it stands on."""

    index: int
    side: int


class Lines:
    """The lines of one epoch while a batch is placed. `state` and `gaps` change as records find their place."""

    def __init__(self, state: EpochState, gaps: Sequence[Gap], stored: Sequence[tuple[int, int, bytes]]) -> None:
        """`stored`: (number, side, head) of what is stored from one before the batch to its end."""
        self.state = state
        self.gaps = list(gaps)
        # Records that follow the same head as another one.
        self.forks: list[Link] = []
        # Whether the run that was placed ends on a fork's other side.
        self.on_side = False
        self._side_of = {(number, head): side for number, side, head in stored}
        self._taken = {(number, side) for number, side, _ in stored}

    def place(self, links: Sequence[Link]) -> list[Placed]:
        """The new records of a run. None of them when nothing stored joins it: it starts too early."""
        side = self._joined_at_left(links[0])
        if side is None:
            if not self._join_at_right(links):
                return []
            side = MAIN
        placed: list[Placed] = []
        for index, link in enumerate(links):
            known = self._side_of.get((link.header.number, link.head))
            if known is None:
                side = self._enter(link, side)
                placed.append(Placed(index, side))
            else:
                side = known
        self.on_side = side != MAIN
        return placed

    def _joined_at_left(self, link: Link) -> int | None:
        """The line that the first record of a run continues, if it continues one."""
        number, prev = link.header.number, link.header.prev
        known = self._side_of.get((number, link.head))
        if known is not None:
            return known
        if number == 1 or (number == self.state.through + 1 and prev == self.state.head):
            return MAIN
        for gap in self.gaps:
            if (gap.first, gap.head_before) == (number, prev) or (gap.last + 1, gap.head_after) == (number, prev):
                return MAIN
        return self._side_of.get((number - 1, prev))

    def _join_at_right(self, links: Sequence[Link]) -> bool:
        """Whether the run ends a gap: its record at the gap's end has the head that is known there. Shrinks the gap."""
        first = links[0].header.number
        for at, gap in enumerate(self.gaps):
            index = gap.last - first
            if gap.first < first and 0 <= index < len(links) and links[index].head == gap.head_after:
                self.gaps[at] = replace(gap, last=first - 1, head_after=links[0].header.prev)
                # What fills the gap now is on the main line, and free for it.
                self.gaps.insert(at + 1, replace(gap, first=first, head_before=links[0].header.prev))
                return True
        return False

    def _enter(self, link: Link, side: int) -> int:
        """Take the next place on a line, or on a new one when another record is there."""
        number = link.header.number
        free = self._extend_main(link) if side == MAIN else (number, side) not in self._taken
        if not free:
            side = self._fork(link)
        self._taken.add((number, side))
        self._side_of[number, link.head] = side
        self.state.top = max(self.state.top, number)
        return side

    def _extend_main(self, link: Link) -> bool:
        number = link.header.number
        if number == self.state.through + 1:
            self.state.through, self.state.head = number, link.head
            return True
        for at, gap in enumerate(self.gaps):
            if gap.first == number and (number < gap.last or link.head == gap.head_after):
                rest = [replace(gap, first=number + 1, head_before=link.head)] if number < gap.last else []
                self.gaps[at : at + 1] = rest
                return True
        return False

    def _fork(self, link: Link) -> int:
        self.forks.append(link)
        self.state.sides += 1
        return self.state.sides


def cut_at_floor(state: EpochState, gaps: Sequence[Gap], floor: int, head_before: bytes) -> list[Gap]:
    """The gaps after a gate said that it holds records from `floor` on, and the head before them.

    What lies between the last stored record and the floor becomes a gap; a gap around the floor is cut in two there,
    because from the floor on it can be filled again.
    """
    if state.through < floor - 1:
        gap = Gap(state.through + 1, floor - 1, state.head, head_before, "purged")
        state.through, state.head = floor - 1, head_before
        return [*gaps, gap]
    result: list[Gap] = []
    for gap in gaps:
        if gap.first < floor <= gap.last:
            result += [
                replace(gap, last=floor - 1, head_after=head_before),
                replace(gap, first=floor, head_before=head_before),
            ]
        else:
            result.append(gap)
    return result
