"""The core thread: one inbox, every lane, the outbox. It takes facts in order and carries effects out in order.

Nothing here waits for a device or for the network. A record that can't be committed stops everything behind it.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import structlog

from checkpoint.records import Fault, Kind, Note, OutcomeOf, Override, Payload
from drivers.protocols import Pulse
from edge import facts
from edge.clock import Clock, Moment
from edge.effects import ClearAlarm, Commit, Effect, OpenBarrier, RaiseAlarm
from edge.faults import FaultBook, cleared_payload
from edge.lane import Lane
from edge.outbox import Outbox, OutboxFailingError, Stored

_log = structlog.get_logger(__name__)

TICK_S: Final = 0.05
# Facts that arrive while the core is busy; readings and sightings beyond this are newer than they are useful.
INBOX_SIZE: Final = 2000
# What a guard does while nothing can be recorded is kept in memory, up to here.
_MAX_HELD: Final = 200
_RETRY_MS: Final = 2000
_COMPLETE_MS: Final = 500


@dataclass(frozen=True, slots=True)
class LaneFact:
    lane: str
    fact: facts.Fact


@dataclass(frozen=True, slots=True)
class FaultSeen:
    """Something is wrong with a part: `name` is a reason code. `lane` is empty for the whole gate."""

    name: str
    device: str
    lane: str
    detail: str
    priority: int


@dataclass(frozen=True, slots=True)
class FaultOver:
    """The part works again: all its faults end. With a `name`, only that one."""

    device: str
    lane: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something to be recorded that concerns no passage."""

    kind: Kind
    code: str
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """Something to be done by the core thread itself, such as putting a new policy in force."""

    act: Callable[[], None]


Item = LaneFact | FaultSeen | FaultOver | Noted | Run
Mover = Callable[[str], "Future[Pulse]"]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the core's words go: barrier, alarm copies, completeness; a nudge after each record; each turn."""

    move: Mover
    copy: Callable[[Stored], None]
    complete: Callable[[int, bytes, int], None]
    wake: Callable[[], None]
    turn: Callable[[Moment], None]


