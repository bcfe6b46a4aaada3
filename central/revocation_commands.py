"""`guankou-central pass revoke`, `suspend`, `resume`: one pass, a household, or every pass of a kind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from central.command_parts import (
    DAY_S,
    config_option,
    fail,
    hex_bytes,
    json_option,
    opened,
    registry_of,
    show,
    utc_ms,
)
from checkpoint.passes import PassClass

if TYPE_CHECKING:
    from central.revocation import Published
    from central.store.sqlite import SqliteStore
    from checkpoint.status_list import CutOffKind

# A pass that is not in the register may begin later than now: its own cut-off reaches as far as any pass lives.
_LONGEST_LIFE_S: Final = 366 * DAY_S
_STILL_ENDED: Final = 1
_BYTES: Final = {"pass": 8, "household": 4, "kid": 4}


def _about(command: Callable[..., None]) -> Callable[..., None]:
    """The argument and options that say whom a command is about."""
    for decorate in (
        json_option,
        click.option("--why", default="", help="Kept with the pass, for whoever asks later."),
        click.option("--scope", "scopes", multiple=True, help="Site or grid whose gates it concerns; several times."),
        click.option("--all", "everything", is_flag=True, help="Every pass."),
        click.option("--key", "kid", help="Every pass that this key has signed: its id, 8 hex digits."),
        click.option("--class", "pass_class", type=click.Choice(get_args(PassClass)), help="Every pass of this class."),
        click.option("--household", help="Every pass of this household, 8 hex digits."),
        click.argument("pass_id", required=False),
        config_option,
    ):
        command = decorate(command)
    return command


@click.command()
@_about
@click.option("--before", type=click.DateTime(), help="Of many: those that began before then, UTC; default now.")
def revoke(
    config_file: Path, scopes: tuple[str, ...], before: datetime | None, why: str, as_json: bool, **whom: Any
) -> None:
    """End passes at every gate: PASS_ID (16 hex digits), or all of a kind that began before some time.

    Only a pass or household of the register needs no --scope.
    """
    from getpass import getuser

    from central import revocation
    from checkpoint.status_list import REVOKED

    kind, value = _whom(**whom)
    with opened(config_file) as (config, store):
        if kind == "pass" and not scopes:
            done = revocation.set_status(config, store, [value], REVOKED, why, utc_ms())
        else:
            registry, places = registry_of(config, store), scopes or _homes(store, kind, value)
            before_s = _before_s(kind, before)
            done = revocation.cut_off(
                config, store, registry, places, kind, value, before_s, why or getuser(), utc_ms()
            )
    _told(as_json, "revoked", done)


@click.command()
@_about
def suspend(config_file: Path, scopes: tuple[str, ...], why: str, as_json: bool, **whom: Any) -> None:
    """Let a guard decide about PASS_ID or a --household until `resume`: home isolation, without a new pass."""
    from central import revocation
    from checkpoint.status_list import SUSPENDED, VALID

    kind, value = _whom(**whom)
    if kind not in ("pass", "household") or scopes:
        fail("only passes of the register can be suspended: give PASS_ID or --household alone")
    with opened(config_file) as (config, store):
        ids = _ids(store, kind, value, VALID)
        done = revocation.set_status(config, store, ids, SUSPENDED, why, utc_ms())
    _told(as_json, "suspended", done)


@click.command()
@_about
def resume(config_file: Path, scopes: tuple[str, ...], why: str, as_json: bool, **whom: Any) -> None:
    """Take back `revoke` and `suspend`: of PASS_ID, of a household, or the cut-off of a kind at --scope.

    Of PASS_ID all that was set for it alone, at every place; with --scope only its cut-offs there. Exit code 1 when
    something else still ends the pass: each is named with its remedy.
    """
    from central import revocation
    from central.people.resuming import resume_pass
    from checkpoint.status_list import SUSPENDED, VALID

    kind, value = _whom(**whom)
    stands: Sequence[str] = ()
    with opened(config_file) as (config, store):
        done: Sequence[Published] = ()
        if kind == "pass":
            tree = registry_of(config, store) if scopes else None
            resumed = resume_pass(config, store, value, why, utc_ms(), tree, scopes)
            done, stands = resumed.lists, resumed.stands
        elif kind == "household" and not scopes:
            registry, places = registry_of(config, store), _homes(store, kind, value)
            ids = _ids(store, kind, value, SUSPENDED)
            done = [
                *revocation.set_status(config, store, ids, VALID, why, utc_ms()),
                *revocation.lift(config, store, registry, places, kind, value, utc_ms(), must=not ids),
            ]
        else:
            done = revocation.lift(config, store, registry_of(config, store), scopes, kind, value, utc_ms())
    _told(as_json, "resumed", done, stands)


def _whom(
    pass_id: str | None, household: str | None, pass_class: PassClass | None, kid: str | None, everything: bool
) -> tuple[CutOffKind, bytes]:
    """Kind and value of exactly one of them."""
    from central.revocation import class_value

    named: tuple[tuple[CutOffKind, str, str | None], ...] = (
        ("pass", "PASS_ID", pass_id),
        ("household", "--household", household),
        ("kid", "--key", kid),
    )
    given = [(kind, name, text) for kind, name, text in named if text is not None]
    if len(given) + (pass_class is not None) + everything != 1:
        fail("say whom: one of PASS_ID, --household, --class, --key, --all")
    if pass_class is not None:
        return "class", class_value(pass_class)
    if everything:
        return "all", b""
    kind, name, text = given[0]
    value = hex_bytes(name, text)
    if len(value) != _BYTES[kind]:
        fail(f"{name} {text!r} has {len(value)} bytes: give {2 * _BYTES[kind]} hex digits")
    return kind, value


def _before_s(kind: CutOffKind, before: datetime | None) -> int:
    if kind == "pass":
        return utc_ms() // 1000 + _LONGEST_LIFE_S
    return utc_ms() // 1000 if before is None else int(before.replace(tzinfo=UTC).timestamp())


def _homes(store: SqliteStore, kind: CutOffKind, value: bytes) -> Sequence[str]:
    """Where the passes of a household count, by the register."""
    rows = store.issued_of_household(value) if kind == "household" else []
    homes = sorted({row.list_scope for row in rows if row.list_scope is not None})
    if not homes:
        fail("name the place of the gates with --scope: the register does not know it")
    return homes


def _ids(store: SqliteStore, kind: CutOffKind, value: bytes, status: int | None = None) -> list[bytes]:
    """The pass, or those of a household that are on a status list, if wished only those of one status."""
    if kind == "pass":
        return [value]
    rows = [row for row in store.issued_of_household(value) if row.status_index is not None]
    if not rows:
        fail(f"household {value.hex()} has no pass on a status list")
    return [row.pass_id for row in rows if status is None or row.status == status]


def _told(as_json: bool, what: str, done: Sequence[Published], stands: Sequence[str] = ()) -> None:
    lists = [{"scope": one.scope, "version": one.version} for one in done]
    if not stands:
        show(as_json, {what: True, "lists": lists})
        return
    if as_json:
        show(True, {what: False, "lists": lists, "stands": list(stands)})
    for line in () if as_json else stands:
        click.echo(line, err=True)
    sys.exit(_STILL_ENDED)
