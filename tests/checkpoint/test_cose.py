"""Signatures: one profile of COSE_Sign1, one purpose each, nothing else accepted."""

from __future__ import annotations

import json
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cose

KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
KID = cose.key_id(cose.public_bytes(KEY))
KEYS = {KID: KEY.public_key()}
MESSAGE = cose.sign(KEY, b"what is said", "guankou test 1")


def by_hand(protected: object, unprotected: object, payload: object, signature: object) -> bytes:
    return cbor2.dumps([protected, unprotected, payload, signature])


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_signed_verifies_for_its_purpose_only(payload: bytes, purpose: str) -> None:
    message = cose.sign(KEY, payload, purpose)
    assert cose.verify(message, KEYS, purpose) == payload
    with pytest.raises(cose.SignatureError):
        cose.verify(message, KEYS, purpose + "x")


def test_an_empty_purpose_is_an_empty_external_aad_that_any_cose_tool_can_check() -> None:
    protected, _, payload, signature = cbor2.loads(cose.sign(KEY, b"pass", ""))
    KEY.public_key().verify(signature, cbor2.dumps(["Signature1", protected, b"", payload]))


def test_every_single_bit_flip_is_refused() -> None:
    for bit in range(8 * len(MESSAGE)):
        flipped = bytearray(MESSAGE)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(cose.CoseError):
            cose.verify(bytes(flipped), KEYS, "guankou test 1")


def test_every_truncation_and_every_extension_is_refused() -> None:
    for length in range(len(MESSAGE)):
        with pytest.raises(cose.CoseError):
            cose.verify(MESSAGE[:length], KEYS, "guankou test 1")
    with pytest.raises(cose.CoseError):
        cose.verify(MESSAGE + b"\x00", KEYS, "guankou test 1")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_cose_error(data: bytes) -> None:
    with pytest.raises(cose.CoseError):
        cose.verify(data, KEYS, "guankou test 1")


def test_an_unknown_key_is_told_apart_from_a_forged_signature() -> None:
    stranger = cose.sign(OTHER, b"what is said", "guankou test 1")
    with pytest.raises(cose.UnknownKeyError) as unknown:
        cose.verify(stranger, KEYS, "guankou test 1")
    assert unknown.value.kid == cose.key_id(cose.public_bytes(OTHER))
    with pytest.raises(cose.SignatureError):
        cose.verify(stranger, {unknown.value.kid: KEY.public_key()}, "guankou test 1")


GOOD_HEADER = cbor2.dumps({1: -19, 4: KID}, canonical=True)


@pytest.mark.parametrize(
    "message",
    [
        cbor2.dumps(cbor2.CBORTag(18, [GOOD_HEADER, {}, b"p", bytes(64)])),
        by_hand(GOOD_HEADER, {4: KID}, b"p", bytes(64)),
        by_hand(GOOD_HEADER, {}, None, bytes(64)),
        by_hand(GOOD_HEADER, {}, "text", bytes(64)),
        by_hand(GOOD_HEADER, {}, b"p", bytes(63)),
        by_hand(GOOD_HEADER, {}, b"p", bytes(65)),
        by_hand(GOOD_HEADER, {}, b"p", b""),
        by_hand(cbor2.dumps({1: -8, 4: KID}), {}, b"p", bytes(64)),
        by_hand(cbor2.dumps({1: -7, 4: KID}), {}, b"p", bytes(64)),
        by_hand(cbor2.dumps({1: "none", 4: KID}), {}, b"p", bytes(64)),
        by_hand(cbor2.dumps({4: KID}), {1: -19}, b"p", bytes(64)),
        by_hand(cbor2.dumps({1: -19}), {}, b"p", bytes(64)),
        by_hand(cbor2.dumps({1: -19, 4: KID[:3]}), {}, b"p", bytes(64)),
        by_hand(cbor2.dumps({1: -19, 4: KID + b"x"}), {}, b"p", bytes(64)),
        by_hand(cbor2.dumps({1: -19, 2: [99], 4: KID}), {}, b"p", bytes(64)),
        by_hand(bytes.fromhex("bf01320444") + KID + b"\xff", {}, b"p", bytes(64)),
        by_hand(cbor2.dumps({1: -19.0, 4: KID}), {}, b"p", bytes(64)),
        by_hand(b"", {}, b"p", bytes(64)),
        cbor2.dumps([GOOD_HEADER, {}, b"p"]),
        cbor2.dumps({0: GOOD_HEADER}),
    ],
)
def test_a_message_outside_the_profile_is_refused_for_its_shape(message: bytes) -> None:
    with pytest.raises(cose.CoseError) as error:
        cose.verify(message, KEYS, "guankou test 1")
    assert type(error.value) is cose.CoseError


def test_a_longer_encoding_of_the_same_message_is_refused() -> None:
    protected, _, payload, signature = cbor2.loads(MESSAGE)
    stretched = b"\x84" + cbor2.dumps(protected) + b"\xa0" + b"\x59\x00\x0c" + payload + cbor2.dumps(signature)
    with pytest.raises(cose.CoseError, match="shortest"):
        cose.verify(stretched, KEYS, "guankou test 1")


def test_a_signature_with_its_order_added_to_s_is_refused() -> None:
    # RFC 8032 section 5.1.7: S must be below the group order, or every signature would have a twin.
    protected, _, payload, signature = cbor2.loads(MESSAGE)
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order
    twin = signature[:32] + scalar.to_bytes(32, "little")
    with pytest.raises(cose.SignatureError):
        cose.verify(cbor2.dumps([protected, {}, payload, twin]), KEYS, "guankou test 1")


def test_the_bytes_to_be_signed_are_those_of_the_working_groups_example(shared_data: Path) -> None:
    example = json.loads((shared_data / "pass/cose/eddsa-sig-01.json").read_text())
    protected, _, payload, signature = cbor2.loads(bytes.fromhex(example["output"]["cbor"])).value
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(example["input"]["sign0"]["key"]["d_hex"])).public_key()
    message = cose.Message(protected, b"", payload, signature)
    assert cose.signature_holds(message, public, "")
    assert not cose.signature_holds(message, public, "another purpose")
