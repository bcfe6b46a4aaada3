"""The body of `guankou-gate city --temperature`."""

from __future__ import annotations

import click
import msgspec

from edge.city.page import lines
from edge.city.temperature_city import simulate


def show_city(people: int, drift_runs: int, seed: int, as_json: bool) -> None:
    """Tables (or JSON) on standard output; what is being run, on standard error."""
    city = simulate(people, drift_runs, seed, lambda scene: click.echo(scene, err=True))
    if as_json:
        click.echo(msgspec.json.encode(city).decode())
        return
    for line in lines(city):
        click.echo(line)
