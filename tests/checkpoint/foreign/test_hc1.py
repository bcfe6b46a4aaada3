"""Health certificates: only an untouched one by a listed key counts, and nothing that a stranger writes does harm."""

from __future__ import annotations

import zlib
from typing import Any

import cbor2
import pytest
from base45 import b45encode
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.foreign import read_foreign
from checkpoint.foreign.inflate import MAX_BYTES
from checkpoint.foreign.keys import NO_KEYS, ForeignKeys
from checkpoint.foreign.pem_import import key_of_certificate
from checkpoint.formats import read_pass
from checkpoint.passes import Presented
from checkpoint.trust import TrustList
from tests.checkpoint.foreign.makers import (
    CERTIFICATE,
    DAY_S,
    EC_KEY,
    ED_KEY,
    KEYS,
    KID,
    NOW_S,
    P384_KEY,
    STRANGER,
    certificate_der,
    hc1,
    hc1_payload,
    key_of,
    sign,
    token,
)

GOOD = hc1(token(hc1_payload()))
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def read(text: bytes, keys: ForeignKeys | None = KEYS, now_s: int = NOW_S, **leeway: int) -> Presented:
    return read_foreign(text, keys, now_s, **leeway)


def reason(message: bytes, keys: ForeignKeys = KEYS) -> str:
    return read(hc1(message), keys).reason


def with_certificate(**changes: Any) -> bytes:
    table = {key: value for key, value in {**CERTIFICATE, **changes}.items() if value is not None}
    return token(hc1_payload(certificate=table))


def test_a_good_certificate_is_genuine_and_says_so() -> None:
    seen = read(GOOD)
    assert (seen.format, seen.reason, seen.pass_, seen.valid) == ("HC1", "foreign_valid", None, False)
    assert seen.foreign is not None
    assert dict(seen.foreign.claims) == CERTIFICATE
    assert (seen.foreign.issuer, seen.foreign.expires_s, len(seen.foreign.digest)) == ("XX", NOW_S + DAY_S, 16)


def test_the_gates_reader_reads_it_only_where_keys_are_given() -> None:
    trust = TrustList(())
    assert read_pass(GOOD, trust, NOW_S, foreign=KEYS).reason == "foreign_valid"
    assert read_pass(GOOD, trust, NOW_S).reason == "format_not_enabled"
    assert read_pass(GOOD, trust, NOW_S, foreign=NO_KEYS).reason == "key_unknown"


# -- Key ids and headers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protected", "unprotected", "expected"),
    [
        ({1: -7, 4: KID}, {}, "foreign_valid"),
        ({1: -7}, {4: KID}, "foreign_valid"),
        ({1: -7, 4: KID}, {4: b"another!"}, "foreign_valid"),
        ({1: -7, 4: b"another!"}, {4: KID}, "key_unknown"),
        ({4: KID}, {1: -7}, "foreign_valid"),
        ({}, {1: -7, 4: KID}, "foreign_valid"),
        ({1: -7}, {}, "foreign_valid"),
        ({1: -7, 4: "text"}, {}, "pass_malformed"),
        ({1: -7, 4: b""}, {}, "pass_malformed"),
        ({1: -7, 4: KID[:3]}, {}, "key_unknown"),
        ({1: -7, 4: bytes(200)}, {}, "pass_malformed"),
        ({4: KID}, {}, "pass_malformed"),
        ({1: "ES256", 4: KID}, {}, "pass_malformed"),
        ({1: True, 4: KID}, {}, "pass_malformed"),
        ({1: -65535, 4: KID}, {}, "pass_malformed"),
        ({1: -257, 4: KID}, {}, "pass_malformed"),
        ({1: -7, 2: [4], 4: KID}, {}, "pass_malformed"),
        ({1: -7, 4: KID}, {2: [4]}, "pass_malformed"),
    ],
)
def test_headers_are_taken_from_where_they_count(protected: Any, unprotected: Any, expected: str) -> None:
    assert reason(token(hc1_payload(), protected=protected, unprotected=unprotected)) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ((), "foreign_valid"),
        ((18,), "foreign_valid"),
        ((18, 61), "foreign_valid"),
        ((18, 61, 61), "pass_malformed"),
        ((16,), "pass_malformed"),
        ((98,), "pass_malformed"),
    ],
)
def test_at_most_two_tags_are_taken_off(tags: tuple[int, ...], expected: str) -> None:
    assert reason(token(hc1_payload(), tags=tags)) == expected


