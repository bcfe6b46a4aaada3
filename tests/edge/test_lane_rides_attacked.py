"""A vehicle and everybody in it, tried by whoever wants to get somebody in unjudged."""

from __future__ import annotations

from dataclasses import replace

import base45
import pytest

from checkpoint.cards import CardRow
from checkpoint.drill import Drill
from checkpoint.policy import parse_policy
from checkpoint.watch import WatchList, WatchRow, keyed
from edge import facts
from edge.lane_view import view
from edge.listing import Watch
from edge.site_ledger import SiteLedger
from edge.site_use import SiteUse
from tests.edge.lane_bench import START_MS, Bench, a_pass
from tests.edge.test_lane_rides import (
    DRIVER,
    EVERYBODY,
    OLD,
    SON,
    VEHICLES_TOO,
    WALL,
    WIFE,
    bench,
    car,
    outcome_of,
    person,
    records,
    show,
    vehicles_and_people,
    words,
)

MASKED = EVERYBODY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "temperature", "mask"]')
SECRET = bytes(32)


def looks(made: Bench, state: str, times: int = 5) -> None:
    for _ in range(times):
        made.tell(facts.MaskSeen(state, 0.5, 0.97, made.now_ms))  # type: ignore[arg-type]


def test_somebody_who_is_being_measured_is_not_left_out_when_the_vehicles_pass_comes_last():
    made = bench()
    person(made, DRIVER)
    show(made, WIFE)
    made.wait(500, object_c=39.0)
    show(made, car(1))
    assert made.openings == 0
    made.wait(4000, object_c=39.0)
    vehicles, people = vehicles_and_people(made)
    assert [one[1:] for one in words(people)] == [("allow", "all_ok"), ("escalate", "fever")]
    assert (words(vehicles), made.openings) == ([("vehicle", "escalate", "occupant_refused")], 0)


def test_the_guards_count_leaves_nobody_out_who_has_begun():
    made = bench()
    show(made, car(3))
    person(made, DRIVER)
    show(made, WIFE)
    made.wait(500, object_c=39.0)
    made.tell(facts.GuardDecided("occupants", "", "", "guard", count=1))
    assert made.openings == 0
    made.wait(4000, object_c=39.0)
    assert made.openings == 0
    assert vehicles_and_people(made)[0][0][1].reason == "occupant_refused"


def test_what_was_measured_before_the_drivers_pass_is_not_the_drivers():
    made = bench()
    made.wait(1500, object_c=36.3)
    made.wait(400, object_c=WALL)
    show(made, DRIVER)
    assert made.verdicts == []
    made.wait(4000, object_c=39.0)
    assert made.verdicts[0] == ("escalate", "fever")


def test_the_drivers_mask_is_not_the_passengers():
    made = bench(policy=MASKED, mask_score_min=0.9)
    show(made, car(2))
    show(made, DRIVER)
    looks(made, "mask")
    made.wait(1200, object_c=36.3)
    made.wait(400, object_c=WALL)
    # The camera still sees the driver.
    looks(made, "mask")
    person(made, WIFE)
    assert made.openings == 0
    looks(made, "no_mask")
    made.wait(8000)
    assert [one[2] for one in words(vehicles_and_people(made)[1])] == ["all_ok", "mask_none"]


def listed(made: Bench, kind: str, value: bytes) -> None:
    row = WatchRow(keyed(SECRET, kind, value), kind, START_MS * 2, "police")  # type: ignore[arg-type]
    made.lane.enter(replace(made.lane.world, watch=Watch(WatchList(SECRET, [row]), START_MS * 2)))


WATCHED = EVERYBODY.replace(b'checks = ["pass"]', b'checks = ["pass", "watch"]')


@pytest.mark.parametrize(("kind", "value"), [("pass", (50).to_bytes(8, "big")), ("plate", "京A12345".encode())])
def test_a_vehicle_that_is_watched_for_is_found_though_nobody_in_it_is(kind: str, value: bytes):
    made = bench(policy=WATCHED)
    listed(made, kind, value)
    show(made, car(1, plate="京A12345"))
    person(made, DRIVER)
    vehicles, people = vehicles_and_people(made)
    assert words(people) == [("resident", "allow", "all_ok")]
    assert (words(vehicles), made.openings) == ([("vehicle", "escalate", "wait_staff")], 0)
    assert vehicles[0][1].call == "police"


def test_a_vehicle_that_is_watched_for_stays_so_when_somebody_in_it_is_refused():
    made = bench(policy=WATCHED)
    listed(made, "pass", (50).to_bytes(8, "big"))
    show(made, car(2))
    person(made, DRIVER)
    made.wait(6000)
    ((_, vehicle),), _ = vehicles_and_people(made)
    assert (vehicle.verdict, vehicle.reason, vehicle.call) == ("escalate", "wait_staff", "police")


def test_after_a_fever_the_vehicle_waits_for_the_guard_whoever_shows_a_pass():
    made = bench()
    show(made, car(2))
    person(made, DRIVER)
    show(made, WIFE)
    made.wait(4000, object_c=39.0)
    made.wait(1500, object_c=WALL)
    show(made, car(1))
    person(made, SON)
    assert made.openings == 0
    # Nor when the guard has not come in time.
    made.wait(10_000)
    show(made, car(1))
    person(made, DRIVER)
    assert made.openings == 0
    made.leave()
    made.come()
    show(made, car(1))
    person(made, DRIVER)
    assert made.openings == 1


