"""The gate's disk full, failing or read-only: nothing opens unrecorded by itself, people still can, and it heals."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from checkpoint.records import Fault, Note
from tools.chaos.people import Person
from tools.chaos.sides import pulses
from tools.demo.evidence import Kept, collector_records, gate_records
from tools.demo.processes import Town
from tools.demo.street import EXIT_BUTTON, Street, wait
from tools.faults.board import tile_shows
from tools.faults.disk import Image, command, copy_database, ext4, fill, small_disk
from tools.faults.disk_shim import DiskShim, compiler
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row
from tools.faults.rows import small_disk as may_mount

_GATE: Final = "gate-1"
# Until the screen says so, on a loaded machine.
_SHOWN_S: Final = 15.0
_ACT_S: Final = 15.0
_HEALED_S: Final = 30.0
# Somebody stands there for so long, and nothing opens.
_STANDS_S: Final = 3.0
# Room for the reserve of 16 MiB, which is taken while four times as much is free.
_SMALL_MIB: Final = 100
_MOST_PRIORITY: Final = 2


# --- rows ------------------------------------------------------------------------------------------------------------


def syncs_fail(lab: Lab) -> None:
    """G3: every fsync and fdatasync gives EIO from a moment on."""
    shim = _shimmed(lab)
    lab.start()
    lab.people(2)
    _suffer(lab, "disk_failing", lambda: shim.fail(errno.EIO, syncs_only=True), shim.heal)


def no_space_by_shim(lab: Lab) -> None:
    """G4: every call that changes the disk gives ENOSPC; not even deleting the reserve helps."""
    shim = _shimmed(lab)
    lab.start()
    lab.people(2)
    _suffer(lab, "disk_full", lambda: shim.fail(errno.ENOSPC), shim.heal)


def read_only_by_shim(lab: Lab) -> None:
    """G5: every call that changes the disk gives EROFS from a moment on."""
    shim = _shimmed(lab)
    lab.start()
    lab.people(2)
    _suffer(lab, "disk_failing", lambda: shim.fail(errno.EROFS), shim.heal)


def full(lab: Lab) -> None:
    """G4: a small disk is full while the collector is away: the reserve first, then nothing, then space comes back."""
    town = lab.build()
    data = town.gate_folder(_GATE) / "data"
    small_disk(lab, data, _SMALL_MIB)
    lab.start()
    lab.people(2)
    reserve = data / "reserve.bin"
    lab.check("reserve-held", reserve.exists())
    lab.proxies[_GATE].refuse()
    lab.people(2)
    ballast = fill(data)
    _write_until(town, lambda: lab.shows(_GATE, "disk_full"))
    lab.alarm(_GATE, "disk_full", _SHOWN_S)
    lab.check("reserve-given-back", not reserve.exists() and _recording(town))
    (person,) = lab.people(1, intent="resident")
    lab.check("still-decides", person.done, f"on what the reserve held, in {len(person.tries)} tries")
    unsent = {kept.key: kept.head for kept in lab.on_disk(_GATE)}

    def no_space() -> None:
        fill(data)
        _write_until(town, lambda: not _recording(town))

    def space() -> None:
        ballast.unlink()
        lab.proxies[_GATE].listen()

    _suffer(lab, "disk_full", no_space, space, drained=False)
    now = {kept.key: kept.head for kept in lab.on_disk(_GATE)}
    gone = [key[2] for key, head in unsent.items() if now.get(key) != head]
    lab.check("unsent-never-purged", not gone, f"{gone}" if gone else f"{len(unsent)} records held when it was full")
    lab.until("reserve-held-again", reserve.exists, _HEALED_S)


def read_only_at_start(lab: Lab) -> None:
    """G5: a gate starts on a disk that is mounted read-only, and goes on when it is writable."""
    town = lab.build()
    data = town.gate_folder(_GATE) / "data"
    Image(lab, lab.folder / "gate.img", data)
    lab.start()
    lab.people(2)

    def start_read_only() -> None:
        died_ms = now_ms()
        town.kill(_GATE)
        wait(lambda: _remount(data, "ro"), _ACT_S)
        lab.start_again(_GATE, died_ms)
        wait(lambda: bool(town.streets[_GATE].screen.page), _HEALED_S)

    _suffer(lab, "disk_failing", start_read_only, lambda: _remount(data, "rw"))


def read_only_while_running(lab: Lab) -> None:
    """G5: ext4 meets an error and turns read-only under the running gate; an operator repairs the disk and starts it.

    What the guard did meanwhile would be lost with the process, as documented; here nobody does anything.
    """
    town = lab.build()
    image = Image(lab, lab.folder / "gate.img", town.gate_folder(_GATE) / "data")
    lab.start()
    lab.people(2)

    def repair() -> None:
        died_ms = now_ms()
        os.kill(town.pid(_GATE), signal.SIGTERM)
        lab.until("ends-cleanly", lambda: town.ended(_GATE) == 0, _HEALED_S)
        image.repair()
        lab.start_again(_GATE, died_ms)

    _suffer(lab, "disk_failing", image.fail, repair, acts=False)


# --- what they share -------------------------------------------------------------------------------------------------


def _shimmed(lab: Lab) -> DiskShim:
    town = lab.build()
    shim = DiskShim(lab.folder, _GATE, town.gate_folder(_GATE) / "data")
    lab.at_end(shim.close)
    town.environment[_GATE] = shim.environment
    return shim


def _suffer(
    lab: Lab,
    fault: str,
    spoil: Callable[[], object],
    heal: Callable[[], object],
    *,
    acts: bool = True,
    drained: bool = True,
) -> None:
    """From working to spoilt and back, judged at each step.

    Without `acts` the process ends before it heals, and what it kept in memory with it, its fault too.
    Not `drained`: the collector is away, and can show nothing.
    """
    street = lab.town.streets[_GATE]
    if drained:
        lab.until("drained before", lambda: lab.waiting(_GATE) == 0, _HEALED_S)
    held = {kept.key: kept.head for kept in lab.on_disk(_GATE)}
    with lab.trouble():
        spoil()
        _stands_there(lab, street)
        lab.alarm(_GATE, fault, _SHOWN_S)
        if drained:
            lab.until("I4 told on the operators' page", lambda: tile_shows(lab, _GATE, fault), _SHOWN_S)
        if acts:
            _people_act(lab, street)
        held |= _heads(_seen_meanwhile(lab))
        heal()
        lab.until("records again by itself" if acts else "records again", lambda: _recording(lab.town), _HEALED_S)
    if acts:
        _acts_come_back(lab)
    lab.people(2)
    lab.heal()
    if acts:
        lab.cleared(_GATE, fault)
        kept = [kept.payload for kept in _stored(lab)]
        urgent = [one.priority for one in kept if isinstance(one, Fault) and one.name == fault]
        lab.check("urgent", urgent and max(urgent) <= _MOST_PRIORITY, f"priority {urgent}")
    now = [*lab.on_disk(_GATE), *_stored(lab)]
    reused = [f"{kept.key[1].hex()}/{kept.key[2]}" for kept in now if held.get(kept.key, kept.head) != kept.head]
    lab.check("number-never-reused", not reused, ", ".join(reused) or f"{len(held)} numbers seen before and meanwhile")
    lab.judge()


def _stands_there(lab: Lab, street: Street) -> None:
    """Somebody with a good pass, of whom nothing can be recorded: the screen says so, and nothing opens by itself."""
    before = len(pulses(street.wire_log))
    lab.entrances[_GATE].appear(Person(_GATE, "resident", lab.chance.randbytes(8)))
    lab.until("not-shown-as-recorded", lambda: street.screen.page and not _recording(lab.town), _SHOWN_S)
    lab.until("screen-FAULT", lambda: street.screen.lane().get("state") == "fault", _SHOWN_S)
    time.sleep(_STANDS_S)
    opened = len(pulses(street.wire_log)) - before
    lab.check("nothing-opens-by-itself", opened == 0, f"{opened} openings while somebody stood there")
    street.lower()
    street.forehead(None)
    street.step_away()
    street.wait_polled()


def _people_act(lab: Lab, street: Street) -> None:
    """A guard opens, and somebody leaves: both still work."""
    before = len(pulses(street.wire_log))
    street.guard_acts("open", "known_resident")
    lab.until("guard-opens", lambda: len(pulses(street.wire_log)) == before + 1, _ACT_S)
    wait(lambda: not street.is_open(), _ACT_S)
    street.press(EXIT_BUTTON)
    lab.until("way-out-opens", lambda: len(pulses(street.wire_log)) == before + 2, _ACT_S)
    wait(lambda: not street.is_open(), _ACT_S)


def _acts_come_back(lab: Lab) -> None:
    def notes() -> list[str]:
        found = [kept.payload for kept in lab.on_disk(_GATE) if kept.header.kind == "reconstructed"]
        return [note.code for note in found if isinstance(note, Note)]

    wait(lambda: len(notes()) >= 2, _HEALED_S)
    lab.check("acts-reconstructed", notes() == ["override", "egress"], f"{notes()}")


def _seen_meanwhile(lab: Lab) -> list[Kept]:
    """What the spoilt disk shows: a number given there must not be given again to something else."""
    try:
        return gate_records(copy_database(lab.outbox(_GATE), lab.folder / "meanwhile"))
    except sqlite3.Error:
        # Torn in the middle of a retry, which the next one will replace.
        return []


def _stored(lab: Lab) -> list[Kept]:
    return collector_records(lab.town.database, _GATE)


def _heads(records: list[Kept]) -> dict[tuple[str, bytes, int], bytes]:
    return {kept.key: kept.head for kept in records}


def _recording(town: Town) -> bool:
    return bool(town.streets[_GATE].screen.page.get("recording"))


def _write_until(town: Town, condition: Callable[[], bool]) -> None:
    """Small records, one after another: each acknowledgement of the guard is one."""
    until_s = time.monotonic() + _HEALED_S
    while not condition() and time.monotonic() < until_s:
        town.streets[_GATE].guard_acts("acknowledge", "")


def _remount(at: object, mode: str) -> bool:
    command("mount", "-o", f"remount,{mode}", str(at))
    return True


def _ext4_error() -> str:
    return ext4() or ("" if os.path.isdir("/sys/fs/ext4") else "this kernel has no ext4 in /sys/fs")


ROWS: Final = (
    Row("G3", "fsync and fdatasync fail", syncs_fail, "", compiler),
    Row("G4", "disk full: the reserve, then nothing", full, "tmpfs", may_mount),
    Row("G4", "every change of the disk: no space", no_space_by_shim, "shim", compiler),
    Row("G5", "disk read-only at the start", read_only_at_start, "start", ext4),
    Row("G5", "ext4 turns read-only while it runs", read_only_while_running, "run", _ext4_error),
    Row("G5", "every change of the disk: read-only", read_only_by_shim, "shim", compiler),
)
