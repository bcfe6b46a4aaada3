"""The vehicle check: what a camera's readings say about the plate that the pass names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.vehicle import normal_plate, vehicle_fact
from checkpoint.verdict import Facts, decide
from tests.checkpoint.verdict_kit import NOW_S, gate, policy, shown

PLATE = "赣A12345"


def said(*seen: str, claimed: str | None = PLATE) -> tuple[str, str]:
    fact = vehicle_fact(seen, claimed)
    return fact.result, fact.reason


def test_the_plate_of_the_pass_is_ok() -> None:
    assert said(PLATE) == ("ok", "vehicle_ok")


def test_the_same_plate_written_in_another_way_is_ok() -> None:
    assert said("赣Ａ·１２３４５") == ("ok", "vehicle_ok")
    assert said(PLATE, claimed="赣a 12345") == ("ok", "vehicle_ok")


def test_another_plate_is_a_mismatch_however_near() -> None:
    assert said("粤B88888") == ("failed", "plate_mismatch")
    assert said("赣A12346") == ("failed", "plate_mismatch")
    assert said("赣A1234") == ("failed", "plate_mismatch")


def test_a_camera_that_read_nothing_is_not_a_mismatch() -> None:
    assert said() == ("missing", "plate_unread")
    assert said("", " · ") == ("missing", "plate_unread")


@pytest.mark.parametrize("claimed", [None, ""])
def test_a_pass_without_a_plate_fits_no_vehicle(claimed: str | None) -> None:
    assert said(PLATE, claimed=claimed) == ("missing", "plate_unbound")


@pytest.mark.parametrize("slip", ["赣A12346", "京A12345", "赣A1234", "A12345", "赣A123455"])
def test_one_misread_sign_before_the_right_reading_does_no_harm(slip: str) -> None:
    assert said(slip, PLATE) == said(PLATE, slip) == ("ok", "vehicle_ok")


@pytest.mark.parametrize("other", ["粤B88888", "赣A12366", "赣A123"])
def test_the_right_plate_beside_another_vehicles_is_for_a_person_to_decide(other: str) -> None:
    assert said(PLATE, other) == said(other, PLATE) == ("failed", "plate_several")


def test_a_flood_of_readings_is_not_one_vehicle() -> None:
    # Each of them is one slip away.
    flood = [f"{PLATE}{chr(0x4E00 + number)}" for number in range(40)]
    assert said(PLATE, *flood) == ("failed", "plate_several")


def test_no_fact_holds_the_plate_because_facts_are_recorded() -> None:
    for fact in (vehicle_fact([PLATE], PLATE), vehicle_fact(["粤B88888"], PLATE), vehicle_fact([PLATE], None)):
        assert (fact.value, fact.limit) == (None, None)
        assert "12345" not in repr(fact)
        assert "88888" not in repr(fact)


def test_whatever_is_not_ok_never_becomes_an_allow() -> None:
    asked = policy(checks='["pass", "vehicle"]')
    for seen, claimed in (((), PLATE), (("粤B88888",), PLATE), ((PLATE,), None), ((PLATE, "粤B88888"), PLATE)):
        facts: Facts = {"vehicle": (vehicle_fact(seen, claimed),)}
        assert decide(shown(), facts, asked, gate(lane_kind="vehicle"), NOW_S).verdict != "allow"
    right: Facts = {"vehicle": (vehicle_fact([PLATE], PLATE),)}
    assert decide(shown(), right, asked, gate(lane_kind="vehicle"), NOW_S).verdict == "allow"


@given(st.lists(st.text(max_size=12), max_size=5), st.text(max_size=16) | st.none())
def test_only_a_reading_of_the_claimed_plate_is_ok(seen: list[str], claimed: str | None) -> None:
    fact = vehicle_fact(seen, claimed)
    if fact.result == "ok":
        assert normal_plate(claimed or "") in {normal_plate(plate) for plate in seen}
    assert vehicle_fact(seen[::-1], claimed) == fact


@given(st.text(max_size=40))
def test_the_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    once = normal_plate(text)
    assert normal_plate(once) == once
