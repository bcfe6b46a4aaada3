"""`guankou-gate drill`: its two commands, as `edge/cli.py` has all others."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def drill() -> None:
    """Practice at the gate that runs on this machine: its records are marked, and counted nowhere."""


@drill.command("start")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--minutes", required=True, type=click.IntRange(1, 240), help="Over by itself then; 240 at most.")
@click.option("--by", required=True, help="Who holds it: goes on record.")
@click.option("--with-barrier", is_flag=True, help="Verdicts move the barrier; else it stays shut.")
def drill_start(file: Path, minutes: int, by: str, with_barrier: bool) -> None:
    """Begin a drill at the gate that FILE describes. One that is on ends."""
    from checkpoint.drill import DrillError
    from edge.cli import fail
    from edge.drill_command import DrillCommandError, start_drill
    from firmware_config.load import ConfigError

    try:
        begun = start_drill(file, minutes, by, with_barrier)
    except (DrillError, DrillCommandError, ConfigError) as error:
        fail(error)
    barrier = ("道闸会动作", "barrier moves") if begun.with_barrier else ("道闸不动作", "barrier stays shut")
    click.echo(f"演练开始，{minutes} 分钟，{barrier[0]}；结束: guankou-gate drill stop {file}")
    click.echo(f"drill began, {minutes} min, {barrier[1]}; to end it: guankou-gate drill stop {file}")


@drill.command("stop")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--by", default="command", show_default=True, help="Who ends it: goes on record.")
def drill_stop(file: Path, by: str) -> None:
    """End the drill at the gate that FILE describes. Exit code 3: none was on."""
    from edge.cli import NOTHING_CAME, fail
    from edge.drill_command import DrillCommandError, stop_drill
    from firmware_config.load import ConfigError

    try:
        ended = stop_drill(file, by)
    except (DrillCommandError, ConfigError) as error:
        fail(error)
    if not ended:
        fail("没有演练 no drill is on", NOTHING_CAME)
    click.echo("演练结束 drill ended")
