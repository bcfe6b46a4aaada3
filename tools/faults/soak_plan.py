"""What a soak will do, drawn from its seed before it begins."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_PAUSE_S: Final = (5.0, 20.0)
# One fault in three comes with a second one beside it.
_TWO: Final = 1 / 3
_LASTS_S: Final = (1.0, 6.0)
_BOTH: Final = ("kill", "stop", "silent", "refuse", "reset", "slow", "disk_full", "disk_failing")
_ONLY: Final = {
    "thermometer": "gate",
    "camera": "gate",
    "relay": "gate",
    "backup": "collector",
    "restore": "collector",
    "forget": "broker",
}
# What may hit the broker, which has neither a line of its own nor a disk that counts.
_BROKER: Final = ("kill", "stop", "forget")


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault: when it begins after the start, what it is, whom it hits, and how long it lasts."""

    at_s: float
    act: str
    target: str
    for_s: float


def draw(seed: str, lasts_s: float, known: Sequence[str], targets: Sequence[str]) -> list[Planned]:
    """The same seed gives the same plan."""
    chance, at_s = random.Random(f"{seed} plan"), 0.0
    plan: list[Planned] = []
    while (at_s := at_s + chance.uniform(*_PAUSE_S)) < lasts_s:
        for _ in range(1 + (chance.random() < _TWO)):
            target = chance.choice(targets)
            act = chance.choice([act for act in sorted(known) if _suits(act, target)])
            plan.append(Planned(at_s, act, target, chance.uniform(*_LASTS_S)))
    return plan


def _suits(act: str, target: str) -> bool:
    if target == "broker":
        return act in _BROKER
    only = _ONLY.get(act)
    if only is None:
        return act in _BOTH
    return only == ("collector" if target == "collector" else "gate")
