"""The real gate side against the real collector side, whatever disks, programs and the broker between them do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.central.conftest import Core
from tests.central.sim import Gate
from tools.faults.protocol.schedules import ACTS, MOST_A, MOST_B, play
from tools.faults.protocol.world import Step, World

# Messages and records are what faults need to meet.
_TWICE = ("write", "many", "turn", "exchange", "carry", "carry_all", "hear_all", "tidy")


class _Schedule(RuleBasedStateMachine):
    """One rule an act; after the last one everything heals, and all facts are checked."""

    def __init__(self) -> None:
        super().__init__()
        self._world = World().__enter__()
        self._whole = True

    def step(self, act: str, a: int, b: int) -> None:
        self._whole = False
        self._world.step(act, a, b)
        self._whole = True

    def teardown(self) -> None:
        try:
            if self._whole:
                self._world.end()
        finally:
            self._world.__exit__(None, None, None)


def _rule(act: str) -> Callable[..., None]:
    def step(self: _Schedule, a: int, b: int) -> None:
        self.step(act, a, b)

    # A failing schedule is printed by these names.
    step.__name__ = act
    return rule(a=st.integers(0, MOST_A - 1), b=st.integers(0, MOST_B - 1))(step)


_RULES = {act: _rule(act) for act in ACTS} | {f"{act}_too": _rule(act) for act in _TWICE}
BothEnds = type("BothEnds", (_Schedule,), _RULES)

TestBothEnds = pytest.mark.timeout(600)(BothEnds.TestCase)
# A failing schedule is printed as it is: `tools.faults.protocol.schedules.shortest` is quicker at making it short.
TestBothEnds.settings = settings(
    max_examples=250,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
)


# Each of these once broke; what was wrong stands beside it.
_BROKEN: dict[str, list[Step]] = {
    # A hello retained from before a purge kept the floor low for an hour, and a batch that goes out beside each hello
    # was answered below the gate's floor, which undid what the hello's answer had said: both ends asked for ever.
    "restored beyond a purge": [("tidy", 0, 0), ("restore", 0, 0)],
    # The same with a second machine on the epoch, whose lower floor was true.
    "two floors": [("many", 9, 0), ("twin", 15, 0), ("tidy", 14, 0), ("restore", 0, 0)],
    # Two gaps side by side were taken for missing records by the audit.
    "adjacent gaps": [("tidy", 15, 0), ("tidy", 3, 0), ("restore", 0, 0), ("exchange", 9, 0)],
    # A copied program whose record stands where another's is missing was told of the gap for ever, never of the
    # conflict, and so its newer epochs would have waited for ever too.
    "another record where one is missing": [
        ("twin", 3, 0), ("write", 11, 0), ("twin", 0, 0), ("tidy", 14, 0), ("many", 13, 47), ("publish", 0, 0),
        ("turn", 6, 18), ("restore", 0, 0),
    ],
    # Two records under one number of one passage, by a copied program: which of them counted hung on who came first.
    "two outcomes of one number": [("diverge", 15, 27), ("write", 10, 51), ("exchange", 8, 0)],
    # Two passages that a copied program recorded under one number went to subscribers under one id.
    "one id for two passages": [("twin", 0, 0), ("write", 0, 2), ("write", 2, 26)],
    # A record that had vanished from an older epoch was waited for in silence, and every newer epoch with it.
    "a record vanished": [("crash", 0, 0), ("decay", 0, 59)],
    # A newest record that vanished after it was stored made the depth negative: every hello was refused from then on.
    "the newest record vanished": [("exchange", 0, 0), ("decay", 0, 64)],
    # A verdict that had decayed, of a passage still open, ended the program at every start.
    "an open passage decayed": [("many", 0, 0), ("decay", 0, 0), ("settle", 0, 0)],
    # A header that had decayed, of an old record, ended the uplink's turn before it told anything, at every purge.
    "an old header decayed": [("exchange", 0, 0), ("days", 0, 0), ("exchange", 0, 0), ("decay", 0, 1), ("purge", 0, 0)],
    # An old hello from before a purge, beside a collector that was restored beyond it: a false alarm of a rollback.
    "an old hello and a gap": [("beyond", 0, 0), ("beyond", 0, 0), ("exchange", 0, 8), ("old_message", 0, 0)],
    # The audit missed a signature where a gap of the main line begins again behind the end of a copied program's line.
    "a line that ends in a gap": [
        ("crash", 0, 0), ("diverge", 0, 34), ("exchange", 0, 19), ("restart", 0, 0), ("diverge", 0, 0),
        ("beyond", 0, 0), ("exchange", 0, 0),
    ],
    # Records of a doubtful clock went because a later epoch's had gone, under an answer from when they were young.
    "old by a later epoch, covered long ago": [
        ("restarts", 1, 0), ("beyond", 1, 0), ("clock_lost", 1, 0), ("beyond", 0, 0), ("hear_all", 0, 0),
        ("restarts", 1, 4), ("beyond", 1, 0),
    ],
    # An old hello beside a gap (above), with a clock that was set back between the hello and the record after it.
    "an old hello and a clock set back": [
        ("exchange", 0, 0), ("clock_step", 0, 2), ("write", 0, 7), ("exchange", 0, 0), ("old_message", 0, 0),
    ],
}  # fmt: skip


@pytest.mark.parametrize("steps", _BROKEN.values(), ids=_BROKEN.keys())
def test_schedules_that_once_broke(steps: list[Step]) -> None:
    assert play(steps).broken == ""


def test_a_hello_retained_from_before_a_purge_holds_no_batch_back(tmp_path) -> None:
    gate = Gate()
    epoch = gate.reopen()
    for number in range(1, 3):
        gate.passage(number)
    core = Core(tmp_path / "central.db", gate)
    with closing(core.store):
        core.ingest.hello(gate.name, gate.hello(), retained=True)
        gate.floors[epoch] = 3
        core.ingest.hello(gate.name, gate.hello())
        assert core.batch(gate, gate.batch(3, 5)).stored_through == 5