@pytest.mark.parametrize(
    ("private", "algorithm", "expected"),
    [
        (EC_KEY, -7, "foreign_valid"),
        (EC_KEY, -9, "foreign_valid"),
        (EC_KEY, -35, "pass_forged"),
        (EC_KEY, -37, "pass_forged"),
        (EC_KEY, -8, "pass_forged"),
        (P384_KEY, -35, "foreign_valid"),
        # Says ES256 with a P-384 key, and is signed rightly by the key's own algorithm.
        (P384_KEY, -7, "pass_forged"),
        (ED_KEY, -8, "foreign_valid"),
        (ED_KEY, -19, "foreign_valid"),
        (ED_KEY, -7, "pass_forged"),
    ],
)
def test_the_key_decides_on_the_algorithm_and_the_header_must_agree(
    private: Any, algorithm: int, expected: str
) -> None:
    message = token(hc1_payload(), private, protected={1: algorithm, 4: KID})
    assert reason(message, ForeignKeys((key_of(private),))) == expected


def test_rsa_signs_with_pss_only() -> None:
    private = rsa.generate_private_key(65537, 2048)
    keys = ForeignKeys((key_of(private),))
    assert reason(token(hc1_payload(), private, protected={1: -37, 4: KID}), keys) == "foreign_valid"
    assert reason(token(hc1_payload(), private, protected={1: -7, 4: KID}), keys) == "pass_forged"


def test_all_keys_with_the_same_id_are_tried() -> None:
    keys = ForeignKeys((key_of(STRANGER), key_of(P384_KEY), key_of(EC_KEY)))
    assert reason(token(hc1_payload()), keys) == "foreign_valid"
    assert reason(token(hc1_payload()), ForeignKeys((key_of(STRANGER), key_of(P384_KEY)))) == "pass_forged"


def test_a_key_for_another_format_is_no_key() -> None:
    assert reason(token(hc1_payload()), ForeignKeys((key_of(EC_KEY, formats=("SHC",)),))) == "key_unknown"


# -- Signatures --------------------------------------------------------------------------------------------------------


def _r_and_s(message: bytes) -> tuple[int, int]:
    signature = cbor2.loads(message).value[3]
    return int.from_bytes(signature[:32]), int.from_bytes(signature[32:])


@pytest.mark.parametrize("signature", [b"abc", bytes(64), bytes(63), bytes(65), b"\xff" * 64, bytes(96), bytes(1000)])
def test_a_signature_of_another_form_is_forged_and_harmless(signature: bytes) -> None:
    assert reason(token(hc1_payload(), signature=signature)) == "pass_forged"


def test_a_der_signature_is_none() -> None:
    assert (
        reason(token(hc1_payload(), signature=encode_dss_signature(*_r_and_s(token(hc1_payload()))))) == "pass_forged"
    )


def test_no_signature_at_all_has_its_own_reason() -> None:
    assert reason(token(hc1_payload(), signature=b"")) == "unsigned"
    assert reason(token(hc1_payload(), signature=bytes(2000))) == "pass_malformed"


def test_the_other_half_of_a_signature_does_not_make_another_pass_of_it() -> None:
    message = token(hc1_payload())
    r, s = _r_and_s(message)
    twin = token(hc1_payload(), signature=r.to_bytes(32) + (P256_ORDER - s).to_bytes(32))
    one, other = read(hc1(message)).foreign, read(hc1(twin)).foreign
    assert one is not None
    assert other is not None
    assert one.digest == other.digest


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_of_the_message_goes_unseen(at: int, change: int) -> None:
    message = bytearray(token(hc1_payload()))
    place = at % len(message)
    message[place] ^= change
    seen = read(hc1(bytes(message)))
    # The tag in front is not signed, and 61 for 18 is the only other one that is taken.
    assert seen.reason != "foreign_valid" or (place == 0 and message[0] == 0xD2)


