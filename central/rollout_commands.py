"""`guankou-central rollout`: a policy goes out in stages, is watched, stopped and taken back."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from central.command_parts import DAY_S, config_option, fail, file_path, json_option, opened, registry_of, utc_ms
from central.rollout_plan import DEFAULT_STOP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from central.config import Config
    from central.registry import Registry
    from central.rollout_view import RolloutView
    from central.store.rollouts import RolloutRow
    from central.store.sqlite import SqliteStore

_scope = click.option("--scope", help="Whose roll-out; needed where several are under way.")
_by = click.option("--by", help="Your name, kept with the roll-out; default the login name.")
_why = click.option("--why", default="", help="Kept with the roll-out.")


@click.group("rollout")
def rollout() -> None:
    """A policy goes out in stages: a few gates first, then more, then all; and back if it does not do."""


@rollout.command("start")
@config_option
@click.argument("file", type=file_path)
@click.option("--scope", required=True, help="Grid, site or gate id that the policy is for.")
@click.option(
    "--stages", required=True, help="Such as gate:east-1,grid:gardens-2,percent:30,all; one stage of several with `+`."
)
@click.option(
    "--stop-when", default=DEFAULT_STOP, show_default=True, help="Stop by itself when a share rises so much; or never."
)
@click.option(
    "--valid-days", type=click.FloatRange(min=0, min_open=True),
    help="How long gates take it. Default: until its own end; 30 if it has none.",
)  # fmt: skip
@click.option("--anyway", is_flag=True, help="Although a local order would not be followed any more.")
@_by
@_why
@json_option
def rollout_start(
    config_file: Path, file: Path, scope: str, stages: str, stop_when: str, valid_days: float | None, anyway: bool,
    by: str | None, why: str, as_json: bool,
) -> None:  # fmt: skip
    """Give the policy in FILE to the gates of the first stage. All others keep what they have; new ones get that."""
    from central.rollout import Wanted, Who, start

    with opened(config_file) as (config, store):
        registry = registry_of(config, store)
        wanted = Wanted(file.read_bytes(), scope, stages, stop_when, int((valid_days or 0) * DAY_S * 1000), anyway)
        row = start(config, store, registry, wanted, Who(by or getuser(), utc_ms(), why))
        _show(store, registry, row, as_json)


@rollout.command("show")
@config_option
@_scope
@click.option("--all", "every", is_flag=True, help="Also those that ended long ago.")
@json_option
def rollout_show(config_file: Path, scope: str | None, every: bool, as_json: bool) -> None:
    """Every gate of a roll-out: offered, verified, in force, or refused and why; and the figures it is judged by."""
    from central.rollout_view import rollout_views

    with opened(config_file) as (config, store):
        registry = registry_of(config, store)
        with store.snapshot():
            found = rollout_views(store, registry, utc_ms(), every)
        _tell([view for view in found if scope in (None, view.scope)], as_json)


@rollout.command("next")
@config_option
@_scope
@click.option("--anyway", is_flag=True, help="Although a gate of this stage has not got it, or the figures jumped.")
@_by
@_why
@json_option
def rollout_next(config_file: Path, scope: str | None, anyway: bool, by: str | None, why: str, as_json: bool) -> None:
    """Go on with the next stage, once every gate of this one has the policy."""
    from central.rollout import Who, widen

    with _one(config_file, scope) as (config, store, registry, row):
        if not anyway:
            _check_ready(store, registry, row)
        row = widen(config, store, registry, row, Who(by or getuser(), utc_ms(), why))
        _show(store, registry, row, as_json)


@rollout.command("stop")
@config_option
@_scope
@_by
@_why
@json_option
def rollout_stop(config_file: Path, scope: str | None, by: str | None, why: str, as_json: bool) -> None:
    """No further stage until `rollout next`; every gate keeps what it has."""
    from central.rollout import Who, stop

    with _one(config_file, scope) as (_, store, registry, row):
        with store.transaction():
            row = stop(store, row, Who(by or getuser(), utc_ms(), why))
        _show(store, registry, row, as_json)


@rollout.command("back")
@config_option
@_scope
@_by
@_why
@json_option
def rollout_back(config_file: Path, scope: str | None, by: str | None, why: str, as_json: bool) -> None:
    """Give every gate what it had before, under a new version; also after the last stage."""
    from central.rollout import Who, back

    with _one(config_file, scope, ended=True) as (config, store, registry, row):
        row = back(config, store, registry, row, Who(by or getuser(), utc_ms(), why))
        _show(store, registry, row, as_json)


@contextmanager
def _one(
    config_file: Path, scope: str | None, ended: bool = False
) -> Iterator[tuple[Config, SqliteStore, Registry, RolloutRow]]:
    """The roll-out that is meant: the only one under way, or that of the scope. `ended`: else the last of the scope."""
    from central.rollout import live

    with opened(config_file) as (config, store):
        found = live(store, scope)
        if not found and ended:
            found = _last_of_each(row for row in store.rollouts() if scope in (None, row.scope))
        if not found:
            of = f" of policy/{scope}" if scope else ""
            fail(f"no roll-out{of} is under way: `rollout show --all` lists the others")
        if len(found) > 1:
            fail(f"there are several roll-outs: name one with --scope {', '.join(row.scope for row in found)}")
        yield config, store, registry_of(config, store), found[0]


def _last_of_each(rows: Iterable[RolloutRow]) -> list[RolloutRow]:
    found: dict[str, RolloutRow] = {}
    for row in rows:
        found.setdefault(row.scope, row)
    return list(found.values())


def _check_ready(store: SqliteStore, registry: Registry, row: RolloutRow) -> None:
    """Ends the command while a gate of this stage has not got the policy, or where the figures jumped."""
    from central.rollout_view import rollout_views

    view = next(view for view in rollout_views(store, registry, utc_ms()) if view.no == row.no)
    lacking = [f"{gate.gate} {gate.state}" for gate in view.gates if gate.state not in ("in_force", "outside")]
    if row.jumped:
        fail(f"it stopped by itself ({row.jumped}): `rollout back`, or `rollout next --anyway`")
    if lacking:
        fail(f"not in force at {', '.join(lacking[:10])}: wait, see why, or `rollout next --anyway`")


def _show(store: SqliteStore, registry: Registry, row: RolloutRow, as_json: bool) -> None:
    from central.rollout_view import rollout_views

    _tell([view for view in rollout_views(store, registry, utc_ms()) if view.no == row.no], as_json)


def _tell(views: list[RolloutView], as_json: bool) -> None:
    import msgspec

    if as_json:
        click.echo(msgspec.json.encode(views).decode())
        return
    for view in views:
        for line in _lines(view):
            click.echo(line)


def _lines(view: RolloutView) -> Iterator[str]:
    from central.rollout_view import STATES

    stages = " > ".join(f"[{text}]" if at == view.stage else text for at, text in enumerate(view.stages, 1))
    yield (
        f"{view.no}: policy/{view.scope} {view.policy} v{view.policy_version}; {' '.join(STATES[view.state])};"
        f" document {view.version}, before {view.base_version}"
    )
    yield f"  {stages}"
    if view.jumped:
        yield f"  自动停止 stopped by itself: {view.jumped}"
    for one in view.figures:
        told = f"limit {one.limit}" if one.told else "too few verdicts to judge"
        yield f"  {one.figure}: {one.seen}/{one.verdicts}, as before {one.expected}; {told}"
    for gate in view.gates:
        yield "  " + _gate_line(gate)
    for act in view.acts:
        why = f": {act.why}" if act.why else ""
        yield f"  {_when(act.at_ms)} {act.act}, document {act.version}, by {act.by}{why}"


def _gate_line(gate: Any) -> str:
    from central.rollout_view import ANSWERS

    away = "" if gate.online else " 离线 offline"
    has = f", document {gate.version}" if gate.version else ""
    counts = f"; {gate.verdicts} verdicts, {gate.deny} deny, {gate.escalate} escalate" if gate.verdicts else ""
    return f"{gate.gate}{has}: {' '.join(ANSWERS[gate.state])}{away}{counts}{f': {gate.why}' if gate.why else ''}"


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
