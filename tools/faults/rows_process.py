"""Faults of the processes themselves: too little memory, files or processor time, and threads that hang."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from checkpoint.records import Fault
from tools.faults.hang import can_hang, has_ended, hung, thread_ids
from tools.faults.lab import Lab, now_ms
from tools.faults.manager import ServiceManager
from tools.faults.rows import Row

_WATCHDOG_S: Final = 8.0
# Long enough that the gate's own judgement comes first.
_PATIENT_S: Final = 60.0
# The core may be silent for 15 s, a board's thread for 8: the limits of docs/threads.md.
_CORE_ENDS_S: Final = 40.0
_REPLACED_S: Final = 40.0
_BACK_S: Final = 40.0
_HOGS: Final = 4


def _managed(lab: Lab, name: str, watchdog_s: float) -> ServiceManager:
    lab.build()
    manager = ServiceManager(lab, name, watchdog_s)
    lab.start()
    manager.watch()
    return manager


def stopped(lab: Lab, name: str) -> None:
    """The process stands still: its watchdog falls silent, and whoever manages it starts it again."""
    manager = _managed(lab, name, _WATCHDOG_S)
    lab.until("says-ready", lambda: manager.said("READY=1"), _BACK_S)
    lab.people(2)
    with lab.trouble():
        os.kill(lab.town.pid(name), signal.SIGSTOP)
        lab.until("started-again", lambda: manager.restarts == ["watchdog"], _WATCHDOG_S + _BACK_S)
        lab.heal()
    lab.people(2)
    lab.heal()
    lab.judge()


def hung_core(lab: Lab) -> None:
    """Only the thread that decides hangs: the gate ends itself, tells why after its restart, and nothing opens."""
    manager = _managed(lab, "gate-1", _PATIENT_S)
    lab.people(2)
    pid = lab.town.pid("gate-1")
    with lab.trouble():
        began_ms = now_ms()
        with hung(thread_ids(pid)["core"]):
            lab.entrances["gate-1"].somebody()
            lab.until("ends-itself", partial(has_ended, pid), _CORE_ENDS_S)
        pulses = [pulse for pulse in lab.side("gate-1").pulses if pulse.from_ms >= began_ms]
        lab.check("I5 closed while it hangs", not pulses, f"{len(pulses)} openings")
        lab.until("started-again", lambda: manager.restarts == ["exit 4"], _BACK_S)
        lab.heal()
    lab.check("I4 told after the restart", "gate_hung" in _faults(lab), f"{_faults(lab)}")
    lab.people(2)
    lab.heal()
    lab.judge()


def hung_board(lab: Lab) -> None:
    """The thread of the relay board hangs: a fresh one takes its place, and the old one never moves anything again."""
    lab.start()
    lab.people(2)
    with lab.trouble():
        with hung(thread_ids(lab.town.pid("gate-1"))["board-relay"]):
            # It may be over before a page shows it: a fresh thread is well within a moment.
            lab.until("I4 thread_hung recorded at gate-1", lambda: "thread_hung" in _faults(lab), _REPLACED_S)
            lab.until("ready-again", lambda: _ready(lab), _REPLACED_S)
            during = lab.entrances["gate-1"].somebody()
            lab.check("opens-by-the-fresh-thread", during.done, f"answered {during.tries[-1].answer!r}")
        lab.heal()
    lab.people(2)
    lab.heal()
    lab.cleared("gate-1", "thread_hung")
    lab.judge()


def _faults(lab: Lab) -> list[str]:
    """Names of the faults on the gate's disk."""
    return [kept.payload.name for kept in lab.on_disk("gate-1") if isinstance(kept.payload, Fault)]


def _ready(lab: Lab) -> bool:
    return lab.town.streets[lab.place("gate-1").street].screen.lane().get("state") == "wait"


# --- too little of something -----------------------------------------------------------------------------------------


def starved(lab: Lab, limit: int, most: Callable[[int], int]) -> None:
    """A running gate gets no more of something; what it needs for people it has already, or it ends and comes back."""
    manager = _managed(lab, "gate-1", _WATCHDOG_S)
    lab.people(2)
    pid = lab.town.pid("gate-1")
    before = resource.prlimit(pid, limit)
    with lab.trouble():
        resource.prlimit(pid, limit, (most(pid), before[1]))
        ends = [threading.Thread(target=_look, args=(lab,), daemon=True) for _ in range(4)]
        for end in ends:
            end.start()
        people = [lab.entrances["gate-1"].somebody() for _ in range(3)]
        for end in ends:
            end.join()
        if not manager.restarts:
            resource.prlimit(pid, limit, before)
        lab.heal()
    served = sum(person.done for person in people)
    lab.check("goes-on", True, f"{served} of 3 served meanwhile; started again: {manager.restarts or 'no'}")
    lab.people(2)
    lab.heal()
    lab.judge()


def _look(lab: Lab) -> None:
    """One more page wants to be served: a connection and its buffers."""
    port = lab.town.gate_ports["gate-1"]
    subprocess.run(
        [sys.executable, "-c", _LOOKER.format(port=port)], check=False, capture_output=True, timeout=20
    )  # fmt: skip


_LOOKER: Final = """
import http.client
for _ in range(20):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", {port}, timeout=2)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
    except OSError:
        pass
"""


def _address_space(pid: int) -> int:
    """What it has now, in bytes (proc(5), first field of statm, in pages)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir())) + 1


def hogged(lab: Lab) -> None:
    """Other programs want every core, several times over: people wait longer, and everybody is served."""
    manager = _managed(lab, "gate-1", _PATIENT_S)
    lab.people(2)
    with _hogs():
        lab.people(5)
        lab.check("watchdog-not-fooled", not manager.restarts, f"started again: {manager.restarts or 'no'}")
    lab.people(1)
    lab.heal()
    lab.judge()


@contextmanager
def _hogs() -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(_HOGS)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def tracing() -> str:
    """Whether single threads can be stopped here."""
    return "" if can_hang() else "this machine does not let a thread be stopped (CAP_SYS_PTRACE)"


ROWS: Final = (
    Row("G15", "no more memory", partial(starved, limit=resource.RLIMIT_AS, most=_address_space), "memory"),
    Row("G15", "no more open files", partial(starved, limit=resource.RLIMIT_NOFILE, most=_open_files), "files"),
    Row("G15", "other programs take every core", hogged, "cpu"),
    Row("G16", "the gate stands still", partial(stopped, name="gate-1"), "stopped"),
    Row("G16", "the collector stands still", partial(stopped, name="collector"), "collector"),
    Row("G16", "the core's thread hangs", hung_core, "core", missing=tracing),
    Row("G16", "the relay board's thread hangs", hung_board, "board", missing=tracing),
)
