"""A collector's core over a real SQLite file."""

from __future__ import annotations

from contextlib import closing

import pytest

from central.ingest import Ingest
from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint import cose, wire
from tests.central.sim import START_MS, Gate, key_of, tree


class Core:
    """Store, ingest, and a clock that the test sets."""

    def __init__(self, file, *gates: Gate) -> None:
        self.now_ms = START_MS + 60_000
        self.file = file
        self.store = SqliteStore(file)
        self.registry = Registry(tree())
        self.key = key_of("collector")
        self.ingest = Ingest(self.store, self.key, self.registry, lambda: self.now_ms)
        for gate in gates:
            self.enrol(gate)

    def enrol(self, gate: Gate) -> None:
        with self.store.transaction():
            self.store.enrol(gate.name, gate.public, gate.grid, "east", 0)

    def batch(self, gate: Gate, data: bytes) -> wire.Answer:
        [answer] = self.ingest.batch(gate.name, data)
        return answer

    def send(self, gate: Gate) -> None:
        for data in gate.all():
            self.batch(gate, data)

    def heads(self, gate: Gate) -> set[tuple[bytes, int, bytes]]:
        """(epoch, number, head) of everything stored of a gate."""
        rows = self.store.connection.execute(
            "SELECT epoch, number, record.head FROM record JOIN epoch ON epoch.id = epoch_id"
            " WHERE gate_no = (SELECT no FROM gate WHERE gate = ?)",
            (gate.name,),
        )
        return set(rows.fetchall())

    def origins(self) -> list[str]:
        return sorted(row.origin for row in self.store.open_cases() if row.origin != "gate")

    def refusals(self) -> list[str]:
        return [reason for _, reason, _, _ in self.store.quarantined(100)]

    def count(self, figure: str, value: str, kind: str = "day") -> int:
        return sum(n for key, _, n in self.store.leaves(kind, 0, 2**62) if key[5:7] == (figure, value))


def held(gate: Gate) -> set[tuple[bytes, int, bytes]]:
    """(epoch, number, head) of everything a gate wrote."""
    return {(epoch, item.number, item.head) for epoch, run in gate.records.items() for item in run}


@pytest.fixture
def gate() -> Gate:
    made = Gate()
    made.reopen()
    return made


@pytest.fixture
def core(tmp_path, gate):
    made = Core(tmp_path / "central.db", gate)
    with closing(made.store):
        yield made


def key_list(core: Core):
    public = core.key.public_key()
    return {cose.key_id(cose.public_bytes(public)): public}
