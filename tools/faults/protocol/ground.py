"""What every act stands on: the collector's store, the gates' computers, true time, and books of our own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.ingest import Ingest
from central.publisher import Publisher
from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint import cose, records, wire
from edge.outbox import Outbox
from tools.faults.protocol.computers import Computer, HandClock, Sizes, Written, copy_disk
from tools.faults.protocol.samples import COLLECTOR_KEY, GATES, GRID, SITE, START_MS, key_of, tree

# (gate, topic, message)
Up = tuple[str, str, bytes]
# (gate, epoch, number, head)
Place = tuple[str, bytes, int, bytes]
# Durability is not the subject here: a file system in memory makes a schedule ten times as fast.
FAST: Final = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# Few epochs make several pages of a hello.
EPOCHS_PER_PAGE: Final = 4
MOST_COMPUTERS: Final = 4


class BrokenError(AssertionError):
    """Something that must always hold does not."""


def must(holds: bool, what: str, *facts: object) -> None:
    """Raise BrokenError unless `holds`; `facts` are shown after `what`."""
    if not holds:
        raise BrokenError(f"{what}: {', '.join(map(_shown, facts))}" if facts else what)


def _shown(fact: object) -> str:
    return fact.hex()[:16] if isinstance(fact, bytes) else str(fact)


class Heard:
    """What subscribers get. While `takes` is False the broker confirms nothing."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.takes = True

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> Callable[[], bool]:
        self.messages.append((topic, payload))
        takes = self.takes
        return lambda: takes


