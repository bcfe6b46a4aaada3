"""Cheap looks at both disks and at processes, for rows with far more records than can be read whole again and again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from checkpoint.records import Fault, decode_payload
from edge.outbox_values import Identity
from tools.demo.processes import Town
from tools.faults.lab import Lab

_KIB_A_MIB: Final = 1024
_OF_GATE: Final = "FROM record r JOIN epoch e ON e.id = r.epoch_id JOIN gate g ON g.no = e.gate_no WHERE g.gate = ?"


def identity_of(town: Town, gate: str) -> Identity:
    """Who a gate is, by its enrolment."""
    enrolment = json.loads((town.gate_folder(gate) / "enrolment.json").read_text())
    return Identity(enrolment["gate"], enrolment["grid"], enrolment["tree_version"])


def stored(town: Town, gate: str) -> int:
    """Records of a gate on the collector's disk."""
    return int(_rows(town.database, f"SELECT count(*) {_OF_GATE}", gate)[0][0])


def unsent(lab: Lab, gate: str) -> int:
    """Records on a gate's disk beyond those on the collector's: right as long as neither has purged."""
    return int(_rows(lab.outbox(gate), "SELECT count(*) FROM records")[0][0]) - stored(lab.town, gate)


def believed(lab: Lab, gate: str) -> int:
    """Records that the gate itself takes for stored, by its disk."""
    return int(_rows(lab.outbox(gate), "SELECT coalesce(sum(watermark), 0) FROM epochs")[0][0])


def stored_ms(town: Town, gate: str, fault: str) -> int | None:
    """When the record of this fault came to the collector; None if it did not."""
    query = (
        "SELECT r.received_ms, p.payload FROM record r JOIN payload p ON p.record_id = r.id"
        " JOIN epoch e ON e.id = r.epoch_id JOIN gate g ON g.no = e.gate_no WHERE r.kind = 'fault' AND g.gate = ?"
    )
    for received_ms, payload in _rows(town.database, query, gate):
        told = decode_payload("fault", payload)
        if isinstance(told, Fault) and told.name == fault:
            return int(received_ms)
    return None


def longest_way_s(town: Town, gate: str, since_ms: int) -> float:
    """From the making of a record to the collector's disk, the longest of those made since then; one clock."""
    query = f"SELECT coalesce(max(r.received_ms - r.at), 0) {_OF_GATE} AND r.at >= ?"
    return int(_rows(town.database, query, gate, since_ms)[0][0]) / 1000


def quarantined(town: Town, topic: str) -> list[str]:
    """Why messages on a topic were refused, the oldest first."""
    return [row[0] for row in _rows(town.database, "SELECT reason FROM quarantine WHERE topic = ? ORDER BY id", topic)]


def longest_quarantined(town: Town) -> int:
    """The most bytes kept of any refused message."""
    return int(_rows(town.database, "SELECT coalesce(max(length(data)), 0) FROM quarantine")[0][0])


def memory_mib(pid: int) -> float:
    """Resident memory of a process, without its children."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / _KIB_A_MIB
    return 0.0


def _rows(database: Path, query: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(query, values).fetchall()
