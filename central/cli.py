"""`guankou-central`: every command of the collector. Bodies lie beside it, imported when their command is called."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, get_args

import click

from checkpoint.documents import DocumentKind
from checkpoint.passes import PassClass

if TYPE_CHECKING:
    from central.config import Config
    from central.store.sqlite import SqliteStore

BAD_INPUT = 2
_DAY_S = 86_400
# A gate whose clock is a little behind must not find a fresh document early.
_SKEW_MS: Final = 60_000

_file = click.Path(path_type=Path)
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
_config_option = click.option(
    "-c", "--config", "config_file", type=_file, required=True, envvar="GUANKOU_CENTRAL", help="The collector's file."
)


def fail(message: object) -> NoReturn:
    """One clear line on standard error, and exit code 2."""
    click.echo(str(message), err=True)
    sys.exit(BAD_INPUT)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn what bad input raises into one line; a defect of ours still shows its trace."""
    from central.lock import InUseError
    from central.store.sqlite import StoreError
    from webscreen.host import ScreenError

    try:
        yield
    except (ValueError, OSError, StoreError, InUseError, ScreenError) as error:
        fail(error)


def show(as_json: bool, values: dict[str, Any]) -> None:
    """The same facts for a program or for a person."""
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False))
        return
    for name, value in values.items():
        click.echo(f"{name}: {value}")


@contextmanager
def opened(config_file: Path) -> Iterator[tuple[Config, SqliteStore]]:
    """The configuration and its store; bad input ends the command."""
    from contextlib import closing

    from central.config import load_config
    from central.store.sqlite import SqliteStore

    with clear_errors():
        config = load_config(config_file)
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(SqliteStore(config.database)) as store:
            yield config, store


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """关口 Guankou: the collector."""


@main.command()
@click.argument("file", type=_file)
def run(file: Path) -> None:
    """Run the collector that FILE describes, until SIGTERM. Exit code 4: a thread hung; start it again."""
    from central.config import load_config
    from central.daemon import run_collector

    with clear_errors():
        run_collector(load_config(file))


@main.command()
@click.argument("folder", type=_file)
@_json_option
def keys(folder: Path, as_json: bool) -> None:
    """Make the collector's keys in FOLDER: collector (answers, documents), root (key lists), issuer (passes)."""
    from central.keys import make_keys
    from checkpoint import cose

    with clear_errors():
        made = make_keys(folder)
    values: dict[str, Any] = {}
    for name, public in made.items():
        values |= {f"{name}_public_key": public.hex(), f"{name}_key_id": cose.key_id(public).hex()}
    show(as_json, {"folder": str(folder), **values})


@main.group()
def broker() -> None:
    """The broker's files."""


