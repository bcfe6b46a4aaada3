"""What the screen is told of a lane: its checks are there before anybody comes, and nothing is said by a wrong word."""

from __future__ import annotations

from checkpoint.reasons import ALL
from edge import facts
from edge.lane_view import view
from tests.edge.lane_bench import POLICY, Bench, a_pass

HEALTHY = 36.2


def ticks(bench: Bench, recording: bool = True) -> list[tuple[str, str]]:
    return [(tick.check, tick.state) for tick in view(bench.lane, recording).ticks]


def test_a_lane_that_waits_shows_what_it_will_ask() -> None:
    assert ticks(Bench()) == [("pass", "waiting"), ("temperature", "waiting")]
    off = POLICY.replace(b'"temperature"]', b'"temperature"]\nmodes = { temperature = "off" }')
    assert ticks(Bench(policy=off)) == [("pass", "waiting"), ("temperature", "off")]


def test_a_lane_with_a_fault_shows_it_and_its_checks() -> None:
    bench = Bench()
    bench.tell(facts.PartDown("thermometer", "thermometer_gone"))
    shown = view(bench.lane, recording=True)
    assert (shown.state, shown.reason, shown.prompt) == ("fault", "thermometer_gone", "prompt_wait_guard")
    assert ticks(bench) == [("pass", "waiting"), ("temperature", "waiting")]


def test_where_nobody_is_on_guard_people_are_told_to_call() -> None:
    bench = Bench(attendance="none")
    bench.tell(facts.PartDown("camera", "camera_missing"))
    assert view(bench.lane, recording=True).prompt == "prompt_call"


def test_while_nothing_can_be_recorded_the_lane_says_so_whatever_it_is_doing() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert view(bench.lane, recording=True).state == "allow"
    shown = view(bench.lane, recording=False)
    assert (shown.state, shown.reason) == ("fault", "not_recorded")


def test_a_reading_under_way_says_where_it_was_taken() -> None:
    bench = Bench()
    bench.come()
    assert view(bench.lane, recording=True).body_site == ""
    bench.wait(200, object_c=HEALTHY)
    shown = view(bench.lane, recording=True)
    assert (shown.object_c, shown.body_site) == (HEALTHY, "forehead")


def test_every_note_has_its_words() -> None:
    bench = Bench(sensor=False)
    bench.lane.assisted = True
    assert view(bench.lane, recording=True).notes == ("assisted", "binding_weak")
    assert set(view(bench.lane, recording=True).notes) <= set(ALL)


def test_after_a_barrier_that_did_not_move_the_screen_calls_for_somebody() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert bench.lane.opening is not None
    bench.tell(facts.BarrierMoved(bench.lane.opening.passage, False))
    shown = view(bench.lane, recording=True)
    assert (bench.outcomes, shown.state, shown.reason) == (
        [("turned_back", "barrier_not_moved")], "escalate", "barrier_not_moved",
    )  # fmt: skip
