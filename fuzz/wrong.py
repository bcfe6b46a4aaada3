"""How a target says that the program, not the input, is at fault."""

from __future__ import annotations


class Wrong(Exception):
    """The program took what it must refuse, or answered what it must not."""


def must(holds: bool, what: object = "") -> None:
    """Raises Wrong unless this holds; `what` helps whoever looks into it."""
    if not holds:
        raise Wrong(repr(what)[:2000])
