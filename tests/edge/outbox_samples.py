"""What the tests of outbox and uplink share: an identity, payloads, an open outbox."""

from __future__ import annotations

from pathlib import Path

from checkpoint.records import Egress, Note, OutcomeOf, Override, Verdict, Where
from edge.outbox import Identity, Outbox
from tests.edge.gate_clock import HandClock

IDENTITY = Identity("gate-7", "grid-3", 2)
WHERE = Where("sunrise-garden", "in-1", "in", "person")
ALLOW = Verdict(1, WHERE, "allow", "ok", "resident", (), None, (), "everyday", 1, "low", "guard", (), None, "")
WAY_OUT = Egress(1, WHERE, "exit_button", 1)
OPENED_BY_GUARD = Override(1, WHERE, "open", "delivery", "guard", "none")
PASSED = OutcomeOf(1, WHERE, "passed", "resident", "", 1, None)


def note(text: str = "x") -> Note:
    return Note(1, "test", {"text": text})


def open_outbox(folder: Path, clock: HandClock, reason: str = "start", reserve_mib: int = 1) -> Outbox:
    return Outbox.open(folder / "outbox.db", IDENTITY, clock, "0.1.0", reason, reserve_mib)
