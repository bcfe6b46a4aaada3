"""The collector is killed at the worst moments of a batch, and at random ones."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Final

from tools.demo.street import wait
from tools.faults import told
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row, strace

# How long people pass until a collector under a tracer has come to the call at which it is killed.
_DIES_S: Final = 40.0
# Which call, and the first and last n for its n-th time in one thread. A batch takes about ten writes, one sync, and
# then two sends; the start of the program takes the first eight writes.
_CALLS: Final = (("pwrite64", 12, 90), ("fdatasync", 2, 9), ("sendto", 3, 20))
_ROUNDS: Final = 3
_RANDOM_KILLS: Final = 8
_SHOWN_S: Final = 15.0


def killed_at_a_call(lab: Lab) -> None:
    """In the middle of writing a batch, written but not synced, committed but not answered: each several times."""
    town = lab.build(2)
    lab.start()
    lab.people(1)
    calls = [call for call in _CALLS for _ in range(_ROUNDS)]
    lab.chance.shuffle(calls)
    points = [(name, lab.chance.randint(first, last)) for name, first, last in calls]
    ends: list[str] = []
    with lab.crowd():
        for name, nth in points:
            town.kill("collector")
            town.before["collector"] = _killed_at(name, nth, lab.folder / "trace")
            lab.start_again("collector", now_ms())
            died = wait(lambda: town.ended("collector") is not None, _DIES_S)
            ends.append(f"{name} {nth}: {town.ended('collector') if died else 'lived on'}")
        del town.before["collector"]
        died_ms = now_ms()
        town.kill("collector")
        lab.start_again("collector", died_ms)
    killed = sum(end.endswith(f": {-signal.SIGKILL}") for end in ends)
    lab.check("killed at the call", killed == len(points), "; ".join(ends))
    _all_is_told_once(lab)


def _killed_at(call: str, nth: int, log: Path) -> list[str]:
    # -D: the process keeps its own id, and strace stands beside it. No --seccomp-bpf: strace 6.1 then sends no signal.
    words = ["strace", "-D", "-f", "-qq", "-o", str(log), "-e", f"trace={call}"]
    return [*words, "-e", f"inject={call}:signal=KILL:when={nth}"]


def killed_at_random(lab: Lab) -> None:
    """Killed at moments drawn from the seed while two gates send."""
    lab.start(2)
    with lab.crowd():
        for _ in range(_RANDOM_KILLS):
            time.sleep(lab.chance.uniform(0.2, 2.5))
            lab.kill("collector", lab.chance.uniform(0.1, 1.0))
    _all_is_told_once(lab)


def _all_is_told_once(lab: Lab) -> None:
    lab.heal()
    told.check_events(lab)
    told.check_versions(lab)
    lab.judge()


ROWS: Final = (
    Row("C1", "killed within a batch, before and after its commit", killed_at_a_call, "strace", strace),
    Row("C1", "killed at random moments", killed_at_random, "random"),
)
