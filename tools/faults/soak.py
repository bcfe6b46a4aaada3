"""A soak: people keep coming while random faults, two at once at most, hit every part; then all is judged."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tools.demo.judge import Finding
from tools.demo.processes import SetupError
from tools.faults import told
from tools.faults.disk_shim import DiskShim, compiler
from tools.faults.lab import Lab
from tools.faults.soak_faults import Act, Parts, acts
from tools.faults.soak_plan import Planned, draw

_DRAIN_S: Final = 240.0
_AFTER_S: Final = 3.0


def soak(
    folder: Path, seed: int, minutes: float, gates: int = 3, say: Callable[[str], object] = print
) -> list[Finding]:
    """Play one soak in a folder. The same seed gives the same faults in the same order, as far as processes allow."""
    lab = Lab(folder, f"{seed} soak", say)
    try:
        play(lab, minutes, gates)
    except SetupError as error:
        lab.check("runs", ok=False, detail=str(error))
    finally:
        lab.close()
    return lab.findings


def play(lab: Lab, minutes: float, gates: int = 3) -> None:
    """The soak in a laboratory; its findings are the laboratory's. On failure says every fault with its time."""
    lab.build(gates)
    disks = _disks(lab)
    lab.start()
    parts = Parts(lab, disks)
    known = acts(parts)
    plan = draw(lab.seed, minutes * 60.0, list(known), [*lab.gates, "collector", "broker"])
    played = _Played(lab, known)
    with lab.crowd():
        played.play(plan)
    parts.revive()
    time.sleep(_AFTER_S)
    lab.heal(_DRAIN_S)
    for why in played.failed:
        lab.check("heals", ok=False, detail=why)
    told.check_versions(lab)
    lab.judge()
    if not all(finding.ok for finding in lab.findings):
        lab.say(f"seed {lab.seed}: these faults were played")
        for line in played.lines:
            lab.say(line)


def _disks(lab: Lab) -> dict[str, DiskShim]:
    """A failing disk for each gate and for the collector, where a compiler is at hand."""
    if compiler():
        return {}
    found = {}
    for name in [*lab.gates, "collector"]:
        folder = lab.town.gate_folder(name) if name != "collector" else lab.town.collector_file.parent
        shim = found[name] = DiskShim(lab.folder, name, folder / "data")
        lab.at_end(shim.close)
        lab.town.environment[name] = lab.town.environment.get(name, {}) | shim.environment
    return found


class _Played:
    """Plays a plan, each fault in a thread of its own; what was done is kept as lines of text."""

    def __init__(self, lab: Lab, known: dict[str, Act]) -> None:
        self.lines: list[str] = []
        self.failed: list[str] = []
        self._lab = lab
        self._known = known
        self._locks = {name: threading.Lock() for name in [*lab.gates, "collector", "broker"]}
        self._two = threading.Semaphore(2)

    def play(self, plan: Sequence[Planned]) -> None:
        began_s = time.monotonic()
        threads = []
        for one in plan:
            time.sleep(max(0.0, began_s + one.at_s - time.monotonic()))
            thread = threading.Thread(target=self._one, args=(one, began_s), name=f"fault {one.act} {one.target}")
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def _one(self, one: Planned, began_s: float) -> None:
        with self._two, self._locks[one.target]:
            from_s = time.monotonic() - began_s
            try:
                self._known[one.act].play(one.target, one.for_s)
            except SetupError as error:
                self.failed.append(f"{one}: {error}")
            to_s = time.monotonic() - began_s
            self.lines.append(f"  {from_s:6.1f} .. {to_s:6.1f} s  {one.act} {one.target}")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev faults --soak", description=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="to play a run again")
    parser.add_argument("--gates", type=int, default=3, metavar="G")
    parser.add_argument("--folder", type=Path, help="keep everything here instead of in a temporary folder")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _say(f"seed {options.seed}: {options.minutes:g} minutes, {options.gates} gates")
    with _folder(options.folder) as folder:
        findings = soak(folder, options.seed, options.minutes, options.gates, _say)
    for finding in findings:
        _say(f"{finding.name}: {'PASS' if finding.ok else 'FAIL'}  {finding.detail}")
    failed = sum(not finding.ok for finding in findings)
    _say(f"seed {options.seed}: {failed} of {len(findings)} assertions failed")
    return 1 if failed else 0


@contextlib.contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    folder = wanted or Path(tempfile.mkdtemp(prefix="guankou-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    # As root, mosquitto gives up its rights and must still get to its own files; the secret ones guard themselves.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if wanted is None:
            shutil.rmtree(folder)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