class Core:
    """Owns lanes and outbox; `post` is the only way in from other threads."""

    def __init__(self, lanes: Mapping[str, Lane], outbox: Outbox, clock: Clock, book: FaultBook, ports: Ports) -> None:
        self.lanes = dict(lanes)
        self.book = book
        self.recording = True
        self._outbox = outbox
        self._clock = clock
        self._ports = ports
        self._inbox: queue.Queue[Item | None] = queue.Queue(INBOX_SIZE)
        self._held: list[tuple[Override, bytes | None, OutboxFailingError, Moment]] = []
        self._completed_ms = 0
        self._retry_ms = 0
        self.dropped = 0

    def post(self, item: Item) -> None:
        """Hand a fact to the core. Readings and sightings may be dropped when it is far behind; nothing else is."""
        if isinstance(item, LaneFact) and isinstance(item.fact, facts.Measured | facts.CodesSeen):
            try:
                self._inbox.put_nowait(item)
            except queue.Full:
                self.dropped += 1
            return
        self._inbox.put(item)

    def stop(self) -> None:
        self._inbox.put(None)

    def run(self) -> None:
        """The core thread: until `stop`."""
        self._ports.turn(self._clock.now())
        self._close_left_open()
        next_tick_ms = 0
        while True:
            try:
                item = self._inbox.get(timeout=TICK_S)
            except queue.Empty:
                item = Run(lambda: None)
            if item is None:
                return
            try:
                self._take(item)
                now = self._clock.now()
                if now.mono_ms >= next_tick_ms:
                    next_tick_ms = now.mono_ms + round(TICK_S * 1000)
                    self._tick(now)
                self._ports.turn(now)
            except Exception:
                # The last line of defence: a mistake in one passage must not stop the gate for everybody.
                _log.exception("core_item_failed", item=type(item).__name__)

    def _take(self, item: Item) -> None:
        match item:
            case LaneFact(lane, fact):
                if lane in self.lanes:
                    now = self._clock.now()
                    self._carry_out(self.lanes[lane], lane, self.lanes[lane].handle(fact, now))
            case FaultSeen():
                self._fault(item)
            case FaultOver():
                self._fault_over(item)
            case Noted(kind, code, detail):
                self.record(kind, Note(1, code, detail))
            case Run(act):
                act()

    def record(self, kind: Kind, payload: Payload) -> None:
        """Append a record that concerns no passage. For the core thread's own use, through `Run`."""
        self._try_commit(Commit(kind, payload, None))

    def _tick(self, now: Moment) -> None:
        for name, lane in self.lanes.items():
            self._carry_out(lane, name, lane.handle(facts.Ticked(), now))
        if not self.recording and now.mono_ms >= self._retry_ms:
            self._retry_ms = now.mono_ms + _RETRY_MS
            self._try_to_record_again()
        if now.trusted and now.mono_ms - self._completed_ms >= _COMPLETE_MS:
            self._completed_ms = now.mono_ms
            self._ports.complete(now.at_ms, self._outbox.epoch, self._outbox.last)

    # --- effects -------------------------------------------------------------------------------------------------

    def _carry_out(self, lane: Lane, name: str, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Commit():
                    if not self._commit_for(lane, effect):
                        return
                case OpenBarrier(passage):
                    self._move(name, passage)
                case RaiseAlarm(code, device, detail, priority):
                    self._fault(FaultSeen(code, device, name, detail, priority))
                case ClearAlarm(code, device):
                    self._fault_over(FaultOver(device, name, code))

    def _commit_for(self, lane: Lane, effect: Commit) -> bool:
        """Whether what stands behind this record may happen."""
        try:
            self._commit(effect)
            return True
        except OutboxFailingError as error:
            self._failing(error)
            if isinstance(effect.payload, Override) and len(self._held) < _MAX_HELD:
                # A person decides and answers for it; the record follows as `reconstructed`.
                self._held.append((effect.payload, effect.passage, error, self._clock.now()))
                return True
            lane.not_recorded()
            return False

    def _try_commit(self, effect: Commit) -> Stored | None:
        try:
            return self._commit(effect)
        except OutboxFailingError as error:
            self._failing(error)
            return None

    def _commit(self, effect: Commit) -> Stored:
        stored = self._outbox.append(effect.kind, effect.payload, self._clock.now(), effect.passage)
        if effect.urgent:
            self._ports.copy(stored)
        self._ports.wake()
        if not self.recording:
            self._works_again()
        return stored

    def _move(self, lane: str, passage: bytes) -> None:
        def moved(future: Future[Pulse]) -> None:
            error = future.exception()
            if error is not None:
                _log.warning("barrier_not_moved", lane=lane, error=str(error))
            confirmed = error is None and future.result().confirmed
            self.post(LaneFact(lane, facts.BarrierMoved(passage, error is None, confirmed)))

        self._ports.move(lane).add_done_callback(moved)

    # --- faults --------------------------------------------------------------------------------------------------

    def _fault(self, seen: FaultSeen) -> None:
        if (seen.name, seen.device, seen.lane) in self.book:
            return
        payload = Fault(1, seen.name, seen.device, seen.lane, seen.detail, seen.priority)
        stored = self._try_commit(Commit("fault", payload, None, urgent=True))
        _log.warning("fault", name=seen.name, device=seen.device, lane=seen.lane, detail=seen.detail)
        if stored is not None:
            self.book.opened(payload, stored.epoch, stored.number, stored.header.at)

    def _fault_over(self, over: FaultOver) -> None:
        for fault in self.book.named(over.device, over.lane):
            if over.name and fault.name != over.name:
                continue
            if self._try_commit(Commit("cleared", cleared_payload(fault), None, urgent=True)) is not None:
                self.book.cleared(fault)
                _log.info("fault_over", name=fault.name, device=fault.device, lane=fault.lane)

    # --- storage -------------------------------------------------------------------------------------------------

    def _failing(self, error: OutboxFailingError) -> None:
        if self.recording:
            _log.error("not_recorded", error=str(error))
        self.recording = False

    def _try_to_record_again(self) -> None:
        try:
            self._outbox.recover()
        except OutboxFailingError:
            return
        self._works_again()

    def _works_again(self) -> None:
        self.recording = True
        held, self._held = self._held, []
        for payload, passage, error, moment in held:
            detail = {"act": payload.act, "reason": payload.reason, "by": payload.by, "at_ms": str(moment.at_ms)}
            try:
                self._outbox.append_reconstructed(Note(1, "override", detail), moment, error, passage)
            except OutboxFailingError as again:
                self._held.append((payload, passage, error, moment))
                self._failing(again)

    def _close_left_open(self) -> None:
        """Passages that the last process left without an outcome are closed as abandoned."""
        try:
            left = self._outbox.open_passages()
        except OutboxFailingError as error:
            self._failing(error)
            return
        for passage in left:
            verdict = passage.verdict
            facts_kept = verdict.pass_facts
            payload = OutcomeOf(
                1,
                verdict.where,
                "abandoned",
                verdict.pass_class,
                "gate_restarted",
                0,
                facts_kept.pass_id if facts_kept else None,
            )
            self._try_commit(Commit("outcome", payload, passage.passage))
