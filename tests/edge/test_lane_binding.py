"""Whose pass, whose forehead, whose opening: nothing of one person is ever anybody else's."""

from __future__ import annotations

from dataclasses import replace

from checkpoint.policy import parse_policy
from checkpoint.records import OutcomeOf, Verdict
from checkpoint.temperature import Measurement
from edge import facts
from edge.effects import Commit
from tests.edge.lane_bench import MEASURE_EACH, POLICY, START_MS, Bench, a_pass

HEALTHY, HOT, COLD, AIR = 36.2, 38.2, 33.0, 20.0
POSTER = b"https://example.org/menu"


def passages(bench: Bench, kind: type) -> list[bytes | None]:
    return [e.passage for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, kind)]


def test_a_poster_in_view_takes_nothing_away_from_a_good_pass() -> None:
    bench = Bench()
    bench.come()
    bench.wait(200, codes=(a_pass(),))
    bench.wait(200, codes=(POSTER,))
    bench.wait(1500, object_c=HEALTHY)
    assert bench.verdicts == [("allow", "all_ok")]


def test_a_poster_never_ends_the_wait_of_somebody_who_needs_a_person() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1000, codes=(a_pass(),), object_c=HOT)
    bench.wait(500, object_c=AIR)
    bench.wait(2500, object_c=HOT)
    assert bench.verdicts == [("escalate", "fever")]
    bench.wait(3000, codes=(POSTER,))
    assert bench.lane.shown is not None
    assert bench.lane.shown.waits
    assert bench.outcomes == []


def test_who_was_waiting_when_the_way_out_was_freed_is_not_let_in_under_a_strangers_act() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1000, codes=(a_pass(),), object_c=HOT)
    bench.wait(500, object_c=AIR)
    bench.wait(2500, object_c=HOT)
    waiting = bench.lane.shown.passage.hex() if bench.lane.shown else ""
    bench.tell(facts.WayOutFreed("exit_button", 0, True))
    bench.leave()
    assert bench.outcomes == [("turned_back", "")]
    bench.cross()
    bench.wait(2500)
    bench.come()
    bench.tell(facts.GuardDecided("admit", waiting, "medical", "guard"))
    assert bench.openings == 0


def test_a_presentation_that_an_opening_cuts_off_has_its_outcome() -> None:
    bench = Bench()
    bench.come()
    bench.wait(300, codes=(a_pass(),))
    bench.tell(facts.GuardDecided("open", "", "delivery", "guard"))
    bench.cross()
    bench.wait(2500)
    assert bench.outcomes == [("admitted_by_guard", ""), ("abandoned", "")]
    assert bench.verdicts == []


def test_after_an_opening_the_people_who_were_told_to_come_one_by_one_may_do_so() -> None:
    bench = Bench()
    bench.come()
    bench.wait(800, codes=(a_pass(1), a_pass(2)))
    bench.tell(facts.GuardDecided("admit", "", "known_resident", "guard"))
    bench.cross()
    bench.wait(2500)
    # The sensor never saw a gap: the second of the two stands there.
    bench.wait(1500, codes=(a_pass(2),), object_c=HEALTHY)
    assert [v[0] for v in bench.verdicts] == ["deny", "allow"]


def test_two_people_are_two_also_when_the_core_hears_of_it_late() -> None:
    bench = Bench()
    bench.come()
    bench.wait(200, codes=(a_pass(),))
    # While the disk was slow the first one left at 300 and the next came at 900: both are heard at 2000.
    bench.now_ms = 2000
    bench.lane.presence.sensed(False, 300)
    bench.tell(facts.PresenceChanged(True, 900))
    assert bench.outcomes == [("abandoned", "")]
    bench.wait(800, object_c=HEALTHY)
    assert bench.verdicts == []


def test_a_beam_that_flickers_between_two_legs_ends_nothing() -> None:
    bench = Bench()
    bench.come()
    bench.wait(200, codes=(a_pass(),))
    bench.tell(facts.PresenceChanged(False, bench.now_ms))
    bench.wait(100)
    bench.tell(facts.PresenceChanged(True, bench.now_ms))
    bench.wait(1500, object_c=HEALTHY)
    assert bench.verdicts == [("allow", "all_ok")]


def test_a_sensor_that_is_lost_ends_the_presence_and_makes_the_binding_weak() -> None:
    bench = Bench()
    bench.come()
    bench.wait(200, codes=(a_pass(1),))
    bench.tell(facts.PartDown("presence", "board_gone"))
    assert bench.outcomes == [("abandoned", "")]
    bench.wait(1500, codes=(a_pass(2),), object_c=HEALTHY)
    assert bench.verdicts == [("escalate", "binding_weak")]
    bench.tell(facts.PartUp("presence"))
    bench.wait(2500)
    bench.come()
    bench.wait(1500, codes=(a_pass(3),), object_c=HEALTHY)
    assert bench.verdicts[1:] == [("allow", "all_ok")]


def test_a_new_policy_in_the_middle_measures_again() -> None:
    bench = Bench(policy=MEASURE_EACH)
    bench.come()
    bench.wait(1500, codes=(a_pass(party=2),), object_c=HEALTHY)
    assert bench.verdicts == []
    stricter = parse_policy(POLICY.replace(b"version = 3", b"version = 4"))
    bench.lane.enter(replace(bench.lane.world, policy=stricter))
    bench.wait(200, object_c=AIR)
    assert bench.verdicts == []
    bench.wait(1000, object_c=HEALTHY)
    bench.wait(200, object_c=AIR)
    bench.wait(1000, object_c=HEALTHY)
    verdict = next(e.payload for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict))
    assert (verdict.verdict, verdict.policy_version, len(verdict.readings)) == ("allow", 4, 2)
    # The level learns from all first readings, and is the one that the gate saves.
    assert [len(stream.kept) for stream in bench.lane.level.state.streams.values()] == [3]


