"""The faults of a soak: each breaks one part for a while, and mends it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.demo.processes import SetupError
from tools.demo.street import Street, wait
from tools.faults.disk_shim import DiskShim
from tools.faults.lab import Lab, now_ms

_READY_S: Final = 40.0
_STOPS_S: Final = 20.0
_SLOW_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Act:
    """`play(target, for_s)` returns when the part is mended again."""

    play: Callable[[str, float], None]


class Parts:
    """The town's parts as faults see them."""

    def __init__(self, lab: Lab, disks: Mapping[str, DiskShim]) -> None:
        self.disks = disks
        self._lab = lab
        self._backup: Path | None = None
        self._backups = 0

    @property
    def _processes(self) -> list[str]:
        return [*self._lab.gates, "collector", "broker"]

    def revive(self) -> None:
        """Start whatever has ended by itself, as a service manager would."""
        for name in self._processes:
            self._revive(name)

    def _revive(self, name: str) -> None:
        if self._lab.town.ended(name) is not None:
            died_ms = now_ms()
            self._lab.town.kill(name)
            self._lab.start_again(name, died_ms)

    @contextlib.contextmanager
    def _trouble(self, name: str) -> Iterator[None]:
        """At a gate nobody can expect to be served from now on until it asks for a pass again."""
        if name not in self._lab.gates:
            yield
            return
        began_ms, held = now_ms(), self._lab.troubles_at.setdefault(name, [])
        # Open at first: whoever judges in between would else find nothing.
        held.append((began_ms, began_ms + 10**9))
        try:
            yield
            self._revive(name)
            street = self._street(name)
            wait(lambda: street.screen.lane().get("state") == "wait", _READY_S)
        finally:
            held[-1] = (began_ms, now_ms())

    def _street(self, gate: str) -> Street:
        return self._lab.town.streets[self._lab.place(gate).street]

    # --- processes -----------------------------------------------------------------------------------------------

    def kill(self, name: str, for_s: float) -> None:
        self._lab.kill(name, for_s / 3)

    def stop(self, name: str, for_s: float) -> None:
        pid = self._lab.town.pid(name)
        with self._trouble(name):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(for_s)
            os.kill(pid, signal.SIGCONT)
        self._revive(name)

    def forget(self, name: str, for_s: float) -> None:
        """The broker loses all that it keeps."""
        died_ms = now_ms()
        self._lab.town.kill(name)
        for file in (self._lab.town.folder / "broker").glob("*.db"):
            file.unlink()
        time.sleep(for_s / 3)
        self._lab.start_again(name, died_ms)

    # --- lines ---------------------------------------------------------------------------------------------------

    def silent(self, name: str, for_s: float) -> None:
        self._lab.proxies[name].line.silent = True
        time.sleep(2 * for_s)
        self._lab.proxies[name].line.silent = False

    def refuse(self, name: str, for_s: float) -> None:
        self._lab.proxies[name].refuse()
        time.sleep(2 * for_s)
        self._lab.proxies[name].listen()

    def reset(self, name: str, for_s: float) -> None:
        over_s = time.monotonic() + for_s
        while time.monotonic() < over_s:
            self._lab.proxies[name].reset()
            time.sleep(for_s / 4)

    def slow(self, name: str, for_s: float) -> None:
        self._lab.proxies[name].line.delay_s = _SLOW_S
        time.sleep(2 * for_s)
        self._lab.proxies[name].line.delay_s = 0.0

    # --- devices -------------------------------------------------------------------------------------------------

    def thermometer(self, gate: str, for_s: float) -> None:
        with self._trouble(gate):
            self._street(gate).thermometer.set(fault="silence")
            time.sleep(for_s)
            self._street(gate).thermometer.set(fault=None)

    def camera(self, gate: str, for_s: float) -> None:
        with self._trouble(gate):
            self._street(gate).camera.fault("missing")
            time.sleep(for_s)
            self._street(gate).camera.fault(None)

    def relay(self, gate: str, for_s: float) -> None:
        with self._trouble(gate):
            self._street(gate).relay.set_fault("silent")
            time.sleep(for_s)
            self._street(gate).relay.set_fault("none")

    # --- disks ---------------------------------------------------------------------------------------------------

    def disk_full(self, name: str, for_s: float) -> None:
        self._disk(name, for_s, errno.ENOSPC)

    def disk_failing(self, name: str, for_s: float) -> None:
        self._disk(name, for_s, errno.EIO)

    def _disk(self, name: str, for_s: float, error: int) -> None:
        with self._trouble(name):
            self.disks[name].fail(error)
            time.sleep(for_s)
            self.disks[name].heal()
        self._revive(name)

    # --- backup --------------------------------------------------------------------------------------------------

    def backup(self, _name: str, _for_s: float) -> None:
        self._backups += 1
        target = self._lab.folder / f"backup-{self._backups}.db"
        # On a disk that fails meanwhile there is none, and the one before it counts.
        with contextlib.suppress(SetupError):
            self._lab.town.central("backup", str(target))
            self._backup = target

    def restore(self, name: str, for_s: float) -> None:
        """The newest backup is put back, if there is one."""
        if self._backup is None:
            self.backup(name, for_s)
        if self._backup is None:
            return
        lab, town = self._lab, self._lab.town
        died_ms = now_ms()
        os.kill(town.pid(name), signal.SIGTERM)
        wait(lambda: town.ended(name) is not None, _STOPS_S)
        town.kill(name)
        town.database.with_suffix(".before-restore").unlink(missing_ok=True)
        town.central("restore", str(self._backup))
        lab.start_again(name, died_ms)


def acts(parts: Parts) -> dict[str, Act]:
    """Every fault that can be played here, by name."""
    names = ["kill", "stop", "forget", "silent", "refuse", "reset", "slow", "thermometer", "camera", "relay"]
    names += ["backup", "restore", *(["disk_full", "disk_failing"] if parts.disks else [])]
    return {name: Act(getattr(parts, name)) for name in names}
