"""The real gate side against the real collector side, whatever disks, programs and the broker between them do."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
