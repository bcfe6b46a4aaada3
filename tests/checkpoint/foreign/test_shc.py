"""Health cards: an own card is accepted by the same code that refuses every defect."""

from __future__ import annotations

import builtins
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.foreign import read_foreign
from checkpoint.foreign.keys import ForeignKeys
from checkpoint.foreign.shc_parts import MOST_PARTS, Parts
from checkpoint.passes import Presented
from tests.checkpoint.foreign.makers import (
    CARD,
    DAY_S,
    EC_KEY,
    ED_KEY,
    ISSUER,
    NOW_S,
    SHC_KEYS,
    SHC_KID,
    STRANGER,
    digits,
    jws,
    key_of,
    raw_deflate,
    shc,
    shc_parts,
)

JWS = jws()
GOOD = shc(JWS)


def read(text: bytes, keys: ForeignKeys = SHC_KEYS, now_s: int = NOW_S) -> Presented:
    return read_foreign(text, keys, now_s)


def reason(**settings: Any) -> str:
    return read(shc(jws(**settings))).reason


def card(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**CARD, **changes}.items() if value is not None}


def test_a_good_card_is_genuine_and_says_so() -> None:
    seen = read(GOOD)
    assert (seen.format, seen.reason, seen.valid) == ("SHC", "foreign_valid", False)
    assert seen.foreign is not None
    assert (seen.foreign.issuer, seen.foreign.not_before_s, seen.foreign.expires_s) == (ISSUER, NOW_S - DAY_S, None)
    assert seen.foreign.claims == CARD["vc"]


def test_signature_and_key_must_be_the_issuers() -> None:
    assert reason(private=STRANGER) == "pass_forged"
    assert reason(signature=b"abc") == "pass_forged"
    assert reason(signature=bytes(64)) == "pass_forged"
    assert read(GOOD, ForeignKeys()).reason == "key_unknown"
    other_kind = ForeignKeys((key_of(ED_KEY, SHC_KID.encode()),))
    assert read(GOOD, other_kind).reason == "pass_forged"
    both = ForeignKeys((*other_kind.entries, *SHC_KEYS.entries))
    assert read(GOOD, both).reason == "foreign_valid"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"zip": "DEF", "alg": "ES256", "kid": SHC_KID, "typ": "JWT"}, "foreign_valid"),
        ({"alg": "ES256", "kid": SHC_KID}, "pass_profile"),
        ({"zip": "GZ", "alg": "ES256", "kid": SHC_KID}, "pass_profile"),
        ({"zip": "DEF", "kid": SHC_KID}, "pass_malformed"),
        ({"zip": "DEF", "alg": "none", "kid": SHC_KID}, "pass_malformed"),
        ({"zip": "DEF", "alg": "HS256", "kid": SHC_KID}, "pass_malformed"),
        ({"zip": "DEF", "alg": "ES256"}, "pass_malformed"),
        ({"zip": "DEF", "alg": "ES256", "kid": 7}, "pass_malformed"),
        ({"zip": "DEF", "alg": "ES256", "kid": "x" * 200}, "pass_malformed"),
        ({"zip": "DEF", "alg": "ES256", "kid": "another"}, "key_unknown"),
        ({"zip": "DEF", "alg": "ES256", "kid": SHC_KID, "crit": ["zip"]}, "pass_malformed"),
    ],
)
def test_the_header_says_what_it_must(header: dict[str, Any], expected: str) -> None:
    assert reason(header=header) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"iss": ISSUER + "/"}, "pass_profile"),
        ({"iss": "http://cards.example/issuer"}, "pass_profile"),
        ({"iss": None}, "pass_profile"),
        ({"iss": "https://another.example"}, "issuer_not_allowed"),
        ({"nbf": None}, "pass_profile"),
        ({"nbf": "2021"}, "pass_profile"),
        ({"nbf": NOW_S * 1000}, "pass_profile"),
        ({"nbf": NOW_S + 61}, "pass_not_yet"),
        ({"exp": NOW_S}, "pass_expired"),
        ({"exp": NOW_S + 1}, "foreign_valid"),
        ({"exp": None, "vc": "text"}, "pass_profile"),
        ({"vc": {"type": ["https://smarthealth.cards#covid19"], "credentialSubject": {}}}, "pass_profile"),
        ({"vc": {"type": "https://smarthealth.cards#health-card", "credentialSubject": {}}}, "pass_profile"),
        ({"vc": {"type": ["https://smarthealth.cards#health-card"]}}, "pass_profile"),
    ],
)
def test_the_card_says_what_it_must(changes: dict[str, Any], expected: str) -> None:
    assert reason(card=card(**changes)) == expected


def test_an_issuer_is_held_to_its_address_only_if_the_list_gives_one() -> None:
    keys = ForeignKeys((key_of(EC_KEY, SHC_KID.encode()),))
    seen = read(shc(jws(card=card(iss="https://another.example"))), keys)
    assert seen.reason == "foreign_valid"
    assert seen.foreign is not None
    assert seen.foreign.issuer == "https://another.example"


PLAIN = json.dumps(CARD).encode()


