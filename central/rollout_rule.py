"""Whether refusals or escalations jumped: each gate of a roll-out against itself in the days before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

from central.rollout_plan import Figure, StopRule
from central.store.rollouts import RolloutGate

# Fewer verdicts by the new policy say nothing; a gate with fewer before it is compared with nothing.
LEAST_AFTER: Final = 30
LEAST_BEFORE: Final = 30
# An excess within so many standard deviations is what chance does by itself; of hundreds of gates, each looked at alone
# time and again, chance makes more.
_SIGMAS: Final = 2.0
_SIGMAS_ALONE: Final = 5.0
# Where something hardly ever happened, one or two of it are no jump.
_NEVER_A_JUMP: Final = 2.0


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure over all gates that can be compared: `seen` among `verdicts` made by the new policy, `expected` if
    each gate had gone on as before, `limit`: what the rule still allows."""

    figure: Figure
    verdicts: int
    seen: int
    expected: float
    limit: float

    @property
    def told(self) -> bool:
        """Whether there is enough to say anything."""
        return self.verdicts >= LEAST_AFTER

    @property
    def jumped(self) -> bool:
        return self.told and self.seen > self.limit


def compare(gates: Iterable[RolloutGate], rule: StopRule, sigmas: float = _SIGMAS) -> Compared:
    """Each gate is measured by its own past, so that a busy gate and a quiet one may be in one stage."""
    verdicts, seen, expected = 0, 0, 0.0
    for gate in gates:
        if gate.before_all < LEAST_BEFORE:
            continue
        before, after = _counts(gate, rule.figure)
        verdicts += gate.after_all
        seen += after
        # One more in two more: what never happened before may happen once (rule of succession).
        expected += gate.after_all * (before + 1) / (gate.before_all + 2)
    allowed = expected * (1 + rule.percent / 100)
    limit = max(_NEVER_A_JUMP, allowed + sigmas * sqrt(allowed))
    return Compared(rule.figure, verdicts, seen, expected, limit)


def alone(gates: Iterable[RolloutGate], rule: StopRule) -> tuple[RolloutGate, Compared] | None:
    """The gate whose own figure is farthest above its own limit: among many good ones a bad one is no share at all."""
    found = [(gate, compare([gate], rule, _SIGMAS_ALONE)) for gate in gates]
    return max(
        ((gate, one) for gate, one in found if one.jumped), key=lambda pair: pair[1].seen - pair[1].limit, default=None
    )


def _counts(gate: RolloutGate, figure: Figure) -> tuple[int, int]:
    """Before, and by the new policy."""
    if figure == "deny":
        return gate.before_deny, gate.after_deny
    return gate.before_escalate, gate.after_escalate
