"""`guankou-central watch`: of whom a named authority wants to hear, until when, and who asked for it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from central.command_parts import DAY_S, config_option, fail, json_option, opened, registry_of, show, utc_ms
from checkpoint.watch import WATCH_KINDS, WATCH_ROLES, WatchKind, WatchRole

if TYPE_CHECKING:
    from central.store.watched import WatchedRow

# Whoever needs an entry for longer looks at it again.
_MOST_DAYS = 180


@click.group("watch")
def watch() -> None:
    """The watch list. Gates ask whoever is on it to wait, in neutral words, and say whom to call."""


@watch.command("add")
@config_option
@click.option("--scope", required=True, help="Site, grid or gate whose gates are told.")
@click.option("--kind", type=click.Choice(WATCH_KINDS), required=True, help="What VALUE is.")
@click.option("--call", type=click.Choice(WATCH_ROLES), required=True, help="Who is told when they come.")
@click.option("--days", type=click.FloatRange(0, _MOST_DAYS, min_open=True), required=True, help="How long it counts.")
@click.option("--why", required=True, help="Order or case number, for whoever asks later. No names.")
@click.option("--by", help="Your name, kept with the entry; default the login name.")
@click.argument("value", required=False)
@json_option
def watch_add(
    config_file: Path, scope: str, kind: WatchKind, call: WatchRole, days: float, why: str, by: str | None,
    value: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Put VALUE on the list: hex of a pass, subject or household as `people list` shows them, or a number plate.

    A document's number, and VALUE where it is left out, is read from standard input. The number itself is kept
    nowhere."""
    from getpass import getuser

    from central.watching import Wanted, publish_watch, watch_for

    if kind == "document" and value is not None:
        fail("a document's number on a command line stays in the shell's history: leave it out and type it when asked")
    text = value if value is not None else _asked()
    with opened(config_file) as (config, store):
        registry, now_ms = registry_of(config, store), utc_ms()
        wanted = Wanted(scope, kind, text, call, why, by or getuser(), now_ms + int(days * DAY_S * 1000))
        with store.transaction():
            row = watch_for(config, store, registry, wanted, now_ms)
        _told(as_json, row, publish_watch(config, store, registry, now_ms))


@watch.command("remove")
@config_option
@click.argument("entry", type=click.IntRange(1))
@click.option("--why", required=True, help="Kept with the entry.")
@click.option("--by", help="Your name, kept with the entry; default the login name.")
@json_option
def watch_remove(config_file: Path, entry: int, why: str, by: str | None, as_json: bool) -> None:
    """Take ENTRY off the list of every gate. It stays on record, with who asked for it and who took it off."""
    from getpass import getuser

    from central.watching import publish_watch, watch_no_more

    with opened(config_file) as (config, store):
        registry, now_ms = registry_of(config, store), utc_ms()
        with store.transaction():
            row = watch_no_more(store, entry, by or getuser(), why, now_ms)
        _told(as_json, row, publish_watch(config, store, registry, now_ms))


@watch.command("list")
@config_option
@click.option("--all", "also_over", is_flag=True, help="Also those that are over or were taken off.")
@json_option
def watch_list(config_file: Path, also_over: bool, as_json: bool) -> None:
    """Entries with who asked for them and why. Whom they are about can't be told from them."""
    with opened(config_file) as (_, store):
        for row in store.watched():
            if also_over or row.counts(utc_ms()):
                values = _values(row)
                line = json.dumps(values, ensure_ascii=False) if as_json else "  ".join(str(v) for v in values.values())
                click.echo(line)


@watch.command("publish")
@config_option
@json_option
def watch_publish(config_file: Path, as_json: bool) -> None:
    """Give every gate its list, empty or not. A policy that asks for `watch` needs one at each gate."""
    from central.watching import publish_watch, secret_of

    with opened(config_file) as (config, store):
        secret_of(config, store, utc_ms())
        gates = publish_watch(config, store, registry_of(config, store), utc_ms())
    show(as_json, {"gates": gates if as_json else ", ".join(gates) or "-"})


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Number", hide_input=True))
    return sys.stdin.readline(200).strip()


def _told(as_json: bool, row: WatchedRow, gates: list[str]) -> None:
    values = {"entry": row.no, "scope": row.scope, "kind": row.kind, "call": row.call}
    show(as_json, {**values, "gates": gates if as_json else ", ".join(gates) or "-"})


def _values(row: WatchedRow) -> dict[str, Any]:
    return {
        "entry": row.no,
        "scope": row.scope,
        "kind": row.kind,
        "call": row.call,
        "added": _day(row.added_ms),
        "until": _day(row.until_ms),
        "by": row.by,
        "why": row.why,
        "removed": _day(row.removed_ms) if row.removed_ms is not None else "-",
        "removed_by": row.removed_by or "-",
        "removed_why": row.removed_why or "-",
    }


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
