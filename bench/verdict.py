"""From a code in view to the barrier's order, verdict committed: core, lane and outbox on disk, without devices."""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import at_rank, spread_ms
from bench.lane_rig import LaneRig
from edge.clock import SystemClock
from edge.outbox import Identity, Outbox


def run(passages: int = 400, lanes: int = 8) -> dict[str, float]:
    """Milliseconds per passage: median, p95, p99 and the worst; and of one bare durable write before each of them.

    Lanes take turns, the others empty while one is asked: never two verdicts at once.
    """
    with TemporaryDirectory() as folder:
        times, bare = _measure(Path(folder), passages, lanes)
    return {
        "passages": passages,
        **{name: value for name, value in spread_ms(times).items() if name != "samples"},
        "bare_write_median_ms": round(statistics.median(bare), 2),
        "bare_write_p99_ms": round(at_rank(bare, 0.99), 2),
    }


def _measure(folder: Path, passages: int, lanes: int) -> tuple[list[float], list[float]]:
    clock = SystemClock(os.urandom(16), lambda _at_ms, _mono_ms: True)
    outbox = Outbox.open(folder / "outbox.db", Identity("bench", "grid-1", 1), clock, "bench", "bench")
    rig = LaneRig(outbox, clock, folder, lanes)
    try:
        both = [rig.passage() for _ in range(passages)]
    finally:
        rig.stop()
        outbox.close("done")
    return [took for took, _ in both], [bare for _, bare in both]
