"""`guankou-gate`: every command of a gate. Bodies live beside it and are imported when their command is called."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import click

from edge.drill_group import drill

BAD_INPUT = 2
NOTHING_CAME = 3


def fail(message: object, code: int = BAD_INPUT) -> NoReturn:
    """One clear line on standard error, and the exit code that a program can act on."""
    click.echo(str(message), err=True)
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """关口 Guankou: the checkpoint gate."""


main.add_command(drill)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def run(file: Path) -> None:
    """Run the gate that FILE describes, until SIGTERM. Exit code 4: a thread hung; start it again."""
    from edge.daemon import StartError, run_gate

    try:
        run_gate(file)
    except StartError as error:
        fail(error)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def check(file: Path, as_json: bool) -> None:
    """Check a gate file: keys, bounds, wiring, every driver's own options, and mask models by loading them."""
    from edge.check_command import check_gate_file, check_models

    problems = check_gate_file(file)
    problems, models = (problems, []) if problems else check_models(file)
    if as_json:
        found = {"file": str(file), "ok": not problems, "problems": problems, **({"models": models} if models else {})}
        click.echo(json.dumps(found, ensure_ascii=False))
    for model in [] if as_json else models:
        click.echo(model)
    for problem in [] if as_json else problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(BAD_INPUT)
    if not as_json:
        click.echo(f"{file}: ok")


