"""Rosters: secrets reach one gate and no other, and nothing that arrives instead is taken for one."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import seal, steps
from checkpoint.steps import RosterError, StepSecret, StepSecrets, decode_roster, encode_roster

GATE = Ed25519PrivateKey.from_private_bytes(bytes([31]) * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([32]) * 32)
OPENER = seal.sealing_key(GATE)
PUBLIC = seal.sealing_public(GATE)

slugs = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)
rows = st.builds(StepSecret, slugs, st.integers(0, 2**32), st.binary(min_size=32, max_size=32))


@given(st.lists(rows, max_size=20))
def test_a_roster_comes_out_as_it_went_in(given_rows: list[StepSecret]) -> None:
    assert decode_roster(encode_roster(given_rows, PUBLIC), OPENER) == tuple(given_rows)


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
    assert decode_roster(seal.seal(plain, PUBLIC, steps.ROSTER_PURPOSE), OPENER)
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
        decode_roster(seal.seal(plain, PUBLIC, steps.ROSTER_PURPOSE), OPENER)


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
    with pytest.raises(RosterError, match="at most 65536"):
        decode_roster(bytes(65_537), OPENER)


def test_the_fullest_roster_of_the_longest_names_fits() -> None:
    full = [StepSecret(f"{number:032}", 2**32, bytes(32)) for number in range(steps.MAX_ROWS)]
    assert len(decode_roster(encode_roster(full, PUBLIC), OPENER)) == steps.MAX_ROWS


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


def test_secrets_are_found_by_scope_and_week() -> None:
    held = StepSecrets([StepSecret("a", 2, b"a2"), StepSecret("b", 2, b"b2"), StepSecret("a", 3, b"a3")])
    assert held.candidates(["a", "b", "c"], 2 * 20_160) == [b"a2", b"b2"]
    assert held.candidates(["a"], 3 * 20_160 - 1) == [b"a2"]
    assert held.candidates(["a"], 3 * 20_160) == [b"a3"]
    assert held.candidates(["a"], 0) == []
    assert steps.week_at(2 * 604_800) == steps.week_of(steps.step_at(2 * 604_800)) == 2
