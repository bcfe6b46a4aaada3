"""`guankou-central policy replay`: a policy tried on what gates have recorded, before it goes out."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from central.command_parts import config_option, file_path, json_option, opened, registry_of, utc_ms

if TYPE_CHECKING:
    from checkpoint.local_order import LocalOrder

_MOMENTS: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])


@click.command("replay")
@config_option
@click.option("--scope", help="Only records of this grid, site or gate.")
@click.option("--since", type=_MOMENTS, required=True, help="From this day or minute on, in the collector's zone.")
@click.option("--until", type=_MOMENTS, help="Until before this day or minute; default now.")
@click.option(
    "--examples", type=click.IntRange(0, 100), default=3, show_default=True,
    help="Records to name for each kind of change.",
)  # fmt: skip
@click.option("--policy", "named", type=file_path, help="The policy file, where NEW is not given.")
@click.argument("new", type=file_path, required=False)
@json_option
def replay_command(
    config_file: Path, scope: str | None, since: datetime, until: datetime | None, examples: int, named: Path | None,
    new: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Decide stored passages again under the policy file NEW, and say what would change. Nothing is published. NEW
    may be a local order, which comes on top of what --scope follows. `replay` and `policy replay` are the same.

    What a record does not say is not guessed but counted apart.
    """
    import msgspec

    from central.policy_standing import under
    from central.registry import zone_info
    from central.replay import lines, policies_of, replay
    from checkpoint.local_order import LocalOrder as Order
    from checkpoint.local_order import combine, parse_either

    file = new or named
    if file is None or (new and named):
        raise click.UsageError("say one policy file: NEW, or --policy FILE")
    with opened(config_file) as (config, store):
        registry = registry_of(config, store)
        zone = zone_info(registry.zone)
        policy, now_ms = parse_either(file.read_bytes()), utc_ms()
        if isinstance(policy, Order):
            policy = combine(under(store, registry, _scope_of(policy, scope), now_ms).policy, policy)
        until_ms = now_ms if until is None else _utc_ms(until, zone)
        report = replay(
            store, registry, policies_of(store), policy, _utc_ms(since, zone), until_ms, examples, scope=scope
        )  # fmt: skip
        told = [msgspec.json.encode(report).decode()] if as_json else lines(report, registry.zone)
    for line in told:
        click.echo(line)


def _scope_of(order: LocalOrder, scope: str | None) -> str:
    if scope is None:
        raise ValueError(f"{order.id} is a local order: add --scope, the place that it is for")
    return scope


def _utc_ms(local: datetime, zone: tzinfo) -> int:
    return round(local.replace(tzinfo=zone).astimezone(UTC).timestamp() * 1000)
