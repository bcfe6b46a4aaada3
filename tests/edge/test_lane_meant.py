"""An act that names no passage is for who stood there when the guard began it, and never for whoever came after."""

from __future__ import annotations

from typing import Any

import pytest

from checkpoint.records import OutcomeOf
from edge import facts
from edge.effects import Commit
from edge.lane_view import view
from edge.standing import is_meant
from edge.status import GuardAct
from tests.edge.lane_bench import START_MS, Bench, a_pass
from tests.edge.test_lane_masks import ONLY
from tests.edge.test_lane_rides import DRIVER, WIFE, car, person, records, show
from tests.edge.test_lane_rides import bench as vehicles

OPENS = ("admit", "open", "walk_up")
SAYS = ("mask_seen", "mask_absent", "symptoms", "document_seen", "measured")


def stands(made: Bench) -> str:
    return view(made.lane, True).stands


def act(name: str, token: str, **more: Any) -> facts.GuardDecided:
    told = {"object_c": 36.4} if name == "measured" else {}
    return facts.GuardDecided(name, "", "known_resident", "guard", stands=token, **told, **more)  # type: ignore[arg-type]


def is_taken(made: Bench, name: str, token: str, **more: Any) -> bool:
    """Whether the lane did or wrote down anything for it; the screens' answer in words must be the same."""
    asked = GuardAct(name, made.lane.settings.where.lane, stands=token)  # type: ignore[arg-type]
    meant = is_meant(asked, (view(made.lane, True),))
    effects = made.tell_as_is(act(name, token, **more))
    taken = any(isinstance(one, Commit) and not isinstance(one.payload, OutcomeOf) for one in effects)
    assert taken == meant
    return taken


def go(made: Bench) -> None:
    made.tell(facts.PresenceChanged(False))
    made.wait(1000)


@pytest.mark.parametrize("name", [*OPENS, *SAYS])
def test_what_was_begun_for_one_person_is_not_done_to_the_next(name: str) -> None:
    made = Bench(policy=ONLY, mask_score_min=0.9)
    made.come()
    first = stands(made)
    go(made)
    made.come()
    made.wait(200, codes=(a_pass(),))
    assert "" != stands(made) != first
    assert not is_taken(made, name, first)
    assert made.openings == 0
    assert made.lane.attempt is not None
    assert (made.lane.attempt.mask.by_guard, made.lane.attempt.halt, made.lane.attempt.brought.vouched) == (
        None,
        "",
        False,
    )


@pytest.mark.parametrize("name", [*OPENS, *SAYS])
def test_what_was_begun_while_nobody_stood_there_is_not_done_to_whoever_came(name: str) -> None:
    made = Bench(policy=ONLY, mask_score_min=0.9)
    assert stands(made) == ""
    made.come()
    made.wait(200, codes=(a_pass(),))
    assert not is_taken(made, name, "")
    assert made.openings == 0


@pytest.mark.parametrize("name", [*OPENS, *SAYS])
def test_what_was_begun_for_whoever_still_stands_there_is_done(name: str) -> None:
    made = Bench(policy=ONLY, mask_score_min=0.9)
    made.come()
    made.wait(200, codes=(a_pass(),))
    token = stands(made)
    made.wait(300, codes=(a_pass(),))
    assert is_taken(made, name, token)
    assert made.openings == 1 or name not in OPENS


@pytest.mark.parametrize("name", OPENS)
def test_the_guard_opens_for_nobody_where_nobody_stands(name: str) -> None:
    made = Bench()
    assert is_taken(made, name, "")
    assert made.openings == 1


@pytest.mark.parametrize("name", OPENS)
def test_whoever_has_gone_is_opened_for_no_more(name: str) -> None:
    made = Bench()
    made.come()
    token = stands(made)
    go(made)
    assert stands(made) == ""
    assert not is_taken(made, name, token)
    assert is_taken(made, name, "")


