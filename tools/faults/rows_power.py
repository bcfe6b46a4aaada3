"""Power cuts: what a disk holds at a random moment, and what becomes of a program that goes on from there."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Final, Protocol

from checkpoint.records import Opened
from tools.chaos.judge import judge_side
from tools.chaos.kills import Kill
from tools.chaos.sides import Pulse, Side, pulses
from tools.demo.evidence import Kept, broken_chain, collector_records, gate_records
from tools.demo.street import wait
from tools.faults.disk import Folder, Image, command, ext4, torn
from tools.faults.disk_shim import DiskShim, compiler
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row

_POINTS: Final = 20
# At these points the machine does not go on: it starts on what the copy holds.
_CONTINUED: Final = (5, 12, 19)
_BETWEEN_S: Final = (0.1, 1.4)
_GATE: Final = "gate-1"
_COLLECTOR: Final = "collector"
_STOPPED_S: Final = 5.0
_NAMED_S: Final = 30.0


class Disk(Protocol):
    """Where a process keeps its data, and what a power cut would leave of it now."""

    at: Path

    def copy(self, to: Path) -> None: ...
    def look_into(self, copy: Path) -> AbstractContextManager[Path]: ...
    def replace_by(self, copy: Path) -> None: ...


# What is wrong with a copy: given the folder that it shows.
Judge = Callable[[Path], list[str]]


def gate(lab: Lab) -> None:
    """The gate's disk at 20 moments while people come."""
    _cut_gate(lab, lambda data: Image(lab, lab.folder / "gate.img", data))


def gate_files(lab: Lab) -> None:
    """The same with files alone."""
    _cut_gate(lab, Folder)


def collector(lab: Lab) -> None:
    """The collector's disk at 20 moments while records come."""
    _cut_collector(lab, lambda data: Image(lab, lab.folder / "collector.img", data))


def collector_files(lab: Lab) -> None:
    """The same with files alone."""
    _cut_collector(lab, Folder)


def _cut_gate(lab: Lab, disk_at: Callable[[Path], Disk]) -> None:
    """Whatever the relay did, and whatever the collector has, is on each copy of the gate's disk."""
    town = lab.build()
    disk = disk_at(town.gate_folder(_GATE) / "data")
    lab.start()

    def judged(died_ms: int) -> Judge:
        # Nothing comes from the gate meanwhile, so all that is there now was there before the cut.
        acted = pulses(town.streets[_GATE].wire_log)
        stored = collector_records(town.database, _GATE)
        return lambda at: _wrong_at_gate(lab, at, died_ms, acted, stored)

    lab.people(2)
    with lab.crowd():
        _cut_again_and_again(lab, _GATE, disk, judged)
    lab.heal()
    lab.judge()


def _wrong_at_gate(lab: Lab, at: Path, died_ms: int, acted: list[Pulse], stored: list[Kept]) -> list[str]:
    found = gate_records(at / "outbox.db")
    heads = {kept.key: kept.head for kept in found}
    cut = Kill(_GATE, died_ms, died_ms + 10_000)
    side = Side(_GATE, "", found, [], acted, lab.entrances[_GATE].people, [cut])
    (openings,) = [finding for finding in judge_side(side) if finding.name.startswith("I7")]
    return [
        *(why for why in (broken_chain(found), torn(at / "outbox.db")) if why),
        *([] if openings.ok else [openings.detail]),
        *(f"{kept.key[2]} is stored and not on disk" for kept in stored if heads.get(kept.key) != kept.head),
    ]


def _cut_collector(lab: Lab, disk_at: Callable[[Path], Disk]) -> None:
    """Whatever a gate was told to be stored, and whatever subscribers heard of, is on each copy of its disk."""
    town = lab.build()
    disk = disk_at(town.database.parent)
    lab.start()

    def judged(_died_ms: int) -> Judge:
        marks = _watermarks(lab.outbox(_GATE))
        heard = [item.body["id"] for item in lab.history.heard if item.body and "/passage/" in item.topic]
        told = [kept for kept in lab.on_disk(_GATE) if kept.header.number <= marks[kept.header.epoch]]
        return lambda at: _wrong_at_collector(at, told, heard)

    lab.people(2)
    with lab.crowd():
        _cut_again_and_again(lab, _COLLECTOR, disk, judged)
    lab.heal()
    lab.judge()


def _wrong_at_collector(at: Path, told: list[Kept], heard: list[str]) -> list[str]:
    found = collector_records(at / "central.db", _GATE)
    heads = {kept.key: kept.head for kept in found}
    names = {f"{name}/{epoch.hex()}/{number}" for name, epoch, number in heads}
    return [
        *(why for why in (broken_chain(found), torn(at / "central.db")) if why),
        *(f"{kept.key[2]} was answered for and is not there" for kept in told if heads.get(kept.key) != kept.head),
        *(f"{name} was published and is not there" for name in heard if name not in names),
    ]


def _watermarks(outbox: Path) -> dict[bytes, int]:
    """What this gate believes to be stored of each epoch."""
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=10)) as connection:
        return dict(connection.execute("SELECT epoch, watermark FROM epochs").fetchall())


# --- one cut ---------------------------------------------------------------------------------------------------------


