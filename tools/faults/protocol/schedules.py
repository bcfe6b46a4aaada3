"""Schedules as data: drawn from a seed, played, made shorter while they still fail, and printed to be played again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tools.faults.protocol.world import Step, World

_OFTEN: Final = ("write", "write", "many", "turn", "turn", "exchange", "carry", "carry_all", "hear", "hear_all")
_WAY: Final = ("carry", "lose", "old_message", "old_answer", "forge_answer", "tamper", "reconnect")
_GATE: Final = (
    "big", "size", "clock_lost", "clock_step", "clock_found", "days", "settle", "purge", "tidy", "restart", "restarts",
    "crash", "commit_error",
)  # fmt: skip
_DISK: Final = (
    "keep_disk", "roll_back", "power_cut", "clone", "twin", "diverge", "new_card", "decay", "alarm_lost",
)  # fmt: skip
_COLLECTOR: Final = (
    "backup", "restore", "crossed", "beyond", "collector_restart", "collector_fails", "two_workers", "forget", "learn",
    "publish",
)  # fmt: skip
ACTS: Final = tuple(dict.fromkeys((*_OFTEN, *_WAY, *_GATE, *_DISK, *_COLLECTOR)))
# The two numbers of a step are below these.
MOST_A: Final = 16
MOST_B: Final = 72
_LENGTHS: Final = (6, 12, 25, 40, 60)


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a schedule: what broke (empty: nothing), and what happened on the way."""

    broken: str
    seen: Counter[str]


def draw(seed: int, number: int) -> list[Step]:
    """Schedule `number` of a search. Each has its own mix: a few acts that meet often find more than all of them."""
    chance = Random(f"{seed}/{number}")
    share = chance.choice((0.15, 0.4, 0.8))
    rare = [act for act in (*_WAY, *_GATE, *_DISK, *_COLLECTOR) if chance.random() < share]
    acts = [*_OFTEN, *(chance.choice((1, 2)) * rare)]
    # One gate alone meets its own past more often.
    near = chance.choice((1, 2, 2, MOST_A))
    length = chance.randint(1, chance.choice(_LENGTHS))
    return [(chance.choice(acts), chance.randrange(MOST_A) % near, chance.randrange(MOST_B)) for _ in range(length)]


def play(steps: Sequence[Step]) -> Played:
    """Run a schedule in a world of its own."""
    world = World()
    try:
        with world:
            world.play(steps)
            world.end()
    except Exception as error:
        # Whatever the code under search raises is a finding, not only what the facts say.
        return Played(f"{type(error).__name__}: {error}", world.seen)
    return Played("", world.seen)


def shortest(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], most_tries: int = 250) -> list[Step]:
    """A schedule that still fails, with steps left out and numbers made small; the one found within `most_tries`."""
    best, tries = list(steps), 0

    def better(candidate: list[Step]) -> bool:
        nonlocal best, tries
        tries += 1
        if tries > most_tries or not fails(candidate):
            return False
        best = candidate
        return True

    size = max(1, len(best) // 2)
    while size:
        at = 0
        while at < len(best):
            if not better(best[:at] + best[at + size :]):
                at += size
        size //= 2
    for at in range(len(best)):
        for simpler in _simpler(best[at]):
            if better([*best[:at], simpler, *best[at + 1 :]]):
                break
    for at in reversed(range(len(best))):
        better(best[:at] + best[at + 1 :])
    return best


def _simpler(step: Step) -> list[Step]:
    act, a, b = step
    numbers = [(0, 0), (a, 0), (0, b), (a % 2, b), (a, b % 8), (a % 4, b % 24)]
    return [(act, *pair) for pair in dict.fromkeys(numbers) if pair != (a, b)]


def shown(steps: Sequence[Step]) -> str:
    """As Python, to be played again."""
    return "[" + ", ".join(f'("{act}", {a}, {b})' for act, a, b in steps) + "]"
