"""The gate's rules taken out, one at a time: what `edge` would do without each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from checkpoint import cose, records, wire
from checkpoint.wire import Answer
from edge import outbox_reader, outbox_schema, outbox_tail, uplink
from edge.clock import Moment
from edge.outbox import Outbox
from edge.outbox_reader import EpochState, OutboxReader
from edge.uplink import UplinkCore
from edge.uplink_questions import Question, Questions
from tools.faults.protocol.removing import Rules, into, swap
from tools.faults.protocol.samples import DAY_MS

AT_GATE: Final[Rules] = {}
_rule = into(AT_GATE)


# Writing


@_rule("a new epoch at every opening")
def _one_epoch() -> Iterator[None]:
    begin = Outbox._begin_epoch

    def go_on(self: Outbox, tail: outbox_tail.Tail, reason: str) -> None:
        if tail.epoch is None:
            begin(self, tail, reason)
            return
        self._epoch, self._last, self._head = tail.epoch, tail.last, tail.head
        rows = self._open_connection().execute("SELECT id FROM epochs WHERE epoch = ?", (tail.epoch,))
        self._epoch_id = rows.fetchone()[0]

    with swap(Outbox, "_begin_epoch", go_on):
        yield


@_rule("numbers begin at 1 in each epoch")
def _numbers_go_on() -> Iterator[None]:
    numbered = Outbox._numbered

    def go_on(self: Outbox, draft: Any) -> Any:
        if draft.kind == "opened":
            self._last = records.decode_payload("opened", draft.payload).previous_last  # type: ignore[union-attr]
        return numbered(self, draft)

    with swap(Outbox, "_numbered", go_on):
        yield


@_rule("number 1 names the head of the epoch before")
def _no_parent_head() -> Iterator[None]:
    numbered = Outbox._numbered

    def alone(self: Outbox, draft: Any) -> Any:
        if draft.kind == "opened":
            self._head = records.ZERO_HEAD
        return numbered(self, draft)

    with swap(Outbox, "_numbered", alone):
        yield


@_rule("after a commit error the tail is read")
def _append_again() -> Iterator[None]:
    with swap(Outbox, "_holds", lambda self, attempt: False):
        yield


# What counts as an answer


@_rule("an answer is signed by the collector")
def _unsigned_answers() -> Iterator[None]:
    def believed(data: bytes, keys: object) -> Answer:
        return wire._decode(Answer, cose.parse(wire.expand(data)).payload)

    with swap(wire, "unpack_answer", believed):
        yield


@_rule("an answer echoes a question of this process")
def _any_nonce() -> Iterator[None]:
    find = Questions.find

    def newest(self: Questions, nonce: bytes, epoch: bytes) -> Question | None:
        asked = [question for question in self._by_nonce.values() if epoch in question.named]
        return find(self, nonce, epoch) if nonce in self._by_nonce else (asked[-1] if asked else None)

    with swap(Questions, "find", newest):
        yield


@_rule("no later question has been answered")
def _any_order() -> Iterator[None]:
    def find(self: Questions, nonce: bytes, epoch: bytes) -> Question | None:
        question = self._by_nonce.get(nonce)
        return question if question is not None and epoch in question.named else None

    with swap(Questions, "find", find):
        yield


@_rule("an answer's head is the gate's own")
def _any_head() -> Iterator[None]:
    judge = UplinkCore._judge

    def believed(self: UplinkCore, answer: Answer, state: EpochState, now: Moment) -> uplink.Effect:
        with swap(self._source, "head_at", lambda epoch, number: answer.head):
            return judge(self, answer, state, now)

    with swap(UplinkCore, "_judge", believed):
        yield


@_rule("an answer is not above the last number")
def _above_last() -> Iterator[None]:
    judge = UplinkCore._judge

    def believed(self: UplinkCore, answer: Answer, state: EpochState, now: Moment) -> uplink.Effect:
        return judge(self, answer, replace(state, last=2**60), now)

    with swap(UplinkCore, "_judge", believed):
        yield


@_rule("an answer sets the watermark lower too")
def _only_higher() -> Iterator[None]:
    set_watermark = OutboxReader.set_watermark

    def raised(self: OutboxReader, epoch: bytes, number: int) -> None:
        if number > next(state.watermark for state in self.epochs() if state.epoch == epoch):
            set_watermark(self, epoch, number)

    with swap(OutboxReader, "set_watermark", raised):
        yield


@_rule("an answer below the floor needs no head")
def _head_below_floor() -> Iterator[None]:
    judge = UplinkCore._judge

    def strict(self: UplinkCore, answer: Answer, state: EpochState, now: Moment) -> uplink.Effect:
        return judge(self, answer, replace(state, floor=1), now)

    with swap(UplinkCore, "_judge", strict):
        yield


@_rule("below the floor a hello comes first")
def _no_hello_first() -> Iterator[None]:
    judge = UplinkCore._judge

    def at_once(self: UplinkCore, answer: Answer, state: EpochState, now: Moment) -> uplink.Effect:
        effect = judge(self, answer, state, now)
        self._hello_first.clear()
        return effect

    with swap(UplinkCore, "_judge", at_once):
        yield


@_rule("a conflict sets its epoch aside")
def _never_aside() -> Iterator[None]:
    with swap(UplinkCore, "_set_aside", lambda self, epoch, event: self._events.append(event)):
        yield


@_rule("a record that decayed is never sent")
def _send_decayed() -> Iterator[None]:
    with swap(outbox_reader, "_follows", lambda record, head: True):
        yield


# Asking


@_rule("an unanswered question is asked again")
def _ask_once() -> Iterator[None]:
    with swap(UplinkCore, "_give_up_waiting", lambda self, now: None):
        yield


@_rule("older epochs are sent first")
def _newest_first() -> Iterator[None]:
    batches = UplinkCore._batches

    def backwards(self: UplinkCore, states: Sequence[EpochState], now: Moment) -> list[uplink.Message]:
        return batches(self, tuple(reversed(states)), now)

    with swap(UplinkCore, "_batches", backwards):
        yield


@_rule("a hello has pages for older epochs")
def _one_page() -> Iterator[None]:
    hellos = UplinkCore._hellos

    def first(self: UplinkCore, states: Sequence[EpochState], now: Moment) -> list[uplink.Message]:
        return hellos(self, states[-wire.EPOCHS_PER_PAGE :], now)

    with swap(UplinkCore, "_hellos", first):
        yield


# Purging


@_rule("a lower answer that does not count stops purging")
def _purge_on() -> Iterator[None]:
    with swap(UplinkCore, "_does_not_count", lambda self, stored, state: None):
        yield


@_rule("an answer below the floor stops purging")
def _purge_below_floor() -> Iterator[None]:
    cover = UplinkCore._cover

    def kept(self: UplinkCore, order: int, asked: Moment, epoch: bytes, stored: int, below_floor: bool) -> None:
        before = self._covers.get(epoch)
        cover(self, order, asked, epoch, stored, below_floor)
        if below_floor and before is not None:
            self._covers[epoch] = before

    with swap(UplinkCore, "_cover", kept):
        yield


@_rule("a lower answer shortens what may be purged")
def _cover_stays() -> Iterator[None]:
    cover = UplinkCore._cover

    def kept(self: UplinkCore, order: int, asked: Moment, epoch: bytes, stored: int, below_floor: bool) -> None:
        before = self._covers.get(epoch)
        cover(self, order, asked, epoch, stored, below_floor)
        if before is not None and before.through > stored:
            self._covers[epoch] = before

    with swap(UplinkCore, "_cover", kept):
        yield


@_rule("purging needs a question asked after the age")
def _age_now() -> Iterator[None]:
    def purge(self: UplinkCore, now: Moment) -> int:
        before_ms = now.at_ms - self._settings.retain_days * DAY_MS
        covers = tuple(self._covers.items())
        return sum(self._source.purge(epoch, cover.through, before_ms) for epoch, cover in covers) if now.trusted else 0

    with swap(UplinkCore, "purge", purge):
        yield


@_rule("purging needs an answer that covers it")
def _purge_uncovered() -> Iterator[None]:
    def purge(self: UplinkCore, now: Moment) -> int:
        before_ms = now.at_ms - self._settings.retain_days * DAY_MS
        states = self._source.epochs()
        return sum(self._source.purge(state.epoch, state.last, before_ms) for state in states) if now.trusted else 0

    with swap(UplinkCore, "purge", purge):
        yield


@_rule("purging needs a trusted clock")
def _any_clock() -> Iterator[None]:
    purge, cover = UplinkCore.purge, UplinkCore._cover

    def at_any_time(self: UplinkCore, now: Moment) -> int:
        return purge(self, replace(now, trusted=True))

    def by_any_clock(self: UplinkCore, order: int, asked: Moment, epoch: bytes, stored: int, below_floor: bool) -> None:
        cover(self, order, replace(asked, trusted=True), epoch, stored, below_floor)

    with swap(UplinkCore, "purge", at_any_time), swap(UplinkCore, "_cover", by_any_clock):
        yield


@_rule("a record is old only by a trusted clock")
def _old_by_any_clock() -> Iterator[None]:
    def by_any_clock(
        rows: Iterator[tuple[int, bytes]], before_ms: int, untrusted_are_old: bool
    ) -> tuple[int, bytes] | None:
        found = None
        for number, raw in rows:
            if records.decode_header(raw).at >= before_ms:
                break
            found = (number, raw)
        return found

    with swap(outbox_reader, "_last_old", by_any_clock):
        yield


@_rule("what is set aside is never purged")
def _purge_aside() -> Iterator[None]:
    purge, set_aside = OutboxReader.purge, UplinkCore._set_aside

    def purge_all(self: OutboxReader, epoch: bytes, through: int, before_ms: int) -> int:
        state = next((state for state in self.epochs() if state.epoch == epoch), None)
        if state is None or not state.set_aside:
            return purge(self, epoch, through, before_ms)
        self._connected().execute("UPDATE epochs SET set_aside = 0 WHERE epoch = ?", (epoch,))
        self._states[self._ids[epoch]] = replace(state, set_aside=False)
        try:
            return purge(self, epoch, through, before_ms)
        finally:
            self.set_aside(epoch)

    def keep_cover(self: UplinkCore, epoch: bytes, event: uplink.Conflict | uplink.Damaged) -> None:
        cover = self._covers.get(epoch)
        set_aside(self, epoch, event)
        if cover is not None:
            self._covers[epoch] = cover

    with swap(OutboxReader, "purge", purge_all), swap(UplinkCore, "_set_aside", keep_cover):
        yield


@_rule("passages that are open are not purged")
def _purge_open() -> Iterator[None]:
    with swap(outbox_schema, "OLDEST_OPEN", "SELECT NULL WHERE ? IS NOT NULL"):
        yield
