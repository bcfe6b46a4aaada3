"""Identities without a prefix: known by what is inside, genuine only when signed, and cut down to what is asked."""

from __future__ import annotations

import zlib
from typing import Any

import cbor2
import pytest
from base45 import b45encode

from checkpoint.foreign import format_of, read_foreign
from checkpoint.foreign.keys import ForeignKeys
from checkpoint.formats import read_pass
from checkpoint.trust import TrustList
from tests.checkpoint.foreign.makers import DAY_S, ED_KEY, KID, NOW_S, claim169, key_of, token

KEYS = ForeignKeys((key_of(ED_KEY, issuer="National registry"),))


def payload(identity: Any = None, **changes: Any) -> bytes:
    table = {
        1: "https://id.example",
        4: NOW_S + DAY_S,
        6: NOW_S,
        169: {1: "ID-1", 4: "Li Si"} if identity is None else identity,
    }
    return cbor2.dumps({**table, **changes})


def text(body: bytes, protected: dict[Any, Any] | None = None, **settings: Any) -> bytes:
    return claim169(token(body, ED_KEY, protected={1: -8} if protected is None else protected, **settings))


def test_an_identity_that_names_no_key_is_tried_with_those_there_are() -> None:
    seen = read_foreign(text(payload()), KEYS, NOW_S)
    assert (seen.format, seen.reason) == ("CLAIM169", "foreign_valid")
    assert seen.foreign is not None
    assert (seen.foreign.issuer, dict(seen.foreign.claims)) == (
        "National registry",
        {"id": "ID-1", "fullName": "Li Si"},
    )
    stranger = ForeignKeys((key_of(ED_KEY, formats=("HC1",)),))
    assert read_foreign(text(payload()), stranger, NOW_S).reason == "key_unknown"


def test_an_identity_that_names_a_key_is_checked_with_that() -> None:
    assert read_foreign(text(payload(), {1: -19, 4: KID}), KEYS, NOW_S).reason == "foreign_valid"
    assert read_foreign(text(payload(), {1: -19, 4: b"other"}), KEYS, NOW_S).reason == "key_unknown"


@pytest.mark.parametrize("signature", [b"", b"x", bytes(64)])
def test_without_a_signature_that_holds_it_is_nothing(signature: bytes) -> None:
    seen = read_foreign(text(payload(), signature=signature), KEYS, NOW_S)
    assert (seen.reason, seen.foreign) == ("pass_forged" if signature else "unsigned", None)


def test_an_identity_has_its_time() -> None:
    assert read_foreign(text(payload()), KEYS, NOW_S + DAY_S).reason == "pass_expired"
    assert read_foreign(text(payload()), KEYS, NOW_S - DAY_S).reason == "pass_not_yet"


def test_face_and_fingers_are_not_kept() -> None:
    rich = {1: "ID-1", 16: bytes(500), 17: 3, 50: [{0: bytes(100)}], 99: "unknown"}
    seen = read_foreign(text(payload(rich)), KEYS, NOW_S)
    assert seen.foreign is not None
    assert dict(seen.foreign.claims) == {"id": "ID-1"}


@pytest.mark.parametrize("identity", ["text", [], 7])
def test_a_claim_that_is_no_table_is_refused(identity: Any) -> None:
    assert read_foreign(text(payload(identity)), KEYS, NOW_S).reason == "pass_profile"


def test_an_encrypted_identity_is_not_read() -> None:
    sealed = cbor2.dumps(cbor2.CBORTag(16, [cbor2.dumps({1: 3}), {5: bytes(12)}, bytes(40)]))
    assert read_foreign(claim169(sealed), KEYS, NOW_S).reason == "pass_malformed"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (b"", None),
        (b"6B", None),
        (b"HELLO WORLD 2026", None),
        (b45encode(b"\xde\xad\xbe\xef"), None),
        (b45encode(zlib.compress(b"x")), "CLAIM169"),
        (b45encode(zlib.compress(b"x")) + b"a", None),
        (b"https://s.sh.gov.cn/abc", None),
        (b":::", None),
    ],
)
def test_only_base45_of_a_zlib_stream_is_taken_for_one(shown: bytes, expected: str | None) -> None:
    assert format_of(shown) == expected


def test_where_no_foreign_keys_are_given_it_is_known_by_its_name() -> None:
    seen = read_pass(text(payload()), TrustList(()), NOW_S)
    assert (seen.format, seen.reason) == ("CLAIM169", "format_not_enabled")
    assert read_foreign(text(payload()) * 40, KEYS, NOW_S).reason == "pass_too_long"
