"""A gate's computer: the real outbox, its reader and the real uplink core on a disk that can be copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from checkpoint import cose
from checkpoint.records import Header, Payload
from edge.clock import Moment
from edge.outbox import Identity, Outbox, Stored
from edge.outbox_files import Reserve
from edge.outbox_reader import OutboxReader
from edge.uplink import Keys, Message, Settings, UplinkCore
from tests.central.sim import key_of
from tests.edge.gate_clock import HandClock

DAY_MS = 86_400_000
RETAIN_DAYS = 3
COLLECTOR_KEY = key_of("collector")
KNOWN_KEYS = {cose.key_id(cose.public_bytes(COLLECTOR_KEY)): COLLECTOR_KEY.public_key()}


@dataclass(slots=True)
class Written:
    """Every record that any gate ever wrote, by head; `payload` is None for the outbox's own `opened` and `closed`."""

    header: Header
    payload: Payload | None


@dataclass(slots=True)
class Asked:
    """When each question was asked, and what counted answers to them covered: (epoch, through, asked at)."""

    at_ms: dict[bytes, int] = field(default_factory=dict)
    covers: list[tuple[bytes, int, int]] = field(default_factory=list)


def settings_of(gate: str) -> Settings:
    """Small batches and a small window, so that few records make many questions."""
    return Settings(
        gate, retain_days=RETAIN_DAYS, heartbeat_ms=1_000, reask_ms=500, reask_most_ms=4_000, window=3,
        batch_records=4, ask_soon_ms=100,
    )  # fmt: skip


class Computer:
    """One running program. `gate` is who it says it is: a clone says the same as its original."""

    def __init__(self, gate: str, folder: Path, clock: HandClock, nonce: Callable[[], bytes]) -> None:
        self.gate = gate
        self.folder = folder
        self.clock = clock
        self._next_nonce = nonce
        self.key = key_of(gate)
        self.identity = Identity(gate, "donghu-7", 3)
        self.faults: list[Stored] = []

    def start(self) -> None:
        """Begin a new epoch on whatever the disk holds, with an uplink that remembers nothing."""
        self.outbox = Outbox.open(self.folder / "outbox.db", self.identity, self.clock, "0.1.0", "start", 0)
        self._new_uplink()

    def resume(self, other: Computer) -> None:
        """Go on in the middle of another program's epoch, as a copied virtual machine does: no honest start does so."""
        self.outbox = Outbox(
            self.folder / "outbox.db", self.identity, self.clock, "0.1.0", Reserve(self.folder, 0)
        )  # fmt: skip
        self.outbox._connect()
        for name in ("_epoch_id", "_epoch", "_last", "_head"):
            setattr(self.outbox, name, getattr(other.outbox, name))
        self._new_uplink()

    def _new_uplink(self) -> None:
        self.reader = OutboxReader(self.outbox.path)
        self.asked = Asked()
        keys = Keys(self.key, KNOWN_KEYS)
        self.core = UplinkCore(
            settings_of(self.gate), keys, self.reader, self._nonce, self.clock.boot_id, {"guankou": "0.1.0"}
        )

    def _nonce(self) -> bytes:
        nonce = self._next_nonce()
        self.asked.at_ms[nonce] = self.clock.at_ms
        return nonce

    def stop(self) -> None:
        self.reader.close()
        self.outbox.close("stopped")

    def copy_disk(self, target: Path) -> None:
        """What a power cut would leave now: also what is only in the write-ahead log."""
        target.mkdir()
        for suffix in ("", "-wal"):
            source = Path(f"{self.outbox.path}{suffix}")
            if source.exists():
                shutil.copyfile(source, target / source.name)

    def now(self) -> Moment:
        return self.clock.now()

    def due(self) -> list[Message]:
        return self.core.due(self.now())

    def held(self) -> set[tuple[bytes, int, bytes]]:
        """(epoch, number, head) of every record on this disk that is not set aside."""
        found = set()
        for state in self.reader.epochs():
            if not state.set_aside:
                numbers = range(state.floor, state.last + 1)
                found |= {(state.epoch, n, self.reader.head_at(state.epoch, n)) for n in numbers}
        return found
