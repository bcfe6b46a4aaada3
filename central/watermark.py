"""What is stored of an epoch for the one who asks, and the head there: the collector's answer."""

from __future__ import annotations

from collections.abc import Sequence

from central.lines import MAIN
from central.store.base import EpochState, Gap, Store
from checkpoint.records import ZERO_HEAD


def stored_for(store: Store, state: EpochState, gaps: Sequence[Gap], floor: int, last: int) -> tuple[int, bytes]:
    """(stored through, head there) for an asker that holds records `floor`..`last`.

    A gap is not stored for an asker whose floor is lower than its end: that asker can still fill it.
    """
    through = min([state.through, last, *(gap.first - 1 for gap in gaps if gap.last >= floor)])
    head = head_at(store, state, gaps, through)
    while head is None:
        # A question that ends inside a gap gets the beginning of that gap.
        through = max(gap.first - 1 for gap in gaps if gap.first <= through)
        head = head_at(store, state, gaps, through)
    return through, head


def head_at(store: Store, state: EpochState, gaps: Sequence[Gap], number: int) -> bytes | None:
    """The head of the main line at a number, as stored or as known at the edge of a gap."""
    if number == 0:
        return ZERO_HEAD
    if number == state.through:
        return state.head
    for gap in gaps:
        if gap.last == number:
            return gap.head_after
        if gap.first - 1 == number:
            return gap.head_before
    found = store.record(state.id, number, MAIN)
    return found.head if found else None
