"""One gate of the outage bench: core, lanes, outbox and uplink as in the product, without devices, in its own process.

Run as `python -m bench.outage_gate TOWN GATE BROKER_PORT LANES`. Says `ready` on standard output; each number read
from standard input is a count of passages, answered by one line of JSON; it ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from bench.gate_side import enrolment_of, runner_of
from bench.lane_rig import LaneRig
from bench.words import only_errors
from edge.clock import SystemClock
from edge.outbox import Identity, Outbox
from edge.outbox_reader import OutboxReader


def main(town: Path, gate: str, broker_port: int, lanes: int) -> None:
    only_errors()
    enrolment = enrolment_of(town, gate)
    clock = SystemClock(os.urandom(16), lambda _at_ms, _mono_ms: True)
    path = town / gate / "data" / "outbox.db"
    identity = Identity(enrolment.gate, enrolment.grid, enrolment.tree_version)
    outbox = Outbox.open(path, identity, clock, "bench", "bench")
    runner = runner_of(town, enrolment, OutboxReader(path), broker_port, clock)
    rig = LaneRig(
        outbox,
        clock,
        path.parent,
        lanes,
        copy=lambda stored: runner.copy(stored.epoch, stored.number),
        complete=runner.complete,
        wake=runner.wake,
    )
    runner.start()
    try:
        click.echo("ready")
        for line in sys.stdin:
            both = [rig.passage() for _ in range(int(line))]
            rig.settle()
            times = {"took_ms": [took for took, _ in both], "bare_ms": [bare for _, bare in both]}
            click.echo(json.dumps({**times, "depth": runner.depth}))
    finally:
        rig.stop()
        outbox.close("done")
        runner.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
