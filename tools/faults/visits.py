"""Somebody at a gate with whatever its readers take; and what a device's outage has to look like from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from central.keys import load_key
from checkpoint.records import Cleared, Fault, Verdict
from tools.chaos.sides import pulses
from tools.demo.office import Office
from tools.demo.processes import SetupError
from tools.demo.street import CROSSING, EXIT_BUTTON, Street, wait
from tools.faults.holders import Came
from tools.faults.lab import Lab

OPEN: Final = "open all_ok"
HEALTHY_C: Final = 36.3
# What is promised of every device; the rest is the way to the guard's page.
NOTICED_S: Final = 3.0
BACK_S: Final = 3.0
PAGE_S: Final = 1.0
_CALLED_S: Final = 20.0
_READY_S: Final = 40.0
_ANSWER_S: Final = 15.0
_BUTTON_S: Final = 3.0
_TAP_S: Final = 0.3
# Nobody follows closer: a presence holds a moment after its sensor lets go.
_DISTANCE_S: Final = 0.5


def nothing() -> None:
    """Somebody who takes nothing away again."""


class Visits:
    """People at one gate of a town that runs."""

    def __init__(self, lab: Lab, gate: str = "gate-1") -> None:
        self._lab = lab
        self.gate = gate
        self.street: Street = lab.town.streets[lab.place(gate).street]
        self.office = Office(load_key(lab.town.folder / "central" / "keys", "issuer"))
        self.site = lab.place(gate).site

    @property
    def openings(self) -> int:
        """What the wire of the gate's barrier has seen so far."""
        return len(pulses(self.street.wire_log))

    def comes(
        self, show: Callable[[], object], then: Callable[[], object] = nothing, limit_s: float = _ANSWER_S
    ) -> Came:
        """One visit: `show` what there is to show, `then` take it away again; walk through if it opens."""
        self.steps_in()
        known, began_s = len(self._verdicts()), time.monotonic()
        show()
        answer = self.street.wait_answer(limit_s)
        took_s = time.monotonic() - began_s
        then()
        self.leaves(crossing=answer == "open")
        if not wait(lambda: len(self._verdicts()) > known, _ANSWER_S):
            raise SetupError(f"{self.gate} decided nothing of somebody who saw {answer or 'nothing'!r}")
        return Came(answer, self._verdicts()[known], took_s)

    def expect(self, what: str, words: str, show: Callable[[], object], then: Callable[[], object] = nothing) -> Came:
        """A named assertion: somebody comes and meets with this answer and reason."""
        came = self.comes(show, then)
        told = ", ".join(f"{check.check} {check.result} {check.reason}" for check in came.verdict.checks)
        self._lab.check(what, came.words == words, f"{came.words} after {came.took_s:.1f} s ({told})")
        return came

    def steps_in(self) -> None:
        """Somebody stands there, with a healthy forehead, as soon as the one before is gone."""
        if not wait(lambda: self.street.screen.lane().get("state") in ("wait", "fault"), _READY_S):
            raise SetupError(f"{self.gate} is not ready: {self._lab.town.tail(self.gate)}")
        self.street.wait_polled()
        self.street.step_in()
        self.street.wait_polled()
        self.street.forehead(HEALTHY_C)

    def leaves(self, crossing: bool = False) -> None:
        self.street.lower()
        self.street.forehead(None)
        if crossing:
            self.street.press(CROSSING, _TAP_S)
        self.street.step_away()
        self.street.wait_polled()
        time.sleep(_DISTANCE_S)

    def stands_there(self, what: str, for_s: float, meanwhile: Callable[[], object] = nothing) -> None:
        """I5: somebody with no pass stands there for a while, and is not let in."""
        before = self.openings
        self.steps_in()
        meanwhile()
        time.sleep(for_s)
        self.leaves()
        self._lab.check(f"I5 {what} at {self.gate}", self.openings == before)

    def way_out(self) -> None:
        """Somebody inside presses the button and goes, whatever else the gate can do."""
        pressing = threading.Thread(target=self.street.press, args=(EXIT_BUTTON, _TAP_S))
        pressing.start()
        opened = self.street.wait_open(_BUTTON_S)
        pressing.join()
        self.street.press(CROSSING, _TAP_S)
        self._lab.check(f"the way out is free at {self.gate}", opened)

    def pulled(self, fault: str, pull: Callable[[], object], within_s: float = NOTICED_S) -> None:
        """I4: shown in time, and the office is told."""
        pull()
        self._lab.alarm(self.gate, fault, within_s + PAGE_S)

    def put_back(self, fault: str, put: Callable[[], object], within_s: float = BACK_S) -> None:
        """I4: gone in time once it is back."""
        put()
        name = f"I4 {fault} gone at {self.gate}"
        self._lab.until(name, lambda: not self._lab.shows(self.gate, fault), within_s + PAGE_S)

    def told_once(self, fault: str) -> None:
        """I4: called at the office, on record once with its end, and no case stays open."""
        self._lab.called(self.gate, fault, _CALLED_S)
        self._lab.cleared(self.gate, fault)

    def _verdicts(self) -> list[Verdict]:
        return [kept.payload for kept in self._lab.on_disk(self.gate) if isinstance(kept.payload, Verdict)]


def at_each(lab: Lab, act: Callable[[str], object]) -> None:
    """The same at every gate, at the same time."""
    with ThreadPoolExecutor(len(lab.gates)) as pool:
        list(pool.map(act, lab.gates))


def finish(lab: Lab) -> None:
    """Everything is whole again: it drains, every fault has its end, and the invariants hold."""
    lab.heal()
    for gate in lab.gates:
        _told_once_each(lab, gate)
    lab.judge()


def _told_once_each(lab: Lab, gate: str) -> None:
    def counts() -> tuple[int, int]:
        payloads = [kept.payload for kept in lab.on_disk(gate)]
        return sum(isinstance(one, Fault) for one in payloads), sum(isinstance(one, Cleared) for one in payloads)

    def over() -> bool:
        begun, ended = counts()
        return begun == ended and all(case.closed_ms for case in lab.history.cases(gate))

    wait(over, 30.0)
    lab.check(f"I4 faults of {gate} over", over(), f"(begun, ended) = {counts()}")
