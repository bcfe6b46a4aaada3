"""The n-th write: each call by which a gate changes its disk is once the one it dies at, once the one that fails."""

from __future__ import annotations

import errno
import os
import signal
import statistics
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from checkpoint.records import Opened
from tools.demo.evidence import Kept, broken_chain, gate_records
from tools.demo.processes import SetupError
from tools.demo.street import wait
from tools.faults.disk import copy_database, torn
from tools.faults.disk_shim import DiskShim, compiler
from tools.faults.lab import Lab, now_ms
from tools.faults.rows import Row

_RESTART_MS: Final = 5000
_READY_S: Final = 60.0
_DRAIN_S: Final = 60.0
_END_S: Final = 30.0
# A phase is over when so many runs in a row met no fault: the uplink's writes come at their own times.
_CLEAN_RUNS: Final = 2
# More calls than any phase makes: reaching it means that the loop does not end.
_MOST_CALLS: Final = 400
_IN_TIME: Final = "restart-in-5-s"
# Half of the calls each, at the same time.
_GATES: Final = 2

Arm = Callable[[int], None]


@dataclass(slots=True)
class Told:
    """What gates went through: by phase the calls that were hit; how each start after a death went."""

    hit: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    kinds: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    restart_ms: list[int] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    not_ended: list[str] = field(default_factory=list)
    seen: dict[tuple[str, bytes, int], bytes] = field(default_factory=dict)
    """Every record that any copy of a disk held, with its head."""


class Victim:
    """One gate. Each of its phases is played with a fault at the n-th call, until it ends without having met it."""

    def __init__(self, lab: Lab, gate: str, shim: DiskShim, told: Told) -> None:
        self._lab = lab
        self._gate = gate
        self._shim = shim
        self._told = told

    def loop(self, name: str, play: Callable[[], None], arm: Arm, calls: Sequence[int]) -> None:
        """`play` with the fault at each of these calls, until some runs in a row never came so far."""
        clean = 0
        for call in calls:
            hits = self._shim.hits
            self._prepare(play)
            arm(call)
            play()
            hit = self._shim.hits > hits
            if hit:
                self._told.hit[name].append(call)
                self._told.kinds[self._shim.last_hit] += 1
            self._shim.heal()
            self.run_again()
            clean = 0 if hit else clean + 1
            if clean == _CLEAN_RUNS:
                return
        if calls[-1] + _GATES >= _MOST_CALLS:
            self._told.not_ended.append(f"{name} of {self._gate} after {calls[-1]} calls")

    # --- phases --------------------------------------------------------------------------------------------------

    def opening(self) -> None:
        """From the start of the process to its screen."""
        self._lab.town.start_gate(self._gate)
        self._until(self._ready, _READY_S)

    def passage(self) -> None:
        """Somebody comes and goes through, and all that is recorded of it is answered by the collector."""
        person = threading.Thread(target=self._lab.people, args=(1, self._gate, "resident"))
        person.start()
        self._until(lambda: not person.is_alive() and self._lab.waiting(self._gate) == 0, _DRAIN_S)
        if self._dead():
            # Whoever stood there when it died comes again, to the gate that was started again.
            self.run_again()
        person.join()

    def closing(self) -> None:
        """From SIGTERM to the end of the process."""
        os.kill(self._lab.town.pid(self._gate), signal.SIGTERM)
        self._until(lambda: False, _END_S)

    # --- the process ---------------------------------------------------------------------------------------------

    def _prepare(self, play: Callable[[], None]) -> None:
        if play == self.opening and not self._dead():
            self.closing()

    def run_again(self) -> None:
        """Started if it is dead: in time, on a whole database, with a new epoch that names the old one."""
        if not self._dead():
            return
        died_ms = now_ms()
        before = self._look()
        began_ms = now_ms()
        self._lab.start_again(self._gate, died_ms)
        if not wait(self._ready, _READY_S):
            raise SetupError(f"{self._gate} did not start again: {self._lab.town.tail(self._gate)}")
        epochs = {kept.header.epoch for kept in before}
        opened = next(kept for kept in self._lab.on_disk(self._gate) if kept.header.epoch not in epochs)
        self._told.restart_ms.append(opened.header.at - began_ms)
        if _parent(opened) != (before[-1].header.epoch, before[-1].header.number, before[-1].head):
            self._told.orphaned.append(f"{opened.header.epoch.hex()} does not name {before[-1].header.epoch.hex()}")

    def _look(self) -> list[Kept]:
        """What a disk holds on which nobody works; torn if SQLite or the chain says so."""
        copy = copy_database(self._lab.outbox(self._gate), self._lab.folder / f"{self._gate}-copy")
        found = gate_records(copy)
        self._told.seen.update({kept.key: kept.head for kept in found})
        self._told.torn += [why for why in (broken_chain(found), torn(copy)) if why]
        return found

    def _until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Until it is so or the process is dead."""
        if not wait(lambda: self._dead() or condition(), timeout_s):
            raise SetupError(f"{self._gate} did nothing for {timeout_s:g} s: {self._lab.town.tail(self._gate)}")

    def _dead(self) -> bool:
        return self._lab.town.ended(self._gate) is not None

    def _ready(self) -> bool:
        screen = self._lab.town.streets[self._gate].screen
        return screen.lane().get("state") == "wait" and bool(screen.page.get("recording"))


def _parent(opened: Kept) -> tuple[bytes | None, int, bytes]:
    payload = opened.payload
    assert isinstance(payload, Opened)  # noqa: S101 - the first record of every epoch
    return payload.previous_epoch, payload.previous_last, payload.previous_head


# --- rows ------------------------------------------------------------------------------------------------------------


def killed(lab: Lab) -> None:
    """SIGKILL at every call, in every phase of the daemon's life."""
    _play(lab, lambda shim: {"kill": shim.kill_at})


