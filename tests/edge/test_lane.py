"""What happens to people in a lane, as facts."""

from __future__ import annotations

from checkpoint.records import Egress, Override, Verdict
from edge import facts
from edge.effects import Commit, OpenBarrier
from tests.edge.lane_bench import MEASURE_EACH, POLICY, STRANGER, Bench, a_pass

HEALTHY, HOT, COLD, AIR = 36.2, 38.2, 33.0, 20.0


def test_a_resident_with_a_good_pass_and_temperature_goes_through() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert [v[0] for v in bench.verdicts] == ["allow"]
    assert bench.openings == 1
    bench.cross()
    bench.wait(2500)
    assert bench.outcomes == [("passed", "")]


def test_the_verdict_is_recorded_before_the_barrier_is_asked() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    kinds = [type(e.payload) if isinstance(e, Commit) else type(e) for e in bench.effects]
    assert kinds.index(Verdict) < kinds.index(OpenBarrier)


def test_a_code_that_stays_in_view_is_one_presentation() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    bench.cross()
    bench.wait(8000, codes=(a_pass(),))
    assert [v for v in bench.verdicts if v[0] == "allow"] == bench.verdicts[:1]
    assert bench.openings == 1


def test_an_expired_pass_is_refused_at_once_and_the_person_turned_back() -> None:
    bench = Bench()
    bench.come()
    bench.wait(300, codes=(a_pass(expired=True),))
    bench.leave()
    assert bench.verdicts == [("deny", "pass_expired")]
    assert bench.outcomes == [("turned_back", "")]
    assert bench.openings == 0


def test_a_forged_pass_and_a_strangers_url_are_refused() -> None:
    forged = bytearray(a_pass())
    forged[-4] = ord("0") if forged[-4] != ord("0") else ord("1")
    for code, reasons in (
        (bytes(forged), {"pass_forged", "pass_malformed"}),
        (b"https://example.org/menu", {"not_a_pass"}),
        (a_pass(key=STRANGER), {"key_unknown"}),
    ):
        bench = Bench()
        bench.come()
        bench.wait(300, codes=(code,))
        bench.leave()
        assert bench.verdicts[0][0] == "deny"
        assert bench.verdicts[0][1] in reasons
        assert bench.openings == 0


def test_a_fever_confirmed_at_a_second_site_calls_somebody_and_stays_closed() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1000, codes=(a_pass(),), object_c=HOT)
    assert bench.verdicts == []
    bench.wait(500, object_c=AIR)
    bench.wait(2500, object_c=HOT)
    assert bench.verdicts == [("escalate", "fever")]
    assert bench.openings == 0
    bench.leave()
    assert bench.outcomes == [("turned_back", "")]


def test_a_cold_forehead_is_measured_again_later_as_a_linked_passage() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=COLD)
    bench.leave()
    assert bench.verdicts == [("deny", "temperature_low")]
    bench.wait(2000)
    bench.come()
    bench.wait(500, codes=(a_pass(),), object_c=HEALTHY)
    bench.leave()
    assert bench.verdicts[1] == ("deny", "retest_too_early")
    bench.wait(5000)
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    bench.cross()
    bench.wait(2500)
    assert bench.verdicts[2][0] == "allow"
    verdicts = [e for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict)]
    assert isinstance(verdicts[2].payload, Verdict)
    assert verdicts[2].payload.retest_of == verdicts[0].passage


def test_two_people_at_once_are_asked_to_come_one_by_one() -> None:
    bench = Bench()
    bench.come()
    bench.wait(800, codes=(a_pass(1), a_pass(2)), object_c=HEALTHY)
    bench.leave()
    assert [v[0] for v in bench.verdicts] == ["deny"]
    assert bench.openings == 0
    bench.wait(1500)
    for serial in (1, 2):
        bench.come()
        bench.wait(1500, codes=(a_pass(serial),), object_c=HEALTHY)
        bench.cross()
        bench.wait(2500)
        bench.leave()
    assert [v[0] for v in bench.verdicts[1:]] == ["allow", "allow"]
    assert bench.outcomes == [("turned_back", ""), ("passed", ""), ("passed", "")]


