"""Hundreds of gates come back at once, each with a backlog: is every one served, and does everything add up?

Broker and collector are real processes. Each gate is a real outbox on disk and a real uplink with an MQTT connection of
its own; some dozens share a process. All of them have been trying to connect when the broker comes back.
"""

from __future__ import annotations

import json
import select
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from central.config import load_config
from central.enrol import enrol, write_enrolment
from central.registry import take_registry
from central.store.sqlite import SqliteStore
from edge.keys import create_key
from edge.outbox import Identity
from tools.demo.processes import Town
from tools.demo.street import wait
from tools.faults.backlog import make_backlog

# (grid, site) of the demo's tree, in turn.
_PLACES: Final = (("gardens-1", "garden"), ("gardens-2", "lakeside"))
_PER_PROCESS: Final = 50
# Long enough that every gate and the collector have tried to connect in vain.
_OUTAGE_S: Final = 6.0
_LIMIT_S: Final = 300.0


class StarvedError(RuntimeError):
    """Not every gate was served in time, or what is stored does not add up."""


def three_hundred(town: Town, gates: int = 300, records: int = 200, seed: int = 1) -> dict[str, Any]:
    """Give `gates` new gates a backlog of `records` each and let all come back at once.

    `town` is set up, without places of its own and not started. Returns seconds from the moment the broker listens
    again, memory of collector and broker in MiB, and what was found afterwards in the store. Raises StarvedError.
    """
    names = [f"many-{number:03}" for number in range(gates)]
    _enrol(town, names)
    total = sum(_backlog(town, name, records, seed + number) for number, name in enumerate(names))
    town.start_broker()
    town.start_collector()
    if not wait(lambda: "broker_connected" in town.tail("collector", 100), 30.0):
        raise StarvedError(f"the collector does not connect: {town.tail('collector')}")
    before = {name: _rss_mib(town.pid(name)) for name in ("collector",)}
    town.stop_broker()
    with _processes(town, names) as processes:
        time.sleep(_OUTAGE_S)
        town.start_broker()
        begun_s = time.monotonic()
        seen = [one for process in processes for one in _said(process, begun_s + _LIMIT_S)]
        collector_mib = {"before": before["collector"], "peak": _peak_mib(town.pid("collector"))}
        broker_mib = _peak_mib(town.pid("broker"))
    starved = [one["gate"] for one in seen if one["drained_s"] is None]
    if starved:
        raise StarvedError(f"{len(starved)} of {gates} gates still wait after {_LIMIT_S:.0f} s: {starved[:5]}")
    return {
        "gates": gates,
        "records_each": records,
        **_times(seen, begun_s, total),
        "collector_mib": collector_mib,
        "broker_peak_mib": broker_mib,
        "store": _store(town, names, total),
    }


def _times(seen: Sequence[dict[str, Any]], begun_s: float, total: int) -> dict[str, Any]:
    drained = [one["drained_s"] - begun_s for one in seen]
    return {
        "first_answer_s": _spread([one["first_answer_s"] - begun_s for one in seen]),
        "drained_s": _spread(drained),
        "longest_silence_s": _spread([one["longest_silence_s"] for one in seen]),
        "records_per_s": round(total / max(drained)),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    ranked = sorted(values)
    named = {"first": ranked[0], "median": statistics.median(ranked), "worst": ranked[-1]}
    return {name: round(value, 2) for name, value in named.items()}


def _enrol(town: Town, names: Sequence[str]) -> None:
    """As `guankou-central gate enrol` does, three hundred times in one process."""
    config = load_config(town.collector_file)
    with closing(SqliteStore(config.database)) as store:
        now_ms = time.time_ns() // 1_000_000
        registry = take_registry(config, store, now_ms)
        for number, name in enumerate(names):
            folder = town.gate_folder(name)
            folder.mkdir()
            grid, site = _PLACES[number % len(_PLACES)]
            public = create_key(folder / "gate.key")
            enrolled = enrol(config, store, registry, name, grid, site, public, now_ms)
            write_enrolment(folder / "enrolment.json", enrolled)


def _backlog(town: Town, name: str, records: int, seed: int) -> int:
    """Returns how many records wait, those of opening and closing included."""
    grid, site = _PLACES[seed % len(_PLACES)]
    path = town.gate_folder(name) / "outbox.db"
    make_backlog(path, Identity(name, grid, 1), records, seed, site=site, reserve_mib=0)
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])


@contextmanager
def _processes(town: Town, names: Sequence[str]) -> Iterator[list[subprocess.Popen[str]]]:
    with ExitStack() as stack:
        processes = []
        for start in range(0, len(names), _PER_PROCESS):
            some = names[start : start + _PER_PROCESS]
            command = [sys.executable, "-m", "tools.faults.hundreds", str(town.folder), str(town.broker_port), *some]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(_end, process)
            processes.append(process)
        for process in processes:
            if _pipe(process.stdout).readline() != "ready\n":
                raise StarvedError("a process of gates does not start; its words are on standard error")
        yield processes


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _said(process: subprocess.Popen[str], deadline_s: float) -> list[dict[str, Any]]:
    """What its gates saw; when time is over it is asked for what they have seen so far."""
    words = _pipe(process.stdout)
    if not select.select([words], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
        _pipe(process.stdin).close()
    said: list[dict[str, Any]] = json.loads(words.readline())
    return said


def _store(town: Town, names: Sequence[str], total: int) -> dict[str, Any]:
    """Read from outside: numbers without gaps, arrived in order, chains and counts right. Raises StarvedError."""
    with closing(sqlite3.connect(f"file:{town.database}?mode=ro", uri=True)) as database:
        stored = int(database.execute("SELECT count(*) FROM record").fetchone()[0])
        heard = int(database.execute("SELECT count(DISTINCT gate_no) FROM epoch").fetchone()[0])
        out_of_order = int(database.execute(_OUT_OF_ORDER).fetchone()[0])
    said = json.loads(town.central("audit", "--json"))
    if (stored, heard, out_of_order) != (total, len(names), 0):
        raise StarvedError(f"{stored} of {total} records of {heard} gates are stored, {out_of_order} out of order")
    if not said["ok"]:
        raise StarvedError(f"the audit finds faults: {[one['line'] for one in said['epochs'] if not one['ok']][:5]}")
    return {"records": stored, "gates": heard, "out_of_order": out_of_order, "audit_ok": True}


# A record that came in before the one that it follows.
_OUT_OF_ORDER: Final = """SELECT count(*) FROM record later JOIN record earlier
    ON earlier.epoch_id = later.epoch_id AND earlier.side = later.side AND earlier.number = later.number - 1
    WHERE earlier.id > later.id"""


def _rss_mib(pid: int) -> float:
    return _status_mib(pid, "VmRSS")


def _peak_mib(pid: int) -> float:
    return _status_mib(pid, "VmHWM")


def _status_mib(pid: int, field: str) -> float:
    """A line of /proc/PID/status, in MiB (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024, 1)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("no pipe")
    return pipe
