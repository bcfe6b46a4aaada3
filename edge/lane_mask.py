"""Masks at a lane: which looks are whose, what they answer, what waits for them, and what the guard saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from checkpoint.policy_schema import CheckName, Rule
from checkpoint.records import Note
from checkpoint.verdict import CheckFact
from edge.attempt import Attempt, rule_of, wanted_people
from edge.clock import Moment
from edge.facts import GuardDecided, MaskSeen, Part
from edge.masks import mask_fact
from edge.world import LaneSettings

if TYPE_CHECKING:
    from edge.lane import Lane
    from edge.shown import Shown

_CHECK: Final[CheckName] = "mask"
# Verdicts that the guard's own eyes can settle.
_TO_BE_SEEN: Final = frozenset({"mask_missing", "mask_none", "mask_unsure", "mask_not_assessed", "mask_unchecked"})
_Down = Mapping[Part, tuple[str, int]]


def mask_seen(lane: Lane, seen: MaskSeen) -> None:
    """A look counts for whoever stood there when its frame was grabbed, and for nobody after them."""
    attempt = lane.attempt
    if attempt is not None and lane.opening is None and seen.mono_ms >= attempt.began_ms:
        attempt.mask.take(seen)


def wants_looks(lane: Lane) -> bool:
    """Whether somebody stands here whose mask is asked for."""
    attempt = lane.attempt
    if attempt is None or lane.opening is not None or lane.settings.mask_score_min is None:
        return False
    return rule_of(attempt.presented, lane.settings, lane.world).mode_of(_CHECK) != "off"


def mask_facts(
    attempt: Attempt, rule: Rule, settings: LaneSettings, down: _Down, now: Moment
) -> dict[CheckName, tuple[CheckFact, ...]]:
    """The answer to the check, if there is any."""
    down_for_s = {part: (now.mono_ms - since_ms) / 1000 for part, (_, since_ms) in down.items()}
    fact = mask_fact(attempt.mask, settings.mask_score_min, down_for_s, wanted_people(attempt.holder, rule))
    return {_CHECK: (fact,)} if fact is not None else {}


def guard_saw(lane: Lane, act: GuardDecided, waiting: Shown | None, now: Moment) -> None:
    """Written down, and from then on the answer. It lets nobody in: all the rest counts as before."""
    attempt, worn = lane.attempt, act.act == "mask_seen"
    passage = waiting.passage if waiting else attempt.passage if attempt else None
    detail = {"lane": lane.settings.where.lane, "by": act.by, "manual": "yes"}
    lane.commit("note", Note(1, act.act, detail), passage)
    if waiting is None:
        if attempt is not None:
            attempt.mask.by_guard = worn
        return
    if worn and waiting.decision.reason in _TO_BE_SEEN:
        _judge_again(lane, waiting, now)


def _judge_again(lane: Lane, waiting: Shown, now: Moment) -> None:
    """Whoever still stands there goes on as a new passage, with what was taken and read before.

    Not under another policy: its limits would be met by readings that were taken under those of the last one.
    """
    kept = waiting.attempt
    if kept is None or waiting.policy is not lane.world.policy:
        return
    lane.finish_shown("turned_back")
    lane.shown = None
    if lane.presence.occupied and lane.opening is None:
        kept.mask.by_guard, lane.held = True, False
        passage = lane.new_passage(now.at_ms)
        lane.attempt, lane.spent = replace(kept, passage=passage, presented_ms=now.mono_ms, steps=0), False
