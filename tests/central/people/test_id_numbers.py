"""Identity numbers: what is taken, what is refused, and what is kept of them."""

from __future__ import annotations

import stat
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.keys import KeyFileError
from central.people.id_numbers import (
    IdNumberError,
    check_character,
    checked_number,
    number_mac,
    registry_key,
    shortened,
)
from checkpoint.document_digest import document_digest
from tests.central.people.kit import NUMBER, OTHER_NUMBER

TODAY = date(2026, 8, 29)
FIRST17 = st.from_regex(r"\A[1-9][0-9]{5}(19[0-9]{2}|200[0-9])(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}\Z")


def test_the_example_of_the_standard_has_its_check_character():
    # GB 11643-1999, appendix A: 11010519491231002 is followed by X, 44052418800101001 by 4.
    assert check_character("11010519491231002") == "X"
    assert check_character("44052418800101001") == "4"


@given(FIRST17)
def test_every_number_with_its_check_character_is_taken(first):
    number = first + check_character(first)
    assert checked_number(number, TODAY) == number
    assert checked_number(f" {number[:6]} {number[6:14]} {number[14:].lower()} ", TODAY) == number


@given(FIRST17, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(first, at, off):
    number = first + check_character(first)
    if number[at] == "X":
        return
    wrong = number[:at] + str((int(number[at]) + off) % 10) + number[at + 1 :]
    with pytest.raises(IdNumberError):
        checked_number(wrong, TODAY)


@given(FIRST17, st.integers(0, 15))
def test_two_neighbours_swapped_are_always_found(first, at):
    number = first + check_character(first)
    if number[at] == number[at + 1]:
        return
    with pytest.raises(IdNumberError):
        checked_number(number[:at] + number[at + 1] + number[at] + number[at + 2 :], TODAY)


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_clear_refusal_that_does_not_repeat_it(text):
    said = ""
    try:
        checked_number(text, TODAY)
    except IdNumberError as error:
        said = str(error)
    assert len(text.strip()) < 4 or text.strip() not in said


@pytest.mark.parametrize(
    "number", ["110105900307233", "110105202612310015", "010105199003072338", "1234", "护照E123456"]
)
def test_what_is_no_number_is_refused(number):
    with pytest.raises(IdNumberError):
        checked_number(number, TODAY)


def test_passports_and_permits_are_taken_as_they_are():
    assert checked_number("e1234 5678", TODAY) == "E12345678"


def test_a_number_is_shown_by_its_last_character_only():
    assert shortened(NUMBER) == "*" * 17 + NUMBER[-1]


def test_the_key_of_the_hashes_is_made_once_and_is_private(tmp_path):
    key = registry_key(tmp_path)
    assert registry_key(tmp_path) == key
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert number_mac(key, NUMBER) != number_mac(key, OTHER_NUMBER)
    file.chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read"):
        registry_key(tmp_path)


def test_the_digest_in_a_pass_is_golden_and_depends_on_the_pass():
    assert document_digest(NUMBER, bytes(8)).hex() == "b7a7df7202de5da6d091bb2e7278ef69"
    assert document_digest("110105 19900307 2338", bytes(8)) == document_digest(NUMBER, bytes(8))
    assert document_digest(NUMBER, bytes(7) + b"\1") != document_digest(NUMBER, bytes(8))
