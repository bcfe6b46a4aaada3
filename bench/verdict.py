"""From a code in view to the barrier's order, verdict committed: core, lane and outbox on disk, without devices."""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory

from checkpoint.temperature import Measurement
from drivers.protocols import Pulse
from edge import facts
from edge.clock import Moment
from edge.core import Core, LaneFact, Ports
from edge.faults import FaultBook
from edge.outbox import Identity, Outbox
from tests.edge.lane_bench import Bench, a_pass


class _NowClock:
    boot_id = bytes(16)

    def now(self) -> Moment:
        return Moment(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, trusted=True)


def run(passages: int = 70) -> dict[str, float]:
    """Milliseconds per passage: median, p95, p99 and the worst."""
    with TemporaryDirectory() as folder:
        times = _measure(Path(folder), passages)
    ranked = sorted(times)
    return {
        "passages": passages,
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(ranked[int(passages * 0.95)], 2),
        "p99_ms": round(ranked[int(passages * 0.99)], 2),
        "max_ms": round(ranked[-1], 2),
    }


def _measure(folder: Path, passages: int) -> list[float]:
    clock = _NowClock()
    outbox = Outbox.open(folder / "outbox.db", Identity("bench", "grid-1", 1), clock, "bench", "bench")
    ordered = threading.Event()

    def move(_lane: str) -> Future[Pulse]:
        ordered.set()
        done: Future[Pulse] = Future()
        done.set_result(Pulse(confirmed=True))
        return done

    ports = Ports(move, lambda _stored: None, lambda *_: None, lambda: None, lambda _now: None)
    lane = Bench(pulse_ms=100).lane
    core = Core({"in": lane}, outbox, clock, FaultBook(folder / "faults"), ports)
    thread = threading.Thread(target=core.run)
    thread.start()
    times = [_one(core, ordered, serial) for serial in range(1, passages + 1)]
    core.stop()
    thread.join()
    outbox.close("done")
    return times


def _one(core: Core, ordered: threading.Event, serial: int) -> float:
    """Somebody who has already been measured shows a code; then the lane is emptied again."""

    def tell(fact: facts.Fact) -> None:
        core.post(LaneFact("in", fact))

    code = a_pass(serial, now_s=time.time_ns() // 1_000_000_000)
    tell(facts.PresenceChanged(True))
    while core.lanes["in"].attempt is None:
        time.sleep(0.001)
    start_ms = time.monotonic_ns() // 1_000_000
    for number in range(7):
        tell(facts.Measured(Measurement(start_ms + 100 * number, 36.2, 20.0, None, "surface", ("ok",))))
    while not (core.lanes["in"].attempt and core.lanes["in"].attempt.taking.people):
        time.sleep(0.001)
    ordered.clear()
    began_s = time.perf_counter()
    tell(facts.CodesSeen((code,)))
    if not ordered.wait(5):
        raise RuntimeError(f"no order for the barrier: {core.lanes['in'].shown}")
    took_ms = (time.perf_counter() - began_s) * 1000
    tell(facts.Crossed())
    while core.lanes["in"].opening is not None:
        time.sleep(0.005)
    tell(facts.PresenceChanged(False))
    while core.lanes["in"].presence.occupied:
        time.sleep(0.005)
    return took_ms
