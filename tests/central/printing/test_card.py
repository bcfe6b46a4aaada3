"""What stands on a printed pass is what its code says, and of a name only the last character."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.printing.card import LONGEST, PrintError, card_of, name_tail
from checkpoint.passes import ROTATING_LIFETIME_S
from tests.central.printing.samples import card, text_of
from tests.checkpoint.pass_samples import NOW_S


def test_a_card_says_what_its_code_says() -> None:
    made = card("vehicle", plate="赣A12345", party_size=3, uses=2)
    assert (made.pass_class, made.plate, made.party, made.uses) == ("vehicle", "赣A12345", 3, 2)
    assert (made.valid_from_s, made.valid_until_s) == (NOW_S, NOW_S + 30 * 86_400)
    assert made.number == b"pass-id1".hex()


@pytest.mark.parametrize(
    ("name", "tail"),
    [("李小明", "明"), ("John Smith", "h"), (" 王芳\n", "芳"), ("", ""), ("\u202e", ""), ("Amélie\u0301", "e\u0301"),
     ("x" * 100_000, "x"), ("a" + "\u0301" * 50, "")],
)  # fmt: skip
def test_of_a_name_the_last_character_stays(name: str, tail: str) -> None:
    assert name_tail(name) == tail


@given(st.text(max_size=40))
def test_a_tail_is_its_own_tail(name: str) -> None:
    tail = name_tail(name)
    assert tail in name
    assert name_tail(tail) == tail
    assert len(tail) <= 6


def test_a_whole_name_is_never_taken() -> None:
    with pytest.raises(PrintError, match="last character"):
        replace(card(), name_tail="李小明")


def test_a_pass_of_one_phone_is_never_printed() -> None:
    with pytest.raises(PrintError, match="belongs to one phone"):
        card_of(text_of("resident", device_key=bytes(32)), place_zh="门")


def test_a_pass_for_minutes_is_never_printed() -> None:
    with pytest.raises(PrintError, match="lives for minutes"):
        card_of(text_of("resident", expires_s=NOW_S + ROTATING_LIFETIME_S), place_zh="门")


@pytest.mark.parametrize("text", ["", "GK1", "GK1:", "GK1:!!", "GK1T:AB", "HC1:6BF", "GK1:" + "A" * 600, "门" * 10])
def test_what_is_no_pass_is_refused(text: str) -> None:
    with pytest.raises(PrintError):
        card_of(text, place_zh="门")


@pytest.mark.parametrize("field", sorted(LONGEST))
def test_a_text_that_would_be_too_small_to_read_is_refused_with_its_limit(field: str) -> None:
    replace(card(), **{field: "门" * LONGEST[field]})
    with pytest.raises(
        PrintError, match=f"{field} has {LONGEST[field] + 1} characters; shorten it to {LONGEST[field]}"
    ):
        replace(card(), **{field: "门" * (LONGEST[field] + 1)})


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../../etc/passwd", "/etc/passwd", "a\0b"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(PrintError, match="time zone"):
        replace(card(), zone=zone)


def test_a_time_beyond_every_calendar_is_refused() -> None:
    with pytest.raises(PrintError, match="no time for a calendar"):
        card_of(text_of("visitor", not_before_s=2**39, expires_s=2**39 + 86_400), place_zh="门")


def test_a_card_without_a_place_is_refused() -> None:
    with pytest.raises(PrintError, match="place_zh is empty"):
        replace(card(), place_zh=" ")


def test_the_code_does_not_leak_into_logs() -> None:
    made = card()
    assert made.text not in repr(made)
