"""A vehicle and everybody in it, where a policy asks each of them: who has been judged, who is still to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from checkpoint.passes import Pass, PassClass, Presented
from checkpoint.policy_schema import CheckName, Policy
from checkpoint.vehicle import vehicle_fact
from checkpoint.verdict import CheckFact, Decision
from checkpoint.verdict_case import FIXED
from checkpoint.verdict_watch import DISCREET
from edge.attempt import Attempt

# What is found of people: a vehicle has neither a forehead nor a document.
_OF_PEOPLE: Final[tuple[CheckName, ...]] = ("temperature", "mask", "travel", "document", "watch")


@dataclass(frozen=True, slots=True)
class Occupant:
    """Somebody in the vehicle who has their verdict. `passage`: their own."""

    passage: bytes
    holder: Pass | None
    decision: Decision
    facts: Mapping[CheckName, tuple[CheckFact, ...]]

    def answers(self, check: CheckName) -> tuple[CheckFact, ...]:
        """What was found of them; what nobody has looked at is missing."""
        return self.facts.get(check) or (CheckFact("missing", f"{check}_missing"),)


@dataclass(slots=True)
class Ride:
    """`passage`: the vehicle's. `policy`: by which its people are judged. `at_least`: how many were in it a moment ago.
    `vehicle`: what it has shown itself; None: its pass is still to come.

    `counted`: how many sit in it by the guard's count, None without one.
    """

    passage: bytes
    policy: Policy
    at_least: int = 1
    vehicle: Attempt | None = None
    counted: int | None = None
    occupants: list[Occupant] = field(default_factory=list)

    @property
    def wanted(self) -> int:
        """How many are to be judged: by the guard's count, else by the vehicle's pass, else the driver alone; who has
        been seen in it is not left out of a second try."""
        if self.counted is not None:
            return self.counted
        holder = self.vehicle.holder if self.vehicle else None
        return max(self.at_least, holder.party_size if holder else 1)

    @property
    def seen(self) -> int:
        """How many have been: a pass for a party stands for all of it."""
        return sum(one.holder.party_size if one.holder else 1 for one in self.occupants)

    @property
    def is_full(self) -> bool:
        return self.seen >= self.wanted

    @property
    def refused(self) -> Decision | None:
        """The verdict on the first who may not go on."""
        return next((one.decision for one in self.occupants if one.decision.verdict != "allow"), None)

    def told(self) -> dict[CheckName, tuple[CheckFact, ...]]:
        """The answers of everybody in it to what only a person can answer."""
        return {check: tuple(fact for one in self.occupants for fact in one.answers(check)) for check in _OF_PEOPLE}

    def has(self, pass_id: bytes) -> bool:
        """Whether this pass has been used in this vehicle already: one pass stands for one person."""
        return any(one.holder is not None and one.holder.pass_id == pass_id for one in self.occupants)


def is_vehicles(presented: Presented | None) -> bool:
    """Whether a good pass of a vehicle was shown, or its plate stands for one."""
    vehicle: PassClass = "vehicle"
    held = presented.pass_ if presented is not None and presented.valid else None
    return held is not None and held.pass_class == vehicle


def is_other_vehicle(mine: Presented | None, other: Presented) -> bool:
    """Whether two good passes are of two vehicles: the pass that a plate stands for may be an older one of the same."""
    first, second = mine.pass_ if mine is not None and mine.valid else None, other.pass_ if other.valid else None
    if first is None or second is None or first.pass_id == second.pass_id:
        return False
    return not (first.plate and second.plate) or vehicle_fact((first.plate,), second.plate).result != "ok"


def with_refused(own: Decision, refused: Decision) -> Decision:
    """The verdict on the vehicle that somebody sits in who may not go on. Whom it concerns, the screen does not say."""
    if own.reason == DISCREET and refused.verdict == "escalate" and refused.reason not in FIXED:
        return own
    reason = DISCREET if refused.reason == DISCREET else "occupant_refused"
    return replace(own, verdict=refused.verdict, reason=reason, call=refused.call)
