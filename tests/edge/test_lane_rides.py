"""A vehicle and everybody in it: each a verdict of their own, one opening for all, and one outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.records import Kind, OutcomeOf, Verdict
from checkpoint.verdict import CheckFact
from edge import facts
from edge.effects import Commit, OpenBarrier
from edge.lane_view import view
from tests.edge.lane_bench import ISSUER, POLICY, START_MS, STRANGER, Bench, a_pass, trust_all

EVERYBODY = POLICY.replace(
    b'[[rule]]\nname = "everybody"\nchecks = ["pass", "temperature"]',
    b"""
[[rule]]
name = "vehicles"
class = ["vehicle"]
lane_kind = "vehicle"
checks = ["pass"]
occupants = "each"
[[rule]]
name = "people in them"
lane_kind = "vehicle"
checks = ["pass", "temperature"]
occupants = "each"
[[rule]]
name = "everybody"
checks = ["pass", "temperature"]
""",
)
DRIVER, WIFE, SON = (a_pass(serial) for serial in (1, 2, 3))
OLD = a_pass(4, expired=True)
# What the thermometer reads while nobody is before it.
WALL = 20.0


def car(people: int = 1, serial: int = 50, **more: Any) -> bytes:
    return a_pass(serial, party=people, pass_class="vehicle", **more)


def bench(**more: Any) -> Bench:
    made = Bench(**{"policy": EVERYBODY, "lane_kind": "vehicle", **more})
    trust_all(made)
    made.come()
    return made


def show(made: Bench, code: bytes) -> None:
    made.wait(300, codes=(code,))


def person(made: Bench, code: bytes, object_c: float = 36.3) -> None:
    """Somebody shows a pass and leans to the thermometer, and is gone from it."""
    show(made, code)
    made.wait(1200, object_c=object_c)
    made.wait(400, object_c=WALL)


def records(made: Bench, kind: Kind) -> list[tuple[bytes | None, Any]]:
    return [(e.passage, e.payload) for e in made.effects if isinstance(e, Commit) and e.kind == kind]


def vehicles_and_people(made: Bench) -> tuple[list[tuple[bytes | None, Verdict]], list[tuple[bytes | None, Verdict]]]:
    told = records(made, "verdict")
    return [one for one in told if one[1].of_vehicle is None], [one for one in told if one[1].of_vehicle is not None]


def words(told: list[tuple[bytes | None, Verdict]]) -> list[tuple[str, str, str]]:
    return [(one.pass_class, one.verdict, one.reason) for _, one in told]


def outcome_of(made: Bench, passage: bytes | None) -> list[tuple[str, str]]:
    return [(one.outcome, one.reason) for of, one in records(made, "outcome") if of == passage]


def test_the_barrier_opens_once_when_everybody_in_the_vehicle_has_a_verdict():
    made = bench()
    show(made, car(3))
    assert view(made.lane, True).prompt == "prompt_occupant"
    for at, code in enumerate((DRIVER, WIFE)):
        person(made, code)
        assert made.openings == 0
        assert (view(made.lane, True).party_size, view(made.lane, True).party_passed) == (3, at + 1)
    person(made, SON)
    vehicles, people = vehicles_and_people(made)
    assert words(vehicles) == [("vehicle", "allow", "all_ok")]
    assert words(people) == [("resident", "allow", "all_ok")] * 3
    assert {one.of_vehicle for _, one in people} == {vehicles[0][0]}
    assert made.openings == 1
    (opened,) = [effect for effect in made.effects if isinstance(effect, OpenBarrier)]
    assert opened.passage == vehicles[0][0]


def test_the_vehicles_outcome_is_everybodys():
    made = bench()
    show(made, car(2))
    person(made, DRIVER)
    person(made, WIFE)
    made.cross()
    made.wait(3000)
    vehicles, people = vehicles_and_people(made)
    assert len(people) == 2
    for passage, _ in (*vehicles, *people):
        assert outcome_of(made, passage) == [("passed", "")]
    assert [one.crossings for _, one in records(made, "outcome")] == [1, 0, 0]


def test_one_person_with_fever_keeps_the_vehicle_and_everybody_in_it_until_the_guard_has_decided():
    made = bench()
    show(made, car(3))
    person(made, DRIVER)
    show(made, WIFE)
    made.wait(1200, object_c=39.0)
    made.wait(2500, object_c=39.0)
    vehicles, people = vehicles_and_people(made)
    assert [one[1:] for one in words(people)] == [("allow", "all_ok"), ("escalate", "fever")]
    assert words(vehicles) == [("vehicle", "escalate", "occupant_refused")]
    assert vehicles[0][1].call == people[1][1].call == "health"
    assert made.openings == 0
    shown = made.lane.shown
    assert shown is not None
    assert shown.passage == vehicles[0][0]
    made.tell(facts.GuardDecided("admit", shown.passage.hex(), "medical", "guard"))
    made.cross()
    made.wait(3000)
    assert made.openings == 1
    for passage, _ in (*vehicles, *people):
        assert outcome_of(made, passage) == [("admitted_by_guard", "")]


def test_somebody_with_a_pass_that_is_over_turns_the_vehicle_back():
    made = bench()
    show(made, car(2))
    person(made, DRIVER)
    show(made, OLD)
    made.wait(200)
    vehicles, people = vehicles_and_people(made)
    assert words(people)[1][1:] == ("deny", "pass_expired")
    assert words(vehicles) == [("vehicle", "deny", "occupant_refused")]
    made.leave()
    assert made.openings == 0
    for passage, _ in (*vehicles, *people):
        assert outcome_of(made, passage) == [("turned_back", "")]


def test_a_passenger_who_shows_nothing_in_time_is_recorded_as_one_and_the_guard_is_called():
    made = bench()
    show(made, car(2))
    person(made, DRIVER)
    made.wait(6000)
    vehicles, people = vehicles_and_people(made)
    assert [one[1] for one in words(people)] == ["allow", "escalate"]
    assert words(vehicles)[0][1:] == ("escalate", "occupant_refused")
    assert made.openings == 0


@pytest.mark.parametrize("done", [0, 1])
def test_a_vehicle_that_drives_off_before_its_verdict_is_abandoned_with_everybody_in_it(done: int):
    made = bench()
    show(made, car(2))
    for _ in range(done):
        person(made, DRIVER)
    made.leave()
    vehicles, people = vehicles_and_people(made)
    assert (vehicles, len(people), made.openings) == ([], done, 0)
    assert [one.outcome for _, one in records(made, "outcome")] == ["abandoned"] * (done + 1)
    assert made.lane.ride is None
    # The next vehicle begins anew.
    made.come()
    show(made, car(1, 51))
    person(made, WIFE)
    assert made.openings == 1


def test_the_order_of_vehicle_and_people_changes_nothing():
    made = bench()
    person(made, DRIVER)
    assert made.openings == 0
    assert view(made.lane, True).prompt == "prompt_vehicle_pass"
    show(made, car(1))
    made.wait(200)
    vehicles, people = vehicles_and_people(made)
    assert (words(vehicles), words(people)) == ([("vehicle", "allow", "all_ok")], [("resident", "allow", "all_ok")])
    assert made.openings == 1


def test_both_passes_side_by_side_are_the_vehicles_and_the_drivers():
    made = bench()
    made.wait(300, codes=(car(1), DRIVER))
    made.wait(1200, object_c=36.3)
    assert made.verdicts == [("allow", "all_ok")] * 2
    assert made.openings == 1


def test_without_a_vehicles_pass_nobody_drives_in():
    made = bench()
    person(made, DRIVER)
    made.wait(6000)
    vehicles, _ = vehicles_and_people(made)
    assert [one.verdict for _, one in vehicles] == ["escalate"]
    assert made.openings == 0


def test_one_pass_stands_for_one_person_of_the_vehicle():
    made = bench()
    show(made, car(2))
    person(made, DRIVER)
    made.wait(1000)
    person(made, DRIVER)
    show(made, WIFE)
    made.wait(300)
    assert made.openings == 0, "a reading from before the pass may be of whoever sits beside"
    person(made, WIFE)
    assert made.openings == 1


def test_a_pass_for_a_family_stands_for_all_of_it():
    made = bench()
    show(made, car(3))
    show(made, a_pass(1, party=3))
    for _ in range(3):
        made.wait(1200, object_c=36.3)
        made.wait(400, object_c=WALL)
    vehicles, people = vehicles_and_people(made)
    assert (len(people), made.openings) == (1, 1)
    assert words(vehicles) == [("vehicle", "allow", "all_ok")]


def test_a_forehead_that_stays_before_the_sensor_is_not_the_next_person_too():
    made = bench()
    show(made, car(2))
    show(made, DRIVER)
    while not made.verdicts:
        made.wait(100, object_c=36.3)
    made.wait(1500, object_c=36.3, codes=(WIFE,))
    assert made.openings == 0
    made.wait(300, object_c=WALL, codes=(WIFE,))
    made.wait(1200, object_c=36.4, codes=(WIFE,))
    assert made.openings == 1


def test_the_guards_count_stands_over_the_passs():
    made = bench()
    show(made, car(3))
    person(made, DRIVER)
    made.tell(facts.GuardDecided("occupants", "", "", "guard", count=1))
    made.wait(200)
    assert made.openings == 1
    notes = [(note.code, note.facts["count"]) for _, note in records(made, "note")]
    assert notes == [("occupants", "1")]
    made = bench()
    show(made, car(1))
    made.tell(facts.GuardDecided("occupants", "", "", "guard", count=2))
    person(made, DRIVER)
    assert made.openings == 0
    person(made, WIFE)
    assert made.openings == 1


def test_two_vehicles_passes_in_one_presence_are_for_a_person_to_look_at():
    made = bench()
    show(made, car(2))
    show(made, car(2, 51))
    made.wait(300)
    vehicles, people = vehicles_and_people(made)
    assert words(vehicles) == [("vehicle", "escalate", "two_vehicles")]
    assert (people, made.openings) == ([], 0)


def test_a_vehicles_pass_that_is_over_or_forged_asks_nobody_else():
    for code, reason in ((car(2, expired=True), "pass_expired"), (car(2, key=STRANGER), "issuer_unknown")):
        made = bench()
        show(made, code)
        made.wait(300)
        assert made.lane.ride is None
        assert len(made.verdicts) == 1
        assert made.verdicts[0][0] == "deny", reason
    assert ISSUER is not STRANGER


VEHICLES_TOO = EVERYBODY.replace(b'checks = ["pass"]\n', b'checks = ["pass", "temperature"]\n')


def test_what_is_asked_of_a_vehicle_and_only_a_person_can_answer_everybody_in_it_answers():
    made = bench(policy=VEHICLES_TOO)
    show(made, car(2))
    person(made, DRIVER)
    person(made, WIFE)
    ((_, vehicle),), _ = vehicles_and_people(made)
    assert (vehicle.verdict, made.openings) == ("allow", 1)
    assert [check.reason for check in vehicle.checks if check.check == "temperature"] == ["temperature_ok"] * 2
    assert vehicle.pass_facts is not None
    assert vehicle.pass_facts.party_size == 2


def test_a_person_whose_own_rule_asks_less_has_not_answered_what_the_vehicles_asks():
    lax = VEHICLES_TOO.replace(b'name = "people in them"', b'name = "home"\nclass = ["resident"]').replace(
        b'checks = ["pass", "temperature"]\noccupants = "each"\n[[rule]]\nname = "everybody"',
        b'checks = ["pass"]\noccupants = "each"\n[[rule]]\nname = "everybody"',
    )
    made = bench(policy=lax)
    show(made, car(2))
    person(made, a_pass(9, pass_class="visitor", expires_s=START_MS // 1000 + 3600))
    show(made, DRIVER)
    made.wait(300)
    assert words(records(made, "verdict")) == [
        ("visitor", "allow", "all_ok"),
        ("resident", "allow", "all_ok"),
        ("vehicle", "escalate", "temperature_missing"),
    ]
    assert made.openings == 0


def test_where_the_policy_asks_the_driver_alone_the_vehicles_pass_opens():
    made = Bench(policy=EVERYBODY.replace(b'occupants = "each"', b'occupants = "driver"'), lane_kind="vehicle")
    trust_all(made)
    made.come()
    show(made, car(3))
    assert made.verdicts == [("allow", "all_ok")]
    assert made.openings == 1


def test_a_barrier_that_does_not_move_is_everybodys_outcome():
    made = bench()
    made.stuck = True
    show(made, car(1))
    person(made, DRIVER)
    assert [one.reason for _, one in records(made, "outcome")] == ["barrier_not_moved"] * 2


def test_after_a_refusal_the_same_vehicle_and_people_may_try_again():
    made = bench()
    show(made, car(1))
    show(made, OLD)
    made.wait(2000)
    show(made, car(1))
    person(made, DRIVER)
    vehicles, people = vehicles_and_people(made)
    assert [one.verdict for _, one in vehicles] == ["deny", "allow"]
    assert [one.of_vehicle for _, one in people] == [passage for passage, _ in vehicles]
    assert made.openings == 1


STEPS = st.lists(
    st.sampled_from(
        ["car", "car3", "other", "driver", "wife", "son", "old", "hot", "gone", "come", "wait", "count1", "count2",
         "admit", "refuse", "cross", "exit"]
    ),
    max_size=14,
)  # fmt: skip


@given(STEPS)
def test_whatever_happens_nobody_drives_in_unjudged_and_every_passage_ends_once(steps: list[str]):
    made = bench()
    codes = {"driver": DRIVER, "wife": WIFE, "son": SON}
    for step in steps:
        shown = made.lane.shown
        passage = shown.passage.hex() if shown is not None and shown.open else ""
        if step in codes:
            person(made, codes[step])
        elif step == "hot":
            person(made, SON, 39.5)
        elif step in ("car", "car3", "other"):
            show(made, {"car": car(1), "car3": car(3), "other": car(2, 51)}[step])
        elif step == "old":
            show(made, OLD)
        elif step in ("gone", "come"):
            made.leave() if step == "gone" else made.come()
        elif step == "wait":
            made.wait(5500)
        elif step.startswith("count"):
            made.tell(facts.GuardDecided("occupants", "", "", "guard", count=int(step[-1])))
        elif step in ("admit", "refuse"):
            made.tell(facts.GuardDecided(step, passage, "medical", "guard"))  # type: ignore[arg-type]
        elif step == "cross":
            made.cross()
        else:
            made.tell(facts.WayOutFreed("exit_button", made.now_ms, True))
    made.leave()
    made.wait(20_000)
    vehicles, people = vehicles_and_people(made)
    allowed = {passage for passage, one in vehicles if one.verdict == "allow"}
    overridden = {passage for passage, _ in records(made, "override")}
    opened = [effect.passage for effect in made.effects if isinstance(effect, OpenBarrier)]
    assert len(opened) == len(set(opened))
    assert set(opened) <= allowed | overridden
    for passage in allowed:
        mine = [one for _, one in people if one.of_vehicle == passage]
        assert mine, "a vehicle goes on its people's verdicts"
        assert all(one.verdict == "allow" for one in mine)
    judged = [passage for passage, _ in (*vehicles, *people)]
    assert len(judged) == len(set(judged))
    ended = [passage for passage, _ in records(made, "outcome")]
    assert len(ended) == len(set(ended))
    assert set(judged) <= set(ended)
    assert made.lane.ride is None
    for _, one in people:
        assert one.of_vehicle in ended
    by_passage = {passage: one for passage, one in records(made, "outcome") if isinstance(one, OutcomeOf)}
    for passage, one in people:
        assert by_passage[passage].outcome == by_passage[one.of_vehicle].outcome


def test_what_one_of_them_has_answered_the_others_have_not():
    made = bench()
    show(made, car(3))
    person(made, DRIVER)
    person(made, WIFE)
    ride = made.lane.ride
    assert ride is not None
    seen = CheckFact("ok", "document_ok")
    ride.occupants[0] = replace(ride.occupants[0], facts={"document": (seen,)})
    assert ride.told()["document"] == (seen, CheckFact("missing", "document_missing"))
