"""What an operator writes of a roll-out: its stages, and when it is to stop by itself. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from checkpoint.topics import is_slug

DEFAULT_STOP: Final = "deny:+50%,escalate:+50%"
NEVER: Final = "never"
ALL: Final = "all"
TargetKind = Literal["gate", "site", "grid"]
Figure = Literal["deny", "escalate"]
_TARGET: Final = re.compile(r"(gate|site|grid):(.*)")
_PERCENT: Final = re.compile(r"percent:([0-9]{1,3})")
_STOP: Final = re.compile(r"(deny|escalate):\+([0-9]{1,4})%")
_MOST_STAGES: Final = 20


class RolloutError(ValueError):
    """What is asked of a roll-out can't be done; the message names what, and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A gate, site or grid that a stage names."""

    kind: TargetKind
    id: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Who gets the policy from this stage on: what it names, and so many percent of the others; 100: every gate.

    Stages add up: each holds also what those before it named.
    """

    text: str
    targets: tuple[Target, ...]
    percent: int

    @property
    def whole(self) -> bool:
        return self.percent == 100


@dataclass(frozen=True, slots=True)
class StopRule:
    """Stop when the share of this verdict is more than `percent` above what it was."""

    figure: Figure
    percent: int


def parse_stages(text: str) -> tuple[Stage, ...]:
    """`gate:a+gate:b,grid:c,percent:20,all`, the last of which is `all`. Raises RolloutError."""
    words = [word.strip() for word in text.split(",")]
    if words[-1] != ALL:
        raise RolloutError(
            f"stages {text!r}: the last one is {words[-1]!r}; end with `all`, so that the roll-out has an end"
        )
    if len(words) > _MOST_STAGES:
        raise RolloutError(f"stages: {len(words)} of them, at most {_MOST_STAGES}")
    stages: list[Stage] = []
    for word in words:
        stages.append(_added(stages[-1] if stages else Stage("", (), 0), word))
    return tuple(stages)


def parse_stop(text: str) -> tuple[StopRule, ...]:
    """`escalate:+50%,deny:+30%`, or `never`. Raises RolloutError."""
    if text.strip() == NEVER:
        return ()
    rules = []
    for word in text.split(","):
        match = _STOP.fullmatch(word.strip())
        if match is None:
            raise RolloutError(
                f"stop rule {word.strip()!r}: write `deny:+50%`, `escalate:+50%`, both with a comma, or `never`"
            )
        rules.append(StopRule(match[1], int(match[2])))  # type: ignore[arg-type]  # the pattern knows no other
    return tuple(rules)


def _added(before: Stage, word: str) -> Stage:
    if before.whole:
        raise RolloutError(f"stage {word!r} comes after one that holds every gate: leave it out")
    targets, percent = before.targets, before.percent
    for part in word.split("+"):
        target, share = _TARGET.fullmatch(part.strip()), _PERCENT.fullmatch(part.strip())
        if target is not None and is_slug(target[2]):
            targets = (*targets, Target(target[1], target[2]))  # type: ignore[arg-type]  # the pattern knows no other
        elif part.strip() == ALL:
            percent = 100
        elif share is not None and before.percent < int(share[1]) < 100:
            percent = int(share[1])
        else:
            raise RolloutError(
                f"stage {part.strip()!r}: write gate:ID, site:ID, grid:ID, percent:N (1 to 99, more than before)"
                " or all; several of one stage with `+` between them"
            )
    return Stage(word, targets, percent)
