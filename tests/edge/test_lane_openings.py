"""Openings that meet each other, ways out, and what a lane says of its own devices."""

from __future__ import annotations

import pytest

from checkpoint.records import Note, OutcomeOf, Override
from edge import facts
from edge.effects import Commit
from edge.lane_view import view
from tests.edge.lane_bench import POLICY, Bench, a_pass

HEALTHY = 36.2


def notes(bench: Bench) -> list[str]:
    return [e.payload.code for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Note)]


def admitted(bench: Bench) -> None:
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)


def test_somebody_who_leaves_by_the_button_meanwhile_is_no_tailgater() -> None:
    bench = Bench()
    admitted(bench)
    bench.tell(facts.WayOutFreed("exit_button", 0, True))
    bench.cross()
    bench.wait(300)
    bench.cross()
    bench.wait(2500)
    assert bench.alarms == []
    assert bench.outcomes == [("egress", ""), ("passed", "")]


def test_of_two_who_may_cross_a_single_crossing_proves_nothing() -> None:
    bench = Bench()
    admitted(bench)
    bench.tell(facts.WayOutFreed("exit_button", 0, True))
    bench.cross()
    bench.wait(6000)
    assert bench.outcomes == [("egress", ""), ("opened_unconfirmed", "")]


def test_a_guard_can_open_again_for_somebody_slow_and_it_is_recorded_first() -> None:
    bench = Bench()
    admitted(bench)
    bench.wait(2000)
    bench.tell(facts.GuardDecided("open", "", "assisted", "guard"))
    assert bench.openings == 2
    assert any(isinstance(e, Commit) and isinstance(e.payload, Override) for e in bench.effects)
    # The time begins again with the second opening.
    bench.wait(3000)
    bench.cross()
    bench.wait(3000)
    assert bench.outcomes == [("admitted_by_guard", "opened_unconfirmed"), ("opened_unconfirmed", "")]
    assert bench.alarms == []


def test_a_way_out_that_was_not_freed_is_an_alarm_until_one_is() -> None:
    bench = Bench()
    bench.tell(facts.WayOutFreed("exit_button", 0, False))
    assert bench.standing == {("barrier_not_moved", "way_out")}
    assert bench.outcomes == [("abandoned", "barrier_not_moved")]
    bench.tell(facts.WayOutFreed("exit_button", 0, True))
    assert bench.standing == set()


def test_a_barrier_that_does_not_move_is_an_alarm_until_it_does() -> None:
    bench = Bench()
    bench.stuck = True
    admitted(bench)
    assert bench.standing == {("barrier_not_moved", "barrier")}
    bench.stuck = False
    bench.leave()
    bench.wait(2000)
    admitted(bench)
    assert bench.standing == set()


def test_while_the_fire_contact_is_active_everybody_may_leave_and_nobody_is_judged() -> None:
    bench = Bench()
    bench.tell(facts.WayOutFreed("fire", 0, True))
    bench.tell(facts.FireContact(True))
    for _ in range(5):
        bench.wait(4000)
        bench.cross()
    shown = view(bench.lane, recording=True)
    assert (shown.state, shown.reason) == ("allow", "fire")
    bench.come()
    bench.wait(2000, codes=(a_pass(),), object_c=HEALTHY)
    assert (bench.verdicts, bench.outcomes, bench.alarms, notes(bench)) == ([], [], [], [])
    bench.tell(facts.FireContact(False))
    bench.wait(1000)
    assert bench.outcomes == [("fire", "")]
    crossings = [
        e.payload.crossings for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, OutcomeOf)
    ]
    assert crossings == [5]


