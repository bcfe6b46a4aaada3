"""`guankou-central`: every command of the collector. Bodies lie beside it, imported when their command is called."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, get_args

import click

from central.command_parts import (
    DAY_S,
    SKEW_MS,
    clear_errors,
    config_option,
    fail,
    file_path,
    hex_bytes,
    json_option,
    opened,
    registry_of,
    show,
    utc_ms,
)
from central.pass_commands import pass_
from central.people_commands import people
from central.policy_commands import policy
from central.replay_command import replay_command
from central.rollout_commands import rollout
from central.trust_commands import document_draft, document_show, document_sign, document_take, issuer
from central.watch_commands import watch
from checkpoint.documents import DocumentKind


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """关口 Guankou: the collector."""


main.add_command(pass_)
main.add_command(issuer)
main.add_command(people)
main.add_command(rollout)
main.add_command(watch)
main.add_command(policy)
main.add_command(replay_command, "replay")


@main.command()
@click.argument("file", type=file_path)
def run(file: Path) -> None:
    """Run the collector that FILE describes, until SIGTERM. Exit code 4: a thread hung; start it again."""
    from central.config import load_config
    from central.daemon import run_collector

    with clear_errors():
        run_collector(load_config(file))


@main.command()
@click.argument("folder", type=file_path)
@json_option
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
@click.option("--dir", "folder", type=file_path, required=True, help="New folder for configuration, passwords and ACL.")
@click.option("--port", type=click.IntRange(1, 65535), default=1883, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--collector-user", default="collector", show_default=True)
@click.option("--subscriber-user", default="subscriber", show_default=True)
@json_option
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
@config_option
@click.option("--gate", "gate_id", required=True)
@click.option("--grid", required=True)
@click.option("--site", required=True)
@click.option("--public-key", required=True, help="The gate's public key, 64 hex digits.")
@click.option("--out", type=file_path, required=True, help="New file for the gate; it holds a password.")
@json_option
def gate_enrol(
    config_file: Path, gate_id: str, grid: str, site: str, public_key: str, out: Path, as_json: bool
) -> None:
    """Register a gate and write its enrolment file. The broker has to reload its files afterwards (SIGHUP)."""
    from central import enrol

    with opened(config_file) as (config, store):
        if out.exists():
            fail(f"{out} exists; name a file that does not")
        registry = registry_of(config, store)
        made = enrol.enrol(
            config, store, registry, gate_id, grid, site, hex_bytes("--public-key", public_key), utc_ms()
        )
        enrol.write_enrolment(out, made)
    show(as_json, {"gate": made.gate, "grid_path": made.grid_path, "broker_user": made.broker_user, "file": str(out)})


@gate.command("revoke")
@config_option
@click.option("--gate", "gate_id", required=True)
@json_option
def gate_revoke(config_file: Path, gate_id: str, as_json: bool) -> None:
    """Take nothing from a gate any more; its records stay. The broker has to reload its files afterwards (SIGHUP)."""
    from central import enrol

    with opened(config_file) as (config, store):
        enrol.revoke(config, store, gate_id, utc_ms())
    show(as_json, {"gate": gate_id, "revoked": True})


@main.group()
def document() -> None:
    """Signed documents that go down to gates."""


for _command in (document_draft, document_show, document_sign, document_take):
    document.add_command(_command)


@document.command("publish")
@config_option
@click.option("--kind", type=click.Choice(get_args(DocumentKind)), required=True)
@click.option("--scope", required=True, help="Grid, site or gate id.")
@click.option(
    "--valid-days", type=click.FloatRange(min=0, min_open=True),
    help="How long gates take it. Default: 30; of kind `policy` until its own end, if it has one.",
)  # fmt: skip
@click.argument("file", type=file_path, required=False)
@json_option
def document_publish(
    config_file: Path, kind: DocumentKind, scope: str, valid_days: float | None, file: Path | None, as_json: bool
) -> None:
    """Sign the next version of a document; the running collector publishes it. Kind `keys` needs no FILE."""
    from central.documents import publish_document, taken_until_ms

    now_ms, valid_ms = utc_ms(), int((valid_days or 0) * DAY_S * 1000)
    with opened(config_file) as (config, store):
        until_ms = taken_until_ms(kind, file, valid_ms, now_ms)
        version = publish_document(config, store, kind, scope, file, now_ms - SKEW_MS, until_ms, now_ms)
    show(as_json, {"kind": kind, "scope": scope, "version": version, "not_after": until_ms})


@main.command()
@config_option
@click.argument("target", type=file_path)
def backup(config_file: Path, target: Path) -> None:
    """Copy the store to TARGET, also while the collector runs. It holds no key: copy the folder of keys, and
    registry.key and steps/ in it, to another place."""
    from central.backup import backup as take_backup
    from central.config import load_config

    with clear_errors():
        take_backup(load_config(config_file).database, target)
    click.echo(str(target))


@main.command()
@config_option
@click.argument("source", type=file_path)
def restore(config_file: Path, source: Path) -> None:
    """Put the backup SOURCE in place of a stopped collector's store; the old one is kept beside it. Keys are not in
    it: put them back first."""
    from central.backup import restore as put_back
    from central.config import load_config

    with clear_errors():
        config = load_config(config_file)
        words = put_back(source, config.database, utc_ms())
    for word in words:
        click.echo(word)
    click.echo(str(config.database))


@main.command()
@config_option
@click.argument("outbox", type=file_path)
@click.option("--gate", "gate_id", required=True, help="Whose card it is.")
@click.option("--key", "key_file", type=file_path, help="The gate's key; default gate.key beside the outbox.")
@click.option("--unsigned", is_flag=True, help="Vouch for the records yourself where the gate's key is lost.")
@click.option("--by", help="Your name, kept with what is imported; default the login name.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported, and import nothing.")
@json_option
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
            registry_of(config, store),
            outbox,
            gate_id,
            utc_ms(),
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
@config_option
@json_option
def alarm_list(config_file: Path, as_json: bool) -> None:
    """Every open case, the most urgent first."""
    import msgspec

    from central.views import Board

    with opened(config_file) as (config, store):
        views = Board(config.database, registry_of(config, store), utc_ms).alarms()
    if as_json:
        click.echo(msgspec.json.encode(views).decode())
        return
    for view in views:
        click.echo(f"{view.case}: P{view.priority} {view.name_zh} / {view.name_en}; {view.detail}")


@alarm.command("close")
@config_option
@click.argument("case")
def alarm_close(config_file: Path, case: str) -> None:
    """Close what the collector found by itself (fork, rollback, conflict, gap), once somebody has dealt with it."""
    from central.cases import close_finding

    with opened(config_file) as (config, store):
        close_finding(store, registry_of(config, store), case, utc_ms())
    click.echo(f"{case}: closed")


@main.command()
@config_option
@click.option("--gate", "gate_id", help="Only this gate; nothing is counted again then.")
@json_option
def audit(config_file: Path, gate_id: str | None, as_json: bool) -> None:
    """Verify chains, heads, numbers and signatures; count everything again. Exit code 1 when something is wrong."""
    from central.audit_command import audit_store, audit_text

    with opened(config_file) as (config, store):
        found = audit_store(store, registry_of(config, store), gate_id)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else audit_text(found))
    sys.exit(0 if found["ok"] else 1)
