"""Counts each passage once: the smallest of its records wins, and the leaves follow in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from central.aggregate import Buckets
from central.registry import Registry
from central.store.base import CountedRow, Mark, Store, UntrustedRow
from checkpoint.records import Header, encode_header, head_of


@dataclass(frozen=True, slots=True)
class Countable:
    """A new record of a counted kind: its id, header, figure, dimension, site and corrected time."""

    record_id: int
    header: Header
    figure: str
    dim: int
    site: str
    corrected_ms: int | None


class Counting:
    """The changes that one batch makes to the counts of one gate; `save` writes them."""

    def __init__(self, store: Store, registry: Registry, buckets: Buckets, gate_no: int) -> None:
        self._store = store
        self._registry = registry
        self._buckets = buckets
        self._gate_no = gate_no
        self._leaves: defaultdict[tuple[int, str, int], int] = defaultdict(int)
        self._winners: dict[tuple[bytes, str], CountedRow] = {}
        self._marks: dict[int, int] = {}

    def take(self, records: Sequence[Countable]) -> dict[int, int]:
        """Count what counts. Returns the mark of each new record; older ones that lost are marked by `save`."""
        passages = list({item.header.passage for item in records if item.header.passage is not None})
        current = self._store.counted(self._gate_no, passages)
        new_marks: dict[int, int] = {}
        zones = {site: self._registry.zone_of(site) for site in {item.site for item in records}}
        for item in records:
            zone = zones[item.site]
            if item.header.passage is None:
                # Nothing joins it to a passage, so nothing can repeat it.
                self._add(item.dim, item.corrected_ms, zone, 1)
                new_marks[item.record_id] = Mark.COUNTED
                continue
            self._enter(item, item.header.passage, zone, current, new_marks)
        return new_marks

    def _enter(
        self,
        item: Countable,
        passage: bytes,
        zone: str,
        current: dict[tuple[bytes, str], CountedRow],
        new_marks: dict[int, int],
    ) -> None:
        header = item.header
        row = CountedRow(
            passage, item.figure, item.record_id, header.at, header.epoch, header.number, item.dim, item.corrected_ms
        )
        key = (passage, item.figure)
        winner = current.get(key)
        if winner is not None and self._stays(winner, row, header):
            new_marks[item.record_id] = Mark.REPEAT
            return
        if winner is not None:
            self._withdraw(winner, new_marks)
        current[key] = self._winners[key] = row
        new_marks[item.record_id] = Mark.COUNTED
        self._add(item.dim, item.corrected_ms, zone, 1)

    def _stays(self, winner: CountedRow, row: CountedRow, header: Header) -> bool:
        if winner.rank != row.rank:
            return winner.rank < row.rank
        # One number, two records: a program was copied while it ran. Their heads decide, whichever came first.
        return self._store.head(winner.record_id) <= head_of(encode_header(header))

    def _withdraw(self, loser: CountedRow, new_marks: dict[int, int]) -> None:
        self._add(loser.dim, loser.corrected_ms, self._zone_of(loser.dim), -1)
        marks = new_marks if loser.record_id in new_marks else self._marks
        marks[loser.record_id] = Mark.REPEAT

    def clock_set(self, boot_id: bytes, mono_ms: int, record_id: int, offset_ms: int) -> None:
        """A boot's true time is known: date its untrusted records, and move what counts to its hour and day."""
        self._store.add_clock_set(self._gate_no, boot_id, mono_ms, record_id, offset_ms)
        for row in self._store.untrusted(self._gate_no, boot_id, mono_ms):
            # Another clock record may lie between; the nearest later one holds, in whatever order they arrive.
            offset = self._store.clock_offset(self._gate_no, boot_id, row.mono_ms)
            corrected_ms = None if offset is None else row.at + offset
            if corrected_ms != row.corrected_ms:
                self._move(row, corrected_ms)

    def _move(self, row: UntrustedRow, corrected_ms: int | None) -> None:
        self._store.correct(self._gate_no, row, corrected_ms)
        if row.dim is None or row.figure is None:
            return
        if row.passage is not None:
            winner = self._store.counted(self._gate_no, [row.passage]).get((row.passage, row.figure))
            if winner is None or winner.record_id != row.record_id:
                return
        zone = self._zone_of(row.dim)
        self._add(row.dim, row.corrected_ms, zone, -1)
        self._add(row.dim, corrected_ms, zone, 1)

    def save(self) -> None:
        """Write winners, marks and leaves. Call before `clock_set`, which reads them, and again after it."""
        self._store.save_counted(self._gate_no, self._winners.values())
        self._store.mark_records(self._marks)
        self._store.change_leaves(self._leaves)
        self._winners.clear()
        self._marks.clear()
        self._leaves.clear()

    def _add(self, dim: int, corrected_ms: int | None, zone: str, change: int) -> None:
        for kind, bucket in self._buckets.of(corrected_ms, zone):
            self._leaves[dim, kind, bucket] += change

    def _zone_of(self, dim: int) -> str:
        return self._registry.zone_of(self._store.dimension_of(dim)[1])
