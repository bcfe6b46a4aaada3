"""A verdict record decided again under another policy, by the rules of the verdict themselves.

    replay = Replay(then, new)                    # `then`: the policy that made the records
    answer = replay.of(Recorded(verdict, grids, clock_trusted, local))      # Told, or Untold with the names

A record keeps what came of each check, and not everything that a verdict rests on: not how old the lists were, nor
what a check would have said that nobody made. Nothing of that is guessed. Every value it may have had is tried: first
under the policy then, where only those stay that give the very verdict on record; then under the new one. If all that
stay agree, that is the answer; if they don't, the answer names what can't be told from the record.
Both policies are taken as if in force, and how long the lanes of the new one would have waited is not played again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from checkpoint.policy_schema import Policy
from checkpoint.records import VerdictName
from checkpoint.replay_evidence import Candidates, Recorded, candidates_of
from checkpoint.replay_heat import differ_in_limits, is_measured_anew, judged_anew, measured
from checkpoint.replay_stand_in import AskError, Situation
from checkpoint.verdict import Decision, decide

__all__ = ["Recorded", "Replay", "Told", "Untold"]

# So many suppositions are tried for one record; where more are needed, it says too little.
_MOST: Final = 5000
# What is known of a record of one shape is kept for the next of it; with so many shapes it is forgotten.
_MOST_SHAPES: Final = 50_000
_NOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the new policy says, and which of its rules by name (empty: as then). `reason` empty: one of several."""

    verdict: VerdictName
    reason: str
    rule: str


@dataclass(frozen=True, slots=True)
class Untold:
    """It can't be told; `names` of the inputs it hangs on: a check, or a word of docs/replay.md."""

    names: tuple[str, ...]


_Supposed = dict[str, Any]
_Answers = list[tuple[_Supposed, Decision]]


class Replay:
    """Two policies, and what was told of every shape of record so far."""

    def __init__(self, then: Policy, new: Policy) -> None:
        """`then`: the policy that the records name."""
        self._then, self._new = _always(then), _always(new)
        self._is_same = _beside_its_name(then) == _beside_its_name(new)
        self._anew = _anew(then, new)
        temperatures = then.temperature, new.temperature
        self._has_other_limits = "temperature" in self._anew and differ_in_limits(*temperatures)
        rules = (*then.rules, *new.rules)
        self._timed = [rule for rule in rules if rule.has_hours]
        self._known: dict[object, Told | Untold] = {}
        self._heat: dict[object, tuple[Any, ...]] = {}

    @property
    def needs_time(self) -> bool:
        """Whether a rule of either policy depends on the hour."""
        return bool(self._timed)

    def of(self, recorded: Recorded) -> Told | Untold:
        """The verdict under the new policy, or the names of what the record would have to say for that."""
        if self._is_same:
            return Told(recorded.verdict.verdict, recorded.verdict.reason, "")
        if unlike := self._unlike(recorded):
            return Untold((unlike,))
        heat: tuple[Any, ...] = ()
        if self._has_other_limits:
            heat = self._heat_of(recorded)
        local, bare = recorded.local, recorded.bare()
        hours = tuple(rule.holds_at(local) for rule in self._timed) if local else None
        shape = (replace(bare, local=None), hours, heat)
        if len(self._known) > _MOST_SHAPES:
            self._known.clear()
        if shape not in self._known:
            self._known[shape] = self._decided_again(bare, heat)
        return self._known[shape]

    def _heat_of(self, recorded: Recorded) -> tuple[Any, ...]:
        """The same for everybody whose readings stand to their limits alike."""
        key = measured(recorded)
        if len(self._heat) > _MOST_SHAPES:
            self._heat.clear()
        if key not in self._heat:
            self._heat[key] = judged_anew(recorded, self._then.temperature, self._new.temperature)
        return self._heat[key]

    def _unlike(self, recorded: Recorded) -> str:
        """What keeps any record like this from being decided again; empty if nothing does."""
        codes = {result.reason: result.value for result in recorded.results("pass")}
        then, new = self._then.passes, self._new.passes
        if recorded.verdict.reason == "policy_expired":
            return "policy_over"
        if recorded.verdict.reason == "occupant_refused":
            return "occupant"
        if self._then.level_of(recorded.grids) != recorded.verdict.zone_level:
            return "zone"
        if recorded.verdict.where.lane_kind == "vehicle" and _seats(self._then, recorded) != _seats(
            self._new, recorded
        ):
            return "occupants"
        if codes.get("format_not_enabled") in set(new.formats) - set(then.formats):
            return "shown"
        before_s = new.not_before_leeway_s - then.not_before_leeway_s
        after_s = new.expires_leeway_s - then.expires_leeway_s
        is_longer = (before_s > 0 and "pass_not_yet" in codes) or (after_s > 0 and "pass_expired" in codes)
        is_shorter = (before_s < 0 or after_s < 0) and recorded.verdict.pass_facts is not None
        return "pass_times" if is_longer or (is_shorter and not {"pass_not_yet", "pass_expired"} & set(codes)) else ""

    def _decided_again(self, recorded: Recorded, heat: tuple[Any, ...]) -> Told | Untold:
        candidates = candidates_of(recorded, self._then, self._new)
        if heat:
            candidates["temperature*"] = heat
        decided: _Answers = []
        try:
            for known, made in _decided(recorded, candidates, {}, self._then, None):
                if _is(made, recorded):
                    decided += _decided(recorded, candidates, known, self._new, self._anew)
        except _OpenError as error:
            return Untold((error.name,))
        if len({made.verdict for _, made in decided}) != 1:
            return Untold((_hinge(decided) if decided else "unexplained",))
        reasons, made = {made.reason for _, made in decided}, decided[0][1]
        return Told(made.verdict, made.reason if len(reasons) == 1 else "", made.rule)


