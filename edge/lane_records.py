"""From what a lane knows to the payloads it records. Nothing here decides anything."""

from __future__ import annotations

from checkpoint.passes import Pass
from checkpoint.records import (
    Egress,
    OutcomeOf,
    Override,
    PassFacts,
    ReadingKept,
    Verdict,
    Where,
)
from checkpoint.temperature import Judged
from checkpoint.verdict_facts import Decision
from edge.facts import GuardDecided, WayOutFreed
from edge.opening import Ended
from edge.world import World

NO_CLASS = "none"


def pass_facts(holder: Pass | None) -> PassFacts | None:
    """What a record keeps of a pass: pseudonyms only."""
    if holder is None:
        return None
    return PassFacts(
        holder.pass_id, holder.subject, holder.pass_class, holder.household, holder.key_id, holder.party_size
    )


def class_of(holder: Pass | None) -> str:
    return holder.pass_class if holder else NO_CLASS


def readings_of(people: list[Judged], pending: Judged | None) -> tuple[ReadingKept, ...]:
    """Every reading that was judged, also those of a first site that nobody confirmed."""
    judged = [*people, *([pending] if pending else [])]
    return tuple(reading for one in judged for reading in one.readings)


def verdict_payload(
    where: Where,
    decision: Decision,
    holder: Pass | None,
    readings: tuple[ReadingKept, ...],
    world: World,
    of_vehicle: bytes | None = None,
) -> Verdict:
    """`of_vehicle`: passage of the vehicle that this person sits in."""
    return Verdict(
        version=1,
        where=where,
        verdict=decision.verdict,
        reason=decision.reason,
        pass_class=class_of(holder),
        checks=decision.results,
        pass_facts=pass_facts(holder),
        readings=readings,
        policy=world.policy.id,
        policy_version=world.policy.version,
        zone_level=decision.zone_level,
        attendance=world.attendance,
        tags=decision.tags,
        retest_of=decision.retest_of,
        call=decision.call,
        of_vehicle=of_vehicle,
    )


def outcome_payload(where: Where, ended: Ended, holder: Pass | None, crossings: int) -> OutcomeOf:
    pass_id = holder.pass_id if holder else None
    return OutcomeOf(1, where, ended.outcome, class_of(holder), ended.reason, crossings, pass_id)


def override_payload(where: Where, act: GuardDecided, pass_class: str) -> Override:
    done = act.act if act.act in ("admit", "refuse") else "open"
    return Override(1, where, done, act.reason, act.by, pass_class)


def egress_payload(where: Where, freed: WayOutFreed) -> Egress:
    return Egress(1, where, freed.cause, freed.opened_mono_ms)