@main.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--ask", is_flag=True, help="Send harmless questions to unknown ports; else the search only listens.")
@click.option("--pulse", metavar="LANE", help="Move this lane's barrier once. Look that nobody stands under it.")
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.5, 60), help="For each device.")
@click.option("--port", "ports", multiple=True, help="Search this port instead of all; may be given again.")
@click.option("--camera", "cameras", multiple=True, help="Look through this device or address instead of all.")
@click.option("--write", type=click.Path(path_type=Path), help="Write a gate file of what the search found.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def doctor(file: Path | None, write: Path | None, as_json: bool, **asked: Any) -> None:
    """Look at every device of FILE and at this machine; without FILE, search. Exit code 1: something fails."""
    from edge.doctor.cli import run_doctor

    try:
        sys.exit(run_doctor(file, write, as_json, asked))
    except ValueError as error:
        fail(error)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def off(file: Path) -> None:
    """Switch every relay of FILE off, while no gate runs. Exit code 1: a board can't be reached."""
    from edge.off_command import relays_off

    try:
        problems = relays_off(file)
    except ValueError as error:
        fail(error)
    if problems:
        fail("\n".join(problems), 1)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--for", "whom", type=click.Choice(["gate", "collector"]), default="gate", show_default=True)
@click.option("--config", type=click.Path(path_type=Path), help="Gate or collector file that the service starts.")
@click.option("--prefix", default="/opt/guankou", show_default=True, help="Where the virtual environment is.")
@click.option("--user", default="guankou", show_default=True, help="Whom the service runs as.")
@click.option("--name", "names", multiple=True, metavar="NAME=DEVICE", help="/dev/guankou/NAME for what is there now.")
def setup(folder: Path, whom: str, config: Path | None, prefix: str, user: str, names: tuple[str, ...]) -> None:
    """Write systemd, udev and kiosk files for this machine into FOLDER. Changes nothing else."""
    from edge.setup_command import write_setup

    try:
        for line in write_setup(folder, whom, config, prefix, user, names):
            click.echo(line)
    except (ValueError, OSError) as error:
        fail(error)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def keys(file: Path, as_json: bool) -> None:
    """Make this gate's key in FILE and print the public half, which the collector needs to enrol the gate."""
    from edge.keys import KeyFileError, create_key

    try:
        public = create_key(file).hex()
    except KeyFileError as error:
        fail(error)
    click.echo(json.dumps({"file": str(file), "public_key": public}) if as_json else public)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON line a file.")
def scan(files: tuple[Path, ...], as_json: bool) -> None:
    """Read QR codes out of photos with the whole cascade of decoders."""
    from edge.scan_command import scan_files

    unread = []
    for found in scan_files(files):
        if as_json:
            _json_line(found)
        else:
            click.echo(f"{found['file']}: {' | '.join(found['texts']) or ('-' if found['error'] else 'no code')}")
        unread += [found["error"]] if found["error"] else []
    if unread:
        fail("\n".join(unread))


@main.command()
@click.option(
    "--trust",
    required=True,
    type=click.Path(path_type=Path),
    help="Trust document or JSON trust file, or a folder of those, PEM certificates and JWKS.",
)
@click.option("--root", help="Root public key in hex: the trust document must then be signed by it.")
@click.option("--at", required=True, help="Time of judgement: seconds, milliseconds or ISO 8601.")
@click.option("--rules", type=click.Path(path_type=Path), help="CertLogic rules about health certificates, JSON.")
@click.option("--value-sets", type=click.Path(path_type=Path), help="Value sets that the rules ask for, JSON.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each line of input.")
def verify(trust: Path, root: str | None, at: str, rules: Path | None, value_sets: Path | None, as_json: bool) -> None:
    """Verify pass texts from standard input, one a line."""
    from checkpoint.instants import instant_ms
    from edge.trust_files import read_rules, read_trust
    from edge.verify_command import bounded_lines, read_root, verify_lines

    try:
        at_s = instant_ms(at, "--at") // 1000
        file = read_trust(trust, read_root(root))
        rule_set = None if rules is None else read_rules(rules, value_sets)
    except ValueError as error:
        fail(error)
    for problem in file.problems:
        click.echo(f"left out: {problem}", err=True)
    if not file.signed:
        click.echo(f"{trust}: its signature was not checked; give --root and a signed trust document", err=True)
    for answer in verify_lines(bounded_lines(sys.stdin.buffer), file.trust, at_s, file.foreign, rule_set):
        if as_json:
            _json_line(answer)
        else:
            click.echo(f"{'valid' if answer['valid'] else 'NOT VALID'}  {answer['format'] or '-'}  {answer['reason']}")


@main.command()
@click.option("--model", required=True, help="gy614v3, gy9061x or lu90614.")
@click.option("--port", required=True, help="Serial port, best by its stable name under /dev/serial/by-id.")
@click.option("--mode", type=click.Choice(["body", "object"]), help="Only for modules that have the switch (lu90614).")
@click.option("--baud", type=int, help="Do not search, it is this one.")
@click.option("--capture", type=click.Path(path_type=Path), help="Append the received bytes to this file.")
@click.option("--count", default=10, show_default=True, type=click.IntRange(1))
@click.option("--timeout", "timeout_s", default=10.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--json", "as_json", is_flag=True, help="One JSON line a reading.")
def thermometer(
    model: str,
    port: str,
    mode: str | None,
    baud: int | None,
    capture: Path | None,
    count: int,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Read a thermometer. Exit code 3 if nothing came in time."""
    from drivers.errors import DriverError
    from edge.thermometer_command import read_json_lines

    given = {"mode": mode, "baud": baud, "capture": None if capture is None else str(capture)}
    options = {name: value for name, value in given.items() if value is not None}
    came = 0
    try:
        for line in read_json_lines(model, port, count, timeout_s, options):
            came += 1
            if as_json:
                _json_line(line)
            else:
                click.echo(_reading_text(line))
    except DriverError as error:
        fail(error)
    if came == 0:
        fail(f"{port}: no valid reading within {timeout_s} s; check model, wiring and power", NOTHING_CAME)


def _reading_text(line: dict[str, Any]) -> str:
    values = "  ".join(f"{name} {line[f'{name}_c']:.2f} °C" for name in ("object", "ambient", "body") if line[f"{name}_c"] is not None)  # fmt: skip # noqa: E501
    return f"{values}  {' '.join(line['quality'])}"


@main.command()
@click.option("--config", type=click.Path(path_type=Path), help="Gate file: its outbox is verified.")
@click.option("--database", type=click.Path(path_type=Path), help="An outbox.db, such as one copied from a card.")
@click.option("--against", type=click.Path(path_type=Path), help="What `guankou-central audit --json` printed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def audit(config: Path | None, database: Path | None, against: Path | None, as_json: bool) -> None:
    """Verify every record that this gate holds, also while it runs. Exit code 1 when something is wrong."""
    from edge.audit_command import AuditError, audit_gate, report_json, report_line
    from firmware_config.load import ConfigError

    try:
        reports = audit_gate(config, database, against)
    except (AuditError, ConfigError) as error:
        fail(error)
    ok = all(report.ok for report in reports)
    if as_json:
        _json_line({"ok": ok, "epochs": [report_json(report) for report in reports]})
    for report in [] if as_json else reports:
        click.echo(report_line(report))
    sys.exit(0 if ok else 1)


@main.command()
@click.argument("record")
@click.argument("lane", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="Gate file: its outbox is read, also while it runs.")
@click.option("--database", type=click.Path(path_type=Path), help="An outbox.db, such as one copied from a card.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def explain(record: str, lane: str | None, config: Path | None, database: Path | None, as_json: bool) -> None:
    """Why a passage had its verdict. RECORD: passage id, epoch/number, gate/epoch/number, or `last` and a LANE."""
    from edge.explain_command import explain_record, explanation_json, show
    from edge.explain_record import ExplainError
    from firmware_config.load import ConfigError

    try:
        found = explain_record(record, lane, config, database)
    except (ExplainError, ConfigError) as error:
        fail(error)
    if as_json:
        _json_line(explanation_json(*found))
    else:
        show(*found)


_SCENARIO = "JSON lines with `at_s` and what changes then; one file serves all emulators of a gate."


@main.command()
@click.option("--temperature", is_flag=True, help="The temperature check; the only thing there is to simulate.")
@click.option("--people", default=10_000, show_default=True, type=click.IntRange(1000, 1_000_000), help="At each row.")
@click.option("--runs", default=200, show_default=True, type=click.IntRange(20, 10_000), help="Of a changing device.")
@click.option("--seed", default=1, show_default=True, help="Other seeds are other people.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def city(temperature: bool, people: int, runs: int, seed: int, as_json: bool) -> None:
    """Send synthetic people through the gate's own rule, beside fixed limits; takes some minutes."""
    from edge.city.command import show_city

    if not temperature:
        fail("city: nothing to simulate: give --temperature")
    show_city(people, runs, seed, as_json)


@main.group()
def emulate() -> None:
    """Devices without hardware: they speak the real bytes, so that everything else stays as it is."""


@emulate.command("thermometer")
@click.option("--model", required=True)
@click.option("--link", type=click.Path(path_type=Path), help="Keep a stable link to the pseudo-terminal here.")
@click.option("--object-c", type=float, default=36.4, show_default=True)
@click.option("--ambient-c", type=float, default=21.0, show_default=True)
@click.option("--body-c", type=float)
@click.option("--fault", help="A fault of docs/thermometers.md.")
@click.option("--scenario", type=click.Path(path_type=Path), help=_SCENARIO)
@click.option("--control", type=click.Path(path_type=Path), help="Unix socket that takes changes as JSON.")
def emulate_thermometer(
    model: str,
    link: Path | None,
    object_c: float,
    ambient_c: float,
    body_c: float | None,
    fault: str | None,
    scenario: Path | None,
    control: Path | None,
) -> None:
    """Open a pseudo-terminal, print its path and measure what you say."""
    from edge.emulate_command import emulate_thermometer as body

    change = {"object_c": object_c, "ambient_c": ambient_c, "body_c": body_c, "fault": fault}
    _run_emulator(body, model, link, {k: v for k, v in change.items() if v is not None}, scenario, control)


@emulate.command("relay")
@click.option("--link", required=True, type=click.Path(path_type=Path))
@click.option("--wire-log", required=True, type=click.Path(path_type=Path), help="JSON line for every opening.")
@click.option("--control", type=click.Path(path_type=Path), help="Unix socket that sets inputs and faults.")
@click.option("--scenario", type=click.Path(path_type=Path), help=_SCENARIO)
@click.option("--kind", type=click.Choice(["modbus_relay", "lcus"]), default="modbus_relay", show_default=True)
def emulate_relay(link: Path, wire_log: Path, control: Path | None, scenario: Path | None, kind: str) -> None:
    """A relay board with inputs on a pseudo-terminal; writes a log of every opening."""
    from edge.emulate_command import emulate_relay as body

    _run_emulator(body, link, wire_log, control, scenario, kind)


@emulate.command("camera")
@click.option(
    "--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="HTTP port; 0 takes a free one."
)
@click.option("--fps", default=15.0, show_default=True, type=click.FloatRange(0.1, 120))
@click.option("--control", type=click.Path(path_type=Path), help="Unix socket that says who holds what.")
@click.option("--scenario", type=click.Path(path_type=Path), help=_SCENARIO)
def emulate_camera(port: int, fps: float, control: Path | None, scenario: Path | None) -> None:
    """A camera that serves MJPEG of people holding QR codes."""
    from edge.emulate_command import emulate_camera as body

    _run_emulator(body, port, fps, control, scenario)


@emulate.command("device")
@click.argument("kind", type=click.Choice(["thermometer", "board", "reader"]))
@click.argument("driver")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="Its port and its files are made here.")
@click.option("--control", type=click.Path(path_type=Path), help="Unix socket that takes changes as JSON.")
def emulate_device(kind: str, driver: str, folder: Path, control: Path | None) -> None:
    """The device of any driver; prints the options with which a gate file reaches it."""
    from edge.emulate_command import emulate_device as body

    _run_emulator(body, kind, driver, folder, control)


def _run_emulator(body: Any, *arguments: Any) -> None:
    from drivers.errors import DriverError

    try:
        body(*arguments, lambda path: click.echo(path), threading.Event())
    except (DriverError, OSError, ValueError) as error:
        fail(error)


def _json_line(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def _lines(values: Iterable[str]) -> str:
    return "\n".join(values)
