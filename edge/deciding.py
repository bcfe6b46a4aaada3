"""From an attempt to a verdict: gathers what the pure verdict needs, and asks it."""

from __future__ import annotations

from typing import Final

from checkpoint.policy_schema import CheckName, Condition
from checkpoint.verdict import decide
from checkpoint.verdict_facts import CheckFact, Decision, GateState, Retest, temperature_fact
from edge.attempt import Attempt
from edge.clock import Moment
from edge.facts import Part
from edge.taking import Taking
from edge.world import LaneSettings, World

_CONDITIONS: Final[dict[Part, Condition]] = {"thermometer": "thermometer_down", "camera": "camera_down"}


def decide_attempt(
    attempt: Attempt,
    settings: LaneSettings,
    world: World,
    down: dict[Part, tuple[str, int]],
    assisted: bool,
    weak_binding: bool,
    retest: Retest | None,
    now: Moment,
) -> Decision:
    """The verdict on what has been gathered by `now`."""
    untrusted_ms = world.clock_untrusted_since_ms
    state = GateState(
        site=settings.site,
        here=settings.here,
        grids=settings.grids,
        direction=settings.where.direction,
        lane_kind=settings.where.lane_kind,
        attendance=world.attendance,
        lists_age_s=world.lists_age_s,
        policy_age_s=world.policy_age_s,
        clock_untrusted_for_s=None if untrusted_ms is None else (now.mono_ms - untrusted_ms) / 1000,
        down_for_s={
            _CONDITIONS[part]: (now.mono_ms - since_ms) / 1000
            for part, (_, since_ms) in down.items()
            if part in _CONDITIONS
        },
        warm_place=settings.warm_place,
        other_free_exit=settings.other_free_exit,
        weak_binding=weak_binding,
        offline=world.offline,
        assisted=assisted,
        halt=attempt.halt,
        retest=retest,
    )
    facts: dict[CheckName, tuple[CheckFact, ...]] = {}
    if temperatures := _temperatures(attempt.taking):
        facts["temperature"] = temperatures
    return decide(attempt.presented, facts, world.policy, state, now.at_ms / 1000)


def _temperatures(taking: Taking) -> tuple[CheckFact, ...]:
    """Everybody measured so far; a high reading that nobody confirmed and one that would not settle count as made."""
    taken = [temperature_fact(judged) for judged in taking.people]
    if taking.pending_high is not None:
        taken.append(temperature_fact(taking.pending_high))
    elif taking.unstable:
        taken.append(CheckFact("failed", "temperature_unstable"))
    return tuple(taken)
