"""Checks the whole store: chains, heads, numbers, signatures, digests, and that the counts equal a recount."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from central.aggregate import Buckets, leaf_key
from central.audit_epoch import EpochCheck
from central.registry import Registry
from central.store.base import Dimension, EpochState, GateRow, Mark, RecordRow
from central.store.rescues import Rescue
from central.store.sqlite import SqliteStore
from checkpoint.audit import Finding, Findings
from checkpoint.records import ZERO_HEAD, Header, Sealed, decode_header, decode_payload, encode_header, head_of

# A leaf's key, kind of bucket and bucket.
_Entry = tuple[str, str, str, str, str, str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch. 1..`issued`: the highest that a signed head, heartbeat, copy or later epoch has shown. 1..`through` is
    stored but for `gaps`, with `head` at its end; `purged` of them have lost payload and salt. `findings`: what is
    wrong, at most 20 of `finding_count`, lowest number first; `notes`: what is only worth knowing."""

    gate: str
    epoch: str
    issued: int
    through: int
    head: str
    purged: int
    gaps: tuple[str, ...]
    findings: tuple[Finding, ...]
    finding_count: int
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.finding_count

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(str(finding) for finding in self.findings)

    def line(self) -> str:
        """For a person: the numbers, or the first bad one and what is wrong with it."""
        place = f"{self.gate} {self.epoch}: "
        if not self.ok:
            more = self.finding_count - 1
            return place + self.faults[0] + (f" (and {more} more)" if more else "")
        stored = f"1..{self.through}" if self.through else "none"
        purged = f", personal data of {self.purged} purged" if self.purged else ""
        return f"{place}issued 1..{self.issued}, stored {stored}, gaps {', '.join(self.gaps) or 'none'}{purged}"


def audit(store: SqliteStore, gate: str | None = None) -> Iterator[EpochReport]:
    """A report for each epoch of each gate, or of one; ask inside `store.snapshot()` while a collector runs."""
    lost: defaultdict[int, list[int]] = defaultdict(list)
    for epoch_id, number in store.lost_payloads():
        lost[epoch_id].append(number)
    for row in store.gates():
        states = store.epochs(row.no) if gate in (None, row.gate) else []
        claims = _claims(store, row, states)
        for state in states:
            yield _epoch(store, row, state, claims.get(state.epoch, 0), lost[state.id])
    if gate is None:
        yield from _strays(store)


def _epoch(store: SqliteStore, gate: GateRow, state: EpochState, claimed: int, lost: list[int]) -> EpochReport:
    check = EpochCheck(store, gate, state)
    check.run()
    check.findings.add(Finding(number, "lost its payload before its time") for number in lost)
    issued = max(claimed, check.signed_last, state.top, state.through)
    return EpochReport(
        gate.gate, state.epoch.hex(), issued, state.through, state.head.hex(), check.purged,
        tuple(f"{gap.first}..{gap.last} {gap.reason}" for gap in check.gaps),
        check.findings.sorted(), check.findings.count,
        tuple(_notes(store, gate, state, issued, check.rescues)),
    )  # fmt: skip


def _claims(store: SqliteStore, gate: GateRow, states: list[EpochState]) -> dict[bytes, int]:
    """Epoch -> the highest number that the gate has shown otherwise than by records."""
    shown: Counter[bytes] = Counter()
    said = [(state.parent_epoch, state.parent_last or 0) for state in states]
    claim = store.claim(gate.no)
    said += [(claim[1], claim[2])] if claim else []
    for state in states:
        said += [(state.epoch, copy.number) for copy in store.copies(gate.no, state.epoch, 1)]
    for epoch, number in said:
        if epoch is not None:
            shown[epoch] = max(shown[epoch], number)
    return shown


def _notes(store: SqliteStore, gate: GateRow, state: EpochState, issued: int, rescues: list[Rescue]) -> Iterator[str]:
    if issued > state.through:
        yield f"{state.through + 1}..{issued} have been issued and are not stored yet"
    if state.sides:
        yield f"forked: {state.sides} other line(s) are stored"
    if state.parent_head not in (None, ZERO_HEAD) and not _parent_stored(store, gate, state):
        yield "what it follows is not stored here"
    for row in _merged(rescues):
        vouched = "signed with the gate's key" if row.signed else "unsigned: the operator vouches for them"
        day = datetime.fromtimestamp(row.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        yield f"{row.first}..{row.last} rescued by {row.by} on {day} from {row.file} ({row.sha256}), {vouched}"


def _merged(rescues: list[Rescue]) -> Iterator[Rescue]:
    """Ranges that came batch by batch, as the one that they are."""
    whole: Rescue | None = None
    for row in rescues:
        if whole is not None and row == replace(
            whole, first_id=row.first_id, last_id=row.last_id, first=whole.last + 1, last=row.last
        ):
            whole = replace(whole, last=row.last)
            continue
        if whole is not None:
            yield whole
        whole = row
    if whole is not None:
        yield whole


def _parent_stored(store: SqliteStore, gate: GateRow, state: EpochState) -> bool:
    if state.parent_epoch is None or state.parent_last is None:
        return False
    parent = store.epoch(gate.no, state.parent_epoch)
    heads = store.lines(parent.id, state.parent_last, state.parent_last) if parent else []
    return any(head == state.parent_head for _, _, head in heads)


def _strays(store: SqliteStore) -> Iterator[EpochReport]:
    """Rows that belong to no gate, epoch or record any more."""
    for gate, epoch, number, why in store.strays():
        findings = Findings()
        findings.add([Finding(number, why)])
        yield EpochReport(gate, epoch, 0, 0, "", 0, (), findings.sorted(), 1, ())


def recount(store: SqliteStore, registry: Registry) -> list[str]:
    """Count everything again, naively; differences from the kept aggregates. Purged records can't be counted again."""
    buckets = Buckets()
    best: dict[tuple[str, bytes, str], tuple[tuple[int, bytes, int, bytes], list[_Entry]]] = {}
    counts: Counter[_Entry] = Counter()
    for header, key, corrected_ms in _countable(store):
        where = [(*key, kind, bucket) for kind, bucket in buckets.of(corrected_ms, registry.zone_of(key[1]))]
        if header.passage is None:
            counts.update(where)
            continue
        rank = (header.at, header.epoch, header.number, head_of(encode_header(header)))
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
                for row, sealed in store.records_sealed(state.id, side):
                    if sealed is not None and row.mark != Mark.UNREAD:
                        yield from _keyed(row, sealed)


def _keyed(row: RecordRow, sealed: Sealed) -> Iterator[tuple[Header, Dimension, int | None]]:
    try:
        header = decode_header(row.header)
        payload = decode_payload(header.kind, sealed.payload)
    except msgspec.DecodeError:
        # It does not match its digest or head either: that is said where the records are checked.
        return
    key = leaf_key(header, payload) if payload else None
    if key:
        yield header, key, row.corrected_ms
