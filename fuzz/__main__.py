"""`./dev fuzz [MINUTES]`: every target for its share of the time; says what ran, and keeps what went wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from fuzz.targets import TARGETS

# One input may take this long; a gate's share is measured by `./dev bench verify`, on a quiet machine.
_INPUT_S: Final = 5
_MEMORY_MIB: Final = 700
# After its time a target has this long to finish its last input and leave.
_PATIENCE_S: Final = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target. `broken`: the files of inputs with which the program was wrong."""

    name: str
    executions: int
    features: int
    broken: tuple[Path, ...]
    words: str


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("minutes", type=click.FloatRange(min=0.1), default=10)
@click.argument("names", nargs=-1, type=click.Choice(list(TARGETS)))
@click.option("--seed", default=0, help="Of the fuzzer's chance; 0: another one each time.")
@click.option("--corpus", type=click.Path(path_type=Path, file_okay=False), help="Folder to keep and reuse inputs in.")
@click.option(
    "--findings",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/fuzz"),
    show_default=True,
    help="Folder for inputs with which the program was wrong.",
)
def main(minutes: float, names: Sequence[str], seed: int, corpus: Path | None, findings: Path) -> None:
    """Fuzz everything, or only what is named, for so many minutes in all."""
    wanted = names or tuple(TARGETS)
    each_s = max(1, round(minutes * 60 / len(wanted)))
    findings.mkdir(parents=True, exist_ok=True)
    outcomes = [_fuzzed(name, each_s, seed, corpus, findings) for name in wanted]
    for outcome in outcomes:
        for path in outcome.broken:
            click.echo(f"{outcome.name}: {path}; again with: python -m fuzz.one {outcome.name} {path}", err=True)
    if any(outcome.words for outcome in outcomes):
        raise SystemExit(1)


def _fuzzed(name: str, seconds: int, seed: int, corpus: Path | None, findings: Path) -> Outcome:
    with TemporaryDirectory() as temporary:
        folder = (corpus or Path(temporary)) / name
        _plant(name, folder)
        outcome = _run(name, seconds, seed, folder, findings)
    click.echo(f"{name}: {outcome.executions} inputs, {outcome.features} features, {len(outcome.broken)} findings")
    if outcome.words:
        click.echo(outcome.words, err=True)
    return outcome


def _plant(name: str, folder: Path) -> None:
    """Seeds are made, not stored: they change with the formats."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[name].seeds():
        (folder / sha256(seed).hexdigest()[:20]).write_bytes(seed)


def _run(name: str, seconds: int, seed: int, folder: Path, findings: Path) -> Outcome:
    before = set(findings.iterdir())
    command = [sys.executable, "-m", "fuzz.one", name, str(folder), f"-max_total_time={seconds}", f"-seed={seed}"]
    command += [f"-timeout={_INPUT_S}", f"-rss_limit_mb={_MEMORY_MIB}", f"-artifact_prefix={findings}/{name}-"]
    # It says its figures and the stack of what went wrong on standard error.
    done = subprocess.run(
        [*command, "-print_final_stats=1"], capture_output=True, text=True, check=False, timeout=seconds + _PATIENCE_S
    )
    executions = re.findall(r"number_of_executed_units: (\d+)", done.stderr)
    features = re.findall(r" ft: (\d+)", done.stderr)
    broken = tuple(sorted(set(findings.iterdir()) - before))
    words = (done.stdout + done.stderr)[-6000:] if done.returncode else ""
    return Outcome(name, int(executions[-1]) if executions else 0, int(features[-1]) if features else 0, broken, words)


if __name__ == "__main__":
    main()