@broker.command("init")
@click.option("--dir", "folder", type=_file, required=True, help="New folder for configuration, passwords and ACL.")
@click.option("--port", type=click.IntRange(1, 65535), default=1883, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--collector-user", default="collector", show_default=True)
@click.option("--subscriber-user", default="subscriber", show_default=True)
@_json_option
def broker_init(
    folder: Path, port: int, address: str, collector_user: str, subscriber_user: str, as_json: bool
) -> None:
    """Write mosquitto.conf, passwords and acl for a fresh installation, and both passwords in files of their own."""
    from central.broker import init_broker

    with clear_errors():
        files = init_broker(folder, port, address, collector_user, subscriber_user)
    show(as_json, {"files": [str(file) for file in files]})


@main.group()
def gate() -> None:
    """Gates that may speak to this collector."""


@gate.command("enrol")
@_config_option
@click.option("--gate", "gate_id", required=True)
@click.option("--grid", required=True)
@click.option("--site", required=True)
@click.option("--public-key", required=True, help="The gate's public key, 64 hex digits.")
@click.option("--out", type=_file, required=True, help="New file for the gate; it holds a password.")
@_json_option
def gate_enrol(
    config_file: Path, gate_id: str, grid: str, site: str, public_key: str, out: Path, as_json: bool
) -> None:
    """Register a gate and write its enrolment file. The broker has to reload its files afterwards (SIGHUP)."""
    from central import enrol

    with opened(config_file) as (config, store):
        if out.exists():
            fail(f"{out} exists; name a file that does not")
        registry = _registry(config, store)
        made = enrol.enrol(config, store, registry, gate_id, grid, site, _hex("--public-key", public_key), _now_ms())
        enrol.write_enrolment(out, made)
    show(as_json, {"gate": made.gate, "grid_path": made.grid_path, "broker_user": made.broker_user, "file": str(out)})


@gate.command("revoke")
@_config_option
@click.option("--gate", "gate_id", required=True)
@_json_option
def gate_revoke(config_file: Path, gate_id: str, as_json: bool) -> None:
    """Take nothing from a gate any more; its records stay. The broker has to reload its files afterwards (SIGHUP)."""
    from central import enrol

    with opened(config_file) as (config, store):
        enrol.revoke(config, store, gate_id, _now_ms())
    show(as_json, {"gate": gate_id, "revoked": True})


@main.group("pass")
def pass_() -> None:
    """Passes."""


@pass_.command("issue")
@click.option("--class", "pass_class", type=click.Choice(get_args(PassClass)), required=True)
@click.option("--scope", "scopes", multiple=True, required=True, help="Site or grid id; may be given several times.")
@click.option("--key", "key_file", type=_file, required=True, help="The issuer's key file.")
@click.option("--valid-days", type=click.FloatRange(min=0, min_open=True), help="Default: the longest of its class.")
@click.option("--not-before", type=click.DateTime(), help="UTC; default now.")
@click.option("--household", help="8 hex digits.")
@click.option("--subject", help="Pseudonym of the holder, 16 hex digits; default a new one.")
@click.option("--party", type=click.IntRange(1, 20), default=1, show_default=True)
@click.option("--plate")
@_json_option
def pass_issue(
    pass_class: PassClass,
    scopes: tuple[str, ...],
    key_file: Path,
    valid_days: float | None,
    not_before: Any,
    household: str | None,
    subject: str | None,
    party: int,
    plate: str | None,
    as_json: bool,
) -> None:
    """Print the text of a new pass."""
    from datetime import UTC

    from central.passes import issue, new_claims

    start_s = int(not_before.replace(tzinfo=UTC).timestamp()) if not_before else int(time.time())
    with clear_errors():
        claims = new_claims(
            pass_class,
            scopes,
            start_s,
            None if valid_days is None else int(valid_days * _DAY_S),
            household=_hex("--household", household) if household else None,
            subject=_hex("--subject", subject) if subject else None,
            party_size=party,
            plate=plate,
        )
        text = issue(claims, key_file)
    if as_json:
        show(True, {"pass": text, "pass_id": claims.pass_id.hex(), "subject": claims.subject.hex(),
                    "not_before": claims.not_before_s, "expires": claims.expires_s})  # fmt: skip
    else:
        click.echo(text)


@pass_.command("print")
@click.argument("text")
@click.option("--out", type=_file, help="PNG or SVG file; without it the code is drawn in the terminal.")
def pass_print(text: str, out: Path | None) -> None:
    """Draw the QR code of a pass; TEXT `-` reads it from standard input."""
    from central.passes import save_code, terminal_code

    content = sys.stdin.read(10_000).strip() if text == "-" else text
    with clear_errors():
        if out is None:
            click.echo(terminal_code(content))
        else:
            save_code(content, out)


@main.group()
def document() -> None:
    """Signed documents that go down to gates."""


@document.command("publish")
@_config_option
@click.option("--kind", type=click.Choice(get_args(DocumentKind)), required=True)
@click.option("--scope", required=True, help="Grid, site or gate id.")
@click.option("--valid-days", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True)
@click.argument("file", type=_file, required=False)
@_json_option
def document_publish(
    config_file: Path, kind: DocumentKind, scope: str, valid_days: float, file: Path | None, as_json: bool
) -> None:
    """Sign the next version of a document; the running collector publishes it. Kind `keys` needs no FILE."""
    from central.documents import publish_document

    now_ms = _now_ms()
    until_ms = now_ms + int(valid_days * _DAY_S * 1000)
    with opened(config_file) as (config, store):
        version = publish_document(config, store, kind, scope, file, now_ms - _SKEW_MS, until_ms, now_ms)
    show(as_json, {"kind": kind, "scope": scope, "version": version, "not_after": until_ms})


@main.command()
@_config_option
@click.argument("target", type=_file)
def backup(config_file: Path, target: Path) -> None:
    """Copy the store to TARGET, also while the collector runs."""
    from central.backup import backup as take_backup
    from central.config import load_config

    with clear_errors():
        take_backup(load_config(config_file).database, target)
    click.echo(str(target))


@main.command()
@_config_option
@click.argument("source", type=_file)
def restore(config_file: Path, source: Path) -> None:
    """Put the backup SOURCE in place of a stopped collector's store; the old one is kept beside it."""
    from central.backup import restore as put_back
    from central.config import load_config

    with clear_errors():
        config = load_config(config_file)
        words = put_back(source, config.database, _now_ms())
    for word in words:
        click.echo(word)
    click.echo(str(config.database))


@main.command()
@_config_option
@click.argument("outbox", type=_file)
@click.option("--gate", "gate_id", required=True, help="Whose card it is.")
@click.option("--key", "key_file", type=_file, help="The gate's key; default gate.key beside the outbox.")
@click.option("--unsigned", is_flag=True, help="Vouch for the records yourself where the gate's key is lost.")
@click.option("--by", help="Your name, kept with what is imported; default the login name.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported, and import nothing.")
@_json_option
def rescue(
    config_file: Path, outbox: Path, gate_id: str, key_file: Path | None, unsigned: bool, by: str | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Import what is missing from the OUTBOX (a file or its folder) of a dead gate's card. The collector must be
    stopped. Exit code 1 when some records were damaged."""
    from getpass import getuser

    from central.rescue_command import rescue_card, rescue_text

    with opened(config_file) as (config, store):
        found = rescue_card(
            config,
            store,
            _registry(config, store),
            outbox,
            gate_id,
            _now_ms(),
            key_file=key_file,
            signed=not unsigned,
            by=by or getuser(),
            dry_run=dry_run,
        )
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else rescue_text(found))
    sys.exit(0 if found["ok"] else 1)


@main.group()
def alarm() -> None:
    """Open cases."""


@alarm.command("list")
@_config_option
@_json_option
def alarm_list(config_file: Path, as_json: bool) -> None:
    """Every open case, the most urgent first."""
    import msgspec

    from central.views import Board

    with opened(config_file) as (config, store):
        views = Board(config.database, _registry(config, store), _now_ms).alarms()
    if as_json:
        click.echo(msgspec.json.encode(views).decode())
        return
    for view in views:
        click.echo(f"{view.case}: P{view.priority} {view.name_zh} / {view.name_en}; {view.detail}")


@alarm.command("close")
@_config_option
@click.argument("case")
def alarm_close(config_file: Path, case: str) -> None:
    """Close what the collector found by itself (fork, rollback, conflict, gap), once somebody has dealt with it."""
    from central.cases import close_finding

    with opened(config_file) as (config, store):
        close_finding(store, _registry(config, store), case, _now_ms())
    click.echo(f"{case}: closed")


@main.command()
@_config_option
@click.option("--gate", "gate_id", help="Only this gate; nothing is counted again then.")
@_json_option
def audit(config_file: Path, gate_id: str | None, as_json: bool) -> None:
    """Verify chains, heads, numbers and signatures; count everything again. Exit code 1 when something is wrong."""
    from central.audit_command import audit_store, audit_text

    with opened(config_file) as (config, store):
        found = audit_store(store, _registry(config, store), gate_id)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else audit_text(found))
    sys.exit(0 if found["ok"] else 1)


def _registry(config: Config, store: SqliteStore) -> Any:
    from central.registry import take_registry

    return take_registry(config, store, _now_ms())


def _hex(option: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        fail(f"{option} {text!r} is not hex")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
