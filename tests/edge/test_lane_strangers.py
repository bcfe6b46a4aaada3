"""What one person brings is nobody else's: acts during an opening, things left behind, orders that must not matter."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.document_digest import document_digest
from edge import facts
from edge.site_ledger import SiteLedger
from edge.site_use import SiteUse
from tests.edge.lane_bench import POLICY, Bench, a_pass
from tests.edge.test_lane_readers import (
    CARD,
    NUMBER,
    PASS_ONLY,
    PLATE,
    READERS,
    ask,
    bench,
    car,
    plate_row,
    row,
    with_document,
)

WEAK = b"accept_weak_binding = true\n"
ALLOW = ("allow", "all_ok")


# --- while somebody is let through -----------------------------------------------------------------------------------


def test_who_scans_once_more_while_the_way_is_open_lets_nobody_in_behind_them() -> None:
    made = bench()
    made.come()
    made.tell(facts.Scanned(a_pass(1)))
    # Longer than the same code is ignored, and not as long as an act waits for its owner.
    made.wait(2000)
    made.tell(facts.Scanned(a_pass(1)))
    made.cross()
    made.wait(3000)
    assert made.openings == 1


def test_a_card_of_the_pass_that_has_just_opened_is_not_the_next_ones() -> None:
    made = bench(ask("pass", passes='card = "allow"'), cards=[row(CARD, a_pass(1))])
    made.come()
    made.tell(facts.Scanned(a_pass(1)))
    made.tell(facts.CardRead("em4100", CARD))
    made.cross()
    made.wait(3000)
    assert made.openings == 1


def test_a_driver_whose_plate_has_opened_scans_for_nobody_behind() -> None:
    made = car(ask("pass", passes='plate = "allow"'), cards=[plate_row(PLATE, a_pass(1))])
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    made.tell(facts.Scanned(a_pass(2)))
    made.cross()
    made.wait(3000)
    assert made.openings == 1


def test_another_pass_that_is_scanned_while_one_goes_through_is_still_the_next_ones() -> None:
    made = bench()
    made.come()
    made.tell(facts.Scanned(a_pass(1)))
    made.wait(500)
    made.tell(facts.Scanned(a_pass(2)))
    made.cross()
    made.wait(1500)
    assert made.verdicts == [ALLOW, ALLOW]


def test_a_plate_that_is_first_read_when_its_vehicle_is_let_in_opens_for_none_behind_it() -> None:
    made = car(ask("pass", passes='plate = "allow"'), cards=[plate_row(PLATE, a_pass(1))])
    made.come()
    made.tell(facts.Scanned(a_pass(2)))
    made.wait(500)
    made.tell(facts.PlateSeen(PLATE))
    made.cross()
    made.wait(3000)
    assert made.openings == 1


def test_the_rear_plate_of_a_vehicle_that_drives_off_is_not_of_who_rolls_up() -> None:
    made = car(ask("pass", "vehicle"))
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    made.tell(facts.Scanned(a_pass(1, plate=PLATE)))
    made.cross()
    made.leave()
    # Off the loop, still under the barrier.
    made.tell(facts.PlateSeen(PLATE))
    made.come()
    made.wait(2000)
    made.tell(facts.PlateSeen(PLATE))
    made.tell(facts.PlateSeen("粤B99999"))
    made.tell(facts.Scanned(a_pass(2, plate="粤B99999")))
    assert made.verdicts == [ALLOW, ALLOW]


def test_a_plate_behind_a_vehicle_whose_own_was_read_opens_for_the_one_that_bears_it() -> None:
    rows = [plate_row(PLATE, a_pass(1)), plate_row("粤B99999", a_pass(2))]
    made = car(ask("pass", passes='plate = "allow"'), cards=rows)
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    made.tell(facts.PlateSeen("粤B99999"))
    made.cross()
    made.wait(3000)
    assert made.verdicts == [ALLOW, ALLOW]


def test_a_vehicle_that_missed_its_opening_need_not_be_read_again() -> None:
    made = car(ask("pass", "vehicle"))
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    for _ in range(2):
        made.tell(facts.Scanned(a_pass(1, plate=PLATE)))
        made.wait(6000)
    assert made.verdicts == [ALLOW, ALLOW]
    assert made.outcomes == [("abandoned", "")] * 2


def test_whoever_walks_out_by_a_button_takes_no_plate_from_who_waits_outside() -> None:
    made = car(ask("pass", "vehicle"))
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    made.tell(facts.WayOutFreed("exit_button", 0, True))
    made.cross()
    made.wait(3000)
    made.tell(facts.Scanned(a_pass(1, plate=PLATE)))
    assert made.verdicts == [ALLOW]


def test_a_vehicle_that_comes_back_is_read_again() -> None:
    made = car(ask("pass", "vehicle"))
    for _ in range(2):
        made.come()
        made.tell(facts.PlateSeen(PLATE))
        made.tell(facts.Scanned(a_pass(1, plate=PLATE)))
        made.cross()
        made.leave()
        made.wait(20_000)
    assert made.verdicts == [ALLOW, ALLOW]


# --- what was left behind --------------------------------------------------------------------------------------------


def test_a_document_laid_down_after_a_refusal_is_not_held_against_who_comes_next() -> None:
    made = bench(ask("pass", "document"))
    made.come()
    made.tell(facts.Scanned(b"no pass"))
    made.tell(facts.DocumentRead("110105194912310038"))
    made.leave()
    made.come()
    made.tell(facts.Scanned(with_document()))
    made.wait(500)
    made.tell(facts.DocumentRead(NUMBER))
    assert made.verdicts[1:] == [ALLOW]


def test_the_document_of_who_was_refused_does_not_vouch_for_who_comes_with_their_card() -> None:
    made = bench(cards=[row(CARD, with_document())])
    made.come()
    made.tell(facts.Scanned(b"no pass"))
    made.tell(facts.DocumentRead(NUMBER))
    made.leave()
    made.come()
    made.tell(facts.CardRead("em4100", CARD))
    made.wait(5000)
    assert made.openings == 0


def test_a_document_read_while_another_goes_through_is_the_next_ones_or_nobodys() -> None:
    made = bench(ask("pass", "document"))
    made.come()
    made.tell(facts.Scanned(with_document(1)))
    made.tell(facts.DocumentRead(NUMBER))
    made.wait(500)
    made.tell(facts.DocumentRead("110105194912310038"))
    made.cross()
    made.wait(1500)
    made.tell(facts.Scanned(with_document(2)))
    made.wait(500)
    made.tell(facts.DocumentRead(NUMBER))
    assert made.verdicts == [ALLOW, ALLOW]


# --- the order of what one presence brings ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_what_one_presence_brings_changes_no_verdict(order: tuple[int, ...]) -> None:
    policy = POLICY.replace(b'"pass", "temperature"', b'"pass", "temperature", "document"')
    mine = a_pass(1, document_digest=document_digest(NUMBER, (1).to_bytes(8, "big")))
    made = Bench(policy=policy, readers=READERS, cards=[row(CARD, mine)], camera=False)
    acts = (facts.Scanned(mine), facts.CardRead("em4100", CARD), facts.DocumentRead(NUMBER), None)
    made.come()
    for act in (acts[at] for at in order):
        if act is None:
            made.wait(1000, object_c=36.3)
        else:
            made.tell(act)
            made.wait(200)
    assert [verdict for verdict, _ in made.verdicts] == ["allow"]


@pytest.mark.parametrize("first", ["code", "card"])
def test_a_card_laid_down_beside_its_own_code_makes_it_no_weaker(first: str) -> None:
    made = Bench(readers=READERS, cards=[row(CARD, a_pass(1))])
    acts: list[facts.Fact] = [facts.Scanned(a_pass(1)), facts.CardRead("em4100", CARD)]
    made.come()
    for act in acts if first == "code" else acts[::-1]:
        made.tell(act)
        made.wait(200)
    made.wait(1500, object_c=36.3)
    assert made.verdicts == [ALLOW]


# --- without a sensor ------------------------------------------------------------------------------------------------


def test_without_a_sensor_whose_card_asks_for_a_look_is_not_dropped_before_anybody_was_called() -> None:
    made = bench(WEAK + PASS_ONLY, sensor=False, cards=[row(CARD, with_document())])
    made.tell(facts.CardRead("em4100", CARD))
    made.wait(4500)
    assert made.verdicts == [("escalate", "card_ask")]
    made.wait(4500)
    shown = made.lane.shown
    assert shown is not None
    made.tell(facts.GuardDecided("admit", shown.passage.hex(), "known_person", "guard"))
    assert made.openings == 1


def test_without_a_sensor_everything_that_is_asked_for_gets_its_time() -> None:
    made = Bench(policy=WEAK + ask("pass", "temperature", "document"), readers=READERS, sensor=False, camera=False)
    made.tell(facts.Scanned(with_document()))
    made.wait(6000)
    made.tell(facts.DocumentRead(NUMBER))
    made.wait(1000, object_c=36.3)
    assert made.verdicts == [ALLOW]


def test_plates_of_the_traffic_outside_keep_no_presence_alive() -> None:
    made = car(WEAK + ask("pass", "vehicle"), sensor=False)
    made.tell(facts.Scanned(a_pass(1, plate=PLATE)))
    made.tell(facts.Scanned(a_pass(2, plate=PLATE)))
    assert made.lane.halted
    for number in range(30):
        made.tell(facts.PlateSeen(f"粤B{number:05d}"))
        made.wait(1000)
    assert not made.lane.halted


# --- whatever the one before did -------------------------------------------------------------------------------------

MINE = with_document(1, plate=PLATE)
OWN_ACTS: list[facts.Fact | int] = [
    facts.Scanned(MINE),
    facts.CardRead("em4100", CARD),
    facts.DocumentRead(NUMBER),
    facts.PlateSeen(PLATE),
    facts.PlateSeen("赣A12346"),
    100,
    700,
    2000,
]
STRANGERS_ACTS: list[facts.Fact | int] = [
    facts.Scanned(b"no pass"),
    facts.CardRead("em4100", bytes(5)),
    facts.DocumentRead("110105194912310038"),
    facts.PlateSeen("粤B99999"),
    200,
    3000,
]


def play(made: Bench, acts: list[facts.Fact | int]) -> None:
    for act in acts:
        if isinstance(act, int):
            made.wait(act)
        else:
            made.tell(act)


@settings(max_examples=300, deadline=None)
@given(
    own=st.lists(st.sampled_from(OWN_ACTS), max_size=8),
    late=st.lists(st.sampled_from(OWN_ACTS), max_size=4),
    goes=st.booleans(),
    gap_ms=st.sampled_from([0, 100, 400, 1500, 3500]),
    strange=st.lists(st.sampled_from(STRANGERS_ACTS), max_size=6),
    kind=st.sampled_from(["person", "vehicle"]),
    checks=st.sampled_from([("pass",), ("pass", "document"), ("pass", "vehicle")]),
)
def test_nothing_that_anybody_did_before_opens_for_a_stranger(
    own: list[facts.Fact | int],
    late: list[facts.Fact | int],
    goes: bool,
    gap_ms: int,
    strange: list[facts.Fact | int],
    kind: Any,
    checks: tuple[str, ...],
) -> None:
    policy = ask(*checks, passes='card = "allow"\nplate = "allow"')
    made = bench(policy, lane_kind=kind, cards=[row(CARD, MINE), plate_row(PLATE, MINE)])
    made.come()
    play(made, own)
    if goes:
        play(made, late)
        made.cross()
    made.tell(facts.PresenceChanged(False))
    made.wait(gap_ms)
    before = made.openings
    made.come()
    play(made, strange)
    made.wait(5000)
    assert made.openings == before


OTHER = a_pass(2, document_digest=document_digest("110105194912310038", (2).to_bytes(8, "big")), plate="粤B99999")
HISTORY: list[facts.Fact | int] = [
    *STRANGERS_ACTS,
    facts.Scanned(OTHER),
    facts.Crossed(),
    facts.PresenceChanged(False),
    facts.PresenceChanged(True),
    facts.WayOutFreed("exit_button", 0, True),
    facts.ReaderDown("id", "id_reader_gone"),
    facts.ReaderUp("id"),
    facts.GuardDecided("open", "", "known_person", "guard"),
    1000,
]


@settings(max_examples=300, deadline=None)
@given(
    history=st.lists(st.sampled_from(HISTORY), max_size=12),
    last=st.lists(st.sampled_from(STRANGERS_ACTS[:3]), max_size=2),
    order=st.permutations(range(2)),
    checks=st.sampled_from([("pass",), ("pass", "document"), ("pass", "vehicle")]),
)
def test_nothing_that_anybody_did_before_keeps_somebody_with_a_good_pass_out(
    history: list[facts.Fact | int], last: list[facts.Fact | int], order: list[int], checks: tuple[str, ...]
) -> None:
    kind: Any = "vehicle" if "vehicle" in checks else "person"
    made = bench(ask(*checks), lane_kind=kind)
    play(made, history)
    made.tell(facts.ReaderUp("id"))
    made.tell(facts.PresenceChanged(False))
    # Openings and verdicts of before come to their ends; then somebody fiddles with the readers, and walks on.
    made.wait(16_000)
    play(made, last)
    before = made.openings
    made.come()
    beside = facts.PlateSeen(PLATE) if kind == "vehicle" else facts.DocumentRead(NUMBER)
    for at in order:
        made.tell((facts.Scanned(MINE), beside)[at])
        made.wait(300)
    assert made.openings == before + 1, made.verdicts


@settings(max_examples=200, deadline=None)
@given(history=st.lists(st.sampled_from(STRANGERS_ACTS), max_size=12), order=st.permutations(range(2)))
def test_without_a_sensor_noise_at_the_readers_keeps_nobody_out(
    history: list[facts.Fact | int], order: list[int]
) -> None:
    made = bench(WEAK + ask("pass", "document"), sensor=False)
    play(made, history)
    for at in order:
        made.tell((facts.Scanned(MINE), facts.DocumentRead(NUMBER))[at])
        made.wait(300)
    assert made.openings == 1, made.verdicts


# --- a guard has looked into one pass, and no other ------------------------------------------------------------------


def test_a_guard_who_clears_a_vehicles_pass_has_not_cleared_its_drivers() -> None:
    ledger = SiteLedger("gate-1")
    policy = ask("pass", "document", passes='plate = "allow"') + b'[passback]\nmode = "enforce"\n'
    rows = [plate_row(PLATE, with_document(1))]
    made = car(policy, cards=rows, site_use=SiteUse("gate-1", ledger))

    def drive_in(*acts: facts.Fact) -> None:
        made.come()
        for act in acts:
            made.tell(act)
        made.cross()
        made.wait(2500)
        made.leave()
        made.wait(20_000)

    drive_in(facts.Scanned(with_document(2)), facts.DocumentRead(NUMBER))
    drive_in(facts.PlateSeen(PLATE), facts.DocumentRead(NUMBER))
    assert made.verdicts == [ALLOW, ALLOW]
    made.come()
    made.tell(facts.PlateSeen(PLATE))
    shown = made.lane.shown
    assert shown is not None
    assert shown.decision.reason == "passback"
    made.tell(facts.GuardDecided("clear_passback", shown.passage.hex(), "known_resident", "guard"))
    made.tell(facts.Scanned(with_document(2)))
    made.tell(facts.DocumentRead(NUMBER))
    assert made.verdicts[-1] == ("escalate", "passback")
    ledger.close()
