"""A gate's computer: the real outbox, its reader and the real uplink core on a disk that can be copied."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from checkpoint.records import Header, Payload, decode_payload
from edge.clock import Moment
from edge.outbox import Identity, Outbox, Stored
from edge.outbox_files import Reserve
from edge.outbox_reader import EpochState, OutboxReader
from edge.uplink import Keys, Message, Settings, UplinkCore
from tools.faults.protocol.samples import GRID, KNOWN_KEYS, key_of

RETAIN_DAYS: Final = 3
_WAL_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24


class HandClock:
    """Wall and monotonic time advance together unless a step sets them apart."""

    def __init__(self, at_ms: int, boot_id: bytes, *, mono_ms: int = 1_000, trusted: bool = True) -> None:
        self.at_ms = at_ms
        self.mono_ms = mono_ms
        self.trusted = trusted
        self._boot_id = boot_id

    @property
    def boot_id(self) -> bytes:
        return self._boot_id

    def now(self) -> Moment:
        return Moment(self.at_ms, self.mono_ms, self.trusted)

    def advance(self, ms: int) -> None:
        self.at_ms += ms
        self.mono_ms += ms


@dataclass(frozen=True, slots=True)
class Written:
    """A record that a gate once wrote, and the true time of it, whatever the gate's clock said."""

    header: Header
    raw_payload: bytes
    true_ms: int

    @property
    def payload(self) -> Payload | None:
        """None if its version is beyond this collector."""
        return decode_payload(self.header.kind, self.raw_payload)


@dataclass(slots=True)
class Asked:
    """What one process asked and was told, kept apart from the product's own books. Nonces grow with each question."""

    true_ms: dict[bytes, int] = field(default_factory=dict)
    """When each question was asked."""
    counted: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    """Epoch -> nonce -> stored through, of the answers that counted."""
    doubted: bytes = b""
    """The newest question when a lower answer came that did not count: older ones cover no purge any more."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much goes into a batch, and how many batches are on their way at once."""

    batch_records: int = 4
    window: int = 3


class Computer:
    """One running program. `gate` is who it says it is: a clone says the same as its original."""

    def __init__(
        self,
        gate: str,
        folder: Path,
        clock: HandClock,
        nonce: Callable[[], bytes],
        sizes: Sizes,
        true_ms: Callable[[], int],
    ) -> None:
        self.gate = gate
        self.folder = folder
        self.clock = clock
        self.sizes = sizes
        self._next_nonce = nonce
        self._true_ms = true_ms
        self.faults: list[Stored] = []
        self.told: set[bytes] = set()
        """Epochs of which this process said that they are set aside."""

    def start(self) -> None:
        """Begin a new epoch on whatever the disk holds, with an uplink that remembers nothing."""
        self.outbox = Outbox.open(
            self.folder / "outbox.db", Identity(self.gate, GRID, 3), self.clock, "0.1.0", "start", 0
        )
        self._new_uplink()

    def resume(self, other: Computer) -> None:
        """Go on in the middle of another program's epoch, as a copied virtual machine does: no honest start does so."""
        identity = Identity(self.gate, GRID, 3)
        self.outbox = Outbox(self.folder / "outbox.db", identity, self.clock, "0.1.0", Reserve(self.folder, 0))
        self.outbox._connect()
        for name in ("_epoch_id", "_epoch", "_last", "_head"):
            setattr(self.outbox, name, getattr(other.outbox, name))
        self._new_uplink()

    def _new_uplink(self) -> None:
        self.reader = OutboxReader(self.outbox.path)
        self.asked = Asked()
        self.aside_before = {state.epoch for state in self.reader.epochs() if state.set_aside}
        # Few records make many questions, and little time passes.
        settings = Settings(
            self.gate, retain_days=RETAIN_DAYS, heartbeat_ms=1_000, reask_ms=500, reask_most_ms=4_000,
            window=self.sizes.window, batch_records=self.sizes.batch_records, ask_soon_ms=100,
        )  # fmt: skip
        keys = Keys(key_of(self.gate), KNOWN_KEYS)
        self.core = UplinkCore(settings, keys, self.reader, self._nonce, self.clock.boot_id, {"guankou": "0.1.0"})

    def _nonce(self) -> bytes:
        nonce = self._next_nonce()
        self.asked.true_ms[nonce] = self._true_ms()
        return nonce

    def stop(self) -> None:
        self.reader.close()
        self.outbox.close("stopped")

    def now(self) -> Moment:
        return self.clock.now()

    def due(self) -> list[Message]:
        return self.core.due(self.now())

    def epochs(self) -> tuple[EpochState, ...]:
        return self.reader.epochs()

    def held(self, damaged: set[tuple[bytes, int]]) -> dict[tuple[bytes, int], bytes]:
        """(epoch, number) -> head of every record on this disk that is neither set aside nor damaged."""
        found = {}
        for state in self.epochs():
            if not state.set_aside:
                for number in range(state.floor, state.last + 1):
                    head = None if (state.epoch, number) in damaged else self.reader.head_at(state.epoch, number)
                    if head is not None:
                        found[state.epoch, number] = head
        return found


def copy_disk(source: Path, target: Path) -> None:
    """What a power cut would leave now: also what is only in the write-ahead log."""
    target.mkdir()
    for name in ("outbox.db", "outbox.db-wal"):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def lose_frames(folder: Path, frames: int, *, torn: bool) -> None:
    """A disk that confirmed what it had not written: the newest pages of the log are gone, the last perhaps in half.

    Form of the log: sqlite.org/fileformat2.html#walformat.
    """
    log = folder / "outbox.db-wal"
    if not log.exists() or log.stat().st_size <= _WAL_HEADER_BYTES:
        return
    with log.open("r+b") as file:
        frame_bytes = _FRAME_HEADER_BYTES + int.from_bytes(file.read(_WAL_HEADER_BYTES)[8:12])
        whole = (log.stat().st_size - _WAL_HEADER_BYTES) // frame_bytes
        left = max(0, whole - frames)
        half = frame_bytes // 2 if torn and left < whole else 0
        file.truncate(_WAL_HEADER_BYTES + left * frame_bytes + half)


def spoil(database: Path, epoch: bytes, number: int, how: int) -> None:
    """One record decays on the disk: its payload, its header in one of three ways, or the whole row."""
    where = "WHERE epoch_id = (SELECT id FROM epochs WHERE epoch = ?) AND number = ?"
    change = (
        "UPDATE records SET payload = CAST(x'00' || payload AS BLOB)",
        "UPDATE records SET header = x'c1'",
        "UPDATE records SET header = CAST(substr(header, 1, length(header) - 1) || x'55' AS BLOB)",
        "UPDATE records SET salt = zeroblob(16)",
        "DELETE FROM records",
    )[how % 5]
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute(f"{change} {where}", (epoch, number))
    finally:
        connection.close()
