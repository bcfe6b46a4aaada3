"""Contacts that bounce: a state counts when two polls in a row agree."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A terminal that is active now or no longer; `first`: nothing was known of it before."""

    terminal: int
    active: bool
    first: bool


class Debouncer:
    """All inputs of one board. Fed with one poll after another; begins with nothing known."""

    def __init__(self, inverted: Collection[int] = ()) -> None:
        self._inverted = frozenset(inverted)
        self._last: tuple[bool, ...] = ()
        self._known: dict[int, bool] = {}

    def feed(self, contacts: tuple[bool, ...]) -> list[Change]:
        """What became known or changed with this poll."""
        changes = []
        for terminal, (closed, before) in enumerate(zip(contacts, self._last, strict=False)):
            active = closed != (terminal in self._inverted)
            if closed == before and self._known.get(terminal) is not active:
                changes.append(Change(terminal, active, first=terminal not in self._known))
                self._known[terminal] = active
        self._last = contacts
        return changes
