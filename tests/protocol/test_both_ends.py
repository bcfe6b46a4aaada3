"""The real gate side against the real collector side, whatever disks, programs and the broker between them do."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.central.conftest import Core
from tests.central.sim import Gate
from tests.protocol.facts import check_all
from tests.protocol.world import Step, World

_OFTEN = ("write", "write", "write", "many", "turn", "turn", "exchange", "carry", "carry_all", "hear", "hear_all")
_WAY = ("carry", "carry_all", "hear_all", "lose", "old_message", "old_answer", "forge_answer", "tamper", "reconnect")
_GATE = ("clock_lost", "clock_found", "days", "purge", "tidy", "tidy", "restart", "crash", "commit_error")
_DISK = ("keep_disk", "roll_back", "clone", "twin", "new_card")
_COLLECTOR = ("backup", "restore", "collector_restart", "collector_fails", "forget", "learn", "publish")
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(_OFTEN + _OFTEN + _WAY + _GATE + _DISK + _COLLECTOR), st.integers(0, 15), st.integers(0, 71)
    ),
    min_size=1,
    max_size=60,
)


def run(steps: list[Step]) -> None:
    with World() as world:
        world.play(steps)
        world.heal()
        check_all(world)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(_STEPS)
def test_after_any_schedule_both_ends_hold_the_same_and_nothing_counts_twice(steps: list[Step]) -> None:
    run(steps)


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
    # Two passages that a copied program recorded under one number went to subscribers under one id.
    "one id for two passages": [("twin", 0, 0), ("write", 0, 2), ("write", 2, 26)],
}  # fmt: skip


@pytest.mark.parametrize("steps", _BROKEN.values(), ids=_BROKEN.keys())
def test_schedules_that_once_broke(steps: list[Step]) -> None:
    run(steps)


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
