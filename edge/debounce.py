"""Contacts that bounce: a state counts when two polls in a row agree."""

from __future__ import annotations

from collections.abc import Collection


class Debouncer:
    """All inputs of one board. Fed with one poll after another; begins with nothing known."""

    def __init__(self, inverted: Collection[int] = ()) -> None:
        self._inverted = frozenset(inverted)
        self._last: tuple[bool, ...] = ()
        self._known: dict[int, bool] = {}

    def feed(self, contacts: tuple[bool, ...]) -> list[tuple[int, bool]]:
        """(terminal, active) of each input that became known or changed with this poll."""
        changes = []
        for terminal, (closed, before) in enumerate(zip(contacts, self._last, strict=False)):
            active = closed != (terminal in self._inverted)
            if closed == before and self._known.get(terminal) is not active:
                self._known[terminal] = active
                changes.append((terminal, active))
        self._last = contacts
        return changes
