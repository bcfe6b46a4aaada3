"""Several disks or machines that say they are one gate: whatever any of them was seen to hold, and how it is judged."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from central.keys import load_key
from tools.chaos.judge import judge_side
from tools.chaos.people import Entrance
from tools.chaos.sides import Side, pulses
from tools.demo.evidence import Kept, collector_records, gate_records
from tools.demo.judge import Finding
from tools.demo.processes import SetupError
from tools.demo.subscriber import password_of, summaries
from tools.demo.sums import judge_summaries
from tools.faults.lab import Lab

_JUDGE_S: Final = 20.0
_OUTBOX: Final = "outbox.db"


class Machines:
    """The machines of a town's gates. `look` before a disk is taken away; `judge` in place of the laboratory's own."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._gate_of = {gate: gate for gate in lab.gates}
        self._seen: dict[tuple[str, bytes, int, bytes], Kept] = {}
        self._held: dict[str, dict[tuple[str, bytes, int, bytes], Kept]] = {gate: {} for gate in lab.gates}
        self._retired: set[str] = set()

    def add_clone(self, gate: str, machine: str) -> None:
        """A copy of a stopped gate's disk in a machine of its own, at an entrance of its own; it does not run yet."""
        lab = self._lab
        street = lab.town.clone_gate(gate, machine)
        issuer = load_key(lab.town.folder / "central" / "keys", "issuer")
        lab.entrances[machine] = Entrance(machine, lab.place(gate).site, street, issuer, lab.chance)
        self._gate_of[machine] = gate
        self._held[machine] = {}

    def look(self, machine: str) -> list[Kept]:
        """What a machine's disk holds now; remembered for ever."""
        if machine in self._retired:
            return []
        records = gate_records(self._folder(machine) / _OUTBOX)
        for kept in records:
            self._seen[(*kept.key, kept.head)] = self._held[machine][(*kept.key, kept.head)] = kept
        return records

    def retire(self, machine: str) -> None:
        """Its disk is not looked at any more: what it has held so far counts."""
        self._retired.add(machine)

    def waiting(self) -> int:
        """Records that any disk was seen to hold and that are not at the collector, just as they are."""
        for machine in self._gate_of:
            self.look(machine)
        stored = {
            (*kept.key, kept.head) for gate in self._lab.gates for kept in collector_records(self._database, gate)
        }
        return len(self._seen.keys() - stored)

    def ever(self, gate: str) -> list[Kept]:
        return [kept for kept in self._seen.values() if kept.header.gate == gate]

    # --- disks ---------------------------------------------------------------------------------------------------

    def image(self, machine: str, target: Path) -> None:
        """An image of a disk, also while the gate runs."""
        source = self._folder(machine)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(f"{_OUTBOX}*", "reserve.bin"))
        with (
            closing(sqlite3.connect(f"file:{source / _OUTBOX}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(target / _OUTBOX)) as copy,
        ):
            live.backup(copy)

    def put_back(self, machine: str, image: Path) -> None:
        """The image in place of a stopped machine's disk."""
        shutil.rmtree(self._folder(machine))
        shutil.copytree(image, self._folder(machine))

    def blank(self, machine: str, *kept: str) -> None:
        """A fresh disk for a stopped machine, with only these files of the old one."""
        folder = self._folder(machine)
        old = folder.with_name("data.old")
        folder.rename(old)
        folder.mkdir()
        for name in kept:
            shutil.copy(old / name, folder)

    # --- judging -------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """The invariants of every machine, the sums over all that was ever on a disk, and the collector's audit."""
        deadline_s = time.monotonic() + _JUDGE_S
        while True:
            findings = self._judged()
            if all(finding.ok for finding in findings) or time.monotonic() > deadline_s:
                break
        self._lab.findings += findings

    def _judged(self) -> list[Finding]:
        lab = self._lab
        findings = [finding for machine in self._gate_of for finding in judge_side(self._side(machine))]
        merged = [Side(gate, self._path(gate), self.ever(gate), [], [], [], []) for gate in lab.gates]
        said = summaries(lab.town.broker_port, "subscriber", password_of(lab.town.folder / "broker"), wait_s=2)
        return [*findings, *judge_summaries(merged, said), self._audit()]

    def _audit(self) -> Finding:
        try:
            return Finding("I6 audit", True, self._lab.town.central("audit").splitlines()[-1])
        except SetupError as error:
            return Finding("I6 audit", False, str(error))

    def _side(self, machine: str) -> Side:
        lab = self._lab
        self.look(machine)
        return Side(
            machine,
            self._path(self._gate_of[machine]),
            list(self._held[machine].values()),
            collector_records(self._database, self._gate_of[machine]),
            pulses(self._lab.town.gate_folder(machine) / "relay.jsonl"),
            lab.entrances[machine].people,
            [kill for kill in lab.kills if kill.target == machine],
            list(lab.troubles),
        )

    def _path(self, gate: str) -> str:
        return f"nanchang/donghu/yangming/gardens/{self._lab.place(gate).grid}"

    def _folder(self, machine: str) -> Path:
        return self._lab.town.gate_folder(machine) / "data"

    @property
    def _database(self) -> Path:
        return self._lab.town.database
