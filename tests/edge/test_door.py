"""The door of a lane: an alarm when it opens without having been let or stands open too long, and no other."""

from __future__ import annotations

from edge import facts
from tests.edge.lane_bench import POLICY, Bench, a_pass

PASS_ONLY = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass"]')
FORCED, HELD = ("door_forced", "door"), ("door_held", "door")


def bench() -> Bench:
    return Bench(policy=PASS_ONLY, door_open_ms=3000)


def door(made: Bench, is_open: bool, first: bool = False) -> None:
    made.tell(facts.DoorMoved(is_open, made.now_ms, first))


def let_in(made: Bench) -> None:
    made.come()
    made.tell(facts.CodesSeen((a_pass(),)))
    assert made.openings == 1


def test_a_door_that_opens_by_itself_was_forced_until_it_is_shut() -> None:
    made = bench()
    door(made, False, first=True)
    door(made, True)
    assert made.standing == {FORCED}
    door(made, False)
    assert made.standing == set()


def test_a_door_that_was_let_may_open_and_must_be_shut_again() -> None:
    made = bench()
    let_in(made)
    door(made, True)
    made.cross()
    made.wait(2500)
    assert made.lane.opening is None
    assert made.standing == set()
    made.wait(3200)
    assert made.standing == {HELD}
    assert made.alarms.count("door_held") == 1
    door(made, False)
    assert made.standing == set()


def test_who_has_gone_through_already_may_still_be_holding_the_door_that_was_let() -> None:
    made = bench()
    let_in(made)
    made.cross()
    made.wait(2500)
    assert made.lane.opening is None
    door(made, True)
    assert made.standing == set()
    door(made, False)
    made.wait(4000)
    door(made, True)
    assert made.standing == {FORCED}


def test_fire_and_the_way_out_force_no_door() -> None:
    made = bench()
    made.tell(facts.FireContact(True))
    door(made, True)
    made.wait(6000)
    assert made.standing == set()
    out = bench()
    out.tell(facts.WayOutFreed("exit_button", 0, True))
    door(out, True)
    assert out.standing == set()


def test_a_door_found_open_is_not_called_forced_but_is_too_long_open() -> None:
    made = bench()
    door(made, True, first=True)
    assert made.standing == set()
    made.wait(3200)
    assert made.standing == {HELD}


def test_while_the_board_is_away_nobody_knows_how_long_the_door_stands_open() -> None:
    made = bench()
    door(made, True, first=True)
    made.wait(1000)
    made.tell(facts.PartDown("board", "board_gone"))
    made.tell(facts.PartDown("door", "board_gone"))
    made.wait(5000)
    assert made.standing == set()
    made.tell(facts.PartUp("board"))
    made.tell(facts.PartUp("door"))
    door(made, False, first=True)
    made.wait(5000)
    assert made.standing == set()


def test_a_lane_without_a_door_contact_has_no_door() -> None:
    made = Bench(policy=PASS_ONLY)
    door(made, True)
    made.wait(5000)
    assert made.standing == set()


def test_who_leaves_while_the_fire_input_has_just_ended_forces_no_door() -> None:
    made = bench()
    made.tell(facts.FireContact(True))
    made.tell(facts.WayOutFreed("fire", 0, True))
    made.wait(60_000)
    made.tell(facts.FireContact(False))
    # The last pulse of a held relay is not over yet.
    made.wait(2000)
    door(made, True)
    assert made.standing == set()


def test_another_board_that_is_away_does_not_make_a_door_forgotten() -> None:
    made = bench()
    door(made, True, first=True)
    made.tell(facts.PartDown("board", "board_gone"))
    made.wait(4000)
    assert made.standing == {HELD}