@pytest.mark.parametrize(
    "body",
    [
        PLAIN,
        raw_deflate(PLAIN)[:-1],
        raw_deflate(PLAIN) + b"x",
        raw_deflate(b"\xef\xbb\xbf" + PLAIN),
        raw_deflate(bytes(1_000_000)),
        raw_deflate(b"[" * 60_000),
        raw_deflate(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
        raw_deflate(PLAIN.replace(b'"nbf"', b'"iss": "https://x", "nbf"')),
        raw_deflate(b"[]"),
        raw_deflate(PLAIN.replace(str(CARD["nbf"]).encode(), b"NaN")),
        raw_deflate(PLAIN.replace(str(CARD["nbf"]).encode(), b"9" * 5000)),
        raw_deflate(b"\xff\xfe"),
        b"",
    ],
)
def test_what_a_good_signature_stands_under_is_still_read_with_care(body: bytes) -> None:
    assert reason(body=body or raw_deflate(b"")) == "pass_profile"


@pytest.mark.parametrize(
    "text",
    [
        b"shc:/",
        b"shc:/123",
        b"shc:/12 34",
        b"shc:/abcd",
        b"shc:/" + b"99" * 50,
        shc(b"a.b"),
        shc(b"a.b.c.d"),
        shc(b"a.b.c"),
        shc(jws() + b"="),
        shc(jws().replace(b".", b"..", 1)),
        GOOD + b"\n",
        b"shc:/0/2/" + digits(jws()),
        b"shc:/1/1/x",
        "shc:/通".encode(),
    ],
)
def test_what_spells_no_card_is_malformed(text: bytes) -> None:
    assert read(text).reason in ("pass_malformed", "pass_incomplete")
    assert read(text).foreign is None


def test_a_card_that_is_too_long_is_not_looked_at() -> None:
    assert read(b"shc:/" + b"5" * 8000).reason == "pass_too_long"


@given(st.integers(0, 10_000), st.integers(0, 99))
def test_no_changed_pair_of_digits_goes_unseen(at: int, pair: int) -> None:
    place = 5 + 2 * (at % ((len(GOOD) - 5) // 2))
    changed = GOOD[:place] + b"%02d" % pair + GOOD[place + 2 :]
    # The last character of base64 holds bits that stand for nothing.
    last = place >= len(GOOD) - 2
    assert changed == GOOD or last or read(changed).reason != "foreign_valid"


def test_without_the_library_cards_are_not_enabled_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "joserfc"]:
        monkeypatch.delitem(sys.modules, name)
    found = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "joserfc":
            raise ImportError(name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    seen = read(GOOD)
    assert (seen.reason, "guankou[foreign]" in seen.detail) == ("format_not_enabled", True)


# -- Cards in several codes --------------------------------------------------------------------------------------------


@given(st.integers(2, MOST_PARTS), st.randoms(use_true_random=False))
def test_the_parts_of_a_card_make_it_whole_in_any_order(count: int, random: Any) -> None:
    parts, shown = Parts(), shc_parts(JWS, count)
    random.shuffle(shown)
    reasons = [read(parts.take(part)).reason for part in shown]
    assert reasons == ["pass_incomplete"] * (count - 1) + ["foreign_valid"]


def test_one_part_of_one_is_the_card() -> None:
    (part,) = shc_parts(JWS, 1)
    assert read(part).reason == read(Parts().take(part)).reason == "foreign_valid"


def test_the_same_part_again_changes_nothing_and_another_card_begins_anew() -> None:
    first, second = shc_parts(JWS, 2)
    other = shc_parts(jws(card=card(exp=NOW_S + 5)), 2)
    parts = Parts()
    assert [parts.take(text) for text in (first, first)] == [first, first]
    assert parts.take(other[0]) == other[0]
    mixed = GOOD[:5] + other[0][9:] + second[9:]
    assert [parts.take(second), parts.take(second)] == [mixed, mixed]
    assert parts.take(first) == first
    assert [parts.take(text) for text in (second, first, second)] == [GOOD] * 3


def test_a_part_of_a_whole_card_that_is_still_shown_is_that_card() -> None:
    first, second = shc_parts(JWS, 2)
    parts = Parts()
    assert parts.take_all((first, second)) == (GOOD,)
    assert parts.take_all((second, first)) == parts.take_all((first,)) == (GOOD,)
    parts.forget()
    assert parts.take_all((first,)) == (first,)


def test_parts_of_two_cards_never_make_a_genuine_one() -> None:
    one, other = shc_parts(JWS, 2), shc_parts(jws(card=card(exp=NOW_S + 5)), 2)
    parts = Parts()
    parts.take(one[0])
    assert read(parts.take(other[1])).reason in ("pass_forged", "pass_malformed")


def test_codes_seen_together_are_one_card() -> None:
    shown = shc_parts(JWS, 3)
    assert Parts().take_all(shown) == (GOOD,)
    assert Parts().take_all([*shown[:2], b"hello"]) == (b"hello",)
    assert Parts().take_all(shown[:2]) == (shown[1],)
    assert Parts().take_all([]) == ()
    # The rest may come with a later picture.
    parts = Parts()
    parts.take_all(shown[:2])
    assert parts.take_all(shown[2:]) == (GOOD,)


@pytest.mark.parametrize("text", [b"shc:/0/2/1234", b"shc:/3/2/1234", b"shc:/1/99/1234", b"shc:/1/2/", b"shc:/1/2/x"])
def test_what_is_no_part_is_handed_on_as_it_is(text: bytes) -> None:
    assert Parts().take(text) == text


def test_a_flood_of_parts_is_not_kept() -> None:
    parts = Parts()
    for number in range(1, MOST_PARTS):
        part = b"shc:/%d/%d/" % (number, MOST_PARTS) + b"12" * 2000
        assert parts.take(part) == part
    assert sum(map(len, parts._digits.values())) <= 8000