def failing(lab: Lab) -> None:
    """EIO and ENOSPC at every call: nothing is lost, and nobody has to start it again."""
    _play(
        lab,
        lambda shim: {
            "EIO": lambda call: shim.fail_at(call, errno.EIO),
            "ENOSPC": lambda call: shim.fail_at(call, errno.ENOSPC),
        },
    )


def short(lab: Lab) -> None:
    """SIGKILL at some calls of each phase, for a test that takes half a minute."""
    told = Told()
    (shim,) = _start(lab, 1).values()
    victim = Victim(lab, lab.gates[0], shim, told)
    lab.people(1)
    for play, calls in ((victim.opening, (7, 19)), (victim.passage, (1, 6)), (victim.closing, (3,))):
        victim.loop(f"kill {play.__name__}", play, shim.kill_at, calls)
    lab.people(1)
    lab.heal()
    _tell(lab, told)
    lab.judge()
    # How long a start takes says as much of a busy machine: the long loop judges that.
    lab.findings = [finding for finding in lab.findings if finding.name != _IN_TIME]


def _start(lab: Lab, gates: int) -> dict[str, DiskShim]:
    """A running town, and the shim in each of its gates."""
    town = lab.build(gates)
    shims = {}
    for gate in lab.gates:
        shims[gate] = shim = DiskShim(lab.folder, gate, town.gate_folder(gate) / "data")
        lab.at_end(shim.close)
        town.environment[gate] = shim.environment
    lab.start()
    return shims


def _play(lab: Lab, faults: Callable[[DiskShim], dict[str, Arm]]) -> None:
    told = Told()
    shims = _start(lab, _GATES)

    def suffer(number: int, gate: str) -> None:
        lab.people(1, gate)
        victim = Victim(lab, gate, shims[gate], told)
        for name, arm in faults(shims[gate]).items():
            calls = range(1 + number, _MOST_CALLS, _GATES)
            victim.loop(f"{name} opening", victim.opening, arm, calls)
            victim.loop(f"{name} passage", victim.passage, arm, calls)
            victim.loop(f"{name} closing", victim.closing, arm, calls)
        lab.people(1, gate)

    with ThreadPoolExecutor(_GATES) as pool:
        list(pool.map(suffer, range(_GATES), lab.gates))
    lab.heal()
    _tell(lab, told)
    lab.judge()


def _tell(lab: Lab, told: Told) -> None:
    hit = {name: sorted(calls) for name, calls in told.hit.items()}
    words = ", ".join(f"{name} {len(calls)} (last {calls[-1]})" for name, calls in sorted(hit.items()))
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(told.kinds.items()))
    lab.check("every-call-met", hit and not told.not_ended, "; ".join([words, kinds, *told.not_ended]))
    times = sorted(told.restart_ms)
    slow = [ms for ms in times if ms > _RESTART_MS]
    median = statistics.median(times) if times else 0
    lab.check(
        _IN_TIME,
        not slow,
        f"{len(times)} starts, median {median / 1000:.1f} s, worst {times[-1] / 1000 if times else 0:.1f} s"
        " from exec to the new epoch on disk",
    )
    lab.check("new-epoch-names-the-old", not told.orphaned, "; ".join(told.orphaned[:3]) or f"{len(times)} epochs")
    lab.check("database-whole", not told.torn, "; ".join(told.torn[:3]) or f"{len(times)} disks read after a death")
    now = {kept.key: kept.head for gate in lab.gates for kept in lab.on_disk(gate)}
    gone = [f"{key[1].hex()}/{key[2]}" for key, head in told.seen.items() if now.get(key) != head]
    lab.check("nothing-gone", not gone, "; ".join(gone[:3]) or f"{len(told.seen)} records seen on these disks")


ROWS: Final = (
    Row("G1", "SIGKILL at its n-th write or sync, for every n", killed, "kill", compiler, limit_s=900),
    Row("G1", "SIGKILL at some of its writes", short, "short", compiler),
    Row("G1", "EIO and ENOSPC at its n-th write or sync", failing, "errors", compiler, limit_s=900),
)
