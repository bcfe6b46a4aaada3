"""Devices of a simulated lane: how far each is off, and when it begins to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Device:
    """`steady_c`: off from the first person on. `change_c`: and so much more over `over` people from `onset` on."""

    name: str
    zh: str
    steady_c: float = 0.0
    change_c: float = 0.0
    over: int = 0

    def error_c(self, number: int, onset: int) -> float:
        """How much the device reads too much for the person with this number."""
        if number < onset:
            return self.steady_c
        return self.steady_c + self.change_c * (min(1.0, (number - onset) / self.over) if self.over else 1.0)


RIGHT: Final = Device("right", "准")
STEADY: Final = (Device("0.3 low", "偏低 0.3", -0.3), RIGHT, Device("0.3 high", "偏高 0.3", 0.3))
CHANGING: Final = (
    Device("step +0.8", "突变 +0.8", 0.0, 0.8),
    Device("step -0.8", "突变 -0.8", 0.0, -0.8),
    Device("ramp +0.8", "渐变 +0.8", 0.0, 0.8, 200),
)