def test_a_pass_and_a_reading_of_different_presences_never_make_one_passage() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, object_c=HEALTHY)
    bench.leave()
    bench.come()
    bench.wait(800, codes=(a_pass(),))
    assert bench.verdicts == []
    bench.wait(5000)
    assert [v[0] for v in bench.verdicts] == ["escalate"]


def test_a_family_on_one_pass_is_measured_one_after_another() -> None:
    bench = Bench(policy=MEASURE_EACH)
    bench.come()
    for _ in range(3):
        bench.wait(1000, codes=(a_pass(party=3),), object_c=HEALTHY)
        bench.wait(300, codes=(a_pass(party=3),), object_c=AIR)
    assert [v[0] for v in bench.verdicts] == ["allow"]
    for _ in range(3):
        bench.cross()
        bench.wait(300)
    bench.wait(2000)
    assert bench.outcomes == [("passed", "")]
    assert bench.alarms == []


def test_one_more_than_admitted_is_a_tailgater() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    bench.cross()
    bench.wait(300)
    bench.cross()
    bench.wait(2500)
    assert bench.outcomes == [("passed", "tailgating")]
    assert bench.alarms == ["tailgating"]


def test_the_way_out_is_recorded_after_it_was_freed() -> None:
    bench = Bench()
    bench.tell(facts.WayOutFreed("exit_button", 0, True))
    bench.cross()
    bench.wait(2500)
    assert isinstance(bench.effects[0], Commit)
    assert isinstance(bench.effects[0].payload, Egress)
    assert bench.outcomes == [("egress", "")]
    assert bench.openings == 0
    assert bench.alarms == []


def test_a_broken_thermometer_calls_the_guard_who_may_admit() -> None:
    bench = Bench()
    bench.come()
    bench.wait(500, codes=(a_pass(),), object_c=HEALTHY - 10)
    bench.tell(facts.PartDown("thermometer", "thermometer_gone"))
    bench.wait(3000, codes=(a_pass(),))
    assert [v[0] for v in bench.verdicts] == ["escalate"]
    passage = bench.lane.shown.passage.hex() if bench.lane.shown else ""
    bench.tell(facts.GuardDecided("admit", passage, "manual_temperature_normal", "guard"))
    assert bench.openings == 1
    bench.cross()
    bench.wait(2500)
    assert bench.outcomes == [("admitted_by_guard", "")]
    assert any(isinstance(e, Commit) and isinstance(e.payload, Override) for e in bench.effects)


def test_nobody_is_locked_out_of_home_by_a_broken_thermometer() -> None:
    bench = Bench(attendance="none")
    bench.tell(facts.PartDown("thermometer", "thermometer_gone"))
    bench.wait(3000)
    bench.come()
    bench.wait(500, codes=(a_pass(),))
    assert [v[0] for v in bench.verdicts] == ["allow"]
    verdict = next(e.payload for e in bench.effects if isinstance(e, Commit) and isinstance(e.payload, Verdict))
    assert "unmeasured" in verdict.tags


def test_an_admitted_person_who_does_not_go_through_is_no_passage() -> None:
    bench = Bench()
    bench.come()
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    bench.wait(6000)
    assert bench.outcomes == [("abandoned", "")]


def test_somebody_who_shows_nothing_gets_an_answer_in_time() -> None:
    bench = Bench()
    bench.come()
    bench.wait(6000)
    assert len(bench.verdicts) == 1
    assert bench.openings == 0
    bench.leave()
    assert bench.outcomes == [("turned_back", "")]


def test_without_a_sensor_the_binding_is_weak_and_policy_must_accept_it() -> None:
    bench = Bench(sensor=False)
    bench.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert [v[0] for v in bench.verdicts] != ["allow"]
    accepting = Bench(sensor=False, policy=b"accept_weak_binding = true\n" + POLICY)
    accepting.wait(1500, codes=(a_pass(),), object_c=HEALTHY)
    assert [v[0] for v in accepting.verdicts] == ["allow"]
