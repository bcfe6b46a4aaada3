"""Random lives of a gate's clock: whatever is stepped, restarted or claimed, belief keeps its rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.clock import Moment
from edge.clock_trust import AGREE_MS, EARLIEST_MS, FLOOR_STEP_MS, STEADY_MS, ClockKeeper
from tests.edge.gate_clock import START_MS

_HOUR_MS = 3_600_000
_YEARS_MS = 9 * 365 * 24 * _HOUR_MS
STEPS = st.sampled_from(
    [-_YEARS_MS, -24 * _HOUR_MS, -_HOUR_MS, -61_000, -59_000, -30_000, -1, 1, 30_000, 61_000, _HOUR_MS, _YEARS_MS]
)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


class ClockLife(RuleBasedStateMachine):
    """True time goes on; the gate's clock, its kernel and the collector may each be wrong."""

    @initialize(wrong_ms=st.one_of(st.just(0), STEPS), kernel=st.booleans())
    def begin(self, wrong_ms: int, kernel: bool) -> None:
        self._stack = _folder()
        self.path = self._stack.__enter__() / "clock.json"
        self.true_ms, self.mono_ms = START_MS, 1_000
        self.wall_ms, self.kernel, self.boot = START_MS + wrong_ms, kernel, 0
        self.floor_ms, self.told_ms, self.agreed_ms = EARLIEST_MS, 0, 0
        self.agreed_since: int | None = None
        self.restart()

    def teardown(self) -> None:
        if hasattr(self, "_stack"):
            self._stack.__exit__(None, None, None)

    def now(self) -> Moment:
        trusted = self.keeper.believe(self.wall_ms, self.mono_ms)
        return Moment(self.keeper.stamp(self.wall_ms, self.mono_ms, trusted), self.mono_ms, trusted)

    @rule()
    def restart(self) -> None:
        self.keeper = ClockKeeper(self.path, bytes([self.boot]) * 16, lambda: self.kernel)
        # A restart may forget an hour of the floor, which is written seldom; never more, and it never rises by it.
        assert self.floor_ms - FLOOR_STEP_MS <= self.keeper.floor_ms <= self.floor_ms
        self.floor_ms, self.agreed_since = self.keeper.floor_ms, None
        self.told_ms = 0

    @rule(wrong_ms=st.one_of(st.just(0), STEPS), kernel=st.booleans())
    def boot_again(self, wrong_ms: int, kernel: bool) -> None:
        self.boot, self.mono_ms, self.kernel = (self.boot + 1) % 256, 1_000, kernel
        self.wall_ms = self.true_ms + wrong_ms
        self.restart()

    @rule(for_ms=st.sampled_from([10, 500, 10_000, STEADY_MS, 2 * _HOUR_MS]))
    def wait(self, for_ms: int) -> None:
        self.true_ms += for_ms
        self.mono_ms += for_ms
        self.wall_ms += for_ms

    @rule(by_ms=STEPS, kernel=st.booleans())
    def step(self, by_ms: int, kernel: bool) -> None:
        before, proved = self.now().trusted, self.keeper
        self.wall_ms += by_ms
        self.kernel = kernel
        after = self.now()
        if before and abs(by_ms) > 2 * AGREE_MS and not kernel:
            assert not after.trusted, "a step ends trust unless the kernel vouches for it"
        assert self.keeper is proved

    @rule(error_ms=st.one_of(st.integers(-50, 50), STEPS))
    def answer(self, error_ms: int) -> None:
        signed_ms, moment = self.true_ms + error_ms, self.now()
        agrees = abs(signed_ms - self.wall_ms) <= AGREE_MS and self.wall_ms >= self.floor_ms
        self.keeper.signed_time(signed_ms, moment)
        floor_ms = self.keeper.floor_ms
        if not agrees:
            assert floor_ms == self.floor_ms, "a signed time alone never moves the floor"
            self.agreed_since = None
            return
        if self.agreed_since is None or abs(signed_ms - self.mono_ms - self.agreed_ms) > AGREE_MS:
            self.agreed_since, self.agreed_ms = self.mono_ms, signed_ms - self.mono_ms
        assert self.floor_ms <= floor_ms <= max(self.floor_ms, signed_ms - AGREE_MS)
        if floor_ms - self.floor_ms > FLOOR_STEP_MS:
            assert self.mono_ms - self.agreed_since >= STEADY_MS, "one jump must not poison the floor"
        self.floor_ms = floor_ms
        # From here on nothing of before binds more than the collector's own time: it cut what it was told.
        self.told_ms = min(self.told_ms, max(signed_ms, self.wall_ms) + AGREE_MS)
        if self.told_ms > signed_ms:
            self.told_ms = 0

    @rule()
    def turn(self) -> None:
        moment = self.now()
        undated = self.keeper.undated
        record = self.keeper.settled(moment, undated)
        assert record is None or (moment.trusted and undated)
        if record is not None:
            self.keeper.settled(moment, undated=False)
            assert not self.keeper.undated

    @rule()
    def tell(self) -> None:
        moment = self.now()
        if moment.trusted:
            self.keeper.told(moment.at_ms)
            self.told_ms = max(self.told_ms, moment.at_ms)

    @invariant()
    def belief_keeps_its_rules(self) -> None:
        if not hasattr(self, "keeper"):
            return
        assert self.keeper.floor_ms == self.floor_ms
        moment = self.now()
        if moment.trusted:
            assert self.wall_ms >= self.floor_ms
            assert moment.at_ms >= self.told_ms, "nothing is stamped before what was told as complete"
            assert 0 <= moment.at_ms - self.wall_ms <= AGREE_MS, "time stands still for a minute at most"
        else:
            # Every record of one untrusted period takes the same correction.
            again = self.keeper.stamp(self.wall_ms + _HOUR_MS, self.mono_ms + 7, trusted=False)
            assert again == moment.at_ms + 7


ClockLife.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestClockLife = ClockLife.TestCase
