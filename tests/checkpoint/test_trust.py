"""The trust list: as signed, and as written by hand."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cose
from checkpoint.formats import gk1, read_pass
from checkpoint.trust import TrustError, TrustList, covers, encode_trust, trust_from_content, trust_from_json
from tests.checkpoint.pass_samples import KEY, KID, NOW_S, STRANGER, claims, entry

PUBLIC = cose.public_bytes(KEY)
HERE = ("site-a", "grid-1", "district-1", "city-1")


def by_hand(**changes: Any) -> str:
    return json.dumps({"keys": [{"public": PUBLIC.hex(), "issuer": "office", "classes": ["resident"], **changes}]})


def reason(trust: TrustList) -> str:
    return read_pass(gk1.issue(claims(), KEY).encode(), trust, NOW_S).reason


@pytest.mark.parametrize(
    ("allowed", "wanted", "here", "expected"),
    [
        ((), "site-a", (), True),
        (("site-a",), "site-a", (), True),
        (("grid-1",), "site-a", (), False),
        (("grid-1",), "site-a", HERE, True),
        (("city-1",), "site-a", HERE, True),
        (("site-a",), "grid-1", HERE, False),
        (("city-1",), "site-elsewhere", HERE, False),
    ],
)
def test_a_wider_scope_covers_what_lies_in_it(
    allowed: tuple[str, ...], wanted: str, here: tuple[str, ...], expected: bool
) -> None:
    assert covers(allowed, wanted, here) is expected


def test_a_signed_list_is_read_as_it_was_written() -> None:
    entries = (entry(), entry(kid=b"another", public=cose.public_bytes(STRANGER), scopes=("site-a",)))
    assert trust_from_content(encode_trust(entries)).entries == entries


def test_a_handwritten_entry_needs_no_more_than_a_key_and_classes() -> None:
    trust = trust_from_json(by_hand())
    assert trust.entries[0].kid == KID
    assert reason(trust) == "pass_valid"


@pytest.mark.parametrize(
    "public",
    [PUBLIC.hex(), PUBLIC.hex().upper(), b64encode(PUBLIC).decode(), urlsafe_b64encode(PUBLIC).decode().rstrip("=")],
)
def test_a_public_key_may_be_written_in_hex_or_base64(public: str) -> None:
    assert trust_from_json(by_hand(public=public)).entries[0].public == PUBLIC


def test_an_explicit_key_id_is_used_as_given() -> None:
    assert reason(trust_from_json(by_hand(kid="00112233"))) == "key_unknown"
    assert reason(trust_from_json(by_hand(kid=KID.hex()))) == "pass_valid"
    assert reason(trust_from_json(by_hand(kid=None))) == "pass_valid"


def test_no_classes_allow_nothing_and_no_scopes_allow_every_place() -> None:
    assert reason(trust_from_json(by_hand(classes=[]))) == "issuer_not_allowed"
    assert reason(trust_from_json(by_hand(scopes=[]))) == "pass_valid"


@pytest.mark.parametrize("end", [NOW_S + 1, (NOW_S + 1) * 1000, "2020-02-10T00:00:01Z", "2020-02-10T08:00:01+08:00"])
def test_times_may_be_seconds_milliseconds_or_iso_8601(end: int | str) -> None:
    assert reason(trust_from_json(by_hand(not_before=NOW_S, not_after=end))) == "pass_valid"
    assert trust_from_json(by_hand(not_after=end)).entries[0].not_after_ms == (NOW_S + 1) * 1000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[1]", '"keys"'),
        ('{"keys": 3}', '"keys"'),
        ('{"keys": ["abc"]}', r"keys\[0\] is not a table"),
        ('{"keys": [{}]}', '"public" is missing'),
        (by_hand(public="abc"), r"keys\[0\]"),
        (by_hand(public="ü" * 64), r"keys\[0\]"),
        (by_hand(public="00" * 31), r"keys\[0\]"),
        (by_hand(kid=7), r"keys\[0\]"),
        (by_hand(kid=""), "key id has 1 to 32"),
        (by_hand(classes=["king"]), "class 'king' is unknown"),
        (by_hand(classes="resident"), "not a list"),
        (by_hand(scopes=["Site A"]), "no id"),
        (by_hand(not_after="soon"), "not_after = 'soon'"),
        (by_hand(not_after=True), "not_after = True"),
        (by_hand(not_before=NOW_S, not_after=NOW_S), "start before end"),
    ],
)
def test_a_mistake_in_a_handwritten_list_is_named(text: str, why: str) -> None:
    with pytest.raises(TrustError, match=why):
        trust_from_json(text)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([KID, PUBLIC[:31], "x", [1], [], 0, 10**12], "31"),
        ([b"", PUBLIC, "x", [1], [], 0, 10**12], "key id"),
        ([KID, PUBLIC, "x", [9], [], 0, 10**12], "class 9 is unknown"),
        ([KID, PUBLIC, "x", [1], ["A B"], 0, 10**12], "no id"),
        ([KID, PUBLIC, "x", [1], [], 0, NOW_S], "milliseconds"),
        ([KID, PUBLIC, "x", [1], [], 10**12, 10**12], "start before end"),
        ([KID, PUBLIC], "malformed"),
        ([KID, PUBLIC, "x", ["resident"], [], 0, 10**12], "malformed"),
    ],
)
def test_a_mistake_in_a_signed_list_is_named(row: list[object], why: str) -> None:
    with pytest.raises(TrustError, match=why):
        trust_from_content(msgspec.msgpack.encode([row]))


@given(st.binary(max_size=200))
def test_arbitrary_content_raises_nothing_but_trust_error(data: bytes) -> None:
    for read in (trust_from_content, trust_from_json):
        try:
            read(data)
        except TrustError:
            continue
