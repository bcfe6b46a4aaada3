"""Deterministic CBOR: one value, one encoding; all else is refused before a decoder sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cbor

keys = st.integers(-(2**64), 2**64 - 1) | st.text(max_size=8)
leaves = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert cbor.loads(cbor.dumps(value), 12) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_one_value_in_its_only_encoding_or_an_error(data: bytes) -> None:
    try:
        value = cbor.loads(data, 4)
    except cbor.CborError:
        return
    # Floats may be written in several lengths, and two orders of keys are allowed; nothing else is free.
    if not any(byte >> 5 in (5, 7) for byte in data):
        assert cbor.dumps(value) == data


@given(values, st.data())
def test_a_value_cut_short_or_followed_by_more_is_refused(value: object, data: st.DataObject) -> None:
    encoded = cbor.dumps(value)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    for wrong in (encoded[:cut], encoded + b"\x00"):
        with pytest.raises(cbor.CborError):
            cbor.loads(wrong, 12)


@pytest.mark.parametrize(
    ("hex_text", "why"),
    [
        ("1801", "shortest form"),
        ("190018", "shortest form"),
        ("1b00000000ffffffff", "shortest form"),
        ("580161", "shortest form"),
        ("a201010102", "repeated"),
        ("a202000100", "not in order"),
        ("a1f93c0000", "neither an integer nor text"),
        ("a1f500", "neither an integer nor text"),
        ("a1410000", "neither an integer nor text"),
        ("5f4161ff", "endless"),
        ("9fff", "endless"),
        ("bfff", "endless"),
        ("1c", "reserved"),
        ("c11a5e0be100", "tag 1"),
        ("c249010000000000000000", "tag 2"),
        ("c5821b7fffffffffffffff03", "tag 5"),
        ("d9d9f701", "tag 55799"),
        ("f7", "simple value 23"),
        ("f820", "simple value 32"),
        ("61ff", "not valid CBOR"),
        ("8181818100", "too deeply"),
        ("9b7fffffffffffffff", "cut short"),
        ("5b7fffffffffffffff", "cut short"),
        ("", "cut short"),
        ("0101", "follow"),
    ],
)
def test_what_deterministic_cbor_forbids_is_refused_by_name(hex_text: str, why: str) -> None:
    with pytest.raises(cbor.CborError, match=why):
        cbor.loads(bytes.fromhex(hex_text), 3)


def test_both_orders_of_keys_that_rfc_8949_allows_are_read() -> None:
    by_length = bytes.fromhex("a220001864" + "00")
    by_bytes = bytes.fromhex("a2186400" + "2000")
    assert cbor.loads(by_length, 1) == cbor.loads(by_bytes, 1) == {-1: 0, 100: 0}
