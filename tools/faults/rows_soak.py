"""A short soak as a row of the matrix: every kind of fault, at random, two at most at once."""

from __future__ import annotations

from typing import Final

from tools.faults.lab import Lab
from tools.faults.rows import Row
from tools.faults.soak import play

_MINUTES: Final = 1.5


def short_soak(lab: Lab) -> None:
    """Longer ones: `./dev faults --soak MINUTES`."""
    play(lab, _MINUTES)


ROWS: Final = (Row("C12", "a seeded random mix of faults", short_soak, "soak", limit_s=600.0),)
