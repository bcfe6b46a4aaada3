"""Who is killed when: moments drawn from the seed, bound to how far the passages are, so that every kill happens."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tools.demo.processes import SetupError, Town

BROKER: Final = "broker"
COLLECTOR: Final = "collector"
# After the passage that a kill is bound to: more than a passage lasts, so that every moment of one is hit.
_SPREAD_S: Final = 3.0
_DEAD_S: Final = (0.2, 2.0)
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL, in wall time; `back_ms` when the process was started again."""

    target: str
    at_ms: int
    back_ms: int


class Killer:
    """Kills one process of the town again and again, in a thread of its own."""

    def __init__(self, town: Town, target: str, moments: list[int], seed: str, passages: Callable[[], int]) -> None:
        self.kills: list[Kill] = []
        self.failed = ""
        """Why what was killed did not start again; empty as long as it always did."""
        self._town = town
        self._target = target
        self._moments = moments
        self._chance = random.Random(seed)
        self._passages = passages
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kills {target}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Until the kills of all passages so far are over, and what was killed has been started again."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for moment in self._moments:
            while self._passages() < moment:
                if self._stop.wait(_POLL_S):
                    return
            time.sleep(self._chance.uniform(0.0, _SPREAD_S))
            at_ms = _now_ms()
            self._town.kill(self._target)
            time.sleep(self._chance.uniform(*_DEAD_S))
            try:
                self._start()
            except SetupError as error:
                self.failed = str(error)
                return
            self.kills.append(Kill(self._target, at_ms, _now_ms()))

    def _start(self) -> None:
        match self._target:
            case "broker":
                self._town.start_broker()
            case "collector":
                self._town.start_collector()
            case gate:
                self._town.start_gate(gate)


def moments(seed: str, kills: int, passages: int) -> list[int]:
    """After which passage of all to kill: spread over the whole run, one in each of as many equal parts."""
    chance = random.Random(seed)
    part = 0.95 * passages / max(1, kills)
    return [round(part * (number + chance.random())) for number in range(kills)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
