"""A curfew and a closed zone at a lane: whom they refuse at once, whom they leave to a person, and who comes in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checkpoint.passes import PassClass
from checkpoint.policy_time import LocalTime
from checkpoint.records import Verdict
from edge.effects import Commit
from edge.lane_view import view
from tests.edge.lane_bench import POLICY, START_MS, Bench, a_pass, trust_all

CURFEW = POLICY.replace(
    b"[[rule]]",
    b"""[[rule]]
name = "residents come home, and somebody looks"
class = ["resident"]
from = "22:00"
until = "06:00"
checks = ["pass"]
verdict = "escalate"
reason = "curfew"

[[rule]]
name = "night"
from = "22:00"
until = "06:00"
checks = ["pass", "temperature"]
verdict = "deny"
reason = "curfew"

[[rule]]""",
    1,
)
CLOSED = POLICY.replace(b'zone_level = "medium"', b'zone_level = "closed"')
NIGHT, DAY = LocalTime(4, 60), LocalTime(4, 720)


def comes(
    policy: bytes, pass_class: PassClass, local: LocalTime | None, *, measured: bool = True
) -> tuple[Bench, Verdict]:
    bench = Bench(policy=policy)
    trust_all(bench)
    bench.lane.enter(replace(bench.lane.world, local=local))
    bench.come()
    bench.wait(600, codes=(a_pass(1, pass_class=pass_class, expires_s=START_MS // 1000 + 3600),))
    if measured:
        bench.wait(1500, object_c=36.3)
    commits = [effect.payload for effect in bench.effects if isinstance(effect, Commit)]
    return bench, next(payload for payload in commits if isinstance(payload, Verdict))


@pytest.mark.parametrize("policy", [CURFEW, CLOSED])
def test_a_visitor_is_refused_as_soon_as_the_pass_is_known(policy: bytes) -> None:
    bench, verdict = comes(policy, "visitor", NIGHT, measured=False)
    assert (verdict.verdict, verdict.reason) == ("deny", "curfew" if policy is CURFEW else "zone_closed")
    assert verdict.readings == ()
    assert bench.openings == 0


@pytest.mark.parametrize("policy", [CURFEW, CLOSED])
def test_a_resident_is_left_to_a_person(policy: bytes) -> None:
    # The rule of the night asks for the pass alone: nobody is kept waiting for a thermometer.
    bench, verdict = comes(policy, "resident", NIGHT, measured=False)
    assert (verdict.verdict, verdict.call) == ("escalate", "guard")
    assert bench.openings == 0


def test_by_day_everybody_is_asked_as_ever() -> None:
    for pass_class in ("resident", "visitor"):
        bench, verdict = comes(CURFEW, pass_class, DAY)
        assert (verdict.verdict, verdict.reason, bench.openings) == ("allow", "all_ok", 1)


def test_a_lane_that_does_not_know_the_hour_asks_for_everything_and_leaves_it_to_the_fail_table() -> None:
    bench, verdict = comes(CURFEW, "visitor", None)
    assert (verdict.verdict, verdict.reason) == ("escalate", "clock_untrusted")
    assert [(check.check, check.mode) for check in verdict.checks] == [("pass", "enforce"), ("temperature", "enforce")]
    assert bench.openings == 0


def test_a_guard_reads_whom_the_policy_names_and_of_a_curfew_that_only_warns() -> None:
    told = CURFEW + b'[told]\ncurfew = ["head", "first_head"]\n'
    bench, _ = comes(told, "visitor", NIGHT, measured=False)
    assert view(bench.lane, recording=True).call == "head first_head"
    bench, _ = comes(CURFEW, "visitor", NIGHT, measured=False)
    assert view(bench.lane, recording=True).call == ""
    warns = CURFEW.replace(b'verdict = "deny"', b'verdict = "warn"')
    bench, verdict = comes(warns, "visitor", NIGHT)
    assert verdict.verdict == "allow"
    assert view(bench.lane, recording=True).notes == ("curfew",)
