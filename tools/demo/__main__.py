"""`./dev demo`: watch the gates work; `--once`: play the script, and let the judge compare every side; `--devices`."""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from central.keys import load_key
from tools.demo.console_words import ConsoleWords
from tools.demo.devices import show
from tools.demo.drill_show import DrillShow
from tools.demo.evidence import collector_records, gate_records, openings
from tools.demo.judge import Finding, GateEvidence, judge_gate, judge_scene
from tools.demo.office import Office
from tools.demo.passes import PassScript
from tools.demo.people import go_through, script
from tools.demo.playing import Playing
from tools.demo.policy_life import end_strict, look_over, write_next
from tools.demo.processes import PLACES, SetupError, Town
from tools.demo.staged import Staged
from tools.demo.street import wait
from tools.demo.subscriber import password_of, summaries
from tools.demo.sums import judge_summaries

# Wide enough for the tables when the output goes to a file.
_console = Console(width=None if sys.stdout.isatty() else 150)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="play the script once, compare, and exit 0 if all agree")
    parser.add_argument("--devices", action="store_true", help="one passage for each family of devices, and a table")
    parser.add_argument("--folder", type=Path, help="keep everything here instead of in a temporary folder")
    options = parser.parse_args(arguments)
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=False)
        return _start(options.folder, options)
    with tempfile.TemporaryDirectory(prefix="guankou-demo-") as folder:
        # As root, mosquitto gives up its rights and must still get to its own files; the secret ones guard themselves.
        Path(folder).chmod(0o711)
        return _start(Path(folder), options)


def _start(folder: Path, options: argparse.Namespace) -> int:
    return show(folder, _console) if options.devices else _run(folder, options.once)


def _run(folder: Path, once: bool) -> int:
    town = Town(folder)
    try:
        with _console.status("broker, collector and two gates are starting"):
            town.set_up()
            town.start()
        _welcome(town)
        return _play(town) if once else _forever(town)
    except SetupError as error:
        _console.print(f"[red]{error}")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        town.close()


def _welcome(town: Town) -> None:
    for place in PLACES:
        _console.print(f"{place.name_zh} {place.name_en}: http://127.0.0.1:{town.gate_ports[place.gate]}/")
    _console.print(f"值班台 operators: http://127.0.0.1:{town.screen_port}/")
    _console.print(f"居民页 a resident's page: {PassScript(town).link()}", soft_wrap=True)
    secret = password_of(town.folder / "broker")
    _console.print(
        f"try: mosquitto_sub -p {town.broker_port} -u subscriber -P {secret} -t 'guankou/1/summary/#' -v",
        soft_wrap=True,
    )


# --- the script ----------------------------------------------------------------------------------------------------


def _play(town: Town) -> int:
    office = Office(load_key(town.folder / "central" / "keys", "issuer"))
    started_s, started_ms = time.monotonic(), _now_ms()
    passes = PassScript(town)
    with Progress(
        TextColumn("{task.description:<62}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), console=_console
    ) as progress:
        playing = Playing(progress)
        playing.play(script(town, office))
        # Alone: the other gate has no cable either while one waits for its lists to grow old.
        playing.play(passes.scenes())
        _delivered(town)
        findings = _policies(town, office, playing, started_ms)
    _drained(town)
    scenes = [judge_scene(scene, _evidence(town, scene.gate)) for scene in playing.scenes]
    findings += _judge(town)
    _console.print(_table("script", scenes))
    _console.print(_table("agreement", findings))
    for what, took_s in passes.times_s.items():
        _console.print(f"{what}: {took_s:.2f} s")
    failed = [finding for finding in [*findings, *scenes] if not finding.ok]
    people = sum(len(scene.expected) for scene in playing.scenes)
    _console.print(f"{people} passages in {time.monotonic() - started_s:.0f} s, {len(failed)} disagreements")
    return 1 if failed else 0


def _policies(town: Town, office: Office, playing: Playing, since_ms: int) -> list[Finding]:
    """What becomes of a policy: looked over, rolled out in stages, taken back; and a drill under it."""
    words, new = ConsoleWords(town, _console), write_next(town)
    findings: list[Finding] = []
    try:
        end_strict(town)
        findings += look_over(words, new, since_ms)
        findings += Staged(words, office, playing).roll_out(new)
        findings += DrillShow(words, office, playing, lambda: _drained(town)).hold()
    except (RuntimeError, sqlite3.Error) as error:
        # A command that fails is a finding; what was played until then is judged all the same.
        findings.append(Finding("policies and drill", False, str(error)))
    return findings


def _drained(town: Town) -> None:
    """Until nothing is waiting at both gates any more, and the summaries had their turn."""
    _delivered(town)
    time.sleep(2.0)


def _delivered(town: Town) -> None:
    wait(lambda: all(_depth(town, place.gate) == 0 for place in PLACES), 30.0)


def _depth(town: Town, gate: str) -> int:
    on_disk = {kept.key for kept in gate_records(town.gate_folder(gate) / "data" / "outbox.db")}
    return len(on_disk - {kept.key for kept in collector_records(town.database, gate)})


def _judge(town: Town) -> list[Finding]:
    gates = [_evidence(town, place.gate) for place in PLACES]
    said = summaries(town.broker_port, "subscriber", password_of(town.folder / "broker"))
    return [*(finding for gate in gates for finding in judge_gate(gate)), *judge_summaries(gates, said)]


def _evidence(town: Town, gate: str) -> GateEvidence:
    place = next(place for place in PLACES if place.gate == gate)
    return GateEvidence(
        gate,
        f"nanchang/donghu/yangming/gardens/{place.grid}",
        gate_records(town.gate_folder(gate) / "data" / "outbox.db"),
        collector_records(town.database, gate),
        openings(town.streets[place.street].wire_log),
    )


def _table(title: str, findings: list[Finding]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=False)
    table.add_column("what")
    table.add_column("")
    table.add_column("found")
    for finding in findings:
        table.add_row(finding.name, "[green]ok" if finding.ok else "[red]WRONG", finding.detail)
    return table


# --- to watch ------------------------------------------------------------------------------------------------------


def _forever(town: Town) -> int:
    """People keep coming to both gates until Ctrl-C."""
    office = Office(load_key(town.folder / "central" / "keys", "issuer"))
    _console.print("people keep coming; Ctrl-C ends it")
    stop = threading.Event()
    threads = [
        threading.Thread(target=_keep_coming, args=(town, office, number, stop), daemon=True)
        for number in range(len(PLACES))
    ]
    for thread in threads:
        thread.start()
    try:
        while True:
            time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=30)


def _keep_coming(town: Town, office: Office, number: int, stop: threading.Event) -> None:
    place, chance = PLACES[number], random.Random(number)
    street = town.streets[place.street]
    while not stop.is_set():
        makers: list[Callable[..., bytes]] = [office.resident] * 6 + [office.visitor, office.worker]
        code = office.by_stranger() if chance.random() < 0.05 else chance.choice(makers)(site=place.site)
        object_c = 38.3 if chance.random() < 0.05 else chance.gauss(36.3, 0.15)
        answer = go_through(street, code, object_c)
        _console.print(f"{place.name_zh}  {answer or 'no answer'}", highlight=False)
        stop.wait(chance.uniform(1.0, 4.0))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
