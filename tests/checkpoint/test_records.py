"""Records: header and sealed payload, to bytes and back, and nothing but DecodeError for bytes that are neither."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import records
from tests.golden import samples

PAYLOAD_BYTES = {kind: records.encode_payload(payload) for kind, payload in samples.PAYLOADS.items()}


def test_head_and_digest_are_the_hashes_that_the_contract_names() -> None:
    raw, seal = samples.HEADERS[0], samples.SEALED[0]
    assert records.head_of(raw) == sha256(raw).digest()
    assert records.payload_digest(seal) == sha256(seal.salt + seal.payload).digest()


@pytest.mark.parametrize("kind", samples.PAYLOADS)
def test_a_payload_of_a_newer_version_is_unread_not_malformed(kind: str) -> None:
    fields = msgspec.msgpack.decode(PAYLOAD_BYTES[kind])
    assert records.decode_payload(kind, msgspec.msgpack.encode([3, "new", *fields])) is None


@pytest.mark.parametrize("kind", samples.PAYLOADS)
def test_a_payload_cut_short_is_malformed(kind: str) -> None:
    for length in range(len(PAYLOAD_BYTES[kind])):
        with pytest.raises(msgspec.DecodeError):
            records.decode_payload(kind, PAYLOAD_BYTES[kind][:length])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x90",
        b"\xa1a",
        b"\x91\xa1a",
        b"\x81\x01\x01",
        b"\x91" * 100_000,
        b"\x92\x01\xa1\xff",
        b"\x92\x01\xdd\xff\xff\xff\xff",
    ],
)
def test_strange_payloads_raise_decode_error_for_every_kind(data: bytes) -> None:
    for kind in records.PAYLOADS:
        with pytest.raises(msgspec.DecodeError):
            records.decode_payload(kind, data)


@given(st.sampled_from(sorted(records.PAYLOADS)), st.binary(max_size=80))
def test_arbitrary_payloads_raise_nothing_else(kind: str, data: bytes) -> None:
    for wrong in (data, b"\x95\x01" + data):
        try:
            records.decode_payload(kind, wrong)
        except msgspec.DecodeError:
            continue


@given(st.data())
def test_a_header_with_any_byte_changed_is_another_header_or_an_error(data: st.DataObject) -> None:
    raw = bytearray(samples.HEADERS[1])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        header = records.decode_header(bytes(raw))
    except msgspec.DecodeError:
        return
    assert header != records.decode_header(samples.HEADERS[1])
    assert records.head_of(bytes(raw)) != records.head_of(samples.HEADERS[1])


def test_a_header_nested_without_end_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        records.decode_header(b"\x91" * 100_000)
