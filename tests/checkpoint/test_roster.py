"""Rosters: secrets and cards reach one gate and no other, and nothing that arrives instead is taken for one."""

from __future__ import annotations

import random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cards, seal, steps, wire
from checkpoint import roster as rosters
from checkpoint.cards import CardRow
from checkpoint.roster import Roster, RosterError, decode_roster, encode_roster
from checkpoint.steps import StepSecret

GATE = Ed25519PrivateKey.from_private_bytes(bytes([31]) * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([32]) * 32)
OPENER = seal.sealing_key(GATE)
PUBLIC = seal.sealing_public(GATE)

slugs = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)
rows = st.builds(StepSecret, slugs, st.integers(0, 2**32), st.binary(min_size=32, max_size=32))
numbers = st.one_of(
    st.tuples(st.just("em4100"), st.binary(min_size=4, max_size=5)),
    st.tuples(st.just("iso14443a"), st.binary(min_size=7, max_size=7)),
    st.tuples(st.just("plate"), st.from_regex("[A-Z][0-9A-Z]{4,7}", fullmatch=True).map(cards.plate_number)),
)
card_rows = st.builds(lambda number, signed: CardRow(*number, signed), numbers, st.binary(min_size=1, max_size=300))


@given(st.lists(rows, max_size=20))
def test_a_roster_comes_out_as_it_went_in(given_rows: list[StepSecret]) -> None:
    assert decode_roster(encode_roster(given_rows, PUBLIC), OPENER) == (tuple(given_rows), ())


def test_a_roster_is_for_one_gate_alone_and_never_in_clear() -> None:
    row = StepSecret("site-a", 2614, bytes(range(32)))
    content = encode_roster([row], PUBLIC)
    assert b"site-a" not in content
    assert row.secret not in content
    assert content != encode_roster([row], PUBLIC)
    with pytest.raises(RosterError, match="not sealed for this key"):
        decode_roster(content, seal.sealing_key(OTHER))


def test_what_was_sealed_for_another_purpose_is_no_roster() -> None:
    plain = msgspec.msgpack.encode([["site-a", 2614, bytes(32)]])
    assert decode_roster(seal.seal(plain, PUBLIC, rosters.PURPOSE), OPENER)
    with pytest.raises(RosterError, match="not sealed for this key"):
        decode_roster(seal.seal(plain, PUBLIC, "guankou watch 1"), OPENER)


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        (b"", "malformed"),
        (b"\xc1", "malformed"),
        (b"\x91" * 5000, "malformed"),
        (msgspec.msgpack.encode({"site-a": 1}), "malformed"),
        (msgspec.msgpack.encode([["site-a", "2614", bytes(32)]]), "malformed"),
        (msgspec.msgpack.encode([["Site A", 2614, bytes(32)]]), "no site or grid id"),
        (msgspec.msgpack.encode([["site-a", -1, bytes(32)]]), "week -1"),
        (msgspec.msgpack.encode([["site-a", 2**33, bytes(32)]]), "week 8589934592"),
        (msgspec.msgpack.encode([["site-a", 2614, bytes(31)]]), "has 31"),
        (msgspec.msgpack.encode([["site-a", 2614, bytes(32)]] * 513), "at most 512 rows"),
    ],
)
def test_what_is_sealed_rightly_and_is_no_roster_is_refused(plain: bytes, why: str) -> None:
    with pytest.raises(RosterError, match=why):
        decode_roster(seal.seal(plain, PUBLIC, rosters.PURPOSE), OPENER)


def test_every_bit_of_a_roster_counts_and_so_does_its_end() -> None:
    content = encode_roster([StepSecret("site-a", 2614, bytes(32))], PUBLIC)
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        # RFC 7748 section 5: the top bit of a u-coordinate is masked; the salt still tells the two apart.
        with pytest.raises(RosterError):
            decode_roster(bytes(flipped), OPENER)
    for length in range(len(content)):
        with pytest.raises(RosterError):
            decode_roster(content[:length], OPENER)
    with pytest.raises(RosterError):
        decode_roster(content + b"\x00", OPENER)


def test_a_roster_that_is_too_long_is_not_opened() -> None:
    with pytest.raises(RosterError, match="at most 1040000"):
        decode_roster(bytes(1_040_001), OPENER)


def test_the_fullest_roster_of_the_longest_names_fits() -> None:
    full = [StepSecret(f"{number:032}", 2**32, bytes(32)) for number in range(steps.MAX_ROWS)]
    assert len(decode_roster(encode_roster(full, PUBLIC), OPENER).secrets) == steps.MAX_ROWS


def test_no_roster_is_made_that_no_gate_would_take() -> None:
    with pytest.raises(RosterError, match="has 5"):
        encode_roster([StepSecret("site-a", 1, b"short")], PUBLIC)
    with pytest.raises(RosterError, match="at most 512"):
        encode_roster([StepSecret("site-a", 1, bytes(32))] * 513, PUBLIC)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), b"\x01" + bytes(31)])
