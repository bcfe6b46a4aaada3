"""Checks the whole store: chains, heads, numbers, signatures, digests, and that the counts equal a recount."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from central.aggregate import Buckets, leaf_key
from central.checks import public_key
from central.registry import Registry
from central.store.base import Dimension, EpochState, Gap, GateRow, Mark, RecordRow
from central.store.sqlite import SqliteStore
from checkpoint.cose import CoseError
from checkpoint.records import ZERO_HEAD, Header, Sealed, decode_header, decode_payload, head_of, payload_digest
from checkpoint.wire import WireError, verify_head

# A leaf's key, kind of bucket and bucket.
_Entry = tuple[str, str, str, str, str, str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch: stored numbers, gaps in them, what is wrong, and what is only worth knowing."""

    gate: str
    epoch: str
    through: int
    gaps: tuple[str, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def audit(store: SqliteStore) -> Iterator[EpochReport]:
    """A report for each epoch of each gate."""
    for gate in store.gates():
        for state in store.epochs(gate.no):
            yield _epoch(store, gate, state)


def _epoch(store: SqliteStore, gate: GateRow, state: EpochState) -> EpochReport:
    gaps = store.gaps(state.id)
    missing = {number: gap.head_after for gap in gaps for number in (gap.last,)}
    faults: list[str] = []
    expected, prev = 1, None
    for row in store.records(state.id, 0):
        if row.number != expected:
            if not _noted(gaps, expected, row.number - 1):
                faults.append(f"records {expected}..{row.number - 1} are missing and no gap is noted")
            prev = missing.get(row.number - 1)
        faults += _record(store, gate, state, row, prev)
        expected, prev = row.number + 1, row.head
    for side in range(1, state.sides + 1):
        for row in store.records(state.id, side):
            faults += _record(store, gate, state, row, None)
    faults += _end(state, expected - 1, prev, bool(gaps))
    faults += _signatures(store, gate, state)
    return EpochReport(
        gate.gate, state.epoch.hex(), state.through, tuple(f"{gap.first}..{gap.last} {gap.reason}" for gap in gaps),
        tuple(faults), tuple(_notes(store, gate, state)),
    )  # fmt: skip


def _noted(gaps: Sequence[Gap], first: int, last: int) -> bool:
    """Whether gaps, one or several side by side, are exactly `first`..`last`."""
    inside = [gap for gap in gaps if first <= gap.first and gap.last <= last]
    return (
        bool(inside)
        and inside[0].first == first
        and inside[-1].last == last
        and all(before.last + 1 == after.first for before, after in pairwise(inside))
    )


def _record(store: SqliteStore, gate: GateRow, state: EpochState, row: RecordRow, prev: bytes | None) -> list[str]:
    header = decode_header(row.header)
    faults = []
    if head_of(row.header) != row.head:
        faults.append(f"record {row.number}: its header does not give its head")
    if (header.gate, header.epoch, header.number) != (gate.gate, state.epoch, row.number):
        faults.append(f"record {row.number}: its header names {header.gate}/{header.epoch.hex()}/{header.number}")
    if prev is not None and header.prev != prev:
        faults.append(f"record {row.number}: does not follow the record before it")
    sealed = store.sealed(row.id)
    if sealed is not None and payload_digest(Sealed(*sealed)) != header.payload_digest:
        faults.append(f"record {row.number}: its payload does not match its digest")
    return faults


def _end(state: EpochState, last: int, head: bytes | None, has_gaps: bool) -> list[str]:
    if last == state.through and (head or ZERO_HEAD) == state.head:
        return []
    return (
        [] if has_gaps and last < state.through else [f"stored through {state.through}, but the chain ends at {last}"]
    )


def _signatures(store: SqliteStore, gate: GateRow, state: EpochState) -> list[str]:
    faults = []
    for last, head, message in store.signed_heads(state.id):
        try:
            signed = verify_head(message, public_key(gate.public_key))
        except (CoseError, WireError) as error:
            # A gate that was enrolled again has a new key: its older heads can't be verified with it.
            faults.append(f"signed head at {last}: {error}")
            continue
        if (signed.gate, signed.epoch, signed.last, signed.head) != (gate.gate, state.epoch, last, head):
            faults.append(f"signed head at {last}: signs something else")
        elif head not in [stored for _, _, stored in store.lines(state.id, last, last)]:
            faults.append(f"signed head at {last}: no such record is stored")
    return faults


def _notes(store: SqliteStore, gate: GateRow, state: EpochState) -> Iterator[str]:
    if state.sides:
        yield f"forked: {state.sides} other line(s) are stored"
    if state.parent_head not in (None, ZERO_HEAD) and not _parent_stored(store, gate, state):
        yield "what it follows is not stored here"


def _parent_stored(store: SqliteStore, gate: GateRow, state: EpochState) -> bool:
    if state.parent_epoch is None or state.parent_last is None:
        return False
    parent = store.epoch(gate.no, state.parent_epoch)
    heads = store.lines(parent.id, state.parent_last, state.parent_last) if parent else []
    return any(head == state.parent_head for _, _, head in heads)


def recount(store: SqliteStore, registry: Registry) -> list[str]:
    """Count everything again, naively; differences from the kept aggregates. Purged records can't be counted again."""
    buckets = Buckets()
    best: dict[tuple[str, bytes, str], tuple[tuple[int, bytes, int], list[_Entry]]] = {}
    counts: Counter[_Entry] = Counter()
    for header, key, corrected_ms in _countable(store):
        where = [(*key, kind, bucket) for kind, bucket in buckets.of(corrected_ms, registry.zone_of(key[1]))]
        if header.passage is None:
            counts.update(where)
            continue
        rank = (header.at, header.epoch, header.number)
        name = (header.gate, header.passage, key[5])
        if name not in best or rank < best[name][0]:
            best[name] = (rank, where)
    for _, where in best.values():
        counts.update(where)
    kept: Counter[_Entry] = Counter(
        {
            (*key, kind, bucket): n
            for kind in ("hour", "day", "undated")
            for key, bucket, n in store.leaves(kind, 0, 2**62)
        }
    )
    return [f"{entry}: kept {kept[entry]}, recounted {counts[entry]}" for entry in sorted(kept | counts, key=str)
            if kept[entry] != counts[entry]]  # fmt: skip


def _countable(store: SqliteStore) -> Iterator[tuple[Header, Dimension, int | None]]:
    for gate in store.gates():
        for state in store.epochs(gate.no):
            for side in range(state.sides + 1):
                for row in store.records(state.id, side):
                    header = decode_header(row.header)
                    sealed = store.sealed(row.id)
                    key = _key(header, sealed[1]) if sealed and row.mark != Mark.UNREAD else None
                    if key:
                        yield header, key, row.corrected_ms


def _key(header: Header, payload_bytes: bytes) -> Dimension | None:
    try:
        payload = decode_payload(header.kind, payload_bytes)
    except msgspec.DecodeError:
        # Its digest does not match either: that is said where the records are checked.
        return None
    return leaf_key(header, payload) if payload else None
