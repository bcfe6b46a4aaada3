"""The lane machine: facts in, effects out. No clock, no disk, no device; the rules of one passage, in one place.

1. Facts are bound to a presence. A pass and a reading of different presences never make one passage.
2. A passage begins with the first presentation and ends with exactly one outcome.
3. The verdict is committed before the barrier is asked to move; one pulse a verdict.
4. While an opening lasts nobody else is judged; when it ends, whoever stands there is somebody new.
5. The way out is never held: buttons and fire have already opened when the lane hears of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from checkpoint.formats import read_pass
from checkpoint.level import LaneLevel
from checkpoint.passes import Pass, Presented, in_scope
from checkpoint.records import Kind, Note, Outcome, Payload, ReadingKept
from checkpoint.temperature import TemperatureJudge
from checkpoint.verdict_facts import Decision
from edge import facts
from edge.attempt import Attempt, Retests, ready_to_decide
from edge.clock import Moment
from edge.deciding import decide_attempt
from edge.effects import ClearAlarm, Commit, Effect, OpenBarrier, RaiseAlarm
from edge.lane_records import (
    class_of,
    egress_payload,
    outcome_payload,
    override_payload,
    readings_of,
    verdict_payload,
)
from edge.opening import By, Ended, Opening
from edge.presence import Presence
from edge.taking import Taking
from edge.world import LaneSettings, World

NewPassage = Callable[[int], bytes]


@dataclass(slots=True)
class Shown:
    """The verdict on the screen. `open`: its outcome is still to be recorded and somebody may be waiting."""

    passage: bytes
    decision: Decision
    presented: Presented | None
    readings: tuple[ReadingKept, ...]
    since_ms: int
    open: bool

    @property
    def holder(self) -> Pass | None:
        return self.presented.pass_ if self.presented else None


class Lane:
    """One lane. Everything it may do is in what `handle` returns, to be carried out in that order."""

    def __init__(self, settings: LaneSettings, world: World, new_passage: NewPassage, level: LaneLevel) -> None:
        self.settings = settings
        self.world = world
        self.presence = Presence(settings.has_presence)
        self.attempt: Attempt | None = None
        self.shown: Shown | None = None
        self.opening: Opening | None = None
        self.down: dict[facts.Part, tuple[str, int]] = {}
        self.assisted = False
        self.level = level
        self._new_passage = new_passage
        self._retests = Retests()
        self._seen_ms: dict[bytes, int] = {}
        self._spent = False
        # Whose pass and whose forehead it was can't be told any more: nobody is judged until this presence is over.
        self._halted = False
        self._tailgated_ms: int | None = None
        self._effects: list[Effect] = []

    def handle(self, fact: facts.Fact, now: Moment) -> list[Effect]:
        """What follows from one fact at one moment."""
        self._effects = []
        match fact:
            case facts.CodesSeen(payloads):
                self._codes(payloads, now)
            case facts.Measured():
                self._measured(fact, now)
            case facts.PresenceChanged(occupied):
                self.presence.sensed(occupied, now.mono_ms)
            case facts.Crossed():
                self._crossed(now)
            case facts.AssistPressed():
                self.assisted = self.presence.occupied
            case facts.PartDown(part, reason):
                self.down[part] = (reason, now.mono_ms)
            case facts.PartUp(part):
                self.down.pop(part, None)
            case facts.BarrierMoved():
                self._barrier_moved(fact)
            case facts.WayOutFreed():
                self._way_out(fact, now)
            case facts.GuardDecided():
                self._guard(fact, now)
            case facts.Ticked():
                pass
        self._advance(now)
        return self._effects

    def enter(self, world: World) -> None:
        """From now on this is what is in force. A new policy's temperature settings meet the level as it stands."""
        if world.policy is not self.world.policy:
            self.level = LaneLevel(world.policy.temperature, self.level.state)
        self.world = world

    # --- what facts do -------------------------------------------------------------------------------------------

    def _codes(self, payloads: tuple[bytes, ...], now: Moment) -> None:
        if payloads:
            self.presence.active(now.mono_ms)
        fresh = [payload for payload in payloads if not self._still_in_view(payload, now.mono_ms)]
        # Codes that were already there stay ignored; new ones wait while somebody is going through.
        if not fresh or not self.presence.occupied or self.opening or self._halted:
            return
        self._present(fresh, now)

    def _still_in_view(self, payload: bytes, now_ms: int) -> bool:
        last_ms = self._seen_ms.get(payload)
        if last_ms is None:
            return False
        if now_ms - last_ms > self.world.policy.timeouts.same_code_ignored_s * 1000:
            del self._seen_ms[payload]
            return False
        self._seen_ms[payload] = now_ms
        return True

    def _present(self, payloads: list[bytes], now: Moment) -> None:
        read = [(payload, self._read(payload, now)) for payload in payloads]
        valid = {one.pass_.pass_id: (payload, one) for payload, one in read if one.pass_ and one.valid}
        payload, presented = next(iter(valid.values()), read[0])
        if not presented.valid and self._denied_lately(now.mono_ms):
            return
        self._begin_attempt_if_spent(now)
        attempt = self.attempt
        if attempt is None:
            return
        halt = "two_codes" if len(valid) > 1 else "two_people" if attempt.is_other(presented) else ""
        attempt.present(payload, presented, self._new_passage(now.at_ms), now, halt)
        self._halted = self._halted or bool(halt)

    def _read(self, payload: bytes, now: Moment) -> Presented:
        passes = self.world.policy.passes
        presented = read_pass(
            payload,
            self.world.trust,
            now.at_ms // 1000,
            leeway_before_s=passes.not_before_leeway_s,
            leeway_after_s=passes.expires_leeway_s,
            here=self.settings.here,
        )
        if presented.valid and presented.pass_ and not in_scope(presented.pass_, self.settings.here):
            return replace(presented, reason="out_of_scope")
        if presented.format is None:
            return replace(presented, blinded=self.settings.blind(payload))
        return presented

    def _denied_lately(self, now_ms: int) -> bool:
        # A flood of strangers' codes gets one verdict at a time; a good pass is never made to wait by it.
        shown = self.shown
        return shown is not None and now_ms - shown.since_ms < self.world.policy.timeouts.verdict_shown_s * 1000

    def _begin_attempt_if_spent(self, now: Moment) -> None:
        if self._spent and self.attempt is None:
            self._finish_shown("turned_back", now)
            self._spent = False
            self._start_attempt(now)

    def _measured(self, fact: facts.Measured, now: Moment) -> None:
        value_c = fact.measurement.object_c if fact.measurement.object_c is not None else fact.measurement.body_c
        settings = self.world.policy.temperature
        if value_c is not None and value_c >= settings.plausible_min_c:
            self.presence.active(now.mono_ms)
        if self.attempt is not None and self.opening is None:
            self.attempt.taking.feed(fact.measurement, now.at_ms)

    def _crossed(self, now: Moment) -> None:
        if self.opening is not None:
            self.opening.crossed(now.mono_ms)
        else:
            self._commit("note", Note(1, "tailgating", {"lane": self.settings.where.lane}), None)
            self._tailgating("somebody went through without an opening", now)

    def _tailgating(self, detail: str, now: Moment) -> None:
        if self._tailgated_ms is None:
            self._effects.append(RaiseAlarm("tailgating", "beam", detail, 2))
        self._tailgated_ms = now.mono_ms

    def _barrier_moved(self, fact: facts.BarrierMoved) -> None:
        if self.opening is not None and self.opening.passage == fact.passage:
            self.opening.moved(fact.ok)

    def _way_out(self, fact: facts.WayOutFreed, now: Moment) -> None:
        passage = self._new_passage(now.at_ms)
        self._commit("egress", egress_payload(self.settings.where, fact), passage)
        if self.opening is None:
            self._open(passage, fact.cause, 1, now)
        else:
            self._outcome(passage, Ended("egress" if fact.cause == "exit_button" else "fire", ""), None, 0)

    def _guard(self, act: facts.GuardDecided, now: Moment) -> None:
        if act.act == "measured":
            detail = {"lane": self.settings.where.lane, "object_c": f"{act.object_c}", "by": act.by, "manual": "yes"}
            self._commit("note", Note(1, "measured_by_hand", detail), self.shown.passage if self.shown else None)
            return
        waiting = self.shown if self.shown and self.shown.open else None
        if act.passage and (waiting is None or waiting.passage.hex() != act.passage):
            return
        passage = waiting.passage if waiting else self._new_passage(now.at_ms)
        holder = waiting.holder if waiting else None
        payload = override_payload(self.settings.where, act, class_of(holder))
        if act.act == "refuse":
            if waiting:
                self._commit("override", payload, passage)
                self._finish_shown("refused_by_guard", now)
        elif self.opening is None:
            self._commit("override", payload, passage)
            if waiting:
                waiting.open = False
            self._move_barrier(passage)
            self._open(passage, "guard", holder.party_size if holder else 1, now)

    # --- what time does ------------------------------------------------------------------------------------------

    def _advance(self, now: Moment) -> None:
        self._end_opening(now)
        if self.presence.ended(now.mono_ms):
            self._leave(now)
        self._expire_shown(now)
        if self.presence.occupied and self.attempt is None and not self._spent and self.opening is None:
            self._start_attempt(now)
        self._decide_if_ready(now)
        self._settle(now.mono_ms)

    def _end_opening(self, now: Moment) -> None:
        opening = self.opening
        if opening is None:
            return
        beam_works = self.settings.has_beam and "board" not in self.down
        ended = opening.ended(now.mono_ms, beam_works)
        if opening.tailgated:
            self._tailgating(f"{opening.crossings} went through where {opening.admitted} were admitted", now)
        if ended is None:
            return
        holder = self.shown.holder if self.shown and self.shown.passage == opening.passage else None
        self._outcome(opening.passage, ended, holder, opening.crossings)
        if ended.reason == "barrier_not_moved" and self.shown:
            self.shown.decision = replace(self.shown.decision, verdict="escalate", reason="barrier_not_moved")
        self.opening, self.attempt, self._spent, self.assisted = None, None, False, False
        self.presence.restart(now.mono_ms)

    def _leave(self, now: Moment) -> None:
        attempt = self.attempt
        if attempt is not None and attempt.passage is not None:
            self._outcome(attempt.passage, Ended("abandoned", ""), attempt.holder, 0)
        if self.opening is None:
            self._finish_shown("turned_back", now)
            self.assisted = False
        self.attempt, self._spent, self._halted = None, False, False

    def _expire_shown(self, now: Moment) -> None:
        shown = self.shown
        if shown is None or self.opening is not None:
            return
        timeouts = self.world.policy.timeouts
        waits = shown.open and shown.decision.verdict == "escalate"
        limit_s = timeouts.escalation_s if waits else timeouts.verdict_shown_s
        if now.mono_ms - shown.since_ms >= limit_s * 1000:
            self._finish_shown("turned_back", now)
            self.shown = None

    def _start_attempt(self, now: Moment) -> None:
        settings = self.world.policy.temperature
        self.attempt = Attempt(now.mono_ms, Taking(TemperatureJudge(settings, self.level), settings))

    def _decide_if_ready(self, now: Moment) -> None:
        attempt = self.attempt
        if attempt is None or self.opening is not None:
            return
        holder = attempt.holder
        retest = self._retests.of(holder, now.mono_ms, self.world.policy.temperature) if holder else None
        if not ready_to_decide(attempt, self.settings, self.world, self.down, self.assisted, retest, now.mono_ms):
            return
        decision = decide_attempt(
            attempt, self.settings, self.world, self.down, self.assisted, self.presence.weak, retest, now
        )
        self._give(attempt, decision, now)

    def _give(self, attempt: Attempt, decision: Decision, now: Moment) -> None:
        """The verdict is there: record first, then barrier and screen."""
        passage, holder = attempt.passage or self._new_passage(now.at_ms), attempt.holder
        readings = readings_of(attempt.taking.people, attempt.taking.pending_high)
        payload = verdict_payload(self.settings.where, decision, holder, readings, self.world)
        self._commit("verdict", payload, passage, urgent=decision.verdict == "escalate")
        if holder:
            self._retests.note(holder, decision, passage, now.mono_ms)
        if attempt.payload:
            self._seen_ms[attempt.payload] = now.mono_ms
        self.shown = Shown(passage, decision, attempt.presented, readings, now.mono_ms, open=True)
        self.attempt, self._spent = None, True
        if decision.verdict == "allow":
            self.shown.open = False
            self._move_barrier(passage)
            self._open(passage, "verdict", holder.party_size if holder else 1, now)

    def _settle(self, now_ms: int) -> None:
        """Let go of what is over: the tailgating alarm after a quiet while, codes that left the view."""
        shown_ms = self.world.policy.timeouts.verdict_shown_s * 1000
        if self._tailgated_ms is not None and now_ms - self._tailgated_ms > shown_ms:
            self._tailgated_ms = None
            self._effects.append(ClearAlarm("tailgating", "beam"))
        ignored_ms = self.world.policy.timeouts.same_code_ignored_s * 1000
        if len(self._seen_ms) > 16:
            self._seen_ms = {code: ms for code, ms in self._seen_ms.items() if now_ms - ms <= ignored_ms}

    # --- effects -------------------------------------------------------------------------------------------------

    def _commit(self, kind: Kind, payload: Payload, passage: bytes | None, urgent: bool = False) -> None:
        self._effects.append(Commit(kind, payload, passage, urgent))

    def _outcome(self, passage: bytes, ended: Ended, holder: Pass | None, crossings: int) -> None:
        self._commit("outcome", outcome_payload(self.settings.where, ended, holder, crossings), passage)

    def _move_barrier(self, passage: bytes) -> None:
        if self.settings.has_barrier:
            self._effects.append(OpenBarrier(passage))

    def _open(self, passage: bytes, by: By, admitted: int, now: Moment) -> None:
        timeouts = self.world.policy.timeouts
        factor = timeouts.assisted_factor if self.assisted else 1.0
        wait_ms = round(timeouts.crossing_s * factor * (1 + 0.5 * (admitted - 1)) * 1000)
        self.opening = Opening(passage, by, admitted, now.mono_ms, self.settings.pulse_ms, wait_ms)

    def _finish_shown(self, outcome: Outcome, now: Moment) -> None:
        shown = self.shown
        if shown is None or not shown.open:
            return
        shown.open = False
        self._outcome(shown.passage, Ended(outcome, ""), shown.holder, 0)

    @property
    def under_way(self) -> tuple[bytes, ...]:
        """Passages whose outcome this lane will still tell."""
        opening = (self.opening.passage,) if self.opening else ()
        shown = (self.shown.passage,) if self.shown and self.shown.open else ()
        return opening + shown

    def give_up(self) -> None:
        """What was under way does not go on, because it could not be recorded or worked out: nobody is let in."""
        self.opening, self.attempt, self.shown, self._spent = None, None, None, True
