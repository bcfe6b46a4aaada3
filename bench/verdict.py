"""From a code in view to the barrier's order, verdict committed: core, lane and outbox on disk, without devices."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.outbox import durable_write_s
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


def run(passages: int = 200, lanes: int = 8) -> dict[str, float]:
    """Milliseconds per passage: median, p95, p99 and the worst; and of one bare durable write before each of them.

    Lanes take turns, the others empty while one is asked: never two verdicts at once.
    """
    with TemporaryDirectory() as folder:
        times, bare = _measure(Path(folder), passages, [f"in-{number}" for number in range(lanes)])
    ranked, bare_ranked = sorted(times), sorted(bare)
    return {
        "passages": passages,
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(ranked[int(passages * 0.95)], 2),
        "p99_ms": round(ranked[int(passages * 0.99)], 2),
        "max_ms": round(ranked[-1], 2),
        "bare_write_median_ms": round(statistics.median(bare), 2),
        "bare_write_p99_ms": round(bare_ranked[int(passages * 0.99)], 2),
    }


def _measure(folder: Path, passages: int, names: list[str]) -> tuple[list[float], list[float]]:
    clock = _NowClock()
    outbox = Outbox.open(folder / "outbox.db", Identity("bench", "grid-1", 1), clock, "bench", "bench")
    ordered = threading.Event()

    def move(_lane: str) -> Future[Pulse]:
        ordered.set()
        done: Future[Pulse] = Future()
        done.set_result(Pulse(confirmed=True))
        return done

    ports = Ports(move, lambda _stored: None, lambda *_: None, lambda: None, lambda _now: None)
    lanes = {name: Bench(pulse_ms=100).lane for name in names}
    core = Core(lanes, outbox, clock, FaultBook(folder / "faults"), ports)
    thread = threading.Thread(target=core.run)
    thread.start()
    times, bare = [], []
    for serial in range(1, passages + 1):
        lane = names[serial % len(names)]
        _emptied(core, lane)
        _measured(core, lane)
        bare.append(durable_write_s(folder / "bare") * 1000)
        times.append(_ask(core, lane, ordered, serial))
        core.post(LaneFact(lane, facts.Crossed()))
    core.stop()
    thread.join()
    outbox.close("done")
    return times, bare


def _emptied(core: Core, lane: str) -> None:
    """Who was here last is through and gone."""
    _until(lambda: core.lanes[lane].opening is None)
    core.post(LaneFact(lane, facts.PresenceChanged(False)))
    _until(lambda: not core.lanes[lane].presence.occupied)


def _measured(core: Core, lane: str) -> None:
    """Somebody comes and is measured."""
    core.post(LaneFact(lane, facts.PresenceChanged(True)))
    _until(lambda: core.lanes[lane].attempt is not None)
    start_ms = time.monotonic_ns() // 1_000_000
    for number in range(7):
        measured = facts.Measured(Measurement(start_ms + 100 * number, 36.2, 20.0, None, "surface", ("ok",)))
        core.post(LaneFact(lane, measured))

    def people() -> bool:
        attempt = core.lanes[lane].attempt
        return attempt is not None and bool(attempt.taking.people)

    _until(people)


def _ask(core: Core, lane: str, ordered: threading.Event, serial: int) -> float:
    """Show a code; milliseconds until the barrier is ordered to open."""
    code = a_pass(serial, now_s=time.time_ns() // 1_000_000_000)
    ordered.clear()
    began_s = time.perf_counter()
    core.post(LaneFact(lane, facts.CodesSeen((code,))))
    if not ordered.wait(5):
        raise RuntimeError(f"no order for the barrier: {core.lanes[lane].shown}")
    return (time.perf_counter() - began_s) * 1000


def _until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline_s:
            raise RuntimeError("the lane does not go on; see the log")
        time.sleep(0.002)
