"""Cards: a number leads to the text of the pass that it was given to, and to nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.cards import MAX_CARDS, NO_CARDS, CardError, CardRow, Cards, check_number, plate_number
from checkpoint.formats import read_pass
from tests.golden import samples

MESSAGE = samples.passes()["resident"].encode()
TAG = bytes.fromhex("010063E9AE")


def signed() -> bytes:
    """The message inside of the golden pass."""
    from base45 import b45decode

    return bytes(b45decode(MESSAGE.removeprefix(b"GK1:")))


def test_a_card_gives_the_text_that_a_code_of_its_pass_holds() -> None:
    cards = Cards([CardRow("iso14443a", bytes.fromhex("FB0EE20B"), signed())])
    [text] = cards.lookup("iso14443a", bytes.fromhex("FB0EE20B"))
    assert text == MESSAGE
    trusted = samples.trust.TrustList([samples.ISSUER])
    assert read_pass(text, trusted, samples.AT_S).reason == "pass_valid"


def test_the_printed_number_stands_for_the_card_whatever_its_first_byte_is() -> None:
    cards = Cards([CardRow("em4100", (6547886).to_bytes(4, "big"), signed())])
    assert list(cards.lookup("em4100", TAG)) == [MESSAGE]
    assert list(cards.lookup("em4100", b"\x77" + TAG[1:])) == [MESSAGE]
    assert not cards.lookup("em4100", TAG[:4])


def test_a_whole_number_is_compared_whole() -> None:
    cards = Cards([CardRow("em4100", TAG, signed())])
    assert list(cards.lookup("em4100", TAG)) == [MESSAGE]
    assert not cards.lookup("em4100", b"\x77" + TAG[1:])


def test_one_technology_is_not_taken_for_another() -> None:
    cards = Cards([CardRow("iso14443a", TAG[1:], signed())])
    assert not cards.lookup("em4100", TAG)
    assert not cards.lookup("em4100", TAG[1:])
    assert not cards.lookup("plate", TAG[1:])


@pytest.mark.parametrize("read", ["赣A12345", "赣A·12345", "赣a 12345", "赣Ａ１２３４５"])
def test_a_plate_is_known_however_it_is_written(read: str) -> None:
    cards = Cards([CardRow("plate", plate_number("赣A12345"), signed())])
    assert list(cards.lookup("plate", read.encode())) == [MESSAGE]
    assert not cards.lookup("plate", (read + "6").encode())


def test_two_passes_of_one_number_are_both_found_and_one_twice_is_one() -> None:
    rows = [CardRow("em4100", TAG, b"one"), CardRow("em4100", TAG[1:], b"two"), CardRow("em4100", TAG, b"one")]
    assert len(Cards(rows).lookup("em4100", TAG)) == 2


@given(st.sampled_from(["em4100", "iso14443a", "plate"]), st.binary(max_size=300))
def test_whatever_a_reader_gives_never_raises_and_finds_nothing_that_is_not_there(technology, number) -> None:
    assert not NO_CARDS.lookup(technology, number)
    held = Cards([CardRow("em4100", TAG, b"pass")])
    assert bool(held.lookup(technology, number)) == (technology == "em4100" and number == TAG)


def test_a_number_is_in_no_text_about_it() -> None:
    row = CardRow("iso14443a", b"\xfb\x0e\xe2\x0b", b"pass")
    assert "fb" not in repr(row).lower()
    assert "0e" not in repr((row,)).lower()
    with pytest.raises(CardError) as raised:
        check_number("em4100", b"secret")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "row",
    [
        CardRow("em4100", b"123", b"p"),
        CardRow("iso14443a", b"12345", b"p"),
        CardRow("plate", b"", b"p"),
        CardRow("plate", b"\xff\xfe", b"p"),
        CardRow("plate", "赣a12345".encode(), b"p"),
        CardRow("plate", b"A" * 65, b"p"),
        CardRow("em4100", b"12345", b""),
        CardRow("em4100", b"12345", bytes(371)),
    ],
)
def test_what_can_be_no_card_is_refused(row: CardRow) -> None:
    with pytest.raises(CardError):
        Cards([row])


def test_there_are_never_more_cards_than_a_gate_has_room_for() -> None:
    rows = [CardRow("em4100", number.to_bytes(5, "big"), b"p") for number in range(MAX_CARDS + 1)]
    assert len(Cards(rows[1:])) == MAX_CARDS
    with pytest.raises(CardError, match="at most 20000 cards, this one 20001"):
        Cards(rows)