def test_two_codes_do_not_settle_a_low_readings_second_look() -> None:
    bench = Bench()
    bench.come()
    bench.wait(700, codes=(a_pass(1),), object_c=COLD)
    bench.leave()
    bench.wait(600)
    bench.come()
    bench.wait(600, object_c=HEALTHY)
    bench.wait(200, codes=(a_pass(1), a_pass(2)))
    bench.leave()
    bench.wait(600)
    bench.come()
    bench.wait(300, codes=(a_pass(1),))
    assert [v[1] for v in bench.verdicts] == ["temperature_low", "two_codes", "retest_too_early"]


def test_without_a_warm_place_nobody_is_sent_to_rest_in_it() -> None:
    bench = Bench(warm=False)
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=COLD)
    bench.tell(facts.GuardDecided("admit", "", "manual_temperature_normal", "guard"))
    bench.cross()
    bench.wait(2500)
    bench.leave()
    bench.wait(1500)
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert bench.verdicts == [("escalate", "temperature_low"), ("allow", "all_ok")]


def test_whom_the_guard_admits_is_not_sent_to_rest_afterwards() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=COLD)
    bench.tell(facts.GuardDecided("admit", "", "manual_temperature_normal", "guard"))
    bench.cross()
    bench.wait(2500)
    bench.leave()
    bench.wait(1500)
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert bench.verdicts == [("deny", "temperature_low"), ("allow", "all_ok")]


SUN = b"shade_s = 8.0\n"
IN_THE_SUN = POLICY.replace(b"[timeouts]", SUN + b"[timeouts]")


def test_in_the_sun_the_second_site_waits_for_the_shade_also_when_somebody_moves() -> None:
    bench = Bench(policy=IN_THE_SUN)
    # In heat a lane has to know its people before it calls anybody normal.
    for number in range(20):
        bench.lane.level.add("forehead/surface/3", 36.2, START_MS - number)
    bench.come()
    bench.wait(1000, codes=(a_pass(),), object_c=37.2, ambient_c=33.0)
    assert bench.lane.attempt is not None
    assert bench.lane.attempt.taking.in_shade
    bench.wait(500, object_c=AIR, ambient_c=33.0)
    bench.wait(2000, object_c=37.2, ambient_c=33.0)
    assert bench.verdicts == []
    bench.wait(6000, object_c=AIR, ambient_c=33.0)
    assert not bench.lane.attempt.taking.in_shade
    bench.wait(1500, object_c=35.8, ambient_c=33.0)
    assert bench.verdicts == [("allow", "all_ok")]


def test_who_walks_to_the_shade_comes_back_as_a_linked_passage_and_is_not_sent_there_twice() -> None:
    bench = Bench(policy=IN_THE_SUN)
    bench.come()
    bench.wait(1000, codes=(a_pass(),), object_c=37.2, ambient_c=33.0)
    bench.leave()
    assert bench.outcomes == [("abandoned", "")]
    bench.wait(2000)
    bench.come()
    bench.wait(300, codes=(a_pass(),))
    bench.leave()
    assert bench.verdicts == [("deny", "retest_too_early")]
    bench.wait(5000)
    bench.come()
    bench.wait(1000, codes=(a_pass(),), object_c=37.2, ambient_c=33.0)
    assert bench.verdicts[1:] == []
    bench.wait(500, object_c=AIR, ambient_c=33.0)
    bench.wait(1500, object_c=37.5, ambient_c=33.0)
    assert bench.verdicts[1:] == [("escalate", "fever")]
    last = [e.payload for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)][-1]
    assert last.retest_of == passages(bench, OutcomeOf)[0]


def still(bench: Bench, ms: int, *codes: bytes, object_c: float | None = None) -> None:
    """The camera repeats one picture with these codes in it."""
    for _ in range(ms // 100):
        bench.tell(facts.CodesSeen(codes, still=True))
        bench.wait(100, object_c=object_c)


def test_a_pass_in_a_picture_that_stands_still_lets_nobody_else_in() -> None:
    bench = Bench()
    bench.come()
    bench.wait(300, codes=(a_pass(),))
    bench.leave()
    assert bench.outcomes == [("abandoned", "")]
    still(bench, 500, a_pass())
    bench.come()
    still(bench, 5000, a_pass(), object_c=HEALTHY)
    assert bench.openings == 0


def test_nor_when_the_camera_lives_again_before_the_pass_has_left() -> None:
    bench = Bench()
    still(bench, 500, a_pass())
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert bench.openings == 0
    bench.leave()
    bench.wait(3500)
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert bench.verdicts == [("allow", "all_ok")]


def test_a_picture_that_stands_still_is_nobodys_presence_where_no_sensor_says_so() -> None:
    bench = Bench(sensor=False)
    still(bench, 1000, a_pass())
    assert not bench.lane.presence.occupied


def stuck_on(bench: Bench, ms: int) -> None:
    for _ in range(ms // 100):
        bench.tell(facts.Measured(Measurement(bench.now_ms, HEALTHY, 20.0, None, "surface", ("ok",))))
        bench.wait(100)


def test_a_thermometer_that_got_stuck_on_one_person_does_not_measure_the_next() -> None:
    bench = Bench()
    bench.come()
    stuck_on(bench, 500)
    bench.leave()
    bench.come()
    bench.wait(300, codes=(a_pass(),))
    stuck_on(bench, 1500)
    assert bench.openings == 0
    bench.wait(1500, object_c=HEALTHY)
    assert bench.verdicts == [("allow", "all_ok")]