# -- Text and compression ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        (GOOD[4:], "CLAIM169", "pass_profile"),
        (GOOD.replace(b"HC1:", b"HC2:"), None, "not_a_pass"),
        (GOOD + b" ", "HC1", "pass_malformed"),
        (GOOD.lower(), None, "not_a_pass"),
        (b"HC1:", "HC1", "pass_malformed"),
        (b"HC1:" + "通行".encode(), "HC1", "pass_malformed"),
        (b"HC1:" + b"A" * 4000, "HC1", "pass_too_long"),
        (b"HC1:" + b45encode(token(hc1_payload())), "HC1", "pass_malformed"),
        (b"HC1:" + b45encode(zlib.compress(token(hc1_payload()))[:-1]), "HC1", "pass_malformed"),
        (b"HC1:" + b45encode(zlib.compress(token(hc1_payload())) + b"x"), "HC1", "pass_malformed"),
        (hc1(token(hc1_payload()) + b"\x00"), "HC1", "pass_malformed"),
    ],
)
def test_what_is_cut_short_or_has_something_after_it_is_refused(text: bytes, format_: str, expected: str) -> None:
    seen = read(text)
    assert (seen.format, seen.reason) == (format_, expected)


def test_spaces_belong_to_base45() -> None:
    assert b" " in GOOD
    assert read(GOOD.replace(b" ", b"", 1)).reason == "pass_malformed"
    assert read(GOOD.replace(b" ", b"+", 1)).reason != "foreign_valid"


def test_a_bomb_stays_a_bomb_that_did_not_go_off() -> None:
    bomb = b"HC1:" + b45encode(zlib.compress(bytes(2_000_000), 9))
    assert len(bomb) < 4000
    seen = read(bomb)
    assert (seen.reason, str(MAX_BYTES) in seen.detail) == ("pass_malformed", True)


@pytest.mark.parametrize("opening", [b"\x81", b"\xa1\x00", b"\xc1", b"\x9f", b"\xd8\x3d"])
def test_deep_nesting_is_refused_and_not_followed(opening: bytes) -> None:
    deep = opening * 30_000
    assert read(hc1(deep)).reason == "pass_malformed"
    assert reason(token(deep)) == "pass_profile"


# -- Claims ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({4: float(NOW_S + DAY_S), 6: NOW_S - 0.5}, "foreign_valid"),
        ({4: cbor2.CBORTag(1, NOW_S + DAY_S)}, "foreign_valid"),
        ({4: cbor2.CBORTag(0, "2031-01-01T00:00:00Z")}, "foreign_valid"),
        ({4: cbor2.CBORTag(0, "tomorrow")}, "pass_profile"),
        ({4: cbor2.CBORTag(4, [1, 2])}, "pass_profile"),
        ({4: True}, "pass_profile"),
        ({4: -1}, "pass_profile"),
        ({4: 2**63}, "pass_profile"),
        ({4: float("inf")}, "pass_profile"),
        ({4: None}, "pass_profile"),
        ({6: None}, "foreign_valid"),
        ({4: NOW_S}, "pass_expired"),
        ({4: NOW_S + 1}, "foreign_valid"),
        ({6: NOW_S + 60}, "foreign_valid"),
        ({6: NOW_S + 61}, "pass_not_yet"),
        ({5: NOW_S + 61}, "pass_not_yet"),
        ({1: 7}, "pass_profile"),
        ({1: "X" * 300}, "pass_profile"),
        ({-260: None}, "pass_profile"),
        ({-260: {}}, "pass_profile"),
        ({-260: {1: b"bytes"}}, "pass_profile"),
        ({-260: {1: []}}, "pass_profile"),
    ],
)
def test_claims_are_of_their_types_and_times_are_kept(changes: dict[Any, Any], expected: str) -> None:
    assert reason(token(hc1_payload(changes))) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"v": [{"dn": 2.0, "sd": 2}]}, "foreign_valid"),
        ({"v": [{"dn": 1.5, "sd": 2}]}, "pass_profile"),
        ({"v": None}, "pass_profile"),
        ({"v": []}, "pass_profile"),
        ({"v": None, "t": [{"sc": cbor2.CBORTag(0, "2021-06-01T10:00:00Z")}]}, "foreign_valid"),
        ({"v": {"dn": 1}}, "pass_profile"),
        ({"v": ["text"]}, "pass_profile"),
        ({"v": [{}] * 17}, "pass_profile"),
        ({"dob": None}, "pass_profile"),
        ({"dob": 1970}, "pass_profile"),
        ({"nam": "Li"}, "pass_profile"),
        ({"ver": None}, "pass_profile"),
    ],
)
def test_the_certificate_has_the_form_that_rules_rely_on(changes: dict[str, Any], expected: str) -> None:
    assert reason(with_certificate(**changes)) == expected