@pytest.mark.parametrize("free_exit", [False, True])
@pytest.mark.parametrize("name", OPENS)
def test_a_way_out_is_opened_whoever_stands_there_by_now(name: str, free_exit: bool) -> None:
    made = Bench(direction="out", other_free_exit=free_exit)
    made.come()
    assert is_taken(made, name, "of an hour ago")
    assert made.openings == 1


@pytest.mark.parametrize("name", OPENS)
def test_where_nobody_can_be_told_from_the_next_the_guards_own_eyes_open(name: str) -> None:
    made = Bench(sensor=False)
    assert stands(made) == ""
    made.wait(200, object_c=36.3)
    assert stands(made) != ""
    assert is_taken(made, name, "")
    assert made.openings == 1


@pytest.mark.parametrize("name", OPENS)
def test_without_a_sensor_a_pass_that_was_shown_tells_its_holder_from_the_one_before(name: str) -> None:
    made = Bench(sensor=False)
    made.wait(200, codes=(a_pass(),))
    assert not is_taken(made, name, "")
    assert made.openings == 0


@pytest.mark.parametrize("name", SAYS)
def test_without_a_sensor_nothing_is_said_of_somebody_else(name: str) -> None:
    made = Bench(sensor=False)
    made.wait(200, object_c=36.3)
    first = stands(made)
    made.wait(3000)
    made.wait(200, object_c=36.3)
    assert not is_taken(made, name, first)


def test_a_verdict_makes_nobody_of_the_same_person_somebody_else() -> None:
    made = Bench()
    made.come()
    token = stands(made)
    made.wait(12000, object_c=36.3)
    assert made.verdicts == [("escalate", "pass_missing")]
    assert stands(made) == token
    made.lane.presence.keep(made.now_ms, 1)
    assert is_taken(made, "admit", token)


def test_whoever_shows_something_after_a_verdict_is_looked_at_again() -> None:
    made = Bench()
    made.come()
    made.wait(12000, object_c=36.3)
    first = stands(made)
    made.wait(200, codes=(a_pass(),))
    assert not is_taken(made, "admit", first)


def test_whoever_stands_there_after_an_opening_is_somebody_new() -> None:
    made = Bench()
    made.come()
    first = stands(made)
    made.tell(facts.GuardDecided("open", "", "delivery", "guard"))
    made.cross()
    made.wait(5000)
    assert "" != stands(made) != first
    assert not is_taken(made, "open", first)


def test_the_exit_button_and_the_fire_input_name_nobody() -> None:
    for cause in ("exit_button", "fire"):
        made = Bench()
        made.come()
        made.tell(facts.WayOutFreed(cause, START_MS, True))  # type: ignore[arg-type]
        assert made.lane.opening is not None


def test_a_count_of_the_people_in_a_vehicle_stands_while_they_are_judged_and_not_for_the_next_vehicle() -> None:
    made = vehicles()
    show(made, car(3))
    begun = stands(made)
    person(made, DRIVER)
    assert stands(made) != begun
    assert is_taken(made, "occupants", begun, count=2)
    assert made.lane.ride is not None
    assert made.lane.ride.wanted == 2
    go(made)
    made.come()
    show(made, car(3))
    assert not is_taken(made, "occupants", begun, count=1)
    assert made.lane.ride is not None
    assert made.lane.ride.counted is None
    assert len(records(made, "note")) == 1


def test_what_is_said_of_the_driver_is_not_said_of_whoever_sits_beside_them() -> None:
    made = vehicles()
    show(made, car(2))
    driver = stands(made)
    person(made, DRIVER)
    show(made, WIFE)
    assert not is_taken(made, "symptoms", driver)
    assert is_taken(made, "symptoms", stands(made))


def test_nobody_of_before_a_restart_is_anybody_of_after_it() -> None:
    tokens = set()
    for began_ms in (1000, 5000):
        made = Bench()
        made.now_ms = began_ms
        made.come()
        tokens.add(stands(made))
    assert len(tokens) == 2
    assert len({token.partition("/")[0] for token in tokens}) == 2
