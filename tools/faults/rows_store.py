"""The collector's disk full or failing: nothing is answered for, the gates hold their records, and it heals."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from central.store_health import CASE, STORE_FAILING
from tools.demo.evidence import collector_records
from tools.faults.board import operators_page
from tools.faults.disk import fill, small_disk
from tools.faults.disk_shim import DiskShim, compiler
from tools.faults.lab import Lab
from tools.faults.rows import Row
from tools.faults.rows import small_disk as may_mount

_GATE: Final = "gate-1"
_TOLD_S: Final = 30.0
_CLEARED_S: Final = 60.0
# Longer than an unanswered batch waits before it is sent again.
_LASTS_S: Final = 12.0
_SMALL_MIB: Final = 48


def full(lab: Lab) -> None:
    """A small disk is full, and later has space again."""
    town = lab.build()
    data = town.database.parent
    small_disk(lab, data, _SMALL_MIB)
    lab.start()
    _suffer(lab, lambda: fill(data), lambda: (data / "ballast").unlink())


def failing(lab: Lab) -> None:
    """Every write and sync gives EIO from a moment on."""
    town = lab.build()
    shim = DiskShim(lab.folder, "collector", town.database.parent)
    lab.at_end(shim.close)
    town.environment["collector"] = shim.environment
    lab.start()
    _suffer(lab, lambda: shim.fail(errno.EIO), shim.heal)


def _suffer(lab: Lab, spoil: Callable[[], object], heal: Callable[[], object]) -> None:
    lab.people(2)
    lab.until("drained before", lambda: lab.waiting(_GATE) == 0, _TOLD_S)
    spoil()
    lab.people(3)
    lab.until("I4 store_failing told to subscribers", lambda: _open(lab), _TOLD_S)
    lab.until("I4 store_failing on the operators' page", lambda: _on_page(lab), _TOLD_S)
    time.sleep(_LASTS_S)
    lab.people(1)
    lab.check("gates-hold", lab.waiting(_GATE) > 0, f"{lab.waiting(_GATE)} records wait at the gate")
    believed, stored = _believed(lab), {kept.key for kept in collector_records(lab.town.database, _GATE)}
    early = [number for key in believed - stored for number in key[2:]]
    lab.check("no-answer-for-what-is-not-stored", not early, f"{early}" if early else f"{len(believed)} answered for")
    lab.check("I4 store_failing still told", _open(lab) and _on_page(lab))
    lab.check("collector-lives", lab.town.ended("collector") is None, lab.town.tail("collector", 1)[:200])
    heal()
    lab.people(1)
    lab.heal()
    lab.until("I4 store_failing over for subscribers", lambda: not _open(lab), _CLEARED_S)
    lab.until("I4 store_failing gone from the page", lambda: not _on_page(lab), _TOLD_S)
    times = [case.times_opened for case in lab.cases("", STORE_FAILING)]
    lab.check("I4 store_failing told once", times == [1], f"told {times} times")
    lab.judge()


def _open(lab: Lab) -> bool:
    """Whether subscribers know of it now; each root of the tree has its own message, and here is one root."""
    return any(case.closed_ms is None for case in lab.cases("", STORE_FAILING))


def _on_page(lab: Lab) -> bool:
    return any(alarm["id"] == CASE for alarm in operators_page(lab).get("alarms", ()))


def _believed(lab: Lab) -> set[tuple[str, bytes, int]]:
    """What the gate takes for stored, by its own disk."""
    with closing(sqlite3.connect(f"file:{lab.outbox(_GATE)}?mode=ro", uri=True, timeout=10)) as connection:
        marks = connection.execute("SELECT epoch, watermark FROM epochs").fetchall()
    return {(_GATE, epoch, number) for epoch, mark in marks for number in range(1, mark + 1)}


ROWS: Final = (
    Row("C2", "the collector's disk is full", full, "full", may_mount),
    Row("C2", "every write of the collector gives EIO", failing, "shim", compiler),
)
