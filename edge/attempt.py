"""One attempt to go through: what a presence has brought so far, and when that is enough to decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from checkpoint.passes import Pass, Presented
from checkpoint.policy_schema import CheckName, Rule, TemperatureSettings
from checkpoint.verdict import CheckFact, Decision, Retest, class_for
from checkpoint.verdict_pass import is_static
from edge.brought import GRACE_MS, Brought, awaited
from edge.clock import Moment
from edge.facts import Part
from edge.lane_readers import Readers
from edge.masks import MaskLooks, may_settle
from edge.taking import Taking
from edge.world import LaneSettings, World

# One code of a card that has several: the others may follow.
_PART: Final = "pass_incomplete"
# People kept for a second look; more than ever come back within the time to do so.
_MAX_RETESTS: Final = 500


@dataclass(slots=True)
class Attempt:
    """`passage` and `presented_ms` from the first presentation on. `halt`: why it can't go on, as a reason code.

    `ended`: the pass alone decides. `cleared`: a guard has looked into where this pass has been.
    `asked`: number of the question to a city's server that is open; 0 if none is. `steps`: how many things were waited
    for at once, at most.
    """

    began_ms: int
    taking: Taking
    presented: Presented | None = None
    payload: bytes = b""
    passage: bytes | None = None
    presented_ms: int = 0
    halt: str = ""
    ended: bool = False
    cleared: bool = False
    asked: int = 0
    steps: int = 0
    brought: Brought = field(default_factory=Brought)
    mask: MaskLooks = field(default_factory=MaskLooks)
    # Of a vehicle: what was found of the people in it, in place of what a person answers.
    riders: dict[CheckName, tuple[CheckFact, ...]] = field(default_factory=dict)

    @property
    def holder(self) -> Pass | None:
        return self.presented.pass_ if self.presented else None

    @property
    def is_partial(self) -> bool:
        """Some codes of a card in several have been shown, and nothing better."""
        return self.presented is not None and self.presented.reason == _PART

    def is_other(self, presented: Presented) -> bool:
        """A second good pass of somebody else in the same presence."""
        mine = self.presented
        if mine is not None and "plate" in (mine.variant, presented.variant):
            # The vehicle's pass and its driver's: two passes, one passage.
            return False
        if mine is None or mine.pass_ is None or presented.pass_ is None or not (mine.valid and presented.valid):
            return False
        return presented.pass_.pass_id != mine.pass_.pass_id

    def present(self, payload: bytes, presented: Presented, passage: bytes, now: Moment, halt: str) -> None:
        """Take a presentation. A later one replaces an earlier one only if that was refused or is the same pass."""
        if self.passage is None:
            self.passage, self.presented_ms = passage, now.mono_ms
        elif self.is_partial and presented.reason != _PART:
            # What is asked next is waited for from now on; how long the parts may take counts from the first one.
            self.presented_ms = now.mono_ms
        self.halt = self.halt or halt
        if self._takes(presented, halt):
            # What a guard has looked into is one pass, and no other.
            self.cleared = self.cleared and (self.presented is None or _same(self.holder, presented.pass_))
            self.payload, self.presented, self.asked = payload, presented, 0

    def _takes(self, presented: Presented, halt: str) -> bool:
        mine = self.presented
        if mine is None or not mine.valid:
            return True
        # A poster behind somebody with a good pass takes nothing away from it, nor does its own card beside it.
        is_weaker = _same(mine.pass_, presented.pass_) and _strength(presented) < _strength(mine)
        return presented.valid and not halt and not is_weaker


def _same(mine: Pass | None, other: Pass | None) -> bool:
    return mine is not None and other is not None and mine.pass_id == other.pass_id


def _strength(presented: Presented) -> int:
    """How much it proves that its holder stands there: a plate or card least, a code that is printed less than a live
    one."""
    if presented.variant in ("plate", "card"):
        return 0 if presented.variant == "plate" else 1
    return 2 if presented.pass_ is not None and is_static(presented, presented.pass_) else 3


class Retests:
    """Who is to come back for a second measurement."""

    def __init__(self) -> None:
        self._due: dict[bytes, tuple[bytes, int]] = {}

    def remember(self, holder: Pass, passage: bytes, now_ms: int) -> None:
        self._due[holder.pass_id] = (passage, now_ms)
        if len(self._due) > _MAX_RETESTS:
            self._due.pop(next(iter(self._due)))

    def of(self, holder: Pass, now_ms: int, settings: TemperatureSettings) -> Retest | None:
        """The passage that this one is a retest of, unless it is too long ago."""
        due = self._due.get(holder.pass_id)
        if due is None:
            return None
        passage, at_ms = due
        age_s = (now_ms - at_ms) / 1000
        if age_s > settings.retest_valid_s:
            del self._due[holder.pass_id]
            return None
        return Retest(passage, age_s)

    def note(self, holder: Pass, decision: Decision, passage: bytes, now_ms: int) -> None:
        """A low reading asks its holder back where there is a warm place to wait; one that counts settles it."""
        if decision.reason == "temperature_low" and decision.verdict == "deny":
            self.remember(holder, passage, now_ms)
        elif any(result.check == "temperature" and result.result in ("ok", "failed") for result in decision.results):
            self.settle(holder)

    def settle(self, holder: Pass) -> None:
        """Nothing is asked of this holder any more."""
        self._due.pop(holder.pass_id, None)


def rule_of(presented: Presented | None, settings: LaneSettings, world: World) -> Rule:
    """The policy's rule for who shows this at this lane now."""
    level = world.policy.level_of(settings.grids)
    return world.policy.rule_for(
        level,
        class_for(presented, world.policy),
        settings.where.direction,
        world.attendance,
        settings.where.lane_kind,
        world.local,
    )