def test_after_a_denial_nobody_is_left_out_of_the_next_try():
    made = bench()
    show(made, car(2))
    person(made, DRIVER)
    show(made, OLD)
    made.wait(2000)
    show(made, car(1))
    person(made, DRIVER)
    assert made.openings == 0, "two sat in it a moment ago"
    person(made, WIFE)
    assert made.openings == 1


def test_an_occupants_card_read_while_the_way_is_open_is_not_the_next_vehicles():
    made = bench(readers={"scanner": ("code",)})
    show(made, car(1))
    person(made, DRIVER)
    assert made.openings == 1
    made.wait(1500)
    made.tell(facts.Scanned(DRIVER))
    made.cross()
    made.wait(1500)
    show(made, car(1, 51))
    made.wait(1500, object_c=36.3)
    assert made.openings == 1
    assert words(records(made, "verdict"))[2:] == []


PLATES = EVERYBODY.replace(b"[timeouts]", b'[pass]\nplate = "allow"\n[timeouts]')


@pytest.mark.parametrize(("plate", "verdict"), [("京B99999", "escalate"), ("京A12345", "allow")])
def test_a_plate_and_another_vehicles_pass_are_two_vehicles(plate: str, verdict: str):
    mine = car(1, plate="京A12345")
    cards = [CardRow("plate", "京A12345".encode(), base45.b45decode(mine.removeprefix(b"GK1:")))]
    made = bench(policy=PLATES, readers={"eye": ("plate",)}, cards=cards)
    made.tell(facts.PlateSeen("京A12345"))
    assert made.lane.ride is not None
    # Of the same vehicle a newer pass may be shown.
    show(made, car(1, 51, plate=plate))
    person(made, DRIVER)
    assert words(vehicles_and_people(made)[0])[0][1] == verdict


def test_a_policy_that_comes_in_the_middle_asks_everybody_again():
    made = bench()
    show(made, car(2))
    person(made, DRIVER)
    stricter = VEHICLES_TOO.replace(b"version = 3", b"version = 4")
    made.lane.enter(replace(made.lane.world, policy=parse_policy(stricter)))
    person(made, WIFE)
    assert made.openings == 0
    person(made, DRIVER)
    vehicles, people = vehicles_and_people(made)
    assert made.openings == 1
    assert [one.policy_version for _, one in people if one.of_vehicle == vehicles[0][0]] == [4, 4]
    first = people[0][0]
    assert outcome_of(made, first) == [("abandoned", "")]


@pytest.mark.parametrize("act", ["fever", "symptoms"])
def test_whoever_is_found_ill_before_the_vehicles_pass_is_shown_holds_the_vehicle_too(act: str):
    made = bench()
    show(made, DRIVER)
    if act == "fever":
        made.wait(4000, object_c=39.0)
    else:
        made.tell(facts.GuardDecided("symptoms", "", "", "guard"))
    made.wait(1500, object_c=WALL)
    show(made, car(1))
    person(made, WIFE)
    made.wait(8000)
    assert (len(made.verdicts), made.openings) == (1, 0)
    assert view(made.lane, True).prompt == "prompt_wait_guard"
    # The guard has looked, and refused: it stays so until they are gone.
    made.tell(facts.GuardDecided("refuse", "", "medical", "guard"))
    show(made, car(1))
    assert made.lane.ride is None
    made.tell(facts.GuardDecided("open", "", "medical", "guard"))
    assert made.openings == 1


def test_who_showed_nothing_in_time_may_try_again_and_is_not_left_out():
    made = bench()
    show(made, car(1))
    made.wait(6000)
    show(made, car(1))
    person(made, DRIVER)
    assert [one[1] for one in words(vehicles_and_people(made)[0])] == ["escalate", "allow"]


def test_a_guard_who_settles_what_was_missing_has_everybody_asked_again():
    made = bench()
    show(made, DRIVER)
    made.wait(6000)
    made.tell(facts.GuardDecided("document_seen", "", "", "guard"))
    made.wait(1500, object_c=36.3)
    show(made, car(1))
    assert made.openings == 1


def test_in_a_drill_every_record_of_a_ride_is_practice_and_no_use():
    drill = Drill("test", False, "boot", 0, START_MS, dated=True, length_ms=600_000)
    made = bench()
    made.lane.enter(replace(made.lane.world, drill=drill))
    made.come()
    show(made, car(2))
    person(made, DRIVER)
    person(made, WIFE)
    made.wait(3000)
    made.lane.enter(replace(made.lane.world, drill=None))
    made.wait(500)
    told = [one for kind in ("verdict", "outcome") for _, one in records(made, kind)]  # type: ignore[arg-type]
    assert len(told) == 6
    assert all(one.drill for one in told)
    assert made.openings == 0


def test_a_pass_for_one_entry_is_used_up_by_riding_in_and_not_by_a_try():
    ledger = SiteLedger("gate-1")
    once = a_pass(7, pass_class="visitor", uses=1, expires_s=START_MS // 1000 + 3600)
    made = bench(site_use=SiteUse("gate-1", ledger))
    for serial, opened in ((50, 0), (51, 1), (52, 1)):
        show(made, car(2 if serial == 50 else 1, serial))
        person(made, once)
        assert made.openings == opened
        made.cross()
        made.wait(3000)
        made.leave()
        made.come()
    ledger.close()
    assert [one[1:] for one in words(vehicles_and_people(made)[1])][-1] != ("allow", "all_ok")
