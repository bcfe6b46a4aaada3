"""Reading strangers' CBOR: the same values as another reader gives, and an error for everything that could hurt."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.foreign.inflate import InflateError, inflate
from checkpoint.foreign.loose_cbor import LooseCborError, loads, without_tags

scalars = (
    st.integers(-(2**64), 2**64 - 1)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
)
keys = st.integers(-(2**64), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(values, st.booleans(), st.booleans())
def test_it_reads_what_others_write_in_whatever_form(value: Any, canonical: bool, endless: bool) -> None:
    data = cbor2.dumps(value, canonical=canonical, indefinite_containers=endless and not canonical)
    assert loads(data, 32) == value


@given(st.binary(max_size=64))
def test_it_never_reads_what_another_reader_refuses(data: bytes) -> None:
    try:
        value = loads(data)
    except LooseCborError:
        return
    assert repr(cbor2.loads(data, semantic_decoders={}, tag_hook=lambda tag, _: tag.value)) or value is None


@given(values, st.data())
def test_every_shorter_piece_is_refused(value: Any, data: st.DataObject) -> None:
    whole = cbor2.dumps(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(LooseCborError):
        loads(whole[:cut], 32)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        b"\x1c",
        b"\x1f",
        b"\x5f\x61a\xff",
        b"\x5f\x5f\xff\xff",
        b"\xff",
        b"\xf8\x20",
        b"\xf9\x7e\x00",
        b"\xf9\x7c\x00",
        b"\x62\xc3\x28",
        b"\xa2\x01\x00\x01\x00",
        b"\xbf\x01\x00\x01\x00\xff",
        b"\xa1\xf5\x00",
        b"\xa1\xf9\x3c\x00\x00",
        b"\xa1\x80\x00",
        b"\xbf\x01\xff",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xd8\x1c\x80",
        b"\xd8\x23\x61(",
        b"\xc2\x41\x01",
        b"\xc1\x80",
        b"\x81" * 18 + b"\x00",
        b"\xc1" * 18 + b"\x00",
    ],
)
def test_what_could_hurt_is_refused(data: bytes) -> None:
    with pytest.raises(LooseCborError):
        loads(data)


def test_dates_keep_what_they_stand_on() -> None:
    assert loads(b"\xc1\x05") == 5
    assert loads(b"\xc0\x63abc") == "abc"
    assert loads(b"\xd9\x03\xec\x63abc") == "abc"


def test_tags_in_front_are_taken_off_and_counted() -> None:
    cwt = frozenset({18, 61})
    assert without_tags(b"\xd2\x80", cwt, 2) == b"\x80"
    assert without_tags(b"\xd8\x3d\xd2\x80", cwt, 2) == b"\x80"
    assert without_tags(b"\xd2\xd2\xd2\x80", cwt, 2) == b"\xd2\x80"
    with pytest.raises(LooseCborError, match="tag 16"):
        without_tags(b"\xd0\x80", cwt, 2)


def test_a_bomb_takes_no_memory() -> None:
    bomb = zlib.compress(bytes(20_000_000), 9)
    tracemalloc.start()
    try:
        with pytest.raises(InflateError, match="more than"):
            inflate(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_inflating_gives_back_what_was_packed_and_nothing_else(content: bytes, junk: bytes) -> None:
    packed = zlib.compress(content)
    assert inflate(packed) == content
    for bad in (packed[:-1], packed + b"\x00", junk):
        if bad != packed:
            with pytest.raises(InflateError):
                inflate(bad)
    if content:
        with pytest.raises(InflateError, match="more than"):
            inflate(packed, limit=len(content) - 1)