def test_a_car_with_a_family_in_it_crosses_once() -> None:
    bench = Bench(lane_kind="vehicle", policy=POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass"]'))
    bench.come()
    bench.wait(300, codes=(a_pass(party=4),))
    bench.cross()
    bench.wait(2500)
    assert bench.outcomes == [("passed", "")]


def test_a_relay_that_was_busy_opens_later_and_the_outcome_waits_for_it() -> None:
    bench = Bench()
    bench.tell(facts.PartDown("thermometer", "thermometer_gone"))
    bench.tell(facts.GuardDecided("open", "", "delivery", "guard"))
    opening = bench.lane.opening
    assert opening is not None
    bench.wait(3500)
    bench.tell(facts.BarrierMoved(opening.passage, True))
    bench.wait(3000)
    bench.cross()
    bench.wait(1500)
    assert bench.outcomes == [("admitted_by_guard", "")]


def test_another_word_for_the_same_silence_does_not_make_it_younger() -> None:
    bench = Bench()
    bench.wait(100)
    bench.tell(facts.PartDown("camera", "camera_missing"))
    bench.wait(5000)
    bench.tell(facts.PartDown("camera", "vision_died"))
    assert bench.lane.down["camera"] == ("vision_died", 100)


LEARNS = POLICY.replace(b"[timeouts]", b"level_min = 20\nlevel_fallback = 200\nreference_readings = 20\n[timeouts]")


def people(bench: Bench, object_c: float, count: int, first: int = 1) -> None:
    for serial in range(first, first + count):
        bench.come()
        bench.wait(900, codes=(a_pass(serial),), object_c=object_c)
        bench.cross()
        bench.wait(2500)
        bench.leave()


def test_a_thermometer_that_drifts_is_an_alarm() -> None:
    bench = Bench(policy=LEARNS)
    people(bench, 36.2, 20)
    assert bench.standing == set()
    people(bench, 36.8, 15, 30)
    assert bench.standing == {("drift", "thermometer")}


def test_a_lane_whose_people_all_read_far_off_says_so() -> None:
    bench = Bench(policy=LEARNS)
    people(bench, 34.8, 22)
    assert bench.standing == {("level_off", "thermometer")}


def test_a_temperature_taken_by_hand_is_recorded_as_such_and_shown() -> None:
    bench = Bench()
    bench.come()
    bench.wait(5000, codes=(a_pass(),))
    passage = bench.lane.shown.passage if bench.lane.shown else b""
    bench.tell(facts.GuardDecided("measured", passage.hex(), "", "guard", 36.6))
    note = next(e for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Note))
    assert isinstance(note.payload, Note)
    assert (note.passage, note.payload.facts["manual"], note.payload.facts["object_c"]) == (passage, "yes", "36.6")
    shown = view(bench.lane, recording=True)
    assert (shown.object_c, "measured_by_hand" in shown.notes) == (36.6, True)


def test_a_value_by_hand_is_never_kept_for_a_passage_that_is_over() -> None:
    bench = Bench()
    admitted(bench)
    bench.tell(facts.GuardDecided("measured", "", "", "guard", 36.6))
    note = next(e for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Note))
    assert note.passage is None


@pytest.mark.parametrize(
    ("attendance", "prompt"), [("guard", "prompt_wait_guard"), ("remote", "prompt_wait_guard"), ("none", "prompt_call")]
)
def test_who_needs_a_person_is_told_whom_to_wait_for_or_call(attendance: str, prompt: str) -> None:
    bench = Bench(attendance=attendance)  # type: ignore[arg-type]
    bench.come()
    bench.wait(5500)
    assert bench.verdicts == [("escalate", "pass_missing")]
    assert view(bench.lane, recording=True).prompt == prompt


def test_two_people_are_asked_to_step_back_once_the_verdict_has_gone_from_the_screen() -> None:
    bench = Bench()
    bench.come()
    bench.wait(500, codes=(a_pass(1), a_pass(2)))
    assert view(bench.lane, recording=True).prompt == "prompt_one_code"
    bench.wait(3000)
    assert view(bench.lane, recording=True).prompt == "prompt_step_back"


def test_a_guards_opening_is_not_shown_as_waiting_for_the_guard() -> None:
    bench = Bench()
    bench.come()
    bench.wait(5500)
    bench.tell(facts.GuardDecided("admit", "", "known_resident", "guard"))
    shown = view(bench.lane, recording=True)
    assert (shown.state, shown.reason, shown.prompt) == ("allow", "admitted_by_guard", "prompt_pass_through")
