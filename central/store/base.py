"""What the collector asks of a store: rows as values, and the interface that every kind of store has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from checkpoint.records import Sealed
from checkpoint.wire import Hello

# (dimension id, `hour` | `day` | `undated`, bucket start in ms UTC or 0) -> change of its count.
LeafChanges = Mapping[tuple[int, str, int], int]
# (grid, site, direction, lane kind, pass class, figure, value, reason)
Dimension = tuple[str, str, str, str, str, str, str, str]


# A cursor: the time of receipt, ms, before which retention has dropped payloads.
PURGED_BEFORE: Final = "payloads_purged_before"


class Mark(IntEnum):
    """What a stored record does to the counts."""

    PLAIN = 0
    COUNTED = 1
    REPEAT = 2
    UNREAD = 3


@dataclass(frozen=True, slots=True)
class GateRow:
    """An enrolled gate. `no` is the store's own number for it; `revoked_ms` is None while it may speak."""

    no: int
    gate: str
    public_key: bytes
    grid: str
    site: str
    enrolled_ms: int
    revoked_ms: int | None


@dataclass(frozen=True, slots=True)
class GateState:
    """What a gate last said of itself. `seen_ms`: when its last live heartbeat came; `complete_ms`: as GateProgress."""

    gate_no: int
    online: bool
    seen_ms: int | None
    backlog: int
    faults: tuple[str, ...]
    versions: dict[str, str]
    complete_ms: int | None


@dataclass(slots=True)
class EpochState:
    """One epoch of a gate as far as it is stored: everything up to `through`, gaps apart, whose head is `head`.

    `top` is the highest number on any line, `sides` the number of lines that a fork added. `low_floor`, seen at
    `low_floor_ms` (0: never), is the lowest floor that a hello named lately.
    """

    id: int
    gate_no: int
    epoch: bytes
    through: int
    head: bytes
    top: int
    sides: int
    low_floor: int
    low_floor_ms: int
    parent_head: bytes | None
    parent_epoch: bytes | None
    parent_last: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers `first`..`last` are not stored; the heads at `first - 1` and at `last` are known."""

    first: int
    last: int
    head_before: bytes
    head_after: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record as it is stored. `corrected_ms` is None while its clock is untrusted and no correction is known."""

    id: int
    epoch_id: int
    number: int
    side: int
    head: bytes
    kind: str
    at: int
    corrected_ms: int | None
    mark: int
    received_ms: int
    header: bytes


@dataclass(frozen=True, slots=True)
class CountedRow:
    """The record that counts for one figure of a passage, and where it is counted."""

    passage: bytes
    figure: str
    record_id: int
    at: int
    epoch: bytes
    number: int
    dim: int
    corrected_ms: int | None

    @property
    def rank(self) -> tuple[int, bytes, int]:
        """The smallest of a passage's records counts."""
        return (self.at, self.epoch, self.number)


@dataclass(frozen=True, slots=True)
class UntrustedRow:
    """A record made under an untrusted clock: what is needed to count it elsewhere once its time is known."""

    boot_id: bytes
    mono_ms: int
    record_id: int
    at: int
    passage: bytes | None
    figure: str | None
    dim: int | None
    corrected_ms: int | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case. `origin` is `gate` for an alarm of a record, else the name of what the collector itself found."""

    gate_no: int
    epoch: bytes
    number: int
    origin: str
    open: bool
    name: str
    priority: int
    detail: str
    passage: bytes | None = None
    opened_ms: int | None = None
    cleared_ms: int | None = None
    late: bool = False
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class CaseTime:
    """When an alarm happened: `original_ms` by the gate's clock; `corrected_ms` None while nobody knows better."""

    original_ms: int
    corrected_ms: int | None

    @property
    def clock(self) -> str:
        """`trusted`, `corrected` by a later clock record, or `untrusted` until there is one."""
        if self.corrected_ms is None:
            return "untrusted"
        return "trusted" if self.corrected_ms == self.original_ms else "corrected"


@dataclass(frozen=True, slots=True)
class CopyRow:
    """An alarm copy, kept until its record is stored."""

    epoch: bytes
    number: int
    head: bytes
    header: bytes
    salt: bytes
    payload: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class Due:
    """A topic whose content changed since it was last published; `changed` is the state of change to be confirmed."""

    topic: str
    changed: int
    version: int