def wanted_people(holder: Pass | None, rule: Rule) -> int:
    """How many people are to be measured on this pass."""
    return holder.party_size if holder and rule.party == "each" else 1


def ready_to_decide(
    attempt: Attempt,
    settings: LaneSettings,
    world: World,
    down: dict[Part, tuple[str, int]],
    readers: Readers,
    assisted: bool,
    retest: Retest | None,
    now: Moment,
) -> bool:
    """Enough is known, or waiting longer would not help."""
    now_ms = now.mono_ms
    timeouts = world.policy.timeouts
    factor = timeouts.assisted_factor if assisted else 1.0
    if attempt.presented is None:
        return bool(attempt.halt) or now_ms - attempt.began_ms >= timeouts.presentation_s * factor * 1000
    more_to_come = (attempt.asked or attempt.is_partial) and not attempt.halt
    if more_to_come and now_ms - attempt.presented_ms < timeouts.presentation_s * factor * 1000:
        return False
    holder = attempt.holder
    rule = rule_of(attempt.presented, settings, world)
    early = retest is not None and retest.age_s < world.policy.temperature.retest_after_s
    if attempt.halt or attempt.ended or early:
        return True
    # One time for each person to be measured, and one for each thing to be read.
    open_steps = len(awaited(attempt.brought, attempt.presented, rule, settings, world, readers, now))
    open_steps += awaits_mask(attempt, rule, settings, down, now_ms)
    if rule.mode_of("temperature") != "off" and not attempt.riders and not _will_not_measure(settings, down, now_ms):
        people = attempt.taking.people
        if any(judged.result != "normal" for judged in people):
            return True
        open_steps += wanted_people(holder, rule) if len(people) < wanted_people(holder, rule) else 0
    # Who has done one of them loses nothing of the time for the others.
    attempt.steps = max(attempt.steps, open_steps)
    waited_ms = now_ms - max(attempt.presented_ms, attempt.taking.shade_over_ms)
    return not open_steps or waited_ms >= timeouts.measure_s * factor * attempt.steps * 1000


def awaits_mask(
    attempt: Attempt, rule: Rule, settings: LaneSettings, down: dict[Part, tuple[str, int]], now_ms: int
) -> bool:
    """Whether a mask is asked for and may still be seen. A part that is away for a moment is waited for."""
    if rule.mode_of("mask") == "off" or attempt.riders:
        return False
    broken = {part for part, (_, since_ms) in down.items() if now_ms - since_ms >= GRACE_MS}
    return may_settle(attempt.mask, settings.mask_score_min, broken, wanted_people(attempt.holder, rule))


def _will_not_measure(settings: LaneSettings, down: dict[Part, tuple[str, int]], now_ms: int) -> bool:
    if not settings.has_thermometer:
        return True
    since = down.get("thermometer")
    return since is not None and now_ms - since[1] >= GRACE_MS
