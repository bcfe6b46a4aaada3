"""The lane machine: facts in, effects out. No clock, no disk, no device; the rules of one passage, in one place.

1. Facts are bound to a presence. A pass and a reading of different presences never make one passage.
2. A passage begins with the first presentation and ends with exactly one outcome.
3. The verdict is committed before the barrier is asked to move; one pulse a verdict.
4. While an opening lasts nobody else is judged; when it ends, whoever stands there is somebody new.
5. The way out is never held: buttons and fire have already opened when the lane hears of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from checkpoint.foreign.shc_parts import Parts
from checkpoint.level import LaneLevel
from checkpoint.passes import Pass, Presented
from checkpoint.records import Kind, Note, Outcome, Payload
from checkpoint.temperature import Measurement, TemperatureJudge
from checkpoint.verdict import Decision
from edge import facts
from edge.attempt import Attempt, Retests, ready_to_decide
from edge.brought import Brought
from edge.clock import Moment
from edge.deciding import decide_attempt, pass_decides
from edge.door import Door
from edge.effects import Commit, Effect, OpenBarrier, TellSite
from edge.lane_alarms import Tailgating, of_barrier, of_thermometer
from edge.lane_guard import guard_decides
from edge.lane_presenting import city_answered, codes_seen, reader_said, take
from edge.lane_readers import Early, Readers
from edge.lane_records import egress_payload, outcome_payload, readings_of, verdict_payload
from edge.opening import By, Ended, Opening
from edge.presence import Presence
from edge.shown import CodesInView, Shown
from edge.taking import Taking
from edge.world import LaneSettings, World

NewPassage = Callable[[int], bytes]


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
        self.new_passage = new_passage
        self.retests = Retests()
        self.in_view = CodesInView()
        self.code_parts = Parts()
        self._last_reading: Measurement | None = None
        self.spent = False
        self.questions = 0
        self.readers = Readers(settings.readers)
        self.early = Early()
        # Number plates read since whoever stands here came.
        self.plates: list[str] = []
        self._door = Door(settings.door_open_ms) if settings.door_open_ms is not None else None
        # Whose pass and whose forehead it was can't be told any more: nobody is judged until this presence is over.
        self.halted = False
        self._fire = False
        self._tailgating = Tailgating()
        self._effects: list[Effect] = []
        self.now = Moment(0, 0, False)

    def handle(self, fact: facts.Fact, now: Moment) -> list[Effect]:
        """What follows from one fact at one moment."""
        self._effects, self.now = [], now
        match fact:
            case facts.CodesSeen():
                codes_seen(self, fact, now)
            case facts.Scanned() | facts.CardRead() | facts.DocumentRead() | facts.PlateSeen():
                reader_said(self, fact, now)
            case facts.ReaderDown(name, reason):
                self.readers.went(name, reason, now.mono_ms)
            case facts.ReaderUp(name):
                self.readers.came(name)
            case facts.DoorMoved(is_open, at_ms, first) if self._door is not None:
                self._effects += self._door.moved(is_open, first, self._is_free, at_ms)
            case facts.Measured():
                self._measured(fact, now)
            case facts.PresenceChanged():
                self._presence(fact, now)
            case facts.Crossed():
                self._crossed(now)
            case facts.AssistPressed():
                self.assisted = self.presence.occupied
            case facts.PartDown(part, reason):
                # Another reason for the same silence does not make it younger: the fail table counts from its start.
                self.down[part] = (reason, self.down.get(part, ("", now.mono_ms))[1])
                self._parts_changed(now)
            case facts.PartUp(part):
                self.down.pop(part, None)
                self._parts_changed(now)
            case facts.FireContact(active):
                self._fire = active
            case facts.BarrierMoved():
                self._barrier_moved(fact, now)
            case facts.WayOutFreed():
                self._way_out(fact, now)
            case facts.GuardDecided():
                guard_decides(self, fact, now)
            case facts.CityAnswered():
                city_answered(self, fact, now)
            case facts.Ticked() | facts.DoorMoved():
                pass
        self._advance(now)
        return self._effects

    def enter(self, world: World) -> None:
        """From now on this is what is in force. A new policy's temperature settings meet the level as it stands.

        Who is being measured is measured again: a verdict under one policy never rests on the limits of another.
        """
        changed, self.world = world.policy is not self.world.policy, world
        if changed:
            self.level = self.level.under(world.policy.temperature)
        if changed and self.attempt is not None:
            self.attempt.taking = self._new_taking()

    # --- what facts do -------------------------------------------------------------------------------------------

    def begin_attempt_if_spent(self, now: Moment) -> None:
        if self.spent and self.attempt is None:
            self.finish_shown("turned_back")
            self.spent = False
            self._start_attempt(now)

    def _measured(self, fact: facts.Measured, now: Moment) -> None:
        value_c = fact.measurement.object_c if fact.measurement.object_c is not None else fact.measurement.body_c
        settings = self.world.policy.temperature
        if value_c is not None and value_c >= settings.plausible_min_c:
            self.presence.active(now.mono_ms)
        attempt = self.attempt if self.opening is None else None
        if attempt is not None and (stream := attempt.taking.feed(fact.measurement, now.at_ms)):
            self._effects += of_thermometer(self.level, stream)
        self._last_reading = fact.measurement

    def _presence(self, fact: facts.PresenceChanged, now: Moment) -> None:
        at_ms = now.mono_ms if fact.mono_ms is None else fact.mono_ms
        # Before somebody new is let in: was the one before gone long enough to be somebody else?
        if self.presence.ended(at_ms):
            self._leave(now)
        self.presence.sensed(fact.occupied, at_ms)

    def _parts_changed(self, now: Moment) -> None:
        """A presence sensor that is lost or back: who stands here is not known any more, and then known anew."""
        if "board" in self.down:
            self._fire = False
            if self._door is not None:
                self._door.unknown()
        works = "presence" not in self.down
        if self.settings.has_presence and self.presence.weak == works:
            if self.presence.occupied:
                self._leave(now)
            self.presence.reset(works)

    def _crossed(self, now: Moment) -> None:
        if self.opening is not None:
            self.opening.crossed(now.mono_ms)
        elif not self._fire:
            self.commit("note", Note(1, "tailgating", {"lane": self.settings.where.lane}), None)
            self._effects += self._tailgating.seen("somebody went through without an opening", now.mono_ms)

    def _barrier_moved(self, fact: facts.BarrierMoved, now: Moment) -> None:
        self._effects.append(of_barrier("barrier", fact.ok, "a pulse was not taken"))
        if self.opening is not None and self.opening.passage == fact.passage:
            self.opening.moved(fact.ok, now.mono_ms)

    def _way_out(self, fact: facts.WayOutFreed, now: Moment) -> None:
        passage = self.new_passage(now.at_ms)
        self.commit("egress", egress_payload(self.settings.where, fact), passage)
        self._effects.append(of_barrier("way_out", fact.ok, fact.cause))
        outcome: Outcome = "egress" if fact.cause == "exit_button" else "fire"
        if not fact.ok:
            self.outcome(passage, Ended("abandoned", "barrier_not_moved"), None, 0)
        elif self.opening is None:
            self.open(passage, fact.cause, 1, now)
        else:
            self.outcome(passage, Ended(outcome, ""), None, 0)
            self.opening.share(now.mono_ms)

    # --- what time does ------------------------------------------------------------------------------------------

    def _advance(self, now: Moment) -> None:
        self._end_opening(now)
        if self.presence.ended(now.mono_ms):
            self._leave(now)
        self._expire_shown(now)
        if self.presence.weak and self.opening is None and self.early.shows_somebody:
            # Whoever held up a card while the one before went through, where no sensor says that they are here.
            self.presence.acted(now.mono_ms, round(self.world.policy.timeouts.measure_s * 1000))
        if self.presence.occupied and self.attempt is None and not self.spent and self.opening is None:
            self._start_attempt(now)
            for fact in self.early.take(facts.Scanned, facts.CardRead):
                take(self, fact, now)
        self._decide_if_ready(now)
        self._settle(now.mono_ms)

    def _end_opening(self, now: Moment) -> None:
        opening = self.opening
        if opening is None:
            return
        beam_works = self.settings.has_beam and "board" not in self.down
        ended = opening.ended(now.mono_ms, beam_works) if not self._fire else None
        if opening.tailgated:
            detail = f"{opening.crossings} went through where {opening.admitted} were admitted"
            self._effects += self._tailgating.seen(detail, now.mono_ms)
        if ended is None:
            return
        shown = self.shown if self.shown and self.shown.passage == opening.passage else None
        self.outcome(opening.passage, ended, shown.holder if shown else None, opening.crossings)
        if ended.reason == "barrier_not_moved" and shown:
            shown.decision = replace(shown.decision, verdict="escalate", reason="barrier_not_moved")
        self.opening = None
        self._leave(now)
        self.presence.restart()

    def _leave(self, now: Moment) -> None:
        """Whoever stood here is gone, and so is what they brought: nothing of it is anybody else's."""
        attempt = self.attempt
        if attempt is not None and attempt.passage is not None:
            self.outcome(attempt.passage, Ended("abandoned", ""), attempt.holder, 0)
            if attempt.holder and attempt.taking.in_shade:
                self.retests.remember(attempt.holder, attempt.passage, now.mono_ms)
        self.finish_shown("turned_back")
        self.code_parts.forget()
        self.plates = []
        self.attempt, self.spent, self.halted, self.assisted = None, False, False, False

    def _expire_shown(self, now: Moment) -> None:
        shown = self.shown
        if shown is None or self.opening is not None:
            return
        timeouts = self.world.policy.timeouts
        limit_s = timeouts.escalation_s if shown.waits else timeouts.verdict_shown_s
        if now.mono_ms - shown.since_ms >= limit_s * 1000:
            self.finish_shown("turned_back")
            self.shown = None

    def _start_attempt(self, now: Moment) -> None:
        self.attempt = Attempt(now.mono_ms, self._new_taking(), brought=Brought(self.plates))
        for fact in self.early.take(facts.DocumentRead, facts.PlateSeen):
            take(self, fact, now)

    def _new_taking(self) -> Taking:
        settings = self.world.policy.temperature
        return Taking(TemperatureJudge(settings, self.level), settings, self._last_reading)

    def _decide_if_ready(self, now: Moment) -> None:
        attempt = self.attempt
        if attempt is None or self.opening is not None:
            return
        holder = attempt.holder
        retest = self.retests.of(holder, now.mono_ms, self.world.policy.temperature) if holder else None
        if not ready_to_decide(attempt, self.settings, self.world, self.down, self.readers, self.assisted, retest, now):
            return
        decision = decide_attempt(
            attempt, self.settings, self.world, self.down, self.readers, self.assisted, self.presence.weak, retest, now
        )
        self._give(attempt, decision, now)

    def _give(self, attempt: Attempt, decision: Decision, now: Moment) -> None:
        """The verdict is there: record first, then barrier and screen."""
        passage, holder = attempt.passage or self.new_passage(now.at_ms), attempt.holder
        readings = readings_of(attempt.taking.people, attempt.taking.pending_high)
        payload = verdict_payload(self.settings.where, decision, holder, readings, self.world)
        self.commit("verdict", payload, passage, urgent=decision.verdict == "escalate")
        if holder and not attempt.halt:
            self.retests.note(holder, decision, passage, now.mono_ms)
        if attempt.payload:
            self.in_view.judged(attempt.payload, now.mono_ms)
        self.shown = Shown(passage, decision, attempt.presented, readings, now.mono_ms, open=True)
        self.attempt, self.spent = None, True
        if decision.verdict == "allow":
            self.shown.open = False
            self.move_barrier(passage)
            self.open(passage, "verdict", self.admitted(holder), now)

    def _settle(self, now_ms: int) -> None:
        """Let go of what is over: the tailgating alarm after a quiet while, codes that left the view."""
        timeouts = self.world.policy.timeouts
        self._effects += self._tailgating.over(now_ms, timeouts.verdict_shown_s * 1000)
        self.in_view.let_go(now_ms, timeouts.same_code_ignored_s * 1000)
        self.early.let_go(now_ms)
        if self._door is not None:
            self._effects += self._door.stands(self._is_free, now_ms)

    def judge_again(self, presented: Presented, now: Moment) -> None:
        """A guard has settled what stopped this pass: whoever still stands here goes on, as a new passage."""
        self.finish_shown("turned_back")
        self.shown = None
        if not self.presence.occupied or self.opening is not None:
            return
        self._start_attempt(now)
        if self.attempt is not None:
            self.spent, self.attempt.cleared = False, True
            self.attempt.present(b"", presented, self.new_passage(now.at_ms), now, "")
            self.attempt.ended = pass_decides(self.attempt, self.settings, self.world, now)

    # --- effects -------------------------------------------------------------------------------------------------

    def want(self, effect: Effect) -> None:
        self._effects.append(effect)

    def commit(self, kind: Kind, payload: Payload, passage: bytes | None, urgent: bool = False) -> None:
        self.want(Commit(kind, payload, passage, urgent))

    def outcome(self, passage: bytes, ended: Ended, holder: Pass | None, crossings: int) -> None:
        self.commit("outcome", outcome_payload(self.settings.where, ended, holder, crossings), passage)
        site_use = self.settings.site_use
        if holder and site_use and ended.went_through:
            people, now = min(self.admitted(holder), crossings) or holder.party_size, self.now
            crossing = site_use.crossing(holder, self.settings.where.direction, passage, people, now.at_ms)
            self.want(TellSite(crossing, now.trusted))

    def move_barrier(self, passage: bytes) -> None:
        if self.settings.has_barrier:
            self._effects.append(OpenBarrier(passage))

    def admitted(self, holder: Pass | None) -> int:
        """How many times the beam is to be crossed: a car with a family in it crosses it once."""
        return holder.party_size if holder and self.settings.where.lane_kind == "person" else 1

    def open(self, passage: bytes, by: By, admitted: int, now: Moment) -> None:
        timeouts = self.world.policy.timeouts
        factor = timeouts.assisted_factor if self.assisted else 1.0
        wait_ms = round(timeouts.crossing_s * factor * (1 + 0.5 * (admitted - 1)) * 1000)
        self.opening = Opening(passage, by, admitted, now.mono_ms, self.settings.pulse_ms, wait_ms)
        if self._door is not None:
            self._door.let(now.mono_ms + max(wait_ms, self.settings.pulse_ms))

    def finish_shown(self, outcome: Outcome) -> None:
        shown = self.shown
        if shown is None or not shown.open:
            return
        shown.open = False
        self.outcome(shown.passage, Ended(outcome, ""), shown.holder, 0)

    @property
    def _is_free(self) -> bool:
        return self._fire or self.opening is not None

    @property
    def under_way(self) -> tuple[bytes, ...]:
        """Passages whose outcome this lane will still tell."""
        opening = (self.opening.passage,) if self.opening else ()
        shown = (self.shown.passage,) if self.shown and self.shown.open else ()
        return opening + shown

    def give_up(self) -> None:
        """What was under way does not go on, because it could not be recorded or worked out: nobody is let in."""
        self.opening, self.attempt, self.shown, self.spent = None, None, None, self.presence.occupied
