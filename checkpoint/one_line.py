"""Texts of strangers as one line in which nothing hides: for terminals, and for whatever shows them as they are."""

from __future__ import annotations

from typing import Final

_HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"


def one_line(text: str, most: int | None = None) -> str:
    """Whatever can't be seen becomes U+FFFD: line ends, control sequences of a terminal, signs that turn the direction
    of reading. `most`: characters at most, the last one an ellipsis where something was left out."""
    cut = text if most is None or len(text) <= most else f"{text[: most - 1]}…"
    return "".join(sign if sign.isprintable() else _HIDDEN for sign in cut)
