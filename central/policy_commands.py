"""`guankou-central policy`: look a policy over, compare it, try it on what was recorded, publish it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from central.command_parts import (
    BAD_INPUT,
    DAY_S,
    SKEW_MS,
    clear_errors,
    config_option,
    fail,
    file_path,
    json_option,
    opened,
    registry_of,
    utc_ms,
)
from central.replay_command import replay_command

if TYPE_CHECKING:
    from central.policy_diff import Difference
    from checkpoint.policy import PolicyError

_NOT_PUBLISHED = 1
# How long gates take a policy that has no end of its own.

_tree_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=file_path,
    envvar="GUANKOU_CENTRAL",
    help="The collector's file: for the grids there are, and where a SCOPE is named.",
)


@click.group("policy")
def policy() -> None:
    """Policies: look one over, compare two, try one on what was recorded, publish it."""


policy.add_command(replay_command, "replay")


@policy.command("check")
@_tree_option
@click.argument("file", type=file_path)
@json_option
def policy_check(config_file: Path | None, file: Path, as_json: bool) -> None:
    """Read FILE as a gate does; then say what is allowed in it and odd all the same, with its line."""
    from central.policy_check import as_json as values
    from central.policy_check import check_policy, lines
    from checkpoint.policy import PolicyError

    text, grids = _read(file), None if config_file is None else _grids(config_file)
    try:
        checked = check_policy(text, utc_ms() / 1000, grids)
    except PolicyError as error:
        _refuse(file, error, as_json=as_json)
    _say([_json(values(checked))] if as_json else lines(checked, file.name))


@policy.command("diff")
@_tree_option
@click.argument("old")
@click.argument("new")
@json_option
def policy_diff(config_file: Path | None, old: str, new: str, as_json: bool) -> None:
    """Say who is treated otherwise under NEW than under OLD. Each is a file, or a SCOPE: what its gates follow now.
    NEW may be a local order, which comes on top of OLD."""
    from central.policy_diff import as_json as values
    from central.policy_diff import difference, lines
    from central.policy_standing import on_top
    from checkpoint.policy import parse_policy

    with clear_errors():
        if Path(old).is_file() and Path(new).is_file():
            before = parse_policy(Path(old).read_bytes())
            found = difference(before, on_top(before, Path(new).read_bytes()))
        else:
            found = _difference_at(config_file, old, new)
    _say([_json(values(found))] if as_json else lines(found))


@policy.command("publish")
@config_option
@click.option("--scope", required=True, help="Grid, site or gate id.")
@click.option(
    "--valid-days", type=click.FloatRange(min=0, min_open=True),
    help="How long gates take it, from when it begins. Default: until its own end; 30 if it has none.",
)  # fmt: skip
@click.option("--without-replay", is_flag=True, help="Don't try it on the passages of the last 7 days first.")
@click.option("--yes", is_flag=True, help="Publish without asking.")
@click.argument("file", type=file_path)
@json_option
def policy_publish(
    config_file: Path, scope: str, valid_days: float | None, without_replay: bool, yes: bool, file: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Show what FILE would change: what is odd in it, who is treated otherwise, which verdicts of the last 7 days would
    have been other ones. Then ask, and publish it for SCOPE. Exit code 1: it was not published."""
    from central.documents import policies_out, publish_tried
    from central.policy_standing import taken_until_ms
    from central.policy_trial import as_json as values
    from central.policy_trial import lines, tried

    if as_json and not yes:
        fail("--json asks nothing: add --yes, or leave it out and answer")
    with opened(config_file) as (config, store):
        now_ms, text, out = utc_ms(), _read(file), policies_out(store)
        trial = tried(store, registry_of(config, store), text, scope, now_ms, with_replay=not without_replay)
        if not as_json:
            _say(lines(trial, file.name))
        if not (yes or _agreed(scope)):
            click.echo("没有发布。 Nothing was published.", err=True)
            sys.exit(_NOT_PUBLISHED)
        if _read(file) != text:
            fail(f"{file}: was written to meanwhile, so nothing was published: look at it again")
        # Before its time gates keep it beside the one that they follow.
        from_ms = max(now_ms - SKEW_MS, int(trial.checked.policy.valid_from.timestamp() * 1000))
        valid_ms = int((valid_days or 0) * DAY_S * 1000)
        until_ms = taken_until_ms(trial.checked.policy, valid_ms, max(now_ms, from_ms))
        version = publish_tried(config, store, scope, text, out, from_ms, until_ms, now_ms)
    if as_json:
        _say([_json(values(trial) | {"scope": scope, "document": version, "not_after": until_ms})])
    else:
        begins = trial.begins_said(now_ms)
        _say([f"已发布 Published: {scope}, {trial.name}, document {version}{begins}"])


def _agreed(scope: str) -> bool:
    try:
        return click.confirm(f"向 {scope} 发布？ Publish for {scope}?")
    except click.Abort:
        return False


def _difference_at(config_file: Path | None, old: str, new: str) -> Difference:
    """Of two policies of which one at least is what a scope follows."""
    from central.policy_diff import difference
    from central.policy_standing import on_top, standing, upwards_in
    from checkpoint.policy import parse_policy

    if config_file is None:
        missing = next(name for name in (old, new) if not Path(name).is_file())
        fail(f"{missing!r} is no file; if it is a scope, name the collector's file with --config")
    with opened(config_file) as (config, store):
        registry, now_ms = registry_of(config, store), utc_ms()
        if Path(old).is_file():
            before = parse_policy(Path(old).read_bytes())
        else:
            before = standing(store, registry, old, now_ms).policy
        if Path(new).is_file():
            after = on_top(before, Path(new).read_bytes())
        else:
            after = standing(store, registry, new, now_ms).policy
        return difference(before, after, upwards_in(registry))


def _grids(config_file: Path) -> tuple[str, ...]:
    from central.config import load_config
    from central.registry import load_tree

    with clear_errors():
        return tuple(load_tree(load_config(config_file).tree)[0].grids)


def _read(file: Path) -> bytes:
    with clear_errors():
        return file.read_bytes()


def _refuse(file: Path, error: PolicyError, *, as_json: bool) -> NoReturn:
    """What a gate would not follow."""
    if not as_json:
        fail(f"{file}: {error}")
    _say([_json({"ok": False, "line": error.line, "error": str(error)})])
    sys.exit(BAD_INPUT)


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
