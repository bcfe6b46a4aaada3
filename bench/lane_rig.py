"""Core, lanes and an outbox on disk without devices: people are made up, and each verdict is timed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from bench.outbox import durable_write_s
from checkpoint.temperature import Measurement
from drivers.protocols import Pulse
from edge import facts
from edge.clock import Clock
from edge.core import Core, LaneFact, Ports
from edge.faults import FaultBook
from edge.outbox import Outbox, Stored
from tests.edge.lane_bench import Bench, a_pass

_PULSE_MS: Final = 100
_LIMIT_S: Final = 30.0
# Somebody who was not measured by then never will be: the lane of the bench waits 4 s.
_MEASURED_S: Final = 5.0
_WALL_C: Final = 20.0


class LaneRig:
    """`core` runs in a thread of its own until `stop`. Lanes take turns: never two verdicts at once."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        folder: Path,
        lanes: int,
        *,
        copy: Callable[[Stored], None] = lambda _stored: None,
        complete: Callable[[int, bytes, int], None] = lambda *_: None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._names = [f"in-{number}" for number in range(lanes)]
        self._ordered = threading.Event()
        self._bare = folder / "bare"
        self._serial = 0
        self.clock = clock
        ports = Ports(self._move, copy, complete, wake, lambda _now: None)
        on_bench = {name: Bench(pulse_ms=_PULSE_MS).lane for name in self._names}
        self.core = Core(on_bench, outbox, clock, FaultBook(folder / "bench-faults.msgpack"), ports)
        self._thread = threading.Thread(target=self.core.run, name="core")
        self._thread.start()

    def stop(self) -> None:
        self.core.stop()
        self._thread.join()

    def passage(self) -> tuple[float, float]:
        """One person comes, is measured, shows a code and goes through.

        Milliseconds from the code's arrival in the inbox to the barrier's order, and of one bare durable write before.
        """
        self._serial += 1
        lane = self._names[self._serial % len(self._names)]
        self._until(lambda: self.core.lanes[lane].opening is None and not self.core.lanes[lane].presence.occupied)
        self._measured(lane)
        bare_ms = durable_write_s(self._bare) * 1000
        took_ms = self._ask(lane)
        self._tell(lane, facts.Crossed())
        self._tell(lane, facts.PresenceChanged(False))
        return took_ms, bare_ms

    def settle(self) -> None:
        """Wait until everybody is through and has an outcome."""
        lanes = self.core.lanes.values()
        self._until(lambda: all(lane.opening is None and not lane.presence.occupied for lane in lanes))

    def _tell(self, lane: str, fact: facts.Fact) -> None:
        self.core.post(LaneFact(lane, fact))

    def _measured(self, lane: str) -> None:
        """Somebody comes and is measured; on a machine so busy that the lane gave them up, they come again."""
        deadline_s = time.monotonic() + _LIMIT_S
        while not self._comes(lane):
            if time.monotonic() > deadline_s:
                raise RuntimeError("nobody is measured; see the log")
            self._tell(lane, facts.PresenceChanged(False))
            self._until(lambda: not self.core.lanes[lane].presence.occupied)

    def _comes(self, lane: str) -> bool:
        # The wall behind: frames that repeat those of the person before would measure nobody.
        self._tell(
            lane, facts.Measured(Measurement(self.clock.now().mono_ms, _WALL_C, _WALL_C, None, "surface", ("ok",)))
        )
        self._tell(lane, facts.PresenceChanged(True))
        self._until(lambda: self.core.lanes[lane].attempt is not None)
        start_ms = self.clock.now().mono_ms
        for number in range(7):
            measured = Measurement(start_ms + 100 * number, 36.2, 20.0, None, "surface", ("ok",))
            self._tell(lane, facts.Measured(measured))

        def people() -> bool:
            attempt = self.core.lanes[lane].attempt
            return attempt is not None and bool(attempt.taking.people)

        return _soon(people, _MEASURED_S)

    def _ask(self, lane: str) -> float:
        code = a_pass(self._serial, now_s=self.clock.now().at_ms // 1000)
        self._ordered.clear()
        began_s = time.perf_counter()
        self._tell(lane, facts.CodesSeen((code,)))
        if not self._ordered.wait(_LIMIT_S):
            raise RuntimeError(f"no order for the barrier: {self.core.lanes[lane].shown}")
        return (time.perf_counter() - began_s) * 1000

    def _move(self, _lane: str) -> Future[Pulse]:
        self._ordered.set()
        done: Future[Pulse] = Future()
        done.set_result(Pulse(confirmed=True))
        return done

    def _until(self, condition: Callable[[], bool]) -> None:
        if not _soon(condition, _LIMIT_S):
            raise RuntimeError("the lane does not go on; see the log")


def _soon(condition: Callable[[], bool], limit_s: float) -> bool:
    """Whether the condition came true in time; looks often, since thousands of passages wait for it."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.002)
    return True
