"""What one message changes, inside the transaction that holds the store's lock: records, counts, cases, topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from central import cases as case_names
from central.aggregate import Buckets, leaf_key
from central.cases import Cases, case_id
from central.counting import Countable, Counting
from central.lines import MAIN, Lines, Placed, cut_at_floor
from central.registry import Registry, line_of
from central.store.base import CopyRow, EpochState, Gap, GateRow, Mark, RecordRow, Store, UntrustedRow
from central.watermark import head_at, stored_for
from checkpoint import topics, wire
from checkpoint.chain import Link
from checkpoint.records import (
    ZERO_HEAD,
    Cleared,
    ClockSet,
    Header,
    Opened,
    OutcomeOf,
    Payload,
    Sealed,
    decode_header,
    decode_payload,
)

# A floor named by a hello this long ago says nothing about who asks now.
_FLOOR_HOLDS_MS: Final = 60 * 60 * 1000
_YEAR_MS: Final = 366 * 86_400_000
_MOST_OFFSET_MS: Final = 200 * _YEAR_MS


@dataclass(frozen=True, slots=True)
class _New:
    """A record that is stored for the first time. `payload` is None when this program can't read it."""

    record_id: int
    link: Link
    sealed: Sealed
    side: int
    payload: Payload | None
    corrected_ms: int | None


