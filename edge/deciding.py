"""From an attempt to a verdict: gathers what the pure verdict needs, and asks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from checkpoint.policy_schema import CheckName, Condition
from checkpoint.verdict import (
    CheckFact,
    Decision,
    GateState,
    PassUse,
    Retest,
    decide,
    ends_at_pass,
    temperature_fact,
)
from edge.attempt import Attempt, rule_of
from edge.brought import facts_of
from edge.clock import Moment
from edge.facts import Part
from edge.lane_mask import mask_facts
from edge.lane_readers import Readers
from edge.listing import listed_facts
from edge.taking import Taking
from edge.world import LaneSettings, World

_CONDITIONS: Final[dict[Part, Condition]] = {"thermometer": "thermometer_down", "camera": "camera_down"}


def decide_attempt(
    attempt: Attempt,
    settings: LaneSettings,
    world: World,
    down: dict[Part, tuple[str, int]],
    readers: Readers,
    assisted: bool,
    weak_binding: bool,
    retest: Retest | None,
    now: Moment,
) -> Decision:
    """The verdict on what has been gathered by `now`."""
    state = replace(
        _state_of(attempt, settings, world, now),
        down_for_s={
            _CONDITIONS[part]: (now.mono_ms - since_ms) / 1000
            for part, (_, since_ms) in down.items()
            if part in _CONDITIONS
        },
        weak_binding=weak_binding,
        assisted=assisted,
        retest=retest,
    )
    own = gathered(attempt, settings, world, down, readers, now)
    # A watch list may name the vehicle itself, too.
    riders = {
        check: (*own.get(check, ()), *told) if check == "watch" else told for check, told in attempt.riders.items()
    }
    facts = own | riders
    return decide(attempt.presented, facts, world.policy, state, now.at_ms / 1000)


def gathered(
    attempt: Attempt,
    settings: LaneSettings,
    world: World,
    down: dict[Part, tuple[str, int]],
    readers: Readers,
    now: Moment,
) -> dict[CheckName, tuple[CheckFact, ...]]:
    """Every answer that this attempt has by now."""
    brought = facts_of(attempt.brought, attempt.holder, settings, world, readers, now)
    brought |= mask_facts(attempt, rule_of(attempt.presented, settings, world), settings, down, now)
    return _facts(attempt, settings, world, now) | brought


def pass_decides(attempt: Attempt, settings: LaneSettings, world: World, now: Moment) -> bool:
    """Whether what was presented ends this passage by itself."""
    presented = attempt.presented
    if presented is None:
        return False
    return ends_at_pass(presented, world.policy, _state_of(attempt, settings, world, now), now.at_ms / 1000)


def _state_of(attempt: Attempt, settings: LaneSettings, world: World, now: Moment) -> GateState:
    """The gate as this attempt meets it, apart from what ails the lane."""
    untrusted_ms = world.clock_untrusted_since_ms
    holder = attempt.holder
    return GateState(
        site=settings.site,
        here=settings.here,
        grids=settings.grids,
        direction=settings.where.direction,
        lane_kind=settings.where.lane_kind,
        attendance=world.attendance,
        lists_age_s=world.lists_age_s,
        policy_age_s=world.policy_age_s,
        clock_untrusted_for_s=None if untrusted_ms is None else (now.mono_ms - untrusted_ms) / 1000,
        warm_place=settings.warm_place,
        other_free_exit=settings.other_free_exit,
        offline=world.offline,
        halt=attempt.halt,
        status=world.status.lookup(holder, settings.here) if holder else None,
        use=_use_of(attempt, settings, world, now),
        apart=world.apart,
        local=world.local,
    )


def _use_of(attempt: Attempt, settings: LaneSettings, world: World, now: Moment) -> PassUse | None:
    holder, site_use = attempt.holder, settings.site_use
    if holder is None or site_use is None:
        return None
    use = site_use.of(holder, settings.where.direction, world.policy, now.at_ms)
    return replace(use, passback="") if attempt.cleared else use


def _facts(
    attempt: Attempt, settings: LaneSettings, world: World, now: Moment
) -> dict[CheckName, tuple[CheckFact, ...]]:
    facts: dict[CheckName, tuple[CheckFact, ...]] = {}
    if temperatures := _temperatures(attempt.taking):
        facts["temperature"] = temperatures
    holder, site_use = attempt.holder, settings.site_use
    if holder is not None and site_use is not None:
        # By a clock that can't be believed nobody knows what day it is.
        at_ms = now.at_ms if world.clock_untrusted_since_ms is None else None
        quota = site_use.quota(holder, settings.where.direction, world.policy, at_ms)
        facts |= {"quota": (quota,)} if quota else {}
    return facts | listed_facts(holder, attempt.brought, settings, world, now)


def _temperatures(taking: Taking) -> tuple[CheckFact, ...]:
    """Everybody measured so far; a high reading that nobody confirmed and one that would not settle count as made."""
    taken = [temperature_fact(judged) for judged in taking.people]
    if taking.pending_high is not None:
        taken.append(temperature_fact(taking.pending_high))
    elif taking.unstable:
        taken.append(CheckFact("failed", "temperature_unstable"))
    return tuple(taken)
