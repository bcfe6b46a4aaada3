"""The laboratory of one fault: a town, people in it, bad lines to its broker, and evidence gathered from outside."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from central.keys import load_key
from checkpoint import reasons
from checkpoint.records import Cleared, Fault
from tools.chaos.judge import judge_side
from tools.chaos.kills import Kill
from tools.chaos.people import Entrance, Intent, Person
from tools.chaos.run import PACE, places
from tools.chaos.sides import Side, side_of
from tools.demo.evidence import Kept, collector_records, gate_records
from tools.demo.judge import Finding
from tools.demo.processes import Pace, Place, SetupError, Town
from tools.demo.street import wait
from tools.demo.subscriber import password_of, summaries
from tools.demo.sums import judge_summaries
from tools.faults.history import Case, History
from tools.faults.proxy import Proxy

_READY_S: Final = 60.0
_DRAIN_S: Final = 120.0
_SUMMARY_S: Final = 20.0


class Lab:
    """One row's town. `start` it, break something, `heal` it, `judge` it; `close` ends all that runs."""

    def __init__(self, folder: Path, seed: str, say: Callable[[str], object]) -> None:
        self.folder = folder
        self.seed = seed
        self.say = say
        self.chance = random.Random(seed)
        self.findings: list[Finding] = []
        self.kills: list[Kill] = []
        self.troubles: list[tuple[int, int]] = []
        self.troubles_at: dict[str, list[tuple[int, int]]] = {}
        """By gate: the same for one gate only."""
        self.proxies: dict[str, Proxy] = {}
        """By gate, and one named `collector`: what each takes for the broker."""
        self.entrances: dict[str, Entrance] = {}
        self.dated: Callable[[Kept], Kept] = lambda kept: kept
        """For rows in which a gate's clock is wrong: a record with its true time."""
        self.not_judged: set[str] = set()
        """Names of assertions that do not apply to this row, such as `I8`; the row says why in its docstring."""
        self.remembered: dict[str, list[Kept]] = {}
        """By gate, records that its disk once held and lost, for the row to say why: judged as if they were there."""
        self._history: History | None = None
        self._ends: list[Callable[[], object]] = []

    # --- setting up and ending -----------------------------------------------------------------------------------

    def build(self, gates: int = 1, pace: Pace = PACE) -> Town:
        """Keys, files and enrolments of a town in which nothing runs yet but the emulated devices."""
        self.town = Town(self.folder, places(gates), pace)
        self._ends.append(self.town.close)
        for name in [*(place.gate for place in self.town.places), "collector"]:
            proxy = self.proxies[name] = Proxy(self.town.broker_port)
            self.town.uplinks[name] = proxy.port
            self._ends.append(proxy.close)
        self.town.set_up()
        issuer = load_key(self.town.folder / "central" / "keys", "issuer")
        for place in self.town.places:
            street = self.town.streets[place.street]
            chance = random.Random(f"{self.seed} {place.gate}")
            self.entrances[place.gate] = Entrance(place.gate, place.site, street, issuer, chance)
        return self.town

    def start(self, gates: int = 1, pace: Pace = PACE) -> Town:
        """A town that runs: every gate shows its screen and has its documents."""
        town = self.build(gates, pace) if not self.entrances else self.town
        town.start()
        self._history = History(town.broker_port, "subscriber", password_of(town.folder / "broker"))
        self._ends.append(self._history.close)
        return town

    def at_end(self, act: Callable[[], object]) -> None:
        """To be done when the row is over, in the opposite order: unmount, end a process of one's own."""
        self._ends.append(act)

    def close(self) -> None:
        while self._ends:
            self._ends.pop()()

    @property
    def history(self) -> History:
        if self._history is None:
            raise SetupError("nobody listens before the town has been started")
        return self._history

    @property
    def gates(self) -> list[str]:
        return [place.gate for place in self.town.places]

    def place(self, gate: str) -> Place:
        return next(place for place in self.town.places if place.gate == gate)

    # --- people --------------------------------------------------------------------------------------------------

    def people(self, count: int, gate: str = "gate-1", intent: Intent | None = None) -> list[Person]:
        """So many people one after another, each of whom has to be served."""
        return [self.entrances[gate].next_person(intent) for _ in range(count)]

    @contextlib.contextmanager
    def crowd(self) -> Iterator[None]:
        """People keep coming at every gate until the block ends; each has to be served, perhaps after some tries."""
        over = threading.Event()

        def keep_coming(entrance: Entrance) -> None:
            while not over.is_set():
                if not entrance.next_person().done:
                    return

        threads = [
            threading.Thread(target=keep_coming, args=(entrance,), name=f"people {gate}")
            for gate, entrance in self.entrances.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    @contextlib.contextmanager
    def trouble(self) -> Iterator[None]:
        """Nobody can expect to be served while this lasts; what is recorded has to be right all the same."""
        began_ms = now_ms()
        try:
            yield
        finally:
            self.troubles.append((began_ms, now_ms()))

    # --- processes -----------------------------------------------------------------------------------------------

    def kill(self, name: str, dead_s: float = 0.5) -> Kill:
        """SIGKILL a gate, `collector` or `broker`, and start it again after a while."""
        at_ms = now_ms()
        self.town.kill(name)
        time.sleep(dead_s)
        return self.start_again(name, at_ms)

    def start_again(self, name: str, died_ms: int) -> Kill:
        """Start what was killed or ended by itself; for a gate, the time in between excuses that nobody was served."""
        if name == "broker":
            self.town.start_broker()
        elif name == "collector":
            self.town.start_collector()
        else:
            self.town.start_gate(name)
        kill = Kill(name, died_ms, now_ms())
        self.kills.append(kill)
        return kill

    # --- what is said --------------------------------------------------------------------------------------------

    def check(self, name: str, ok: object, detail: str = "") -> bool:
        """One named assertion of this row."""
        self.findings.append(Finding(name, bool(ok), detail))
        return bool(ok)

    def until(self, what: str, condition: Callable[[], object], timeout_s: float) -> bool:
        """Wait for something that has to come true: a named assertion, with the time that it took."""
        began_s = time.monotonic()
        ok = wait(lambda: bool(condition()), timeout_s)
        return self.check(what, ok, f"{time.monotonic() - began_s:.1f} s, at most {timeout_s:g} s")

    def shows(self, gate: str, fault: str) -> bool:
        """Whether a gate's page shows this fault (a reason code) now."""
        street = self.town.streets[self.place(gate).street]
        shown = street.screen.changes[-1:]
        # A line names the part and how long it has been so, behind the reason.
        begins = f"{reasons.ALL[fault].en} "
        return bool(shown) and any(f"{line} ".startswith(begins) for line in shown[0].faults)

    def alarm(self, gate: str, fault: str, timeout_s: float) -> bool:
        """I4, first part: the guard's page shows the named fault in time."""
        return self.until(f"I4 {fault} shown at {gate}", lambda: self.shows(gate, fault), timeout_s)

    def called(self, gate: str, name: str, timeout_s: float) -> bool:
        """I4 for the office: subscribers hear of a case of this name in time."""
        return self.until(f"I4 {name} called for {gate}", lambda: self.cases(gate, name), timeout_s)

    def cases(self, gate: str, name: str) -> list[Case]:
        return [case for case in self.history.cases(gate) if case.name == name]

    def cleared(self, gate: str, fault: str, timeout_s: float = 60.0) -> None:
        """I4, second part: gone from the page; on record once, with its end; and no case of it stays open."""
        self.until(f"I4 {fault} cleared at {gate}", lambda: not self.shows(gate, fault), timeout_s)

        def told() -> tuple[int, int]:
            kept = [item.payload for item in collector_records(self.town.database, gate)]
            begun = sum(isinstance(one, Fault) and one.name == fault for one in kept)
            return begun, sum(isinstance(one, Cleared) and one.name == fault for one in kept)

        wait(lambda: told() == (1, 1), timeout_s)
        self.check(f"I4 {fault} recorded once at {gate}", told() == (1, 1), f"(begun, ended) = {told()}")
        wait(lambda: all(case.closed_ms for case in self.cases(gate, fault)), timeout_s)
        cases = self.cases(gate, fault)
        once = len(cases) <= 1 and all(case.closed_ms and case.times_opened == 1 for case in cases)
        self.check(f"I4 {fault} case over at {gate}", once, f"{len(cases)} case told to subscribers")

    # --- after the fault -----------------------------------------------------------------------------------------

    def heal(self, drain_s: float = _DRAIN_S) -> None:
        """Every gate asks for a pass again, and nothing waits any more."""
        for gate in self.gates:
            street = self.town.streets[self.place(gate).street]
            self.until(
                f"heals {gate} ready",
                lambda street=street: street.screen.lane().get("state") == "wait",  # type: ignore[misc]
                _READY_S,
            )
        self.until("heals drained", lambda: not any(self.waiting(gate) for gate in self.gates), drain_s)

    def waiting(self, gate: str) -> int:
        """Records on a gate's disk that are not at the collector."""
        on_disk = {kept.key for kept in self.on_disk(gate)}
        return len(on_disk - {kept.key for kept in collector_records(self.town.database, gate)})

    def on_disk(self, gate: str) -> list[Kept]:
        return gate_records(self.outbox(gate))

    def outbox(self, gate: str) -> Path:
        return self.town.gate_folder(gate) / "data" / "outbox.db"

    def side(self, gate: str) -> Side:
        side = side_of(self.town, self.place(gate), self.entrances[gate].people, self.kills)
        side.troubles.extend([*self.troubles, *self.troubles_at.get(gate, ())])
        side.on_disk.extend(self.remembered.get(gate, ()))
        # Whoever judges dates records by the world's clock, whatever the gate's own said.
        return replace(side, on_disk=[*map(self.dated, side.on_disk)], stored=[*map(self.dated, side.stored)])

    def judge(self) -> None:
        """The invariants of every gate, the published sums, and the collector's own audit."""
        deadline_s = time.monotonic() + _SUMMARY_S
        while True:
            findings = self._judged()
            if all(finding.ok for finding in findings) or time.monotonic() > deadline_s:
                break
        self.findings += findings

    def _judged(self) -> list[Finding]:
        """The last picture is published a moment after the last record, so this is looked at again for a while."""
        sides = [self.side(gate) for gate in self.gates]
        said = summaries(self.town.broker_port, "subscriber", password_of(self.town.folder / "broker"), wait_s=2)
        findings = [finding for side in sides for finding in judge_side(side)]
        findings += [*judge_summaries(sides, said), self._audit()]
        return [finding for finding in findings if finding.name.split()[0] not in self.not_judged]

    def _audit(self) -> Finding:
        try:
            return Finding("I6 audit", True, self.town.central("audit").splitlines()[-1])
        except SetupError as error:
            return Finding("I6 audit", False, str(error))


def now_ms() -> int:
    return time.time_ns() // 1_000_000
