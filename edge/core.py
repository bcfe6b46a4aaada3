"""The core thread: one inbox, every lane, the recorder. It takes facts in order and carries effects out in order.

Nothing here waits for a device or for the network. A record that can't be committed stops everything behind it. While
the disk takes nothing, nothing opens by itself; what people do is held in memory and recorded afterwards.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import structlog

from checkpoint.formats.city import CityCode
from checkpoint.records import Fault, Kind, Note, Payload
from drivers.protocols import Pulse
from edge import facts
from edge.clock import Clock, Moment
from edge.effects import AskCity, ClearAlarm, ClearPass, Commit, Effect, OpenBarrier, RaiseAlarm, TellSite
from edge.faults import FaultBook
from edge.lane import Lane
from edge.outbox import Outbox, Stored
from edge.recorder import Recorder
from webscreen.heart import Heart

_log = structlog.get_logger(__name__)

TICK_S: Final = 0.05
# Facts that arrive while the core is busy. What devices read gets half of it: newer readings follow soon, a card is
# held up again, and nothing that a device makes up keeps the word of an opening out.
INBOX_SIZE: Final = 2000
_PASSING: Final = (
    facts.Measured | facts.CodesSeen | facts.Scanned | facts.CardRead | facts.DocumentRead | facts.PlateSeen
)
_COMPLETE_MS: Final = 500
# A person waits no longer than this for a verdict; a core that takes longer says so when it is over.
LATE_S: Final = 2.0
_ON_TIME_S: Final = 60.0
# A slow card may hold one commit for seconds; the beginning closes every passage that was left open.
_LIMIT_S: Final = 15.0
_BEGIN_LIMIT_S: Final = 120.0
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
    """Where the core's words go: barrier, alarm copies, completeness; a nudge after each record; each turn; the site's
    ledger; a city's server, with lane and number of the question."""

    move: Mover
    copy: Callable[[Stored], None]
    complete: Callable[[int, bytes, int], None]
    wake: Callable[[], None]
    turn: Callable[[Moment], None]
    site: Callable[[TellSite | ClearPass], None] = lambda _effect: None
    ask_city: Callable[[str, int, CityCode], None] = lambda _lane, _number, _code: None


