"""`./dev chaos`: thousands of passages while gates, collector and broker are killed; then one line an invariant."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tools.chaos.judge import judge
from tools.chaos.run import PACE, Plan, Run, places
from tools.chaos.sides import sides_of
from tools.demo.judge import Finding
from tools.demo.processes import SetupError, Town
from tools.demo.subscriber import password_of, summaries

_TELL_S: Final = 20.0
# The collector publishes a changed summary within a second; after a kill it first reads what the broker retains.
_SUMMARY_S: Final = 20.0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    parser.add_argument("--passages", type=int, default=2000, metavar="N", help="until so many people are through")
    parser.add_argument("--kills", type=int, default=5, metavar="K", help="of each gate, the collector and the broker")
    parser.add_argument("--gates", type=int, default=4, metavar="G")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="to play a run again")
    parser.add_argument("--folder", type=Path, help="keep everything here instead of in a temporary folder")
    options = parser.parse_args(arguments)
    # What was started is ended on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plan = Plan(options.passages, options.kills, options.gates, options.seed)
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=False)
        return _main(options.folder, plan)
    with tempfile.TemporaryDirectory(prefix="guankou-chaos-") as folder:
        # As root, mosquitto gives up its rights and must still get to its own files; the secret ones guard themselves.
        Path(folder).chmod(0o711)
        return _main(Path(folder), plan)


def _main(folder: Path, plan: Plan) -> int:
    _say(f"seed {plan.seed}: {plan.passages} passages, {plan.gates} gates, {plan.kills} kills of each part")
    try:
        findings = play(folder, plan, _say)
    except SetupError as error:
        _say(str(error))
        return 1
    for finding in findings:
        _say(f"{finding.name}: {'PASS' if finding.ok else 'FAIL'}  {finding.detail}")
    failed = sum(not finding.ok for finding in findings)
    _say(f"seed {plan.seed}: {failed} of {len(findings)} invariants failed")
    return 1 if failed else 0


def play(folder: Path, plan: Plan, say: Callable[[str], object]) -> list[Finding]:
    """Build a town in a folder, play the plan and judge it. Raises SetupError if the town does not come up."""
    town = Town(folder, places(plan.gates), PACE)
    try:
        town.set_up()
        town.start()
        run, began_s = Run(town, plan), time.monotonic()
        over = threading.Event()
        teller = threading.Thread(target=_tell, args=(run, over, say), daemon=True)
        teller.start()
        run.play()
        over.set()
        teller.join()
        kills = Counter(kill.target for kill in run.kills)
        say(f"{run.passages} passages in {time.monotonic() - began_s:.0f} s; killed: {dict(sorted(kills.items()))}")
        return [*(Finding("heals", False, why) for why in run.broken), *_judged(town, run)]
    finally:
        town.close()


def _judged(town: Town, run: Run) -> list[Finding]:
    """The last picture is published a moment after the last record: it is looked at again until that moment is over."""
    deadline_s = time.monotonic() + _SUMMARY_S
    while True:
        said = summaries(town.broker_port, "subscriber", password_of(town.folder / "broker"), wait_s=2)
        findings = [*judge(sides_of(town, run), said), _audit(town)]
        if all(finding.ok for finding in findings) or time.monotonic() > deadline_s:
            return findings


def _audit(town: Town) -> Finding:
    """What the collector's own audit says, which checks every signature and counts everything again."""
    try:
        return Finding("I6 audit", True, town.central("audit").splitlines()[-1])
    except SetupError as error:
        return Finding("I6 audit", False, str(error))


def _tell(run: Run, over: threading.Event, say: Callable[[str], object]) -> None:
    while not over.wait(_TELL_S):
        say(f"  {run.passages} passages, {len(run.kills)} kills")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