def test_whole_floats_become_whole_numbers_for_the_rules() -> None:
    seen = read(hc1(with_certificate(v=[{"dn": 2.0, "sd": 2}])))
    assert seen.foreign is not None
    assert repr(seen.foreign.claims["v"]) == "[{'dn': 2, 'sd': 2}]"


def test_certificates_of_other_kinds_in_the_same_envelope_are_read() -> None:
    other = {-6: {"n": "Li", b"\x01": [b"\x02"]}}
    seen = read(hc1(token(hc1_payload({-260: other, 4: None}))))
    assert seen.reason == "foreign_valid"
    assert seen.foreign is not None
    assert dict(seen.foreign.claims) == {"hcert": {"-6": {"n": "Li", "01": ["02"]}}}


def test_repeated_claims_are_refused() -> None:
    twice = b"\xa2\x04" + cbor2.dumps(NOW_S) + b"\x04" + cbor2.dumps(NOW_S + DAY_S)
    assert reason(token(twice)) == "pass_profile"


# -- Whose key ---------------------------------------------------------------------------------------------------------


def test_times_make_a_refusal_that_hangs_on_the_clock() -> None:
    for now_s, expected in ((NOW_S + DAY_S, "pass_expired"), (NOW_S - 2 * DAY_S, "pass_not_yet")):
        seen = read(GOOD, now_s=now_s)
        assert (seen.reason, seen.by_clock, seen.foreign is not None) == (expected, True, True)
    assert read(GOOD, now_s=NOW_S + DAY_S, leeway_after_s=1).reason == "foreign_valid"


def test_a_key_counts_only_in_its_time_and_an_old_pass_says_that_it_is_old() -> None:
    keys = ForeignKeys((key_of(EC_KEY, not_after_s=NOW_S),))
    seen = read(GOOD, keys)
    assert (seen.reason, seen.by_clock) == ("issuer_not_allowed", True)
    assert read(GOOD, keys, NOW_S - 1).reason == "foreign_valid"
    assert read(GOOD, keys, NOW_S + DAY_S).reason == "pass_expired"


@pytest.mark.parametrize(
    ("oids", "expected"),
    [
        ((), "foreign_valid"),
        (("1.3.6.1.4.1.1847.2021.1.2",), "foreign_valid"),
        (("1.3.6.1.4.1.0.1847.2021.1.2",), "foreign_valid"),
        (("1.3.6.1.4.1.1847.2021.1.1",), "issuer_not_allowed"),
        (("1.3.6.1.4.1.1847.2021.1.1", "1.3.6.1.4.1.1847.2021.1.3"), "issuer_not_allowed"),
        (("1.3.6.1.5.5.7.3.1",), "foreign_valid"),
    ],
)
def test_a_certificate_for_tests_signs_no_vaccination(oids: tuple[str, ...], expected: str) -> None:
    private = ec.derive_private_key(5, ec.SECP256R1())
    key = key_of_certificate(certificate_der(private, oids))
    message = token(hc1_payload(), private, protected={1: -7, 4: key.kid})
    assert reason(message, ForeignKeys((key,))) == expected


# -- Anything at all ---------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_no_message_makes_the_reader_fail(message: bytes) -> None:
    assert read(hc1(message)).reason != "foreign_valid"


@given(st.binary(max_size=200))
def test_no_signed_payload_makes_the_reader_fail(payload: bytes) -> None:
    assert reason(token(payload)) in ("pass_profile", "foreign_valid")


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=60))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    for start in ("HC1:", "", "NCF", "shc:/"):
        assert read((start + text).encode()).reason != "foreign_valid"


def test_signatures_are_checked_over_what_was_sent() -> None:
    swapped = token(hc1_payload({1: "YY"}), signature=sign(EC_KEY, b"something else"))
    assert reason(swapped) == "pass_forged"