class Core:
    """Owns the lanes; `post` is the only way in from other threads."""

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        outbox: Outbox,
        clock: Clock,
        book: FaultBook,
        ports: Ports,
        waited_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`waited_s` is the time that people wait by; `clock` the time that facts are judged by."""
        self.lanes = dict(lanes)
        self.book = book
        self.dropped = 0
        self._recorder = Recorder(outbox, clock, book, ports.copy, ports.wake)
        self._clock = clock
        self._ports = ports
        self._inbox: queue.Queue[Item | None] = queue.Queue(INBOX_SIZE)
        # What the core says to itself: it must never wait for room that only it can make.
        self._own: deque[Item] = deque()
        self.heart = Heart("core", _LIMIT_S)
        self._thread_id = 0
        # When the inbox was last empty, and when it was last found to have waited too long.
        self._waited_s = waited_s
        self._idle_s = 0.0
        self._late_s: float | None = None
        self._failed_ms: dict[str, int] = {}
        self._logged_ms = -_LOG_AGAIN_MS
        self._completed_ms = 0

    @property
    def recording(self) -> bool:
        """Whether the last record was committed. While not, nothing opens by itself."""
        return self._recorder.recording

    @property
    def undated(self) -> bool:
        """Whether records of a clock that was not believed wait for a `clock` record."""
        return self._recorder.undated

    @undated.setter
    def undated(self, waits: bool) -> None:
        self._recorder.undated = waits

    def post(self, item: Item) -> None:
        """Hand a fact to the core; returns at once. What devices read is dropped first when it is far behind."""
        if threading.get_ident() == self._thread_id:
            self._own.append(item)
            return
        passing = isinstance(item, LaneFact) and isinstance(item.fact, _PASSING)
        if passing and self._inbox.qsize() >= INBOX_SIZE // 2:
            self.dropped += 1
            return
        try:
            # Never wait: the thread that frees the way out must not hang on a core that hangs.
            self._inbox.put_nowait(item)
        except queue.Full:
            self.dropped += 1
            _log.error("inbox_full", item=type(item).__name__)

    def stop(self) -> None:
        self._inbox.put(None)

    def record(self, kind: Kind, payload: Payload) -> None:
        """Append a record that concerns no passage. For the core thread's own use, through `Run`."""
        self._recorder.record(kind, payload)

    def run(self) -> None:
        """The core thread: until `stop`."""
        self._thread_id = threading.get_ident()
        self.heart.begin()
        self.heart.beat(_BEGIN_LIMIT_S)
        self._guarded(self._begin)
        self._idle_s = self._waited_s()
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
            self._guarded(self._look_at_time)
            self.heart.beat()
        self.heart.end()

    def _next(self) -> Item | None:
        if self._own:
            return self._own.popleft()
        try:
            return self._inbox.get(timeout=TICK_S)
        except queue.Empty:
            return Run(lambda: None)

    def _begin(self) -> None:
        self._ports.turn(self._clock.now())
        for lane in ("", *self.lanes):
            self._recorder.fault_over("core", lane)
        self._recorder.settle(self._under_way)

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
        self._give_up(self.lanes[lane])
        self._failed_ms[lane] = self._clock.now().mono_ms
        self._guarded(self._recorder.fault, Fault(1, "lane_failed", "core", lane, type(fact).__name__, 1))

    def _tell_lane(self, name: str, fact: facts.Fact) -> None:
        self._carry_out(self.lanes[name], name, self.lanes[name].handle(fact, self._clock.now()))

    def _take(self, item: FaultSeen | FaultOver | Noted | Run) -> None:
        match item:
            case FaultSeen(name, device, lane, detail, priority):
                self._recorder.fault(Fault(1, name, device, lane, detail, priority))
            case FaultOver(device, lane, name):
                self._recorder.fault_over(device, lane, name)
            case Noted(kind, code, detail):
                self.record(kind, Note(1, code, detail))
            case Run(act):
                act()

    def _tick(self, now: Moment) -> None:
        for lane in self.lanes:
            self._tell(lane, facts.Ticked())
        self._guarded(self._look_after, now)

    def _look_at_time(self) -> None:
        """Whatever waited since the inbox was last empty waited for at most that long."""
        now_s = self._waited_s()
        late_s = now_s - self._idle_s
        if self._inbox.empty():
            self._idle_s = now_s
        if late_s > LATE_S:
            self._late_s = now_s
            self._recorder.fault(Fault(1, "core_late", "core", "", f"{late_s:.1f} s", 2))
        elif self._late_s is not None and now_s - self._late_s >= _ON_TIME_S:
            self._late_s = None
            self._recorder.fault_over("core", "", "core_late")

    def _look_after(self, now: Moment) -> None:
        for lane, failed_ms in list(self._failed_ms.items()):
            if now.mono_ms - failed_ms >= _LANE_WELL_MS:
                del self._failed_ms[lane]
                self._recorder.fault_over("core", lane)
        self._recorder.look_after(now, self._under_way)
        # Not before the records of a clock that was not believed are dated: they are of earlier times.
        settled = self.recording and now.trusted and not self._recorder.undated
        if settled and now.mono_ms - self._completed_ms >= _COMPLETE_MS:
            self._completed_ms = now.mono_ms
            self._ports.complete(now.at_ms, *self._recorder.place)

    @property
    def _under_way(self) -> frozenset[bytes]:
        return frozenset(passage for lane in self.lanes.values() for passage in lane.under_way)

    # --- effects -------------------------------------------------------------------------------------------------

    def _carry_out(self, lane: Lane, name: str, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Commit():
                    if not self._recorder.commit_or_hold(effect):
                        self._give_up(lane)
                        return
                case OpenBarrier(passage):
                    self._move(name, passage)
                case RaiseAlarm(code, device, detail, priority):
                    self._recorder.fault(Fault(1, code, device, name, detail, priority))
                case ClearAlarm(code, device):
                    self._recorder.fault_over(device, name, code)
                case TellSite() | ClearPass():
                    self._ports.site(effect)
                case AskCity(number, code):
                    self._ports.ask_city(name, number, code)

    def _give_up(self, lane: Lane) -> None:
        lane.give_up()
        self._recorder.unsettled = True

    def _move(self, lane: str, passage: bytes) -> None:
        def moved(future: Future[Pulse]) -> None:
            error = future.exception()
            if error is not None:
                _log.warning("barrier_not_moved", lane=lane, error=str(error))
            self.post(LaneFact(lane, facts.BarrierMoved(passage, error is None)))

        self._ports.move(lane).add_done_callback(moved)
