"""The core thread: one inbox, every lane, the outbox. It takes facts in order and carries effects out in order.

Nothing here waits for a device or for the network. A record that can't be committed stops everything behind it. While
the disk takes nothing, nothing opens by itself; what people do is held in memory and recorded afterwards.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import structlog

from checkpoint.records import Egress, Fault, Kind, Note, OutcomeOf, Override, Payload, Verdict
from drivers.protocols import Pulse
from edge import facts
from edge.clock import Clock, Moment
from edge.effects import ClearAlarm, Commit, Effect, OpenBarrier, RaiseAlarm
from edge.faults import FaultBook, HeldFault, cleared_payload
from edge.held import HeldAct
from edge.lane import Lane
from edge.outbox import Outbox, OutboxFailingError, OutboxFullError, Stored

_log = structlog.get_logger(__name__)

TICK_S: Final = 0.05
# Facts that arrive while the core is busy; readings and sightings beyond this are newer than they are useful.
INBOX_SIZE: Final = 2000
# What a guard does while nothing can be recorded is kept in memory, up to here.
_MAX_HELD: Final = 200
_RETRY_MS: Final = 2000
# The part that faults of the disk name.
_STORAGE: Final = "outbox"
_DETAIL_CHARACTERS: Final = 200
_COMPLETE_MS: Final = 500
# One mistake may repeat twenty times a second: its trace goes to the log this often, and a lane that fails is told of
# until it has worked this long.
_LOG_AGAIN_MS: Final = 1000
_LANE_WELL_MS: Final = 60_000


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
        # What the core says to itself: it must never wait for room that only it can make.
        self._own: deque[Item] = deque()
        self._thread_id = 0
        self._held: list[HeldAct] = []
        self._not_held = 0
        # Passages without an outcome may be on disk that no lane is busy with any more.
        self._unsettled = True
        self._failed_ms: dict[str, int] = {}
        self._logged_ms = -_LOG_AGAIN_MS
        self._completed_ms = 0
        self._retry_ms = 0
        self.dropped = 0

    def post(self, item: Item) -> None:
        """Hand a fact to the core. Readings and sightings may be dropped when it is far behind; nothing else is."""
        if threading.get_ident() == self._thread_id:
            self._own.append(item)
            return
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
        self._thread_id = threading.get_ident()
        self._guarded(self._begin)
        next_tick_ms = 0
        while (item := self._next()) is not None:
            if isinstance(item, LaneFact):
                self._tell(item.lane, item.fact)
            else:
                self._guarded(self._take, item)
            now = self._clock.now()
            if now.mono_ms >= next_tick_ms:
                next_tick_ms = now.mono_ms + round(TICK_S * 1000)
                self._tick(now)
            self._guarded(self._ports.turn, now)

    def _next(self) -> Item | None:
        if self._own:
            return self._own.popleft()
        try:
            return self._inbox.get(timeout=TICK_S)
        except queue.Empty:
            return Run(lambda: None)

    def _begin(self) -> None:
        self._ports.turn(self._clock.now())
        for lane in self.lanes:
            self._fault_over(FaultOver("core", lane))
        self._settle()

    def _guarded(self, act: Callable[..., None], *values: object) -> bool:
        """The last line of defence: a mistake in one passage must not stop the gate for everybody."""
        try:
            act(*values)
        except Exception:
            now_ms = self._clock.now().mono_ms
            if now_ms - self._logged_ms >= _LOG_AGAIN_MS:
                self._logged_ms = now_ms
                _log.exception("core_failed", doing=getattr(act, "__name__", ""))
            return False
        return True

    def _tell(self, lane: str, fact: facts.Fact) -> None:
        """One fact for one lane. A lane that fails on it gives up its passage; the other lanes go on."""
        if lane not in self.lanes or self._guarded(self._tell_lane, lane, fact):
            return
        self.lanes[lane].give_up()
        self._unsettled = True
        self._failed_ms[lane] = self._clock.now().mono_ms
        self._guarded(self._fault, FaultSeen("lane_failed", "core", lane, type(fact).__name__, 1))

    def _tell_lane(self, name: str, fact: facts.Fact) -> None:
        self._carry_out(self.lanes[name], name, self.lanes[name].handle(fact, self._clock.now()))

    def _take(self, item: FaultSeen | FaultOver | Noted | Run) -> None:
        match item:
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
        for lane in self.lanes:
            self._tell(lane, facts.Ticked())
        self._guarded(self._look_after_lanes, now)
        self._guarded(self._look_after_storage, now)

    def _look_after_lanes(self, now: Moment) -> None:
        for lane, failed_ms in list(self._failed_ms.items()):
            if now.mono_ms - failed_ms >= _LANE_WELL_MS:
                del self._failed_ms[lane]
                self._fault_over(FaultOver("core", lane))

    def _look_after_storage(self, now: Moment) -> None:
        if now.mono_ms >= self._retry_ms:
            self._retry_ms = now.mono_ms + _RETRY_MS
            self._try_to_record_again()
            self._look_at_reserve()
        if not self.recording:
            return
        if self._unsettled:
            self._settle()
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
            if isinstance(effect.payload, Override | Egress):
                # A person decides and answers for it; the record follows as `reconstructed`.
                self._hold(HeldAct(effect.payload, effect.passage, error, self._clock.now()))
                return True
            lane.give_up()
            self._unsettled = True
            return False

    def _hold(self, act: HeldAct) -> None:
        if len(self._held) < _MAX_HELD:
            self._held.append(act)
        else:
            self._not_held += 1

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
        _log.warning("fault", name=seen.name, device=seen.device, lane=seen.lane, detail=seen.detail)
        payload = Fault(1, seen.name, seen.device, seen.lane, seen.detail, seen.priority)
        self._record_fault(HeldFault(payload, self._clock.now().at_ms))

    def _record_fault(self, fault: HeldFault) -> None:
        """Record a fault, or hold it until that is possible."""
        stored = self._try_commit(Commit("fault", fault.payload, None, urgent=True)) if self.recording else None
        if stored is None:
            self.book.hold(fault)
            return
        self.book.opened(fault.payload, stored.epoch, stored.number, fault.since_ms)
        if fault.over:
            self._fault_over(FaultOver(fault.payload.device, fault.payload.lane, fault.payload.name))

    def _fault_over(self, over: FaultOver) -> None:
        self.book.held_over(over.device, over.lane, over.name)
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
        name = "disk_full" if isinstance(error, OutboxFullError) else "disk_failing"
        if (name, _STORAGE, "") not in self.book:
            payload = Fault(1, name, _STORAGE, "", str(error)[:_DETAIL_CHARACTERS], 1)
            self.book.hold(HeldFault(payload, self._clock.now().at_ms))

    def _try_to_record_again(self) -> None:
        try:
            self._outbox.recover()
        except OutboxFailingError as error:
            self._failing(error)
            return
        if not self.recording:
            self._works_again()

    def _works_again(self) -> None:
        """Everything that was held goes on record, oldest first; what fails again is held again."""
        self.recording, self._unsettled = True, True
        _log.info("recording_again")
        held, self._held = self._held, []
        for number, act in enumerate(held):
            try:
                self._outbox.append_reconstructed(act.note(), act.moment, act.error, act.passage)
            except OutboxFailingError as error:
                self._held = held[number:]
                self._failing(error)
                return
        self._tell_what_did_not_fit()
        self.book.held_over(_STORAGE, "")
        for fault in self.book.take_held():
            self._record_fault(fault)

    def _tell_what_did_not_fit(self) -> None:
        if self._not_held:
            count, self._not_held = str(self._not_held), 0
            self._try_commit(Commit("note", Note(1, "acts_not_held", {"count": count}), None))

    def _look_at_reserve(self) -> None:
        """Said while there is still time: without its reserve the gate works only as long as the last space lasts."""
        if self.recording and not self._outbox.reserve_held:
            self._fault(FaultSeen("disk_full", _STORAGE, "", "the reserve is in use; free space", 2))
        elif self.recording:
            self._fault_over(FaultOver(_STORAGE, "", "disk_full"))

    def _settle(self) -> None:
        """Passages that nobody is busy with any more and that have no outcome are closed as abandoned."""
        try:
            left = self._outbox.open_passages()
        except OutboxFailingError as error:
            self._failing(error)
            return
        self._unsettled = False
        busy = {passage for lane in self.lanes.values() for passage in lane.under_way}
        for passage in left:
            if passage.passage not in busy:
                self._try_commit(Commit("outcome", _abandoned(passage.verdict), passage.passage))


def _abandoned(verdict: Verdict) -> OutcomeOf:
    pass_id = verdict.pass_facts.pass_id if verdict.pass_facts else None
    return OutcomeOf(1, verdict.where, "abandoned", verdict.pass_class, "gate_restarted", 0, pass_id)
