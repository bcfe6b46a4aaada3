"""Reading a presented text: every step has its reason, and only an untouched pass is a pass."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from base45 import b45decode, b45encode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cose
from checkpoint.formats import gk1, read_pass
from checkpoint.passes import CLASS_BY_NUMBER, LONGEST_LIFETIME_S, Arrival, Claims, PassClass, Presented, Travel
from checkpoint.trust import TrustList
from tests.checkpoint.pass_samples import DAY_S, KEY, KID, NOW_S, STRANGER, TRUST, claims, entry

PASS = gk1.issue(claims(), KEY).encode()
VALID_PAYLOAD: dict[Any, Any] = {
    7: b"pass-id1",
    2: b"subject1",
    5: NOW_S,
    4: NOW_S + DAY_S,
    -70001: {1: 1, 2: ["site-a"]},
}


def read(text: str | bytes, trust: TrustList = TRUST, now_s: int = NOW_S, **settings: Any) -> Presented:
    return read_pass(text.encode() if isinstance(text, str) else text, trust, now_s, **settings)


def sealed(payload: bytes, key: Ed25519PrivateKey = KEY) -> bytes:
    return b"GK1:" + b45encode(cose.sign(key, payload, ""))


def with_claims(changes: dict[int, Any], private: dict[int, Any] | None = None) -> bytes:
    """A pass that is signed rightly whatever it claims; None takes a claim away."""
    inner = {**VALID_PAYLOAD[-70001], **(private or {})}
    table = {**VALID_PAYLOAD, -70001: inner, **changes}
    clean = {key: value for key, value in table.items() if value is not None}
    return sealed(cbor2.dumps(clean, canonical=True))


# -- A pass that is one ------------------------------------------------------------------------------------------------

lifetimes = st.sampled_from(sorted(CLASS_BY_NUMBER.values()))


@st.composite
def any_claims(draw: st.DrawFn) -> Claims:
    pass_class: PassClass = draw(lifetimes)
    slug = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
    regions = st.lists(st.integers(1, 999_999), max_size=3).map(tuple)
    return Claims(
        pass_id=draw(st.binary(min_size=8, max_size=8)),
        subject=draw(st.binary(min_size=8, max_size=8)),
        pass_class=pass_class,
        scope=tuple(draw(st.lists(slug, min_size=1, max_size=3))),
        not_before_s=NOW_S - draw(st.integers(0, 1000)),
        expires_s=NOW_S + draw(st.integers(1, LONGEST_LIFETIME_S[pass_class] - 1000)),
        household=draw(st.none() | st.binary(min_size=4, max_size=4)),
        status_index=draw(st.none() | st.integers(0, 2**32 - 1)),
        travel=draw(st.none() | st.builds(Travel, st.integers(0, 30_000), regions)),
        document_digest=draw(st.none() | st.binary(min_size=16, max_size=16)),
        plate=draw(st.none() | st.just("赣A12345")),
        device_key=draw(st.none() | st.binary(min_size=32, max_size=32)),
        party_size=draw(st.integers(1, 20)),
        arrival=draw(st.none() | st.builds(Arrival, slug, st.binary(min_size=8, max_size=8))),
        uses=draw(st.none() | st.integers(1, 100)),
    )


@given(any_claims())
def test_what_is_issued_is_read_back_claim_by_claim(given_claims: Claims) -> None:
    presented = read(gk1.issue(given_claims, KEY))
    live = given_claims.device_key is None or given_claims.rotates
    assert presented.reason == ("pass_valid" if live else "device_proof_missing")
    assert presented.variant == ("rotating" if live and given_claims.rotates else "static")
    assert presented.pass_ is not None
    assert presented.pass_.key_id == KID
    for name in Claims.__dataclass_fields__:
        assert getattr(presented.pass_, name) == getattr(given_claims, name)


def test_a_pass_made_by_hand_from_the_written_form_is_the_pass_that_issue_gives() -> None:
    protected = bytes.fromhex("a201320444") + KID
    payload = cbor2.dumps({2: b"subject1", 4: NOW_S + DAY_S, 5: NOW_S, 7: b"pass-id1", -70001: {1: 1, 2: ["site-a"]}})
    signature = KEY.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    assert b"GK1:" + b45encode(cbor2.dumps([protected, {}, payload, signature])) == PASS


def test_claims_that_are_not_known_yet_are_ignored() -> None:
    assert read(with_claims({1: "issuer", 65535: {"status_list": {"idx": 3}}}, {77: [1, {"a": b"b"}]})).valid


# -- Each step and its reason ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "form", "reason"),
    [
        (b"", None, "not_a_pass"),
        (b"\xff\xfe\x00", None, "not_a_pass"),
        ("你好".encode(), None, "not_a_pass"),
        (b"https://example.org/card.html?unionCode=abc", None, "not_a_pass"),
        (b"gk1:ABC", None, "not_a_pass"),
        (b" " + PASS, None, "not_a_pass"),
        (b"GK1", None, "not_a_pass"),
        (b"A" * 8000, None, "not_a_pass"),
        (b"A" * 8001, None, "pass_too_long"),
        (b"GK1:" + b"A" * 556, "GK1", "pass_malformed"),
        (b"GK1:" + b"A" * 557, "GK1", "pass_too_long"),
        (b"GK1T:ABC", "GK1T", "pass_malformed"),
        (b"GK1T:" + b"A" * 556, "GK1T", "pass_too_long"),
        (b"GK1K:ABC", "GK1K", "pass_malformed"),
        (b"HC1:6BF", "HC1", "format_not_enabled"),
        (b"HC1:" + b"A" * 3997, "HC1", "pass_too_long"),
        (b"shc:/5676", "SHC", "format_not_enabled"),
        (b"shc:/" + b"5" * 7996, "SHC", "pass_too_long"),
        (b"GK1:", "GK1", "pass_malformed"),
        (b"GK1:\xe4\xbd\xa0", "GK1", "pass_malformed"),
        (b"GK1:abc", "GK1", "pass_malformed"),
        (b"GK1:A", "GK1", "pass_malformed"),
        (b"GK1::::", "GK1", "pass_malformed"),
        (b"GK1:" + b45encode(b"\x84"), "GK1", "pass_malformed"),
        (b"GK1:" + b45encode(bytes(100)), "GK1", "pass_malformed"),
        (PASS + b"\n", "GK1", "pass_malformed"),
        (PASS + b" ", "GK1", "pass_malformed"),
        (PASS[:4] + b" " + PASS[4:], "GK1", "pass_malformed"),
    ],
)
def test_what_fails_before_the_signature_has_its_reason(text: bytes, form: str | None, reason: str) -> None:
    presented = read(text)
    assert (presented.format, presented.reason, presented.pass_) == (form, reason, None)


def test_spaces_are_part_of_base45_and_are_never_collapsed() -> None:
    texts = (gk1.issue(claims(pass_id=number.to_bytes(8)), KEY) for number in range(2000))
    text = next(text for text in texts if "  " in text)
    assert read(text).valid
    assert read(text.replace("  ", " ")).reason == "pass_malformed"


def test_an_unknown_key_is_not_a_forgery_and_a_forgery_is_not_an_unknown_key() -> None:
    assert read(gk1.issue(claims(), STRANGER)).reason == "key_unknown"
    assert read(PASS, TrustList([])).reason == "key_unknown"
    impostor = TrustList([entry(public=cose.public_bytes(STRANGER))])
    assert read(PASS, impostor).reason == "pass_forged"


def test_a_swapped_key_id_does_not_help_a_stranger() -> None:
    protected, unprotected, payload, _ = cbor2.loads(b45decode(PASS[4:]))
    signature = STRANGER.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    forged = b"GK1:" + b45encode(cbor2.dumps([protected, unprotected, payload, signature]))
    assert read(forged).reason == "pass_forged"


@pytest.mark.parametrize("purpose", ["guankou document 1", "guankou head 1", "x"])
def test_what_was_signed_for_another_purpose_is_no_pass(purpose: str) -> None:
    payload = cbor2.dumps(VALID_PAYLOAD, canonical=True)
    text = b"GK1:" + b45encode(cose.sign(KEY, payload, purpose))
    assert read(text).reason == "pass_forged"


def test_all_keys_under_one_key_id_are_tried() -> None:
    other = entry(public=cose.public_bytes(STRANGER))
    assert read(PASS, TrustList([other, entry()])).valid
    assert read(PASS, TrustList([entry(), other])).valid
    narrow = entry(classes=frozenset({"courier"}))
    assert read(PASS, TrustList([narrow, entry()])).valid


@pytest.mark.parametrize(
    "text",
    [
        with_claims({-70001: None}),
        with_claims({-70001: [1, 2]}),
        with_claims({7: None}),
        with_claims({7: b"seven77"}),
        with_claims({7: "pass-id1"}),
        with_claims({2: None}),
        with_claims({2: b"nine-byte"}),
        with_claims({4: None}),
        with_claims({5: None}),
        with_claims({5: -1}),
        with_claims({5: float(NOW_S)}),
        with_claims({4: str(NOW_S)}),
        with_claims({4: NOW_S}),
        with_claims({4: NOW_S - 1}),
        with_claims({4: 2**63}),
        with_claims({4: NOW_S + 180 * DAY_S + 1}),
        with_claims({}, {1: 0}),
        with_claims({}, {1: 7}),
        with_claims({}, {1: True}),
        with_claims({}, {1: "resident"}),
        with_claims({}, {2: []}),
        with_claims({}, {2: "site-a"}),
        with_claims({}, {2: ["Site A"]}),
        with_claims({}, {2: ["site-a\n"]}),
        with_claims({}, {2: ["site-a", 3]}),
        with_claims({}, {2: ["s"] * 17}),
        with_claims({}, {3: b"abc"}),
        with_claims({}, {3: b"abcde"}),
        with_claims({}, {4: -1}),
        with_claims({}, {4: False}),
        with_claims({}, {4: 2**32}),
        with_claims({}, {5: []}),
        with_claims({}, {5: [18_000]}),
        with_claims({}, {5: [18_000, [0]]}),
        with_claims({}, {5: [18_000, [True]]}),
        with_claims({}, {5: [True, [1]]}),
        with_claims({}, {5: [18_000, ["360102"]]}),
        with_claims({}, {5: [18_000, [1] * 33]}),
        with_claims({}, {6: bytes(8)}),
        with_claims({}, {7: ""}),
        with_claims({}, {7: "x" * 17}),
        with_claims({}, {7: "<b>"}),
        with_claims({}, {7: "A\x1b[2J"}),
        with_claims({}, {7: b"A12345"}),
        with_claims({}, {8: bytes(31)}),
        with_claims({}, {9: 0}),
        with_claims({}, {9: 21}),
        with_claims({}, {9: True}),
        with_claims({}, {10: ["gate-1"]}),
        with_claims({}, {10: ["Gate 1", bytes(8)]}),
        with_claims({}, {10: ["gate-1", bytes(7)]}),
        with_claims({}, {10: None}),
        with_claims({}, {11: 0}),
        with_claims({}, {11: True}),
        with_claims({}, {11: 101}),
        sealed(b""),
        sealed(b"\x80"),
        sealed(cbor2.dumps(VALID_PAYLOAD, canonical=True) + b"\x00"),
        sealed(cbor2.dumps(cbor2.CBORTag(61, VALID_PAYLOAD))),
        sealed(bytes.fromhex("a2040004") + b"\x01"),
        sealed(bytes.fromhex("bf0400ff")),
        sealed(b"\x81" * 60 + b"\x00"),
    ],
)
def test_a_signed_payload_that_breaks_the_profile_is_refused_for_it(text: bytes) -> None:
    presented = read(text)
    assert (presented.reason, presented.pass_) == ("pass_profile", None)
    assert presented.detail


@pytest.mark.parametrize(("pass_class", "longest_s"), LONGEST_LIFETIME_S.items())
def test_no_class_of_pass_lives_longer_than_its_limit(pass_class: PassClass, longest_s: int) -> None:
    assert read(gk1.issue(claims(pass_class=pass_class, expires_s=NOW_S + longest_s), KEY)).valid
    number = {name: number for number, name in CLASS_BY_NUMBER.items()}[pass_class]
    too_long = with_claims({4: NOW_S + longest_s + 1}, {1: number})
    assert read(too_long).reason == "pass_profile"


# -- Issuer and time ---------------------------------------------------------------------------------------------------


def test_an_issuer_is_held_to_its_classes_and_scopes() -> None:
    for narrow in (entry(classes=frozenset({"visitor"})), entry(classes=frozenset()), entry(scopes=("site-b",))):
        presented = read(PASS, TrustList([narrow]))
        assert (presented.reason, presented.by_clock) == ("issuer_not_allowed", False)
    assert read(PASS, TrustList([entry(scopes=("site-a", "site-b"))])).valid


def test_a_pass_for_two_places_needs_an_issuer_for_both_unless_only_one_is_asked_about() -> None:
    text = gk1.issue(claims(scope=("site-a", "site-z")), KEY)
    trust = TrustList([entry(scopes=("site-a",))])
    assert read(text, trust).reason == "issuer_not_allowed"
    assert read(text, trust, here=("site-a", "grid-1", "city-1")).valid


def test_an_issuer_of_a_district_may_give_passes_for_a_site_in_it() -> None:
    trust = TrustList([entry(scopes=("district-1",))])
    assert read(PASS, trust).reason == "issuer_not_allowed"
    assert read(PASS, trust, here=("site-a", "grid-1", "district-1")).valid
    assert read(PASS, trust, here=("site-a", "grid-1", "district-2")).reason == "issuer_not_allowed"


def test_an_issuer_of_a_site_may_not_give_passes_for_its_whole_district() -> None:
    text = gk1.issue(claims(scope=("district-1",)), KEY)
    trust = TrustList([entry(scopes=("site-a",))])
    assert read(text, trust, here=("site-a", "grid-1", "district-1")).reason == "issuer_not_allowed"


def test_a_key_out_of_its_time_is_refused_by_the_clock_alone() -> None:
    for stale in (entry(not_after_ms=NOW_S * 1000), entry(not_before_ms=NOW_S * 1000 + 1)):
        presented = read(PASS, TrustList([stale]))
        assert (presented.reason, presented.by_clock) == ("issuer_not_allowed", True)


@pytest.mark.parametrize(
    ("now_s", "settings", "reason"),
    [
        (NOW_S - 61, {}, "pass_not_yet"),
        (NOW_S - 60, {}, "pass_valid"),
        (NOW_S - 1, {"leeway_before_s": 0}, "pass_not_yet"),
        (NOW_S + DAY_S - 1, {}, "pass_valid"),
        (NOW_S + DAY_S, {}, "pass_expired"),
        (NOW_S + DAY_S + 59, {"leeway_after_s": 60}, "pass_valid"),
        (NOW_S + DAY_S + 60, {"leeway_after_s": 60}, "pass_expired"),
    ],
)
def test_time_is_judged_to_the_second(now_s: int, settings: dict[str, int], reason: str) -> None:
    presented = read(PASS, now_s=now_s, **settings)
    assert presented.reason == reason
    assert presented.pass_ is not None
    assert presented.by_clock == (reason != "pass_valid")


# -- Tampering ---------------------------------------------------------------------------------------------------------


def test_every_single_bit_flip_of_the_text_is_refused() -> None:
    for bit in range(8 * len(PASS)):
        flipped = bytearray(PASS)
        flipped[bit // 8] ^= 1 << bit % 8
        presented = read(bytes(flipped))
        assert not presented.valid, f"bit {bit}"
        assert presented.pass_ is None, f"bit {bit}"


def test_every_single_bit_flip_of_the_signed_message_is_refused() -> None:
    message = b45decode(PASS[4:])
    for bit in range(8 * len(message)):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        presented = read(b"GK1:" + b45encode(bytes(flipped)))
        assert presented.reason in ("pass_malformed", "key_unknown", "pass_forged"), f"bit {bit}"


def test_every_truncation_is_refused() -> None:
    message = b45decode(PASS[4:])
    for length in range(len(PASS)):
        assert not read(PASS[:length]).valid
    for length in range(len(message)):
        assert read(b"GK1:" + b45encode(message[:length])).reason == "pass_malformed"


@given(st.binary(max_size=600))
def test_no_text_raises_and_none_is_a_pass_by_chance(data: bytes) -> None:
    for text in (data, b"GK1:" + data, b"GK1:" + b45encode(data)[:550], sealed(data[:200])):
        assert not read(text).valid


@given(st.data())
def test_pieces_of_passes_do_not_make_a_pass(data: st.DataObject) -> None:
    other = gk1.issue(claims(pass_class="visitor", scope=("site-b",)), KEY).encode()
    cut = data.draw(st.integers(5, min(len(PASS), len(other)) - 1))
    mixed = PASS[:cut] + other[cut:]
    assert read(mixed).valid == (mixed in (PASS, other))


# -- Issuing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pass_id": b"short"}, "pass id"),
        ({"scope": ()}, "scope"),
        ({"scope": ("Not A Slug",)}, "scope"),
        ({"expires_s": NOW_S + 181 * DAY_S}, "resident pass lives"),
        ({"party_size": 21}, "party size"),
        ({"scope": tuple(f"a-rather-long-site-name-{number:02}" for number in range(16))}, "characters"),
    ],
)
def test_a_pass_that_no_gate_would_take_is_not_issued(changes: dict[str, object], why: str) -> None:
    with pytest.raises(gk1.IssueError, match=why):
        gk1.issue(claims(**changes), KEY)
