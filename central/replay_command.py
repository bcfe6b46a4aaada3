"""`guankou-central policy replay`: a policy tried on what gates have recorded, before it goes out."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import click

from central.command_parts import config_option, file_path, json_option, opened, registry_of, utc_ms

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
@click.argument("new", type=file_path)
@json_option
def replay_command(
    config_file: Path, scope: str | None, since: datetime, until: datetime | None, examples: int, new: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Decide stored passages again under the policy file NEW, and say what would change. Nothing is published.

    What a record does not say is not guessed but counted apart.
    """
    import msgspec

    from central.registry import zone_info
    from central.replay import lines, policies_of, replay
    from checkpoint.policy import parse_policy

    with opened(config_file) as (config, store):
        registry = registry_of(config, store)
        zone = zone_info(registry.zone)
        policy = parse_policy(new.read_bytes())
        until_ms = utc_ms() if until is None else _utc_ms(until, zone)
        report = replay(
            store, registry, policies_of(store), policy, _utc_ms(since, zone), until_ms, examples, scope=scope
        )  # fmt: skip
        told = [msgspec.json.encode(report).decode()] if as_json else lines(report, registry.zone)
    for line in told:
        click.echo(line)


def _utc_ms(local: datetime, zone: tzinfo) -> int:
    return round(local.replace(tzinfo=zone).astimezone(UTC).timestamp() * 1000)
