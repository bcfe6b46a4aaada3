"""Number plates: what is one, when two readings are the same, and which readings count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import vehicle
from drivers.reader.events import PlateSeen
from drivers.reader.plates import Plates, is_plate, normal_plate

PLATE = "赣A12345"
# Composed after the rules of GA 36; none was copied from a street.
REAL = [
    "赣A12345", "京A0A001", "粤B88888", "黑A12345", "新Q12AB3", "川A99999",
    # New energy, small and large.
    "京AD12345", "粤BF12345", "沪ADA1234", "浙AA12345", "粤B12345D", "京A12345F", "苏EK12345",
    # Learner, police, consulate, Hong Kong, Macao, trailer.
    "粤B1234学", "京A0006警", "沪A0023领", "粤Z1234港", "粤Z1234澳", "鲁B1234挂",
    # Embassy, before and since 2018.
    "使224578", "224001使",
    # Fire and rescue, armed police, army.
    "京X1234应急", "鲁S1234应急", "WJ京12345", "WJ粤1234X", "VA12345", "KB00001",
]  # fmt: skip
NO_PLATE = [
    "", "unknown", "无车牌", "UNKNOWN", "A12345", "赣12345", "赣A1234", "赣A123456", "赣A1234567",
    # I and O are on no plate.
    "赣I12345", "赣O12345", "赣A1234I", "赣AO2345", "京ADO1234",
    # Letters that no new energy vehicle has, and a letter where a number must be.
    "京AL12345", "京A12345L", "京AD1234A", "京AI12345",
    "赣A1234使", "京A1234应急", "京X123应急", "使12345", "22400使", "学A12345", "中A12345", "赣a12345", "赣A 12345",
    "赣Ａ１２３４５", "赣A12345\n", "WJ", "AB1234", "TAXI123", "台A12345",
]  # fmt: skip


@pytest.mark.parametrize("plate", REAL)
def test_a_plate_of_each_form_is_one(plate: str) -> None:
    assert is_plate(plate)


@pytest.mark.parametrize("text", NO_PLATE)
def test_what_is_almost_a_plate_is_none(text: str) -> None:
    assert not is_plate(text)


@pytest.mark.parametrize(
    "written",
    [
        "赣A12345",
        "赣a12345",
        "赣A·12345",
        "赣A•12345",
        " 赣A 12345 ",
        "赣Ａ１２３４５",
        "赣A-12345",
        "蓝赣A12345",
        "黑赣A12345",
    ],
)
def test_one_plate_written_in_many_ways_is_one_plate(written: str) -> None:
    assert normal_plate(written) == PLATE


def test_a_short_name_of_a_province_is_no_colour() -> None:
    assert normal_plate("黑A12345") == "黑A12345"


def test_text_that_no_plate_is_as_long_as_is_dropped_before_it_is_looked_at() -> None:
    assert normal_plate("赣A12345" + " " * 1_000_000) == ""


@given(st.sampled_from(REAL), st.sampled_from(REAL))
def test_camera_and_pass_agree_on_when_two_plates_are_the_same(one: str, other: str) -> None:
    assert (normal_plate(one) == normal_plate(other)) == (vehicle.normal_plate(one) == vehicle.normal_plate(other))


@given(st.text(max_size=32))
def test_what_a_camera_gives_is_the_normal_form_of_the_check_as_well(text: str) -> None:
    plate = normal_plate(text)
    if is_plate(plate):
        assert vehicle.normal_plate(plate) == plate
        assert normal_plate(plate) == plate


@given(st.text(alphabet="赣京使学警领港澳挂应急WJABIO0123456789 ·", max_size=12))
def test_no_plate_has_a_letter_that_looks_like_a_number(text: str) -> None:
    if is_plate(text):
        assert not set(text) & set("IO ·")


def take(plates: Plates, text: str = PLATE, confidence: int | None = 97, direction: str = "", at_ms: int = 0) -> bool:
    seen = plates.take(text, confidence, direction, at_ms)  # type: ignore[arg-type]
    assert seen is None or isinstance(seen, PlateSeen)
    return seen is not None


def test_a_reading_that_counts_is_the_plate_in_its_normal_form() -> None:
    seen = Plates(80, 10_000).take("蓝赣A·12345", 97, "approach", 7)
    assert seen is not None
    assert (seen.mono_ms, seen.plate, seen.confidence, seen.direction) == (7, PLATE, 97, "approach")


def test_the_plate_is_in_no_repr_and_so_in_no_log() -> None:
    assert "12345" not in repr(Plates(80, 10_000).take(PLATE, 97, "", 0))


@pytest.mark.parametrize(("confidence", "counts"), [(80, True), (79, False), (None, True), (100, True)])
def test_a_reading_less_sure_than_the_floor_does_not_count(confidence: int | None, counts: bool) -> None:
    plates = Plates(80, 10_000)
    assert take(plates, confidence=confidence) is counts
    assert plates.unsure == (not counts)


@pytest.mark.parametrize("confidence", [-1, 101, 99_999])
def test_a_confidence_that_is_no_percentage_is_a_broken_reading(confidence: int) -> None:
    plates = Plates(0, 10_000)
    assert not take(plates, confidence=confidence)
    assert plates.no_plates == 1


def test_a_plate_counts_once_within_the_window_and_again_after_it() -> None:
    plates = Plates(80, 10_000)
    told = [at_ms for at_ms in range(0, 30_000, 1000) if take(plates, at_ms=at_ms)]
    assert told == [0, 10_000, 20_000]


def test_another_plate_or_the_other_way_is_no_repeat() -> None:
    plates = Plates(80, 10_000)
    assert take(plates, direction="approach")
    assert take(plates, "粤B88888", direction="approach")
    assert take(plates, direction="leave")
    assert not take(plates, direction="approach")


def test_an_unsure_reading_does_not_silence_the_sure_one_after_it() -> None:
    plates = Plates(80, 10_000)
    assert not take(plates, confidence=40)
    assert take(plates, confidence=95)


@pytest.mark.parametrize(("direction", "counts"), [("approach", True), ("leave", False), ("", True)])
def test_whoever_goes_the_other_way_does_not_count(direction: str, counts: bool) -> None:
    assert take(Plates(80, 10_000, "approach"), direction=direction) is counts


def test_a_camera_that_invents_plates_for_days_fills_no_memory() -> None:
    plates = Plates(0, 600_000)
    for number in range(100_000):
        take(plates, f"赣A{number:05}", at_ms=number)
    assert len(plates._given_ms) <= 64