class Store(Protocol):
    """All inside `transaction()` becomes durable together or not at all; a failure raises what the database raises."""

    def transaction(self) -> AbstractContextManager[None]:
        """Begin with the write lock held, so that no two batches of a gate are taken at once."""

    # Gates
    def gate(self, gate: str) -> GateRow | None: ...
    def save_state(self, gate_no: int, hello: Hello, seen_ms: int | None) -> None: ...
    def set_offline(self, gate_no: int) -> None: ...
    def hello_at(self, gate_no: int) -> tuple[int, bytes] | None: ...
    def claim(self, gate_no: int) -> tuple[int, bytes, int] | None: ...
    def set_complete(self, gate_no: int, complete_ms: int) -> int | None: ...

    # Epochs and records
    def epoch(self, gate_no: int, epoch: bytes) -> EpochState | None: ...
    def add_epoch(self, gate_no: int, epoch: bytes) -> EpochState: ...
    def save_epoch(self, state: EpochState) -> None: ...
    def parent_heads(self, gate_no: int) -> dict[bytes, list[bytes]]: ...
    def gaps(self, epoch_id: int) -> list[Gap]: ...
    def replace_gaps(self, epoch_id: int, gaps: Sequence[Gap]) -> None: ...
    def lines(self, epoch_id: int, first: int, last: int) -> list[tuple[int, int, bytes]]: ...
    def record(self, epoch_id: int, number: int, side: int) -> RecordRow | None: ...
    def header_after(self, gate_no: int, prev: bytes, epoch: bytes | None, number: int) -> tuple[bytes, int] | None: ...
    def next_record_id(self) -> int: ...
    def add_records(self, rows: Sequence[tuple[object, ...]], payloads: Sequence[tuple[int, bytes, bytes]]) -> None: ...
    def add_signed_head(self, epoch_id: int, last: int, head: bytes, message: bytes) -> None: ...
    def unread(self, after_id: int, limit: int) -> list[tuple[RecordRow, str, Sealed]]: ...

    # Counts
    def dimension(self, dimension: Dimension) -> int: ...
    def dimension_of(self, dim: int) -> Dimension: ...
    def counted(self, gate_no: int, passages: Sequence[bytes]) -> dict[tuple[bytes, str], CountedRow]: ...
    def save_counted(self, gate_no: int, rows: Iterable[CountedRow]) -> None: ...
    def head(self, record_id: int) -> bytes: ...
    def mark_records(self, marks: Mapping[int, int]) -> None: ...
    def change_leaves(self, changes: LeafChanges) -> None: ...
    def clock_offset(self, gate_no: int, boot_id: bytes, mono_ms: int) -> int | None: ...
    def add_clock_set(self, gate_no: int, boot_id: bytes, mono_ms: int, record_id: int, offset_ms: int) -> None: ...
    def add_untrusted(self, gate_no: int, rows: Iterable[UntrustedRow]) -> None: ...
    def untrusted(self, gate_no: int, boot_id: bytes, through_mono_ms: int) -> list[UntrustedRow]: ...
    def correct(self, gate_no: int, row: UntrustedRow, corrected_ms: int | None) -> None: ...

    # Cases
    def case(self, gate_no: int, epoch: bytes, number: int, origin: str) -> CaseRow | None: ...
    def save_case(self, row: CaseRow) -> None: ...
    def open_cases_at(self, gate_no: int) -> list[CaseRow]: ...
    def open_cases_of(self, gate_no: int, passages: Sequence[bytes]) -> list[CaseRow]: ...
    def add_copy(self, gate_no: int, row: CopyRow) -> None: ...
    def copies(self, gate_no: int, epoch: bytes, first: int) -> list[CopyRow]: ...
    def drop_copies(self, gate_no: int, epoch: bytes, heads: Sequence[tuple[int, bytes]]) -> None: ...
    def quarantine(self, topic: str, reason: str, data: bytes, at_ms: int) -> None: ...

    # Publishing
    def touch(self, topics: Iterable[str]) -> None: ...
    def due(self, limit: int) -> list[Due]: ...
    def begin_publish(self, topic: str, now_ms: int) -> int: ...
    def end_publish(self, topic: str, changed: int, *, emptied: bool) -> None: ...
    def touch_published(self, prefix: str) -> None: ...
    def cursor(self, name: str) -> int: ...
    def move_cursor(self, name: str, position: int) -> None: ...
