"""A small quick town for tests: two gates, people who come on request, and everything that any disk ever held."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from central.keys import load_key
from tools.chaos.people import Entrance, Intent, Person
from tools.chaos.run import PACE, places
from tools.chaos.sides import Side, pulses
from tools.demo.evidence import Kept, broken_chain, collector_records, gate_records
from tools.demo.processes import Town
from tools.demo.street import Street, wait
from tools.demo.subscriber import password_of, summaries
from tools.demo.sums import judge_summaries, recount

GATES = ("gate-1", "gate-2")
_LIMIT_S = 40.0


class Rig:
    """The town, and what its gates' disks have held: disks are copied back and cloned here."""

    def __init__(self, folder: Path) -> None:
        self.town = Town(folder, places(len(GATES)), PACE)
        self.machines = {gate: gate for gate in GATES}
        self._seen: dict[tuple[str, bytes, int, bytes], Kept] = {}
        self._entrances: dict[str, Entrance] = {}

    def start(self) -> None:
        self.town.set_up()
        self.town.start()
        for place in self.town.places:
            self.open_entrance(place.gate, place.site, self.town.streets[place.street])

    def open_entrance(self, machine: str, site: str, street: Street) -> None:
        issuer = load_key(self.town.folder / "central" / "keys", "issuer")
        self._entrances[machine] = Entrance(machine, site, street, issuer, random.Random(machine))

    def person(self, machine: str, intent: Intent = "resident") -> Person:
        """Somebody comes to this machine and gets what they want."""
        person = self._entrances[machine].next_person(intent)
        assert person.done, f"{person}; {machine} says: {self.town.tail(machine)}"
        return person

    def appear(self, machine: str) -> None:
        """A resident steps in and does all that is asked, up to the verdict."""
        self._entrances[machine].appear(Person(machine, "resident", secrets.token_bytes(8)))

    def street(self, machine: str) -> Street:
        return self.town.streets[machine]

    def ready(self, machine: str) -> None:
        """Until this machine's screen asks for a pass."""
        self.until(lambda: self.street(machine).screen.lane().get("state") == "wait", f"{machine} is ready")

    def until(self, condition: Callable[[], bool], what: str, limit_s: float = _LIMIT_S) -> None:
        assert wait(condition, limit_s), f"not in {limit_s} s: {what}"

    # --- what the sides hold -------------------------------------------------------------------------------------

    def disk(self, machine: str) -> list[Kept]:
        """What this machine's disk holds now; remembered for ever."""
        records = gate_records(self.town.gate_folder(machine) / "data" / "outbox.db")
        for kept in records:
            self._seen[(*kept.key, kept.head)] = kept
        return records

    def stored(self, gate: str) -> list[Kept]:
        return collector_records(self.town.database, gate)

    def ever(self, gate: str) -> list[Kept]:
        """Every record that any disk of this gate was seen to hold."""
        for machine, of in self.machines.items():
            if of == gate:
                self.disk(machine)
        return [kept for kept in self._seen.values() if kept.header.gate == gate]

    def drained(self, gate: str) -> bool:
        heads = {(kept.key, kept.head) for kept in self.stored(gate)}
        return all((kept.key, kept.head) in heads for kept in self.ever(gate))

    def until_drained(self) -> None:
        self.until(lambda: all(self.drained(gate) for gate in GATES), "every record is at the collector", 60.0)

    def openings(self, machine: str) -> int:
        return len(pulses(self.street(machine).wire_log))

    def cases(self, origin: str) -> list[dict[str, Any]]:
        """Open cases that the collector found by itself."""
        views = json.loads(self.town.central("alarm", "list", "--json"))
        return [view for view in views if view["case"].endswith(f"-{origin}")]

    def subscribed(self) -> dict[str, dict[str, Any]]:
        """What a plain MQTT client gets."""
        return summaries(self.town.broker_port, "subscriber", password_of(self.town.folder / "broker"), wait_s=1)

    # --- what must hold ------------------------------------------------------------------------------------------

    def assert_nothing_collides(self, gate: str) -> None:
        """Stored once, gapless, in order, and with the heads that the gate's own disks have."""
        stored = self.stored(gate)
        keys = [kept.key for kept in stored]
        assert len(keys) == len(set(keys))
        assert broken_chain(stored) == ""
        ours = {(kept.key, kept.head) for kept in self.ever(gate)}
        assert {(kept.key, kept.head) for kept in stored} >= ours

    def assert_sums_are_right(self) -> dict[str, dict[str, Any]]:
        """Grid and ancestors are published, equal to a recount of all that was ever on a disk."""
        sides = [
            Side(place.gate, f"nanchang/donghu/yangming/gardens/{place.grid}", self.ever(place.gate), [], [], [], [])
            for place in self.town.places
        ]
        deadline_s = time.monotonic() + _LIMIT_S
        while True:
            said = self.subscribed()
            wrong = [f"{one.name}: {one.detail}" for one in judge_summaries(sides, said) if not one.ok]
            if not wrong or time.monotonic() > deadline_s:
                assert wrong == []
                return said

    def outcomes(self, gate: str) -> dict[str, int]:
        return dict(recount(self.ever(gate), 0)["outcome"])
