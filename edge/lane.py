"""The lane machine: facts in, effects out. No clock, no disk, no device; the rules of one passage, in one place.

1. Facts are bound to a presence. A pass and a reading of different presences never make one passage.
2. A passage begins with the first presentation and ends with exactly one outcome.
3. The verdict is committed before the barrier is asked to move; one pulse a verdict.
4. While an opening lasts nobody else is judged; when it ends, whoever stands there is somebody new.
5. The way out is never held: buttons and fire have already opened when the lane hears of them.
"""

from __future__ import annotations

from collections.abc import Callable

from checkpoint.foreign.shc_parts import Parts
from checkpoint.level import LaneLevel
from checkpoint.passes import Pass, Presented
from checkpoint.records import Kind, Outcome, Payload
from checkpoint.temperature import Measurement, TemperatureJudge
from checkpoint.verdict import Decision, Retest
from edge import facts
from edge.attempt import Attempt, Retests, ready_to_decide
from edge.brought import Brought
from edge.clock import Moment
from edge.deciding import decide_attempt, pass_decides
from edge.door import Door
from edge.effects import Commit, Effect, OpenBarrier, TellSite
from edge.lane_alarms import Tailgating, of_thermometer
from edge.lane_drill import LaneDrill
from edge.lane_guard import guard_decides
from edge.lane_mask import mask_seen
from edge.lane_presenting import city_answered, codes_seen, reader_said, take
from edge.lane_readers import Early, GonePlates, Readers
from edge.lane_records import outcome_payload, readings_of, verdict_payload
from edge.lane_ride import ask_again, drive_off, hold, judged, share_outcome
from edge.lane_ways import barrier_moved, crossed, end_opening, fire_is, open_way, way_out
from edge.opening import Ended, Opening
from edge.presence import Presence
from edge.ride import Ride
from edge.shown import CodesInView, Shown
from edge.standing import Turns
from edge.taking import Taking
from edge.world import LaneSettings, World

NewPassage = Callable[[int], bytes]