def _cut_again_and_again(lab: Lab, name: str, disk: Disk, judged: Callable[[int], Judge]) -> None:
    wrong: list[str] = []
    restart_ms = []
    for point in range(_POINTS):
        time.sleep(lab.chance.uniform(*_BETWEEN_S))
        copy = lab.folder / f"{name}-{point}.cut"
        pid = lab.town.pid(name)
        _stop(pid)
        died_ms = now_ms()
        try:
            disk.copy(copy)
            judge = judged(died_ms)
        finally:
            if point in _CONTINUED:
                lab.town.kill(name)
            else:
                os.kill(pid, signal.SIGCONT)
        if point in _CONTINUED:
            disk.replace_by(copy)
            kill = lab.start_again(name, died_ms)
            restart_ms.append(kill.back_ms - died_ms)
        with disk.look_into(copy) as at:
            wrong += [f"point {point}: {why}" for why in _judged(judge, at)]
        command("rm", "-r", str(copy))
    lab.check("all-that-was-told-is-on-disk", not wrong, "; ".join(wrong[:4]) or f"{_POINTS} copies of {name}'s disk")
    lab.check("goes-on-from-a-copy", len(restart_ms) == len(_CONTINUED), f"{len(restart_ms)} times")


def _judged(judge: Judge, at: Path) -> list[str]:
    try:
        return judge(at)
    except sqlite3.Error as error:
        return [f"can't be read: {error}"]


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    wait(lambda: all(") T " in (task / "stat").read_text() for task in tasks.iterdir()), _STOPPED_S)


# --- a disk that lies ------------------------------------------------------------------------------------------------


def lying(lab: Lab) -> None:
    """fsync says that all is well and does nothing, then the power goes: what the collector has is not missed, what the
    gate lost of it is named exactly, and nothing collides. What nobody else had is lost, as documented.
    """
    town = lab.build()
    disk = Image(lab, lab.folder / "gate.img", town.gate_folder(_GATE) / "data")
    shim = DiskShim(lab.folder, _GATE, disk.at)
    lab.at_end(shim.close)
    town.environment[_GATE] = shim.environment
    lab.start()
    lab.people(2)
    command("sync", "--file-system", str(disk.at))
    disk.keep_back()
    shim.lie()
    lab.people(3, intent="resident")
    lab.until("drained before the cut", lambda: lab.waiting(_GATE) == 0, 20.0)
    lab.proxies[_GATE].refuse()
    # Refused, so that no opening on the wire stands without the record that is lost with them.
    lab.entrances[_GATE].somebody("expired")
    held = lab.on_disk(_GATE)
    _stop(town.pid(_GATE))
    died_ms = now_ms()
    copy = lab.folder / "lied.cut"
    disk.copy(copy)
    stored = {kept.key for kept in collector_records(town.database, _GATE)}
    town.kill(_GATE)
    shim.heal()
    disk.replace_by(copy)
    left = lab.on_disk(_GATE)
    lab.proxies[_GATE].listen()
    lab.start_again(_GATE, died_ms)
    lab.people(2)
    _named(lab, held, left, stored)
    lab.heal()
    lab.judge()


def _named(lab: Lab, held: list[Kept], left: list[Kept], stored: set[tuple[str, bytes, int]]) -> None:
    kept_keys = {kept.key for kept in left}
    lost = [kept for kept in held if kept.key not in kept_keys]
    known = [kept for kept in lost if kept.key in stored]
    lab.remembered[_GATE] = known
    lab.check("disk-lied", known and len(known) < len(lost), f"{len(lost)} records lost, {len(known)} of them stored")
    last = left[-1]
    wanted = f"the gate no longer holds {last.header.number + 1}..{known[-1].header.number}" if known else "?"
    wait(lambda: wanted in _details(lab, "rollback"), _NAMED_S)
    lab.check(
        "loss-named-exactly", _details(lab, "rollback") == [wanted], f"{wanted}; told: {_details(lab, 'rollback')}"
    )
    epochs = {kept.header.epoch for kept in left}
    opened = next(kept for kept in lab.on_disk(_GATE) if kept.header.epoch not in epochs)
    assert isinstance(opened.payload, Opened)  # noqa: S101 - the first record of every epoch
    parent = (opened.payload.previous_epoch, opened.payload.previous_last, opened.payload.previous_head)
    lab.check("new-epoch-names-its-parent", parent == (last.header.epoch, last.header.number, last.head))
    heads = {kept.key: kept.head for kept in held}
    now = [*lab.on_disk(_GATE), *collector_records(lab.town.database, _GATE)]
    reused = [kept.key[2] for kept in now if heads.get(kept.key, kept.head) != kept.head]
    lab.check("number-never-reused", not reused, f"{reused}" if reused else f"{len(held)} numbers given before the cut")


def _details(lab: Lab, name: str) -> list[str]:
    """What subscribers were told of the collector's own findings of this name."""
    bodies = [item.body for item in lab.history.heard if item.body and "/escalation/" in item.topic]
    return sorted({body["detail"] for body in bodies if body["name"] == name})


def _lab_and_compiler() -> str:
    return ext4() or compiler()


ROWS: Final = (
    Row("G2", "power cut at the gate, 20 moments", gate, "gate", ext4),
    Row("G2", "the gate's files at 20 moments", gate_files, "gate-files"),
    Row("G2", "power cut at the collector, 20 moments", collector, "collector", ext4),
    Row("G2", "the collector's files at 20 moments", collector_files, "collector-files"),
    Row("G2", "power cut after fsync lied", lying, "lying", _lab_and_compiler),
)