def test_a_key_of_small_order_or_of_another_size_is_refused(public: bytes) -> None:
    with pytest.raises(seal.SealError, match="no usable X25519 key"):
        encode_roster([], public)


def test_what_is_too_short_to_be_sealed_is_said_to_be_so() -> None:
    for length in (0, 1, 31, 32, 47):
        with pytest.raises(RosterError, match=f"{length} bytes are too few"):
            decode_roster(bytes([9]) * length, OPENER)


def test_a_sender_of_small_order_opens_nothing() -> None:
    with pytest.raises(RosterError, match="no usable X25519 key"):
        decode_roster(bytes(32 + 100), OPENER)


def test_the_sealing_key_comes_from_the_gates_one_key_file_and_is_another_key() -> None:
    again = Ed25519PrivateKey.from_private_bytes(GATE.private_bytes_raw())
    assert seal.sealing_public(again) == PUBLIC
    assert seal.sealing_public(OTHER) != PUBLIC
    assert seal.sealing_key(GATE).private_bytes_raw() != GATE.private_bytes_raw()
    # Pinned: another derivation would leave every gate unable to open what was sealed for it.
    assert PUBLIC.hex() == "5a44b7ba6b86ee3186237d74a92936b21f08796c8d16f52a71d5f2241d385e30"


# -- With cards --------------------------------------------------------------------------------------------------------


@given(st.lists(rows, max_size=5), st.lists(card_rows, min_size=1, max_size=20))
def test_a_roster_with_cards_comes_out_as_it_went_in(secrets: list[StepSecret], given_cards: list[CardRow]) -> None:
    assert decode_roster(encode_roster(secrets, PUBLIC, given_cards), OPENER) == (tuple(secrets), tuple(given_cards))


def test_without_cards_a_roster_has_the_form_that_every_gate_reads() -> None:
    row = StepSecret("site-a", 2614, bytes(32))
    plain = seal.open_sealed(encode_roster([row], PUBLIC), OPENER, rosters.PURPOSE)
    assert msgspec.msgpack.decode(plain) == [["site-a", 2614, bytes(32)]]


def test_no_roster_shows_a_card_to_whoever_looks_at_it_on_its_way() -> None:
    row = CardRow("plate", cards.plate_number("赣A12345"), b"signed message")
    content = encode_roster([], PUBLIC, [row])
    assert b"A12345" not in content
    assert b"signed" not in content


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        ([2, [], [["em4100", bytes(3), b"p"]]], "has 4 or 5 bytes, this one 3"),
        ([2, [], [["em4100", bytes(5), b""]]], "has 1 to 370 bytes, this one 0"),
        ([2, [], [["em4100", bytes(5), bytes(371)]]], "has 1 to 370 bytes, this one 371"),
        ([2, [], [["plate", "赣a 1".encode(), b"p"]]], "letters and digits alone"),
        ([2, [], [["hid", bytes(5), b"p"]]], "malformed"),
        ([2, [["site-a", -1, bytes(32)]], []], "week -1"),
        ([3, [], []], "has form 3; this program reads 2: update it"),
        ([2, []], "malformed"),
        ([[]], "malformed"),
        ([2, [], [["em4100", bytes(5), b"p"]] * 20_001], "at most 20000 cards, this one 20001"),
    ],
)
def test_cards_that_are_none_are_refused_with_what_is_wrong(plain: object, why: str) -> None:
    content = seal.seal(wire.compress(msgspec.msgpack.encode(plain)), PUBLIC, rosters.PURPOSE)
    with pytest.raises(RosterError, match=why):
        decode_roster(content, OPENER)


def test_a_roster_never_grows_beyond_its_bound_when_it_is_opened() -> None:
    content = seal.seal(wire.compress(bytes(11 * 1024 * 1024)), PUBLIC, rosters.PURPOSE)
    with pytest.raises(RosterError, match="would expand beyond 10485760"):
        decode_roster(content, OPENER)


def test_the_longest_roster_that_is_made_is_read() -> None:
    """Twenty thousand cards of one pass are few bytes on the way, and many when they are opened."""
    secrets = [StepSecret(f"{number:032}", 2**32, bytes(32)) for number in range(steps.MAX_ROWS)]
    plates = [CardRow("plate", b"A%063d" % number, bytes(cards.MAX_PASS_BYTES)) for number in range(cards.MAX_CARDS)]
    roster = decode_roster(encode_roster(secrets, PUBLIC, plates), OPENER)
    assert roster == Roster(tuple(secrets), tuple(plates))


def test_what_fits_into_no_document_is_not_made_and_the_remedy_is_said() -> None:
    noise = random.Random(0).randbytes
    many = [CardRow("em4100", number.to_bytes(5, "big"), noise(150)) for number in range(7_500)]
    with pytest.raises(RosterError, match=r"7500 cards has \d+ bytes, at most 1040000: remove cards"):
        encode_roster([], PUBLIC, many)