class Lane:
    """One lane. Everything it may do is in what `handle` returns, to be carried out in that order."""

    def __init__(self, settings: LaneSettings, world: World, new_passage: NewPassage, level: LaneLevel) -> None:
        self.settings = settings
        self.world = world
        self.presence = Presence(settings.has_presence)
        self.turns = Turns()
        self.attempt: Attempt | None = None
        self.shown: Shown | None = None
        self.opening: Opening | None = None
        self.ride: Ride | None = None
        # How many are known to sit in the vehicle that stands here.
        self.aboard = 1
        self.down: dict[facts.Part, tuple[str, int]] = {}
        self.assisted = False
        self.level = level
        self.new_passage = new_passage
        self.retests = Retests()
        self.drill = LaneDrill()
        self.in_view = CodesInView()
        self.code_parts = Parts()
        self._last_reading: Measurement | None = None
        self.spent = False
        self.questions = 0
        self.readers = Readers(settings.readers)
        self.early = Early()
        # Number plates read since whoever stands here came.
        self.plates: list[str] = []
        self.gone = GonePlates()
        self.door = Door(settings.door_open_ms) if settings.door_open_ms is not None else None
        # Whose pass and whose forehead it was can't be told any more: nobody is judged until this presence is over.
        self.halted = False
        # Somebody in the vehicle is a guard's to look at: until then, or until it is gone, no pass is taken.
        self.held = False
        self.fire = False
        self.tailgating = Tailgating()
        self._effects: list[Effect] = []
        self.now = Moment(0, 0, False)

    def handle(self, fact: facts.Fact, now: Moment) -> list[Effect]:
        """What follows from one fact at one moment."""
        self._effects, self.now = [], now
        self.drill.switch(self, now)
        ask_again(self, now)
        match fact:
            case facts.CodesSeen():
                codes_seen(self, fact, now)
            case facts.Scanned() | facts.CardRead() | facts.DocumentRead() | facts.PlateSeen():
                reader_said(self, fact, now)
            case facts.MaskSeen():
                mask_seen(self, fact)
            case facts.ReaderDown(name, reason):
                self.readers.went(name, reason, now.mono_ms)
            case facts.ReaderUp(name):
                self.readers.came(name)
            case facts.DoorMoved(is_open, at_ms, first) if self.door is not None:
                self._effects += self.door.moved(is_open, first, self._is_free, at_ms)
            case facts.Measured():
                self._measured(fact, now)
            case facts.PresenceChanged():
                self._presence(fact, now)
            case facts.Crossed():
                crossed(self, now)
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
                fire_is(self, active, now)
            case facts.BarrierMoved():
                barrier_moved(self, fact, now)
            case facts.WayOutFreed():
                way_out(self, fact, now)
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
            self.attempt.taking = self.new_taking()

    # --- what facts do -------------------------------------------------------------------------------------------

    def begin_attempt_if_spent(self, now: Moment) -> None:
        if self.spent and self.attempt is None:
            self.finish_shown("turned_back")
            self.spent = False
            self.start_attempt(now)

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
            self.leave(now)
        self.presence.sensed(fact.occupied, at_ms)

    def _parts_changed(self, now: Moment) -> None:
        """A presence sensor that is lost or back: who stands here is not known any more, and then known anew."""
        if "fire" in self.down:
            fire_is(self, False, now)
        if "door" in self.down and self.door is not None:
            self.door.unknown()
        works = "presence" not in self.down
        if self.settings.has_presence and self.presence.weak == works:
            if self.presence.occupied:
                self.leave(now)
            self.presence.reset(works)

    # --- what time does ------------------------------------------------------------------------------------------

    def _advance(self, now: Moment) -> None:
        end_opening(self, now)
        if self.ride is not None or (self.attempt is not None and self.attempt.presented is not None):
            # Until it is decided: a card leaves nothing in view of whoever waits.
            self.presence.keep(now.mono_ms, 1)
        if self.presence.ended(now.mono_ms):
            self.leave(now)
        self._expire_shown(now)
        if self.presence.weak and self.opening is None and self.early.shows_somebody:
            # Whoever held up a card while the one before went through, where no sensor says that they are here.
            self.presence.acted(now.mono_ms, round(self.world.policy.timeouts.measure_s * 1000))
        if self.presence.occupied and self.attempt is None and not self.spent and self.opening is None:
            self.start_attempt(now)
            for fact in self.early.take(facts.Scanned, facts.CardRead):
                take(self, fact, now)
        self._decide_if_ready(now)
        self._settle(now.mono_ms)

    def leave(self, now: Moment) -> None:
        """Whoever stood here is gone, and so is what they brought: nothing of it is anybody else's."""
        attempt = self.attempt
        if attempt is not None and attempt.passage is not None:
            self.outcome(attempt.passage, Ended("abandoned", ""), attempt.holder, 0)
            if attempt.holder and attempt.taking.in_shade:
                self.retests.remember(attempt.holder, attempt.passage, now.mono_ms)
        self.finish_shown("turned_back")
        drive_off(self)
        self.code_parts.forget()
        if self.opening is None:
            # Laid down after the verdict. What is read while an opening lasts may be of whoever comes next.
            self.early.take(facts.DocumentRead)
        self.plates, self.aboard = [], 1
        self.attempt, self.spent, self.halted, self.assisted = None, False, False, False
        self.held = False
        self.turns.came(now)

    def _expire_shown(self, now: Moment) -> None:
        shown = self.shown
        if shown is None or self.opening is not None:
            return
        timeouts = self.world.policy.timeouts
        limit_s = timeouts.escalation_s if shown.waits else timeouts.verdict_shown_s
        if now.mono_ms - shown.since_ms >= limit_s * 1000:
            self.finish_shown("turned_back")
            self.shown = None

    def start_attempt(self, now: Moment) -> None:
        self.turns.next(now)
        self.attempt = Attempt(now.mono_ms, self.new_taking(), brought=Brought(self.plates))
        for fact in self.early.take(facts.DocumentRead, facts.PlateSeen):
            take(self, fact, now)

    def next_occupant(self, before: Attempt | None, now: Moment) -> None:
        """Somebody else in the same vehicle. Who was measured `before` must be gone from the sensor first."""
        self.start_attempt(now)
        if self.attempt is not None and before is not None and before.taking.people:
            self.attempt.taking.wait_for_gap()

    def new_taking(self) -> Taking:
        settings = self.world.policy.temperature
        # In a drill nobody's reading is learned: it is judged by a copy that goes with it.
        level = self.level.under(settings) if self.drill.on else self.level
        return Taking(TemperatureJudge(settings, level), settings, self._last_reading)

    def _decide_if_ready(self, now: Moment) -> None:
        attempt = self.attempt
        if attempt is None or self.opening is not None:
            return
        retest = self._retest_of(attempt, now)
        if not ready_to_decide(attempt, self.settings, self.world, self.down, self.readers, self.assisted, retest, now):
            return
        decision = self.decision_on(attempt, now)
        if not judged(self, attempt, decision, now):
            self.give(attempt, decision, now)
            hold(self, attempt, decision)

    def decision_on(self, attempt: Attempt, now: Moment) -> Decision:
        """What the rules say of what has been gathered by now."""
        return decide_attempt(
            attempt, self.settings, self.world, self.down, self.readers, self.assisted, self.presence.weak,
            self._retest_of(attempt, now), now,
        )  # fmt: skip

    def _retest_of(self, attempt: Attempt, now: Moment) -> Retest | None:
        holder = attempt.holder
        return self.retests.of(holder, now.mono_ms, self.world.policy.temperature) if holder else None

    def give(self, attempt: Attempt, decision: Decision, now: Moment) -> None:
        """The verdict is there: record first, then barrier and screen."""
        passage, holder = attempt.passage or self.new_passage(now.at_ms), attempt.holder
        readings = readings_of(attempt.taking.people, attempt.taking.pending_high)
        payload = verdict_payload(self.settings.where, decision, holder, readings, self.world)
        self.commit("verdict", payload, passage, urgent=decision.verdict == "escalate")
        if holder and not attempt.halt:
            self.retests.note(holder, decision, passage, now.mono_ms)
        if attempt.payload:
            self.in_view.judged(attempt.payload, now.mono_ms)
        seen, policy = attempt.presented, self.world.policy
        self.shown = Shown(passage, decision, seen, readings, now.mono_ms, open=True, attempt=attempt, policy=policy)
        self.attempt, self.spent = None, True
        if decision.verdict == "escalate" and not self.halted:
            self.presence.keep(now.mono_ms, round(self.world.policy.timeouts.escalation_s * 1000))
        if decision.verdict == "allow" and not self.drill.keeps_shut(self, passage):
            self.shown.open = False
            self.move_barrier(passage)
            open_way(self, passage, "verdict", self.admitted(holder), now)

    def _settle(self, now_ms: int) -> None:
        """Let go of what is over: the tailgating alarm after a quiet while, codes that left the view."""
        timeouts = self.world.policy.timeouts
        self._effects += self.tailgating.over(now_ms, timeouts.verdict_shown_s * 1000)
        self.in_view.let_go(now_ms, timeouts.same_code_ignored_s * 1000)
        self.early.let_go(now_ms)
        if self.door is not None:
            self._effects += self.door.stands(self._is_free, now_ms)

    def judge_again(self, presented: Presented, now: Moment) -> None:
        """A guard has settled what stopped this pass: whoever still stands here goes on, as a new passage."""
        self.finish_shown("turned_back")
        self.shown = None
        if not self.presence.occupied or self.opening is not None:
            return
        self.held = False
        self.start_attempt(now)
        if self.attempt is not None:
            self.spent, self.attempt.cleared = False, True
            self.attempt.present(b"", presented, self.new_passage(now.at_ms), now, "")
            self.attempt.ended = pass_decides(self.attempt, self.settings, self.world, now)

    # --- effects -------------------------------------------------------------------------------------------------

    def want(self, *effects: Effect) -> None:
        self._effects += effects

    def commit(self, kind: Kind, payload: Payload, passage: bytes | None, urgent: bool = False) -> None:
        self.want(Commit(kind, self.drill.marked(payload, passage), passage, urgent))

    def outcome(self, passage: bytes, ended: Ended, holder: Pass | None, crossings: int) -> None:
        self.commit("outcome", outcome_payload(self.settings.where, ended, holder, crossings), passage)
        site_use = self.settings.site_use
        if holder and site_use and ended.went_through and not self.drill.has(passage):
            people, now = min(self.admitted(holder), crossings) or holder.party_size, self.now
            crossing = site_use.crossing(holder, self.settings.where.direction, passage, people, now.at_ms)
            self.want(TellSite(crossing, now.trusted))
        share_outcome(self, passage, ended)

    def move_barrier(self, passage: bytes) -> None:
        if self.settings.has_barrier:
            self._effects.append(OpenBarrier(passage))

    def admitted(self, holder: Pass | None) -> int:
        """How many times the beam is to be crossed: a car with a family in it crosses it once."""
        return holder.party_size if holder and self.settings.where.lane_kind == "person" else 1

    def finish_shown(self, outcome: Outcome) -> None:
        shown = self.shown
        if shown is None or not shown.open:
            return
        shown.open = False
        self.outcome(shown.passage, Ended(outcome, ""), shown.holder, 0)

    @property
    def _is_free(self) -> bool:
        return self.fire or self.opening is not None

    @property
    def under_way(self) -> tuple[bytes, ...]:
        """Passages whose outcome this lane will still tell."""
        opening = (self.opening.passage,) if self.opening else ()
        shown = (self.shown.passage,) if self.shown and self.shown.open else ()
        riding = tuple(one.passage for one in self.ride.occupants) if self.ride else ()
        return opening + shown + riding

    def give_up(self) -> None:
        """What was under way does not go on, because it could not be recorded or worked out: nobody is let in."""
        self.opening, self.attempt, self.shown, self.ride = None, None, None, None
        self.spent = self.presence.occupied
