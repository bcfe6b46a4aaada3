"""Vehicles and people at random, seed by seed: nobody is driven in unjudged, and everything ends exactly once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from checkpoint.drill import Drill
from checkpoint.policy import parse_policy
from checkpoint.records import Egress, Note, OutcomeOf, Override, Verdict
from edge import facts
from edge.effects import Commit, OpenBarrier
from edge.lane_view import view
from tests.edge.lane_bench import START_MS, STRANGER, Bench, a_pass
from tests.edge.test_lane_rides import EVERYBODY, OLD, VEHICLES_TOO, bench, car

PEOPLE = [a_pass(serial) for serial in (1, 2, 3)]
CARS = [car(1), car(2), car(2), car(3), car(2, 51)]
ODD = [OLD, a_pass(5, key=STRANGER), a_pass(6, party=2), b"https://example.org", car(1, 52, expired=True)]
POLICIES = [parse_policy(text) for text in (EVERYBODY, VEHICLES_TOO)]
OTHER_MS = 60_000


NOISE = [
    "person", "half", "car", "odd", "both", "scan", "hot", "hot", "gone", "come", "wait", "count", "admit", "refuse",
    "open", "symptoms", "document_seen", "cross", "exit", "fire", "policy", "policy", "drill", "stuck", "part",
]  # fmt: skip


def story(chance: Random) -> list[str]:
    """Vehicle after vehicle as it should be, and now and then something else."""
    steps: list[str] = []
    for _ in range(chance.randint(1, 4)):
        trip = ["car", *["person"] * chance.randint(1, 4)]
        if chance.random() < 0.3:
            chance.shuffle(trip)
        for step in ("new car", *trip):
            steps += [chance.choice(NOISE), step] if chance.random() < 0.3 else [step]
    return steps


def do(made: Bench, chance: Random, step: str) -> None:
    """One thing that may happen at a vehicle lane."""
    match step:
        case "person" | "half" | "hot":
            made.wait(chance.choice([0, 300]), codes=(chance.choice(PEOPLE),))
            made.wait(300 if step == "half" else 1300, object_c=39.4 if step == "hot" else 36.3)
            made.wait(chance.choice([0, 300]), object_c=20.0)
        case "new car":
            made.cross()
            made.wait(2000)
            made.leave()
            made.come()
        case "car" | "odd" | "both":
            one = chance.choice(ODD if step == "odd" else CARS)
            made.wait(300, codes=(one, chance.choice(PEOPLE)) if step == "both" else (one,))
        case "scan":
            made.tell(facts.Scanned(chance.choice(PEOPLE + CARS)))
        case "gone":
            made.leave()
        case "come":
            made.come()
        case "wait":
            made.wait(chance.choice([500, 2500, 6000]))
        case "count":
            made.tell(facts.GuardDecided("occupants", "", "", "guard", count=chance.randint(1, 3)))
        case "admit" | "refuse" | "open" | "symptoms" | "document_seen":
            shown = made.lane.shown
            passage = shown.passage.hex() if shown is not None and shown.open else ""
            made.tell(facts.GuardDecided(step, passage, "medical", "guard"))  # type: ignore[arg-type]
        case "cross":
            made.cross()
        case "exit":
            made.tell(facts.WayOutFreed("exit_button", made.now_ms, chance.random() < 0.8))
        case "fire":
            made.tell(facts.FireContact(chance.random() < 0.5))
        case "policy":
            made.lane.enter(replace(made.lane.world, policy=chance.choice(POLICIES)))
        case "drill":
            drill = Drill("test", chance.random() < 0.5, "boot", made.now_ms, START_MS, dated=True, length_ms=OTHER_MS)
            made.lane.enter(replace(made.lane.world, drill=None if made.lane.world.drill else drill))
        case "stuck":
            made.stuck = chance.random() < 0.3
        case "part":
            part = facts.PartDown("presence", "gone") if chance.random() < 0.5 else facts.PartUp("presence")
            made.tell(part)
    view(made.lane, recording=True)


@pytest.mark.parametrize("seed", range(60))
def test_nobody_is_driven_in_unjudged_and_everything_ends_once(seed: int) -> None:
    chance = Random(seed)
    made = bench(sensor=chance.random() < 0.8, readers={"scanner": ("code",)})
    steps: list[tuple[str, int]] = []
    for step in story(chance):
        do(made, chance, step)
        steps.append((step, len(made.effects)))
    made.lane.enter(replace(made.lane.world, drill=None))
    made.tell(facts.FireContact(False))
    made.leave()
    made.wait(25_000)
    told = [one for one in made.effects if isinstance(one, Commit)]
    verdicts = {one.passage: one.payload for one in told if isinstance(one.payload, Verdict)}
    outcomes = {one.passage: one.payload for one in told if isinstance(one.payload, OutcomeOf)}
    assert len(verdicts) == sum(isinstance(one.payload, Verdict) for one in told)
    assert len(outcomes) == sum(isinstance(one.payload, OutcomeOf) for one in told), steps
    assert set(verdicts) <= set(outcomes)
    opened = [one.passage for one in made.effects if isinstance(one, OpenBarrier)]
    by_hand = {one.passage for one in told if isinstance(one.payload, Override)}
    assert len(set(opened)) == len(opened)
    for passage in set(opened) - by_hand:
        _went_rightly(passage, verdicts)
    for passage, one in verdicts.items():
        if one.of_vehicle is not None:
            assert outcomes[passage].outcome == outcomes[one.of_vehicle].outcome
    for before, at in pairwise(told):
        if isinstance(at.payload, Verdict) and at.payload.of_vehicle is None and at.payload.verdict == "allow":
            left_out = isinstance(before.payload, OutcomeOf) and before.passage not in verdicts
            assert not left_out, "somebody had begun"
    _fever_waited(made, steps)
    assert (made.lane.ride, made.lane.under_way, made.lane.aboard) == (None, (), 1)


def _went_rightly(passage: bytes, verdicts: dict[bytes | None, Verdict]) -> None:
    vehicle = verdicts[passage]
    riders = [one for one in verdicts.values() if one.of_vehicle == passage]
    assert vehicle.verdict == "allow"
    assert vehicle.pass_class == "vehicle"
    assert riders
    assert all(one.verdict == "allow" and one.policy_version == vehicle.policy_version for one in riders)
    held = [one.pass_facts for one in riders if one.pass_facts]
    assert len({one.pass_id for one in held}) == len(held) == len(riders)
    assert vehicle.pass_facts is not None
    assert sum(one.party_size for one in held) >= vehicle.pass_facts.party_size


def _fever_waited(made: Bench, steps: list[tuple[str, int]]) -> None:
    """Until it has gone, or somebody opened, a vehicle with a fever in it is let in by no verdict."""
    over = {at for step, at in steps if step in ("gone", "new car", "part", "drill")}
    fever = False
    for at, effect in enumerate(made.effects):
        fever = fever and at not in over
        if isinstance(effect, Commit) and isinstance(effect.payload, Verdict):
            fever |= effect.payload.reason in ("fever", "symptoms_declared") and made.lane.settings.has_presence
            assert not (fever and effect.payload.pass_class == "vehicle" and effect.payload.verdict == "allow")
        elif isinstance(effect, Commit) and isinstance(effect.payload, Override | Egress | Note):
            payload = effect.payload
            looked_at = isinstance(payload, Egress) or (isinstance(payload, Note) and payload.code == "document_noted")
            fever = fever and not looked_at and not (isinstance(payload, Override) and payload.act != "refuse")