class _OpenError(Exception):
    """The record leaves too much open, or all of something that a rule needs."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _always(policy: Policy) -> Policy:
    """The same policy, in force at all times."""
    return msgspec.structs.replace(policy, valid_from=datetime.fromtimestamp(0, UTC), valid_until=None)


def _seats(policy: Policy, recorded: Recorded) -> list[str]:
    """Who in a vehicle is asked: as this person's rule says, and as the vehicle's, in which they may have sat."""
    verdict, level = recorded.verdict, policy.level_of(recorded.grids)
    if verdict.where.lane_kind != "vehicle":
        return []
    own = verdict.pass_class if verdict.pass_facts else None
    facts = (verdict.where.direction, verdict.attendance, verdict.where.lane_kind, recorded.local)
    return [policy.rule_for(level, pass_class, *facts).occupants for pass_class in (own, "vehicle")]


def _beside_its_name(policy: Policy) -> Policy:
    """What of a policy can make a difference while it is in force."""
    return msgspec.structs.replace(_always(policy), id="", version=0, title_zh="", title_en="", authority="")


def _anew(then: Policy, new: Policy) -> frozenset[str]:
    """Inputs that the new policy would have had measured or counted otherwise."""
    found = {name for name in ("quota", "travel") if getattr(then, name) != getattr(new, name)}
    if (then.passback.window_s, then.passback.walk_s) != (new.passback.window_s, new.passback.walk_s):
        found.add("passback")
    if is_measured_anew(then.temperature, new.temperature):
        found.add("temperature")
    return frozenset(found)


def _decided(
    recorded: Recorded, candidates: Candidates, known: _Supposed, policy: Policy, anew: frozenset[str] | None
) -> Iterator[tuple[_Supposed, Decision]]:
    """Every supposition that goes on from `known`, with the decision under it: asked for only where a rule looks."""
    open_, tried = [known], 0
    while open_:
        supposed = open_.pop()
        tried += 1
        situation = Situation(recorded, candidates, supposed, policy, anew)
        try:
            made = decide(situation.presented(), situation.facts(), policy, situation.state(), _NOW_S)
        except AskError as error:
            values = candidates.get(error.name, ())
            if not values or tried > _MOST:
                raise _OpenError(error.name) from None
            open_ += [supposed | {error.name: value} for value in reversed(values)]
            continue
        yield supposed, made


def _is(made: Decision, recorded: Recorded) -> bool:
    """Whether this decision is the one on record, whatever the record can't show."""
    verdict = recorded.verdict
    if (made.verdict, made.reason) != (verdict.verdict, verdict.reason):
        return False
    results = [[(one.check, one.mode, one.result, one.reason) for one in own] for own in (made.results, verdict.checks)]
    if sorted(results[0]) != sorted(results[1]):
        return False
    return set(made.tags) - {"site_apart"} == set(verdict.tags) - {"site_apart"}


def _hinge(decided: _Answers) -> str:
    """The first input, in the order in which rules looked at them, whose values lead to different verdicts."""
    names = list(dict.fromkeys(name for supposed, _ in decided for name in supposed))
    for name in names:
        verdicts: dict[str, set[str]] = {}
        for supposed, made in decided:
            if name in supposed:
                verdicts.setdefault(repr(supposed[name]), set()).add(made.verdict)
        if len({frozenset(said) for said in verdicts.values()}) > 1:
            return name
    return names[-1]
