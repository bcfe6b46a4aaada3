"""The protocol of the uplink without wire, disk or clock: what to send when, and what an answer changes.

Only an answer moves a watermark. It counts if it is signed by the collector, echoes a question of this process, no
later question about that epoch has been answered, and it agrees with this disk. A broker's word means nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from checkpoint import wire
from checkpoint.cose import CoseError
from checkpoint.wire import Answer, CompleteThrough, WireError
from edge.clock import Moment
from edge.outbox_reader import EpochState
from edge.outbox_values import DamagedRecordError
from edge.uplink_messages import Packer
from edge.uplink_questions import Flight, Flights, Question, Questions, Room
from edge.uplink_values import (
    Conflict,
    Damaged,
    Effect,
    Keys,
    LinkDown,
    LinkUp,
    Message,
    Settings,
    SignedTime,
    Source,
    UplinkEvent,
)

__all__ = [
    "Conflict", "Damaged", "Effect", "Keys", "LinkDown", "LinkUp", "Message", "Settings", "SignedTime", "Source",
    "UplinkCore", "UplinkEvent",
]  # fmt: skip

# Room for the batch's own fields and its signature below the limit of the contract.
_BATCH_ROOM: Final = wire.MAX_BATCH_BYTES - 1024
_MOST_ALARMS: Final = 64
_DAY_MS: Final = 86_400_000
# The collector counts as silent after this many heartbeats without an answer.
_SILENT_HEARTBEATS: Final = 3


@dataclass(frozen=True, slots=True)
class _Cover:
    """The collector had all up to `through` when it was asked at `asked_ms` of the trusted clock."""

    through: int
    asked_ms: int


@dataclass(slots=True)
class _Alarm:
    epoch: bytes
    number: int
    sent: bool = False


class UplinkCore:
    """One per process; used from one thread. Times come in as `Moment`s, messages go out as values."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        source: Source,
        nonce: Callable[[], bytes],
        boot_id: bytes,
        versions: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._keys = dict(keys.collector)
        self._source = source
        self._nonce = nonce
        self._packer = Packer(settings.gate, keys.gate, boot_id, versions)
        self._questions = Questions()
        self._flights = Flights()
        self._room = Room(settings.window * settings.batch_records)
        self._reask_ms = settings.reask_ms
        self._probing = False
        # Epochs whose batch was answered below their floor: nothing more of them is sent before a hello is answered.
        self._hello_first: set[bytes] = set()
        self._covers: dict[bytes, _Cover] = {}
        # Only questions after this one may cover a purge again.
        self._cover_after = 0
        self._alarms: list[_Alarm] = []
        self._hello_mono_ms: int | None = None
        self._hello_wanted = True
        self._older_page = 0
        self._answered_mono_ms: int | None = None
        self._up = False
        self._events: list[UplinkEvent] = []

    def on_connected(self) -> None:
        """What was on its way may be lost with the old connection: everything is asked again at once."""
        if len(self._flights):
            self._room.lost()
        self._flights.clear()
        self._start_over()
        self._hello_wanted = True
        self._hello_mono_ms = None
        for alarm in self._alarms:
            alarm.sent = False

    def complete(self, at_ms: int, epoch: bytes, number: int) -> None:
        """No record of a time before `at_ms` will follow, once the collector holds up to (`epoch`, `number`)."""
        self._packer.complete = CompleteThrough(at_ms, epoch, number)

    def version(self, part: str, text: str) -> None:
        """What is in force of `part` (`policy`, ...), for the next heartbeat."""
        self._packer.versions[part] = text

    def faults(self, names: tuple[str, ...]) -> None:
        """Reason codes of the faults that stand now, for the next heartbeat."""
        self._packer.faults = names

    def alarm(self, epoch: bytes, number: int) -> None:
        """Send a copy of this record at once, before anything that waits."""
        self._alarms.append(_Alarm(epoch, number))
        del self._alarms[:-_MOST_ALARMS]

    def due(self, now: Moment) -> list[Message]:
        """What is to be published now, in this order. Call while connected, after every change and every tick."""
        self.watch(now)
        states = self._source.epochs()
        messages = self._alarm_copies(states)
        messages += self._hellos(states, now)
        messages += self._batches(states, now)
        return messages

    def answer(self, data: bytes, now: Moment) -> Effect:
        """Take a message from the watermark topic, by the rules of the contract. Anything false changes nothing.

        Returns `counted`, `conflict`, `ignored` (genuine, but not an answer that counts) or `refused` (not genuine).
        """
        try:
            answer = wire.unpack_answer(data, self._keys)
        except (WireError, CoseError):
            return "refused"
        if answer.version != 1 or answer.gate != self._settings.gate:
            return "refused"
        state = next((state for state in self._source.epochs() if state.epoch == answer.epoch), None)
        if state is None:
            return "ignored"
        return self._judge(answer, state, now)

    def wait_ms(self, now: Moment) -> int:
        """How long `due` has nothing to say if nothing happens."""
        if self._hello_mono_ms is None:
            return 0
        next_mono_ms = self._hello_mono_ms + self._hello_pause_ms
        if self._flights.oldest_mono_ms is not None:
            next_mono_ms = min(next_mono_ms, self._flights.oldest_mono_ms + self._reask_ms)
        return max(0, next_mono_ms - now.mono_ms)

    def purge(self, now: Moment) -> int:
        """Delete a bounded number of records that may go. Returns how many; call again until 0."""
        if not now.trusted:
            return 0
        retain_ms = self._settings.retain_days * _DAY_MS
        covers = tuple(self._covers.items())
        return sum(self._source.purge(epoch, cover.through, cover.asked_ms - retain_ms) for epoch, cover in covers)

    def will(self, now: Moment) -> bytes:
        """The last will: a signed hello that says offline and asks nothing."""
        return self._packer.will(now)

    def link_age_ms(self, now: Moment) -> int | None:
        """Time since the last answer that counted; None before the first."""
        return None if self._answered_mono_ms is None else now.mono_ms - self._answered_mono_ms

    def answering(self, now: Moment) -> bool:
        """Whether the collector has answered within the last three heartbeats."""
        age = self.link_age_ms(now)
        return age is not None and age <= self.silent_after_ms

    @property
    def silent_after_ms(self) -> int:
        """Without an answer for so long the collector counts as silent."""
        return _SILENT_HEARTBEATS * self._settings.heartbeat_ms

    @property
    def depth(self) -> int:
        """Records that the collector does not have yet."""
        return sum(state.unsent for state in self._source.epochs())

    def watch(self, now: Moment) -> None:
        """Notice that the collector has fallen silent; also while there is no connection."""
        if self._up and not self.answering(now):
            self._up = False
            self._events.append(LinkDown())

    def take_events(self) -> tuple[UplinkEvent, ...]:
        """What has happened since the last call."""
        events, self._events = tuple(self._events), []
        return events

    # Answers

    def _judge(self, answer: Answer, state: EpochState, now: Moment) -> Effect:
        question = self._questions.find(answer.echo_nonce, answer.epoch)
        stored = answer.stored_through
        if question is None or not 0 <= stored <= state.last:
            self._does_not_count(stored, state)
            return "ignored"
        below_floor = stored < state.floor - 1
        if not below_floor and self._source.head_at(state.epoch, stored) != answer.head:
            self._set_aside(state.epoch, Conflict(state.epoch, stored))
            return "conflict"
        self._questions.answered(question, state.epoch)
        self._heard(answer, now)
        if stored != state.watermark:
            self._source.set_watermark(state.epoch, stored)
        self._cover(question.order, question.asked, state.epoch, stored, below_floor)
        # A batch does not say the floor, so it may be answered for somebody who holds more. Sent along with each
        # hello, it would undo the hello's answer for ever.
        if question.hello:
            self._hello_first.discard(state.epoch)
        elif below_floor:
            self._hello_first.add(state.epoch)
        self._settle(question, state, stored, now)
        return "counted"

    def _settle(self, question: Question, state: EpochState, stored: int, now: Moment) -> None:
        """`state` is as it was before the answer. What the collector can't use yet is not sent at full speed."""
        if stored < state.floor - 1:
            self._probing = True
            return
        if state.watermark < state.floor - 1:
            # The collector has gone over the gap: what it refused before is sent again at once.
            self._flights.clear()
        done = self._flights.settle(question.order, state.epoch, stored)
        if done:
            self._room.answered(slowly=2 * (now.mono_ms - question.asked.mono_ms) > self._settings.reask_ms)
        if done or stored > state.watermark:
            self._start_over()

    def _start_over(self) -> None:
        self._reask_ms, self._probing = self._settings.reask_ms, False

    def _does_not_count(self, stored: int, state: EpochState) -> None:
        if stored < state.watermark:
            # It may be true all the same (a restored collector): nothing is purged until a new question says so.
            self._covers.clear()
            self._cover_after = self._questions.newest
        if stored != state.watermark:
            self._hello_wanted = True

    def _heard(self, answer: Answer, now: Moment) -> None:
        if not self._up:
            if self._probing:
                # After a silence nothing waits for the rest of a long pause.
                self._flights.clear()
            self._start_over()
            self._up = True
            self._events.append(LinkUp())
        self._answered_mono_ms = now.mono_ms
        self._events.append(SignedTime(answer.at))

    def _cover(self, order: int, asked: Moment, epoch: bytes, stored: int, below_floor: bool) -> None:
        if below_floor:
            self._covers.pop(epoch, None)
            self._hello_wanted = True
        elif asked.trusted and order > self._cover_after:
            self._covers[epoch] = _Cover(stored, asked.at_ms)
        elif epoch in self._covers and stored < self._covers[epoch].through:
            del self._covers[epoch]

    def _set_aside(self, epoch: bytes, event: Conflict | Damaged) -> None:
        self._source.set_aside(epoch)
        self._covers.pop(epoch, None)
        if self._flights.epoch == epoch:
            self._flights.clear()
        self._events.append(event)

    # Questions

    def _batches(self, states: Sequence[EpochState], now: Moment) -> list[Message]:
        self._give_up_waiting(now)
        state = next((state for state in states if state.unsent), None)
        if state is None or state.epoch in self._hello_first:
            return []
        if self._flights.epoch != state.epoch:
            self._flights.clear()
        messages: list[Message] = []
        while len(self._flights) < (1 if self._probing else self._settings.window) and self._room.left(self._flights):
            batch = self._next_batch(state, now)
            if batch is None:
                break
            messages.append(batch)
        return messages

    def _give_up_waiting(self, now: Moment) -> None:
        oldest = self._flights.oldest_mono_ms
        if oldest is not None and now.mono_ms - oldest >= self._reask_ms:
            self._flights.clear()
            self._room.lost()
            self._reask_ms = min(2 * self._reask_ms, self._settings.reask_most_ms)
            # One batch is enough to ask a collector that does not answer.
            self._probing = True

    def _next_batch(self, state: EpochState, now: Moment) -> Message | None:
        after = max(state.watermark, state.floor - 1, self._flights.last)
        try:
            limit = min(self._settings.batch_records, self._room.left(self._flights))
            run = self._source.run(state.epoch, after, limit, _BATCH_ROOM)
        except DamagedRecordError as damaged:
            self._set_aside(state.epoch, Damaged(state.epoch, damaged.number))
            return None
        if not run:
            return None
        nonce = self._nonce()
        question = self._questions.ask(nonce, {state.epoch: run[-1].number}, now)
        self._flights.add(Flight(question.order, state.epoch, run[0].number, run[-1].number, now.mono_ms))
        return Message("records", self._packer.batch(state.epoch, nonce, run))

    def _hellos(self, states: Sequence[EpochState], now: Moment) -> list[Message]:
        since = None if self._hello_mono_ms is None else now.mono_ms - self._hello_mono_ms
        if since is not None and since < self._hello_pause_ms:
            return []
        self._hello_mono_ms, self._hello_wanted = now.mono_ms, False
        newest_first = tuple(reversed(states))
        size = wire.EPOCHS_PER_PAGE
        pages = [newest_first[start : start + size] for start in range(0, len(newest_first), size)] or [()]
        # Every heartbeat names the newest epochs; the older ones take turns.
        numbers = [0]
        if len(pages) > 1:
            waiting = (at for at, page in enumerate(pages) if any(row.epoch in self._hello_first for row in page))
            self._older_page = next(waiting, 0) or self._older_page % (len(pages) - 1) + 1
            numbers = [self._older_page, 0]
        return [self._ask_about(pages[number], now, number, len(pages)) for number in numbers]

    @property
    def _hello_pause_ms(self) -> int:
        heartbeat_ms = self._settings.heartbeat_ms
        return min(self._settings.ask_soon_ms, heartbeat_ms) if self._hello_wanted else heartbeat_ms

    def _ask_about(self, page: Sequence[EpochState], now: Moment, number: int, pages: int) -> Message:
        nonce = self._nonce()
        self._questions.ask(nonce, {state.epoch: state.last for state in page}, now, hello=True)
        payload = self._packer.hello(page, now, nonce, number, pages, self.depth)
        # The first page is what a collector finds when it starts.
        return Message("state", payload, retain=number == 0)

    def _alarm_copies(self, states: Sequence[EpochState]) -> list[Message]:
        watermarks = {state.epoch: state.watermark for state in states}
        self._alarms = [alarm for alarm in self._alarms if watermarks.get(alarm.epoch, alarm.number) < alarm.number]
        messages = []
        for alarm in self._alarms:
            if not alarm.sent:
                alarm.sent = True
                messages += self._alarm_copy(alarm)
        return messages

    def _alarm_copy(self, alarm: _Alarm) -> list[Message]:
        try:
            run = self._source.run(alarm.epoch, alarm.number - 1, 1, _BATCH_ROOM)
        except DamagedRecordError:
            # The batch that reaches it says so.
            return []
        return [Message("alarm", self._packer.alarm(record)) for record in run]