class Ground:
    """Use with `with`. Everything random comes from counters: the same acts always give the same bytes."""

    def __init__(self) -> None:
        self.names = itertools.count()
        self._chances = itertools.count()
        self._nonces = itertools.count(1)
        self.now_ms = START_MS
        self.registry = Registry(tree())
        self.sizes = Sizes()
        self.written: dict[bytes, Written] = {}
        self.ever: set[Place] = set()
        """Everything that the collector ever held, also before it was restored."""
        self.purged: set[tuple[str, bytes, int]] = set()
        self.forgotten: set[int] = set()
        """Record ids whose payload the collector's retention dropped."""
        self.damage: dict[Path, set[tuple[bytes, int]]] = {}
        """What decayed on each disk."""
        self.slack_ms = 60_000
        """How far a trusted clock may be from the truth."""
        self.faults: set[str] = set()
        self.seen: Counter[str] = Counter()
        """What happened in this schedule, for the coverage of a search."""
        self.up: list[Up] = []
        self.down: list[tuple[str, bytes]] = []
        self.sent: list[Up] = []
        self.answers: list[tuple[str, bytes]] = []
        self.genuine: dict[bytes, wire.Answer] = {}
        self.retained: dict[str, bytes] = {}
        self.copies: list[tuple[str, Path]] = []
        self.backups: list[Path] = []
        self.heard = Heard()
        self.reads_newer = False
        self.computers: list[Computer] = []
        self._verified: dict[tuple[cose.Message, bytes, str], bool] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="protocol-", dir=FAST)))
            stack.enter_context(patch("edge.outbox.os.urandom", self._chance))
            stack.enter_context(patch.object(wire, "EPOCHS_PER_PAGE", EPOCHS_PER_PAGE))
            stack.enter_context(patch.object(records, "PAYLOAD_VERSION", 1))
            self._watch(stack)
            self.store_file = self.folder / "central.db"
            shutil.copyfile(_empty_store(), self.store_file)
            self.open_collector()
            stack.callback(lambda: self.store.close())
            stack.callback(self._stop_all)
            self.take_backup()
            for gate in GATES:
                self.computers.append(self.boot(gate, self.new_folder()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _stop_all(self) -> None:
        for computer in self.computers:
            computer.stop()

    def _watch(self, stack: ExitStack) -> None:
        """Note every record that is written, and verify no signature twice: it costs most of the time."""
        commit, holds = Outbox._commit, cose.signature_holds

        def noted(outbox: Outbox, row: object) -> None:
            commit(outbox, row)  # type: ignore[arg-type]
            stored, sealed = row.stored, row.sealed  # type: ignore[attr-defined]
            self.written[stored.head] = Written(stored.header, sealed.payload, self.now_ms)

        def remembered(message: cose.Message, key: Ed25519PublicKey, purpose: str) -> bool:
            name = (message, key.public_bytes_raw(), purpose)
            if name not in self._verified:
                self._verified[name] = holds(message, key, purpose)
            return self._verified[name]

        stack.enter_context(patch.object(Outbox, "_commit", noted))
        stack.enter_context(patch.object(cose, "signature_holds", remembered))

    def _chance(self, size: int) -> bytes:
        return sha256(next(self._chances).to_bytes(8)).digest()[:size]

    # The collector

    def open_collector(self) -> None:
        self.store = SqliteStore(self.store_file)
        self.ingest = Ingest(self.store, COLLECTOR_KEY, self.registry, lambda: self.now_ms)
        self.publisher = Publisher(self.store, self.registry, self.heard, lambda: self.now_ms, "/test")

    def take_backup(self) -> None:
        target = self.folder / f"backup-{next(self.names)}.db"
        self.store.backup(target)
        self.backups.append(target)

    def stored(self) -> set[Place]:
        """Everything that is stored, on every line."""
        return set(
            self.store.connection.execute(
                "SELECT gate, epoch.epoch, number, record.head FROM record JOIN epoch ON epoch.id = epoch_id"
                " JOIN gate ON gate.no = gate_no"
            ).fetchall()
        )

    def gate_no(self, gate: str) -> int:
        row = self.store.gate(gate)
        return row.no if row else 0

    # The gates

    def new_folder(self) -> Path:
        folder = self.folder / f"disk-{next(self.names)}"
        self.damage[folder] = set()
        return folder

    def copied(self, source: Path) -> Path:
        """A copy of a disk as it is now, with what decayed on it."""
        target = self.new_folder()
        copy_disk(source, target)
        self.damage[target] |= self.damage[source]
        return target

    def damaged(self, computer: Computer) -> set[tuple[bytes, int]]:
        return self.damage[computer.folder]

    def held(self, computer: Computer) -> set[Place]:
        found = computer.held(self.damaged(computer))
        return {(computer.gate, epoch, number, head) for (epoch, number), head in found.items()}

    def clock(self) -> HandClock:
        """Of a machine of its own: boot id, and times that never are another's to the millisecond."""
        number = next(self.names)
        return HandClock(self.now_ms + number * 7, number.to_bytes(16))

    def computer_on(self, gate: str, folder: Path, clock: HandClock) -> Computer:
        nonce = lambda: next(self._nonces).to_bytes(8)  # noqa: E731
        return Computer(gate, folder, clock, nonce, self.sizes, lambda: self.now_ms)

    def boot(self, gate: str, folder: Path) -> Computer:
        computer = self.computer_on(gate, folder, self.clock())
        computer.start()
        if computer.outbox.moved_aside is not None:
            self.moved_aside(folder)
        # Every start asks for these, to close them.
        computer.outbox.open_passages()
        return computer

    def moved_aside(self, folder: Path) -> None:
        """The outbox began anew: its newest record was damaged."""
        self.seen["disk moved aside"] += 1
        self.damage[folder].clear()

    def replace(self, at: int, folder: Path) -> None:
        """The machine at this place starts anew on that disk."""
        old = self.computers[at]
        old.stop()
        # Until it has started there is nothing to stop.
        self.computers.pop(at)
        self.computers.insert(at, self.boot(old.gate, folder))

    def pass_time(self, ms: int) -> None:
        self.now_ms += ms
        for computer in self.computers:
            computer.clock.advance(ms)

    def computer(self, a: int) -> Computer:
        return self.computers[a % len(self.computers)]


@cache
def _empty_store() -> Path:
    """A store in which the gates are enrolled, made once a process."""
    folder = tempfile.TemporaryDirectory(prefix="protocol-", dir=FAST)
    file = Path(folder.name) / "central.db"
    store = SqliteStore(file)
    with store.transaction():
        for gate in GATES:
            store.enrol(gate, cose.public_bytes(key_of(gate)), GRID, SITE, 0)
    store.close()
    _KEPT.append(folder)
    return file


# Folders that last as long as the process.
_KEPT: list[tempfile.TemporaryDirectory[str]] = []
