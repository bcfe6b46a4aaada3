"""One run of kill tests: gates, people at each, killers beside them; then everything is healed and drained."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from central.keys import load_key
from tools.chaos.kills import BROKER, COLLECTOR, Kill, Killer, moments
from tools.chaos.people import Entrance, Person
from tools.demo.evidence import collector_records, gate_records
from tools.demo.processes import Pace, Place, Town
from tools.demo.street import wait

PACE: Final = Pace(Path(__file__).with_name("policy.toml"), pulse_s=0.3, fps=8.0, glide_s=0.0)
_SITES: Final = (("garden", "gardens-1", "gy614v3"), ("lakeside", "gardens-2", "gy9061x"))
_DRAIN_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is to happen; the same plan gives the same people and the same order of kills."""

    passages: int
    kills: int
    gates: int
    seed: int


def places(gates: int) -> list[Place]:
    """Gates of two compounds in two grids, with two kinds of thermometers."""
    made = []
    for number in range(1, gates + 1):
        site, grid, model = _SITES[(number - 1) % len(_SITES)]
        name = f"gate-{number}"
        made.append(Place(name, name, site, grid, f"{number} 号门", f"Gate {number}", "guard", model))
    return made


class Run:
    """Plays a plan in a town that has been started."""

    def __init__(self, town: Town, plan: Plan) -> None:
        self.plan = plan
        self.entrances = {place.gate: self._entrance(town, place) for place in town.places}
        self.broken: list[str] = []
        self._town = town
        self._passages = 0
        self._lock = threading.Lock()
        targets = [*self.entrances, COLLECTOR, BROKER]
        self._killers = [self._killer(target) for target in targets]

    @property
    def passages(self) -> int:
        """People whose purpose was reached so far."""
        return self._passages

    @property
    def people(self) -> list[Person]:
        return [person for entrance in self.entrances.values() for person in entrance.people]

    @property
    def kills(self) -> list[Kill]:
        return [kill for killer in self._killers for kill in killer.kills]

    def play(self) -> None:
        """Until the passages are done and every kill has happened; then everything runs and nothing waits."""
        threads = [
            threading.Thread(target=self._keep_coming, args=(entrance,), name=gate)
            for gate, entrance in self.entrances.items()
        ]
        for killer in self._killers:
            killer.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for killer in self._killers:
            killer.finish()
        self.broken = [killer.failed for killer in self._killers if killer.failed]
        if not self.broken:
            self._heal()

    def _keep_coming(self, entrance: Entrance) -> None:
        while self._passages < self.plan.passages and not any(killer.failed for killer in self._killers):
            person = entrance.next_person()
            with self._lock:
                self._passages += person.done
            if not person.done:
                # The judge says why; nobody else would fare better.
                return

    def _heal(self) -> None:
        for place in self._town.places:
            street = self._town.streets[place.street]
            if not wait(lambda street=street: street.screen.lane().get("state") == "wait", 60.0):  # type: ignore[misc]
                self.broken.append(f"{place.gate} is not ready again: {self._town.tail(place.gate)}")
        wait(lambda: not any(self.waiting(place.gate) for place in self._town.places), _DRAIN_S)

    def waiting(self, gate: str) -> int:
        """Records on a gate's disk that are not at the collector."""
        on_disk = {kept.key for kept in gate_records(self._town.gate_folder(gate) / "data" / "outbox.db")}
        return len(on_disk - {kept.key for kept in collector_records(self._town.database, gate)})

    def _entrance(self, town: Town, place: Place) -> Entrance:
        issuer = load_key(town.folder / "central" / "keys", "issuer")
        chance = random.Random(f"{self.plan.seed} {place.gate}")
        return Entrance(place.gate, place.site, town.streets[place.street], issuer, chance)

    def _killer(self, target: str) -> Killer:
        plan, seed = self.plan, f"{self.plan.seed} {target}"
        return Killer(self._town, target, moments(seed, plan.kills, plan.passages), seed, lambda: self._passages)