class Intake:
    """Use inside one transaction for one message of one gate; `finish` marks what has to be published."""

    def __init__(self, store: Store, registry: Registry, buckets: Buckets, gate: GateRow, now_ms: int) -> None:
        self._store = store
        self._registry = registry
        self._buckets = buckets
        self._gate = gate
        self._now_ms = now_ms
        self._cases = Cases(store, gate, now_ms)
        self._counting = Counting(store, registry, buckets, gate.no)
        self._grids: set[str] = set()

    # Batches

    def batch(self, batch: wire.Batch, links: Sequence[Link]) -> tuple[int, bytes]:
        """Store what is new of a batch whose content was checked. Returns (stored through, head) for its sender."""
        store, state = self._store, self._epoch(batch.epoch)
        first, last = batch.first, links[-1].header.number
        gaps = store.gaps(state.id)
        lines = Lines(state, gaps, store.lines(state.id, first - 1, last) if first - 1 <= state.top else ())
        placed = lines.place(links)
        if placed:
            self._take(state, lines, placed, links, batch.sealed)
            if batch.signed_head:
                store.add_signed_head(state.id, last, links[-1].head, batch.signed_head)
        if lines.gaps != gaps:
            self._keep_gaps(state, lines.gaps)
        store.save_epoch(state)
        self._check_complete()
        # A batch does not say its sender's floor: it holds its own records at least, and what hellos named lately.
        # Whoever stands on another line fills no gap of the main one: a head of the main line tells of the conflict.
        floor = state.through + 1 if lines.on_side else min(first, state.low_floor)
        return stored_for(store, state, lines.gaps, floor, last)

    def _take(
        self, state: EpochState, lines: Lines, placed: Sequence[Placed], links: Sequence[Link], sealed: Sequence[Sealed]
    ) -> None:
        start = self._store.next_record_id()
        new = [
            self._new(start + offset, links[place.index], sealed[place.index], place.side)
            for offset, place in enumerate(placed)
        ]
        if new[0].link.header.number == 1:
            self._note_parent(state, new[0])
        self._find_forks(state, lines, new)
        marks = self._count(new)
        self._store.add_records(
            [
                (
                    item.record_id, state.id, item.link.header.number, item.side, item.link.head, item.link.header.kind,
                    item.link.header.at, item.corrected_ms, marks.get(item.record_id, Mark.PLAIN), self._now_ms,
                    item.link.raw,
                )
                for item in new
            ],
            [(item.record_id, item.sealed.salt, item.sealed.payload) for item in new],
        )  # fmt: skip
        self._counting.save()
        self._set_clocks(new)
        self._open_cases(new)
        self._match_copies(state, new)

    def _new(self, record_id: int, link: Link, sealed: Sealed, side: int) -> _New:
        header = link.header
        return _New(record_id, link, sealed, side, _readable(header, sealed.payload), self._corrected_ms(header))

    def _corrected_ms(self, header: Header) -> int | None:
        """The true time of a record as far as it is known now."""
        if header.clock == "trusted":
            return header.at
        offset_ms = self._store.clock_offset(self._gate.no, header.boot_id, header.mono_ms)
        return None if offset_ms is None else header.at + offset_ms

    def _count(self, new: Sequence[_New]) -> dict[int, int]:
        """Count new records; returns their marks. Untrusted ones are noted, so that a clock record can date them."""
        countable: list[Countable] = []
        untrusted: list[UntrustedRow] = []
        marks: dict[int, int] = {}
        for item in new:
            header, entry = item.link.header, None
            if item.payload is None:
                marks[item.record_id] = Mark.UNREAD
            else:
                entry = self._countable(item.record_id, header, item.payload, item.corrected_ms)
                if entry is not None:
                    countable.append(entry)
            if header.clock == "untrusted":
                untrusted.append(_untrusted(item, entry))
        marks.update(self._counting.take(countable))
        if untrusted:
            self._store.add_untrusted(self._gate.no, untrusted)
        return marks

    def _countable(
        self, record_id: int, header: Header, payload: Payload, corrected_ms: int | None
    ) -> Countable | None:
        key = leaf_key(header, payload)
        if key is None:
            return None
        self._grids.add(header.grid)
        return Countable(record_id, header, key[5], self._store.dimension(key), key[1], corrected_ms)

    def _set_clocks(self, new: Sequence[_New]) -> None:
        changed = False
        for item in new:
            payload = item.payload
            if isinstance(payload, ClockSet) and abs(payload.offset_ms) < _MOST_OFFSET_MS:
                changed = True
                self._counting.clock_set(payload.boot_id, item.link.header.mono_ms, item.record_id, payload.offset_ms)
        if changed:
            self._counting.save()
            self._cases.redated()
            self._grids.add(self._gate.grid)

    def _open_cases(self, new: Sequence[_New]) -> None:
        ended: list[bytes] = []
        for item in new:
            header = item.link.header
            # Asked again: the clock record that dates it may have come with it.
            self._cases.alarm(header, item.payload, self._corrected_ms(header))
            if isinstance(item.payload, Cleared):
                self._cases.cleared(item.payload, self._now_ms)
            elif isinstance(item.payload, OutcomeOf) and header.passage is not None:
                ended.append(header.passage)
        if ended:
            self._cases.ended(ended)

    def _match_copies(self, state: EpochState, new: Sequence[_New]) -> None:
        copies = self._store.copies(self._gate.no, state.epoch, new[0].link.header.number)
        if not copies:
            return
        waiting = {copy.head for copy in copies}
        arrived = [(item.link.header.number, item.link.head) for item in new if item.link.head in waiting]
        self._store.drop_copies(self._gate.no, state.epoch, arrived)
        for number, _ in arrived:
            self._cases.orphan(state.epoch, number, orphan=False)

    # Chains

    def _note_parent(self, state: EpochState, first: _New) -> None:
        if state.parent_head is None or first.side == MAIN:
            state.parent_head = first.link.header.prev
        opened = first.payload
        if (
            isinstance(opened, Opened)
            and opened.previous_epoch is not None
            and opened.previous_head == state.parent_head
        ):
            state.parent_epoch, state.parent_last = opened.previous_epoch, min(opened.previous_last, 2**62)

    def _find_forks(self, state: EpochState, lines: Lines, new: Sequence[_New]) -> None:
        """A head followed by two different stored records, in one epoch or two, in either order of arrival."""
        for link in lines.forks:
            self._fork(state.epoch, link.header, state.epoch, link.header.number)
        followed = self._store.parent_heads(self._gate.no)
        for item in new:
            header = item.link.header
            for other in followed.get(header.prev, ()):
                if other != state.epoch:
                    self._fork(state.epoch, header, other, 1)
        header = new[0].link.header
        if header.number == 1 and header.prev != ZERO_HEAD:
            named = state.parent_epoch if header.prev == state.parent_head else None
            rival = self._store.header_after(self._gate.no, header.prev, named, (state.parent_last or 0) + 1)
            if rival is not None:
                self._fork(state.epoch, header, *rival)

    def _fork(self, epoch: bytes, header: Header, other: bytes, number: int) -> None:
        detail = f"{header.prev.hex()[:16]} is followed by {epoch.hex()}/{header.number} and {other.hex()}/{number}"
        self._cases.found(case_names.FORK, epoch, header.number, detail)

    def _keep_gaps(self, state: EpochState, gaps: Sequence[Gap]) -> None:
        self._store.replace_gaps(state.id, gaps)
        self._grids.add(self._gate.grid)
        if gaps:
            detail = ", ".join(f"{gap.first}..{gap.last} {gap.reason}" for gap in gaps)
            self._cases.found(case_names.GAP, state.epoch, 0, detail)
        else:
            self._cases.over(case_names.GAP, state.epoch, 0)

    # Heartbeats

    def hello(self, hello: wire.Hello, *, retained: bool) -> list[tuple[bytes, int, bytes]]:
        """Keep the gate's state. Returns (epoch, stored through, head) for each epoch that it asks about."""
        self._keep_state(hello, retained=retained)
        answers = []
        for index, row in enumerate(hello.epochs):
            state = self._epoch(row.epoch)
            newest = hello.page == 0 and index == 0
            answers.append((row.epoch, *self._ask(hello, row, state, newest=newest, retained=retained)))
        self._check_complete()
        return answers

    def _keep_state(self, hello: wire.Hello, *, retained: bool) -> None:
        if not hello.online:
            # A last will was signed when the gate connected: all it says is that the link is gone.
            self._store.set_offline(self._gate.no)
            return
        if not retained:
            # Taken as it comes, even with an earlier time: a gate's clock may have been set back.
            self._store.save_state(self._gate.no, hello, self._now_ms)
            return
        before = self._store.hello_at(self._gate.no)
        if before is None or before[1] != hello.boot_id or before[0] <= hello.at:
            self._store.save_state(self._gate.no, hello, None)

    def _ask(
        self, hello: wire.Hello, row: wire.EpochRow, state: EpochState, *, newest: bool, retained: bool
    ) -> tuple[int, bytes]:
        store = self._store
        self._note_parent_of(state, row)
        if not retained:
            self._note_floor(state, row)
        gaps = store.gaps(state.id)
        cut = cut_at_floor(state, gaps, row.floor, row.head_before_floor)
        if cut != gaps:
            self._keep_gaps(state, cut)
            state.top = max(state.top, state.through)
        self._compare(hello, row, state, cut, newest=newest)
        if not newest:
            self._report_orphans(row, state)
        store.save_epoch(state)
        return stored_for(store, state, cut, row.floor, row.last)

    def _note_floor(self, state: EpochState, row: wire.EpochRow) -> None:
        """A retained hello is no asker: a floor that the gate has purged past since would hold back its batches."""
        if row.floor <= state.low_floor or self._now_ms - state.low_floor_ms > _FLOOR_HOLDS_MS:
            state.low_floor, state.low_floor_ms = row.floor, self._now_ms

    def _note_parent_of(self, state: EpochState, row: wire.EpochRow) -> None:
        if row.parent is not None and state.parent_head is None:
            state.parent_epoch, state.parent_last, state.parent_head = row.parent

    def _compare(
        self, hello: wire.Hello, row: wire.EpochRow, state: EpochState, gaps: Sequence[Gap], *, newest: bool
    ) -> None:
        """What the gate holds against what is stored: it must be the same, and nothing stored may be gone there."""
        if row.last <= state.through:
            ours = head_at(self._store, state, gaps, row.last)
            if ours is not None and ours != row.head:
                detail = f"the gate's head at {row.last} is not the stored one"
                self._cases.found(case_names.CONFLICT, row.epoch, row.last, detail)
        if row.last < state.through and not (newest and self._overtaken(hello, row, state, gaps)):
            detail = f"the gate no longer holds {row.last + 1}..{state.through}"
            self._cases.found(case_names.ROLLBACK, row.epoch, row.last + 1, detail)

    def _overtaken(self, hello: wire.Hello, row: wire.EpochRow, state: EpochState, gaps: Sequence[Gap]) -> bool:
        """Whether this hello about a growing epoch was made before the records after it: retained, or late.

        Where no trusted time tells, it is: a disk that did lose records shows it at its next start."""
        number = row.last + 1
        for gap in gaps:
            if gap.first <= number <= gap.last:
                number = gap.last + 1
        after = self._store.record(state.id, number, MAIN)
        if after is None or after.corrected_ms is None or hello.clock != "trusted":
            return True
        return after.corrected_ms >= hello.at

    def _report_orphans(self, row: wire.EpochRow, state: EpochState) -> None:
        """This epoch has ended: a copy of a later number, or of another record than the stored one, stays alone."""
        for copy in self._store.copies(self._gate.no, row.epoch, 1):
            if copy.number > row.last or copy.number <= state.through:
                self._cases.orphan(row.epoch, copy.number, orphan=True)

    # Alarm copies

    def copy(self, link: Link, sealed: Sealed) -> None:
        """A copy of one record: opens or closes its case unless the record itself has done so."""
        header = link.header
        state = self._store.epoch(self._gate.no, header.epoch)
        if state is not None and any(
            head == link.head for _, _, head in self._store.lines(state.id, header.number, header.number)
        ):
            return
        self._store.add_copy(
            self._gate.no,
            CopyRow(header.epoch, header.number, link.head, link.raw, sealed.salt, sealed.payload, self._now_ms),
        )
        payload = _readable(header, sealed.payload)
        self._cases.alarm(header, payload, header.at if header.clock == "trusted" else None)
        if isinstance(payload, Cleared):
            self._cases.cleared(payload, self._now_ms)

    # The end of every message

    def finish(self) -> None:
        """Mark every topic whose content this message changed."""
        touched = set()
        changed = self._cases.changed()
        own_path = self._registry.path_of(self._gate.grid)
        for row in changed:
            case = case_id(self._gate.gate, row.epoch, row.number, row.origin)
            touched.add(topics.escalation(own_path, case))
        paths = {self._registry.path_of(grid) for grid in self._grids}
        if changed:
            paths.add(own_path)
        touched.update(topics.summary(above) for path in paths for above in line_of(path))
        if touched:
            self._store.touch(sorted(touched))

    def read_again(self, row: RecordRow, sealed: Sealed) -> bool:
        """Take a record whose payload could not be read when it came. False if that is still so."""
        link = Link(row.header, decode_header(row.header), row.head)
        payload = _readable(link.header, sealed.payload)
        if payload is None:
            return False
        item = _New(row.id, link, sealed, row.side, payload, row.corrected_ms)
        self._store.mark_records({row.id: self._count([item]).get(row.id, Mark.PLAIN)})
        self._counting.save()
        self._set_clocks([item])
        self._open_cases([item])
        return True

    def _check_complete(self) -> None:
        claim = self._store.claim(self._gate.no)
        if claim is None:
            return
        at_ms, epoch, number = claim
        state = self._store.epoch(self._gate.no, epoch)
        if state is None or state.through < number:
            return
        # Nobody is complete beyond now, whatever the gate's clock says.
        at_ms = min(at_ms, self._now_ms)
        before_ms = self._store.set_complete(self._gate.no, at_ms)
        zone = self._registry.zone_of(self._gate.site)
        if self._buckets.of(before_ms, zone) != self._buckets.of(at_ms, zone):
            # Summaries tell completeness by whole buckets: only a new bucket is news.
            self._grids.add(self._gate.grid)

    def _epoch(self, epoch: bytes) -> EpochState:
        return self._store.epoch(self._gate.no, epoch) or self._store.add_epoch(self._gate.no, epoch)


def _readable(header: Header, payload: bytes) -> Payload | None:
    """The payload; None when it is of a newer version, or not what its version says: it is then kept as it is."""
    try:
        return decode_payload(header.kind, payload)
    except msgspec.DecodeError:
        return None


def _untrusted(item: _New, entry: Countable | None) -> UntrustedRow:
    header = item.link.header
    figure, dim = (entry.figure, entry.dim) if entry else (None, None)
    return UntrustedRow(
        header.boot_id, header.mono_ms, item.record_id, header.at, header.passage, figure, dim, item.corrected_ms
    )
