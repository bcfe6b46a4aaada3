"""`./dev faults`: one fault at a time against real daemons, and one named line for each thing that must hold."""

from __future__ import annotations

import argparse
import fnmatch
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tools.demo.judge import Finding
from tools.demo.processes import SetupError
from tools.faults import search, soak, table
from tools.faults.lab import Lab
from tools.faults.matrix import ROWS
from tools.faults.rows import Row

_END_S: Final = 30.0
# Exit code of a row with an assertion that failed; a program that breaks off ends with 1.
_FAILED: Final = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one row. `skipped`: why it could not run here."""

    row: Row
    findings: list[Finding]
    skipped: str = ""
    took_s: float = 0.0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="rows such as G4, G4/tmpfs or 'C*'; none means all")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="to play a run again")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="rows at the same time")
    parser.add_argument("--list", action="store_true", help="name every row and what it needs, and do nothing")
    parser.add_argument("--folder", type=Path, help="keep everything here instead of in temporary folders")
    parser.add_argument("--search", metavar="MINUTES", help="random schedules of every fault against both real ends")
    parser.add_argument("--soak", metavar="MINUTES", help="real daemons under a random mix of faults")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    # What was started is ended on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.search:
        return search.main([options.search, "--seed", str(options.seed), "--jobs", str(options.jobs)])
    if options.soak:
        return soak.main([options.soak, "--seed", str(options.seed)])
    rows = _chosen(options.ids)
    if not rows:
        parser.error(f"no row is called {' or '.join(options.ids)}; --list names them all")
    if options.list:
        for row in rows:
            _say(f"{row.name:<16} {row.title}{_needs(row)}")
        return 0
    if options.into:
        return _play_here(rows[0], options.seed, options.folder, options.into)
    return _play_all(rows, options.seed, options.jobs, options.folder)


def _chosen(ids: Sequence[str]) -> list[Row]:
    wanted = [one.upper() if "/" not in one else one for one in ids]
    return [
        row for row in ROWS if not wanted or any(fnmatch.fnmatchcase(name, one) for one in wanted for name in row.names)
    ]


def _needs(row: Row) -> str:
    why = row.missing()
    return f"  (not here: {why})" if why else ""


# --- the whole matrix ------------------------------------------------------------------------------------------------


def _play_all(rows: Sequence[Row], seed: int, jobs: int, folder: Path | None) -> int:
    _say(f"seed {seed}: {len(rows)} rows, {jobs} at a time")
    began_s = time.monotonic()
    # Rows that measure ratios of speed run by themselves, after all others.
    with ThreadPoolExecutor(jobs) as pool:
        together = [row for row in rows if not row.alone]
        results = list(pool.map(lambda row: _told(play_apart(row, seed, folder)), together))
    results += [_told(play_apart(row, seed, folder)) for row in rows if row.alone]
    for line in table.lines([(result.row, result.findings, result.skipped, result.took_s) for result in results]):
        _say(line)
    checks = [finding for result in results for finding in result.findings]
    failed = sum(not finding.ok for finding in checks)
    skipped = sum(bool(result.skipped) for result in results)
    took_s = time.monotonic() - began_s
    _say(
        f"seed {seed}: {failed} of {len(checks)} assertions failed, {skipped} of {len(results)} rows could not run here"
    )
    _say(f"{took_s:.0f} s in all")
    return 1 if failed else 0


def play_apart(row: Row, seed: int, folder: Path | None) -> Result:
    """In a process of its own, so that a row that hangs can be ended with all that it started."""
    if why := row.missing():
        return Result(row, [], why)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="guankou-faults-") as name:
        into = Path(name) / "findings.json"
        command = [sys.executable, "-m", "tools.faults", row.name, "--seed", str(seed), "--into", str(into)]
        if folder:
            command += ["--folder", str(folder / row.name.replace("/", "-"))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            words, _ = process.communicate(timeout=row.limit_s)
        except subprocess.TimeoutExpired:
            process.terminate()
            words = f"not over after {row.limit_s:g} s; " + process.communicate(timeout=_END_S)[0]
        findings = [Finding(**one) for one in json.loads(into.read_text())] if into.exists() else []
    if process.returncode not in (0, _FAILED) or not findings:
        findings.append(Finding("runs", False, words.strip()[-2000:] or f"exit code {process.returncode}"))
    return Result(row, findings, "", time.monotonic() - began_s)


def _told(result: Result) -> Result:
    name, findings = result.row.name, result.findings
    lines = [f"{name} {one.name}: {'PASS' if one.ok else 'FAIL'}  {one.detail}" for one in findings]
    # In one piece: other rows speak at the same time.
    _say("\n".join([f"{name}: SKIP  {result.skipped}"] if result.skipped else lines))
    return result


# --- one row ---------------------------------------------------------------------------------------------------------


def _play_here(row: Row, seed: int, folder: Path | None, into: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="guankou-fault-") as name:
        here = folder or Path(name)
        here.mkdir(parents=True, exist_ok=True)
        # As root, mosquitto gives up its rights and must still get to its own files; the secret ones guard themselves.
        here.chmod(0o711)
        lab = Lab(here, f"{seed} {row.name}", _say)
        try:
            row.play(lab)
        except SetupError as error:
            lab.check("runs", ok=False, detail=str(error))
        finally:
            into.write_text(json.dumps([asdict(finding) for finding in lab.findings]))
            lab.close()
    return 0 if all(finding.ok for finding in lab.findings) else _FAILED


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
