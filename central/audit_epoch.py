"""Verifies one epoch of the store: every line of records, the gaps in it, and the heads that the gate signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from central.checks import public_key
from central.lines import MAIN
from central.store.base import EpochState, Gap, GateRow, RecordRow
from central.store.rescues import Rescue
from central.store.sqlite import SqliteStore
from checkpoint.audit import Finding, Findings, Walk
from checkpoint.cose import CoseError
from checkpoint.records import ZERO_HEAD, Opened, Sealed, decode_header, decode_payload, head_of
from checkpoint.wire import SignedHead, WireError, verify_head

_REASONS = ("purged", "damaged")


@dataclass(frozen=True, slots=True)
class _Tip:
    """The last record of a line: something signed has to cover it."""

    record_id: int
    number: int
    head: bytes


class EpochCheck:
    """One epoch: `run` fills `findings`; then `end` is the last stored number, `purged` how many lost their payload."""

    def __init__(self, store: SqliteStore, gate: GateRow, state: EpochState) -> None:
        self.findings = Findings()
        self.gaps = store.gaps(state.id)
        self.rescues: list[Rescue] = store.rescues(state.id)
        self.signed_last = 0
        self.purged = 0
        self._store = store
        self._gate = gate
        self._state = state
        self._tips: list[_Tip] = []
        # Heads that something follows; what follows a gap may follow a record that a fork's other line has.
        self._followed = {gap.head_after for gap in self.gaps}
        # Whether signed heads have shown already that an end is missing.
        self._cut = False

    def run(self) -> None:
        """Look at everything that is stored of this epoch."""
        self._main_line()
        for side in range(1, self._state.sides + 1):
            self._side_line(side)
        self.findings.add(self._beyond())
        self.findings.add(self._tips_covered(self._signatures()))

    # Lines

    def _main_line(self) -> None:
        state, gaps = self._state, list(self.gaps)
        walk = Walk(self._gate.gate, state.epoch, 1, state.parent_head)
        tip = None
        for row, sealed in self._store.records_sealed(state.id, MAIN):
            while gaps and gaps[0].last < row.number:
                self.findings.add(_gap(walk, gaps.pop(0)))
            self.findings.add(walk.row(row.number, row.header, sealed))
            self.findings.add(self._row(row))
            self.purged += sealed is None
            if row.number == 1 and sealed is not None:
                self.findings.add(self._opened(sealed))
            tip = _Tip(row.id, row.number, row.head)
        for gap in gaps:
            self.findings.add(_gap(walk, gap))
        self.findings.add(self._end(walk))
        self._tips += [tip] if tip else []

    def _side_line(self, side: int) -> None:
        """A fork's other line: each record follows some stored one, since it was joined there."""
        tip = None
        for row, sealed in self._store.records_sealed(self._state.id, side):
            walk = Walk(self._gate.gate, self._state.epoch, row.number)
            self.findings.add(walk.row(row.number, row.header, sealed))
            self.findings.add(self._row(row))
            self.findings.add(self._joined(row))
            self.purged += sealed is None
            tip = _Tip(row.id, row.number, row.head)
        if tip is None:
            self.findings.add([Finding(0, f"line {side} of {self._state.sides} that a fork added has no records")])
        else:
            self._tips.append(tip)

    def _row(self, row: RecordRow) -> Iterator[Finding]:
        """What is kept beside a header for the sake of speed must be what the header says."""
        if head_of(row.header) != row.head:
            yield Finding(row.number, "the head kept beside it is not that of its header")
        try:
            header = decode_header(row.header)
        except msgspec.DecodeError:
            # Said where the header is read.
            return
        if (header.kind, header.at) != (row.kind, row.at):
            yield Finding(row.number, "the kind or time kept beside it is not that of its header")
        corrected_ms: int | None = header.at
        if header.clock == "untrusted":
            offset_ms = self._store.clock_offset(self._gate.no, header.boot_id, header.mono_ms)
            corrected_ms = None if offset_ms is None else header.at + offset_ms
        if row.corrected_ms != corrected_ms:
            yield Finding(row.number, "its corrected time is not what the gate's clock records give")

    def _joined(self, row: RecordRow) -> Iterator[Finding]:
        try:
            prev = decode_header(row.header).prev
        except msgspec.DecodeError:
            return
        self._followed.add(prev)
        before = {head for _, _, head in self._store.lines(self._state.id, row.number - 1, row.number - 1)}
        edges = {gap.head_after for gap in self.gaps if gap.last == row.number - 1}
        edges |= {gap.head_before for gap in self.gaps if gap.first == row.number}
        if row.number > 1 and prev not in before | edges:
            yield Finding(row.number, "stands on a fork's other line, but follows nothing that is stored")

    def _opened(self, sealed: Sealed) -> Iterator[Finding]:
        try:
            opened = decode_payload("opened", sealed.payload)
        except msgspec.DecodeError:
            return
        state = self._state
        if isinstance(opened, Opened) and opened.previous_head == state.parent_head:
            known = opened.previous_epoch is not None
            named = (opened.previous_epoch, min(opened.previous_last, 2**62) if known else None)
            if named != (state.parent_epoch, state.parent_last):
                yield Finding(1, "names another epoch before it than the table of epochs does")

    def _end(self, walk: Walk) -> Iterator[Finding]:
        state, last = self._state, walk.next - 1
        if last != state.through:
            yield Finding(
                min(last, state.through) + 1, f"stored through {state.through}, but the records end at {last}"
            )
        elif (walk.head if last else ZERO_HEAD) != state.head:
            yield Finding(last, "the head kept for the epoch is not the last record's")

    def _beyond(self) -> Iterator[Finding]:
        """Rows on lines that the epoch does not know of, and a record on two lines at once."""
        state = self._state
        top = max([state.through, *(tip.number for tip in self._tips)])
        if state.top != top:
            yield Finding(top, f"is the highest number stored, but {state.top} is kept as that")
        for number, side in self._store.lines_beyond(state.id, state.sides):
            yield Finding(number, f"stands on line {side}, but a fork has added {state.sides}")
        if state.sides:
            for number in self._store.stored_twice(state.id):
                yield Finding(number, "is stored twice")

    # Signed heads

    def _signatures(self) -> set[bytes]:
        """The stored heads that the gate has signed."""
        keys = self._store.gate_keys(self._gate.no)
        covered = set()
        for last, head, message in self._store.signed_heads(self._state.id):
            why = self._signature_fault(keys, last, head, message)
            if why is None:
                covered.add(head)
                self.signed_last = max(self.signed_last, last)
            else:
                self.findings.add([why])
        return covered

    def _signature_fault(self, keys: Sequence[bytes], last: int, head: bytes, message: bytes) -> Finding | None:
        signed = _verified(message, keys)
        if signed is None:
            return Finding(last, "the signed head kept for it is signed by no key that this gate ever had")
        if (signed.gate, signed.epoch, signed.last, signed.head) != (self._gate.gate, self._state.epoch, last, head):
            return Finding(last, "the signed head kept for it signs something else")
        if head in {stored for _, _, stored in self._store.lines(self._state.id, last, last)}:
            return None
        self.signed_last = max(self.signed_last, last)
        end = max((tip.number for tip in self._tips), default=0)
        if last <= end:
            return Finding(last, "is not the record whose head the gate signed")
        self._cut = True
        return Finding(end + 1, f"is missing, with all up to {last}: the gate has signed the head there, so the end "
                                "was cut off")  # fmt: skip

    def _tips_covered(self, signed: set[bytes]) -> Iterator[Finding]:
        for tip in self._tips:
            vouched = any(row.first_id <= tip.record_id <= row.last_id and not row.signed for row in self.rescues)
            if not self._cut and not vouched and tip.head not in signed and tip.head not in self._followed:
                yield Finding(tip.number, "is the last of its line, and the gate has signed no head there")


def _gap(walk: Walk, gap: Gap) -> Iterator[Finding]:
    """A gap begins and ends where the records beside it do."""
    before = ZERO_HEAD if walk.next == 1 else walk.head
    if gap.first != walk.next or gap.last < gap.first:
        yield Finding(gap.first, f"a gap {gap.first}..{gap.last} is noted that does not fit the records beside it")
        return
    if before is not None and gap.head_before != before:
        yield Finding(gap.first, "the gap noted here does not follow from the record before it")
    if gap.reason not in _REASONS:
        yield Finding(gap.first, f"the gap noted here has the unknown reason {gap.reason!r}")
    walk.skip(gap.last, gap.head_after)


def _verified(message: bytes, keys: Sequence[bytes]) -> SignedHead | None:
    for key in keys:
        try:
            return verify_head(message, public_key(key))
        except (CoseError, WireError):
            continue
    return None
