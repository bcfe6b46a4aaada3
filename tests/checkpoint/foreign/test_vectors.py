"""Third-party vectors, each judged by the verifier that a gate uses, and by no other."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jwk

from checkpoint.foreign import algorithms, claim169, read_foreign, sign1
from checkpoint.foreign.certlogic import rule_holds
from checkpoint.foreign.keys import ForeignKey, ForeignKeys
from checkpoint.foreign.policy_rules import check_rules
from checkpoint.formats import read_pass
from checkpoint.passes import Presented
from checkpoint.trust import TrustList
from tests.checkpoint.foreign import recovered_key, vectors
from tests.checkpoint.foreign.makers import shc

NOBODY = TrustList(())
# How far a text got: what a reason says about each of the publisher's flags.
_BEFORE_DECODING = {"not_a_pass", "pass_malformed"}
_BEFORE_SIGNATURE = {*_BEFORE_DECODING, "key_unknown", "pass_forged", "unsigned"}
_FLAGS = {
    "EXPECTEDUNPREFIX": lambda seen: seen.format == "HC1",
    "EXPECTEDB45DECODE": lambda seen: seen.reason not in _BEFORE_DECODING,
    "EXPECTEDCOMPRESSION": lambda seen: seen.reason not in _BEFORE_DECODING,
    "EXPECTEDDECODE": lambda seen: seen.reason not in {*_BEFORE_DECODING, "pass_profile"},
    "EXPECTEDVERIFY": lambda seen: seen.reason not in _BEFORE_SIGNATURE,
    "EXPECTEDSCHEMAVALIDATION": lambda seen: seen.foreign is not None,
    "EXPECTEDVALIDOBJECT": lambda seen: seen.foreign is not None,
    "EXPECTEDKEYUSAGE": lambda seen: seen.reason != "issuer_not_allowed",
    "EXPECTEDEXPIRATIONCHECK": lambda seen: seen.reason not in {"pass_expired", "pass_not_yet"},
}


@pytest.fixture
def dcc(shared_data: Path) -> list[dict[str, Any]]:
    return vectors.lines(vectors.folder(shared_data, "dcc") / "cases.jsonl")


def judged(case: dict[str, Any], keys: ForeignKeys) -> Presented:
    return read_pass(case["qr"].encode(), NOBODY, vectors.clock_s(case), foreign=keys)


def test_every_decided_health_certificate_is_judged_as_its_publisher_says(dcc: list[dict[str, Any]]) -> None:
    keys = vectors.one_list(dcc)
    decided = [case for case in dcc if case["gate_verdict"] in ("accept", "reject")]
    verdicts = {case["id"]: judged(case, keys).reason == "foreign_valid" for case in decided}
    assert verdicts == {case["id"]: case["gate_verdict"] == "accept" for case in decided}
    assert len(decided) == 22


def test_every_flag_of_every_health_certificate_agrees(dcc: list[dict[str, Any]]) -> None:
    keys = vectors.one_list(dcc)
    differs = []
    for case in dcc:
        seen = judged(case, keys)
        for flag, expected in case["expected"].items():
            if flag in _FLAGS and _FLAGS[flag](seen) != expected:
                differs.append((case["id"], flag, seen.reason, seen.detail))
    assert not differs


def test_what_a_health_certificate_says_is_read_to_the_letter(dcc: list[dict[str, Any]]) -> None:
    keys = vectors.one_list(dcc)
    compared = 0
    for case in dcc:
        seen = judged(case, keys)
        if seen.foreign is not None and case["payload_json"] is not None:
            assert dict(seen.foreign.claims) == case["payload_json"], case["id"]
            compared += 1
    assert compared >= 25


def test_the_reasons_of_the_refused_name_the_step(dcc: list[dict[str, Any]]) -> None:
    keys = vectors.one_list(dcc)
    reasons = {case["id"]: judged(case, keys).reason for case in dcc if case["gate_verdict"] == "reject"}
    assert reasons == {
        "common_B1": "pass_malformed",
        "common_Z1": "pass_malformed",
        "common_CBO1": "pass_profile",
        "common_CO5": "pass_forged",
        # The protected key id counts, even when it is the wrong one and the other is right.
        "common_CO22": "key_unknown",
        "common_CO17": "pass_expired",
        "common_H1": "not_a_pass",
    }


def test_codes_in_pictures_hold_what_the_vectors_say(dcc: list[dict[str, Any]], shared_data: Path) -> None:
    pytest.importorskip("cv2")
    from edge.scan_command import scan_files

    folder = vectors.folder(shared_data, "dcc").parent
    pictured = [case for case in dcc if case["png"]]
    found = scan_files([folder / case["png"] for case in pictured])
    assert [one["texts"] for one in found] == [[case["qr"]] for case in pictured]
    assert len(pictured) == 20


def test_every_rule_gives_what_its_publisher_expects(shared_data: Path) -> None:
    folder = vectors.folder(shared_data, "certlogic")
    rules = json.loads((folder / "rules.json").read_text())
    sets = json.loads((folder / "valuesets.json").read_text())
    cases = vectors.lines(folder / "cases.jsonl")
    differs = []
    for case in cases:
        external = dict(case["external"])
        if reference := external.pop("valueSets_ref", None):
            external["valueSets"] = sets[reference]
        if rule_holds(rules[case["rule"]]["Logic"], case["payload"], external) is not case["expected"]:
            differs.append((case["rule"], case["test"]))
    assert not differs
    assert len(cases) == 118


def test_a_policy_may_carry_every_published_rule(shared_data: Path) -> None:
    rules = json.loads((vectors.folder(shared_data, "certlogic") / "rules.json").read_text())
    check_rules(json.dumps(rules), "{}")
    assert len(rules) == 19


# -- COSE --------------------------------------------------------------------------------------------------------------


def _cose_key(table: dict[str, str]) -> algorithms.PublicKey:
    if table["kty"] == "OKP":
        return Ed25519PublicKey.from_public_bytes(_coordinate(table, "x"))
    x, y = (int.from_bytes(_coordinate(table, name)) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _coordinate(table: dict[str, str], name: str) -> bytes:
    if name in table:
        return urlsafe_b64decode(table[name] + "==")
    return bytes.fromhex(table[f"{name}_hex"])


def test_every_cose_example_verifies_unless_it_is_marked_to_fail(shared_data: Path) -> None:
    files = sorted(vectors.folder(shared_data, "cose").glob("*.json"))
    held = {}
    for file in files:
        example = json.loads(file.read_text())
        key = _cose_key(example["input"]["sign0"]["key"])
        try:
            message = sign1.parse(bytes.fromhex(example["output"]["cbor"]))
            good = algorithms.fits(key, message.algorithm) and algorithms.holds(
                key, message.to_be_signed, message.signature
            )
        except sign1.Sign1Error:
            good = False
        held[file.name] = (good, not example.get("fail", False))
    assert len(held) == 4
    assert all(good == expected for good, expected in held.values()), held


# -- Claim 169 ---------------------------------------------------------------------------------------------------------


def _identities(shared: Path) -> dict[str, dict[str, Any]]:
    found = sorted(vectors.folder(shared, "claim169").glob("*/*.json"))
    return {file.stem: json.loads(file.read_text()) for file in found}


def test_a_signed_identity_is_genuine_and_unsigned_ones_are_refused(shared_data: Path) -> None:
    cases = _identities(shared_data)
    public = bytes.fromhex(cases["ed25519-signed"]["signing_key"]["public_key_hex"])
    key = ForeignKey(b"any", algorithms.spki_of(Ed25519PublicKey.from_public_bytes(public)))
    at_s = 1_750_000_000
    seen = {
        name: read_pass(case["qr_data"].encode(), NOBODY, at_s, foreign=ForeignKeys((key,)))
        for name, case in cases.items()
    }
    assert {name: one.reason for name, one in seen.items()} == {
        "ed25519-signed": "foreign_valid",
        "minimal": "unsigned",
        "expired": "unsigned",
        "bad-zlib": "not_a_pass",
    }
    held = seen["ed25519-signed"].foreign
    assert held is not None
    assert dict(held.claims) == cases["ed25519-signed"]["expected_claim169"]
    meta = cases["ed25519-signed"]["expected_cwt_meta"]
    assert (held.issuer, held.expires_s, held.not_before_s) == (meta["issuer"], meta["expiresAt"], meta["issuedAt"])


def test_unsigned_identities_can_be_looked_into_all_the_same(shared_data: Path) -> None:
    cases = _identities(shared_data)
    for name in ("minimal", "expired", "ed25519-signed"):
        message = claim169.message_of(cases[name]["qr_data"].encode())
        assert claim169.identity_of(message) == cases[name]["expected_claim169"]
    with pytest.raises(ValueError, match="not a compressed stream"):
        claim169.message_of(cases["bad-zlib"]["qr_data"].encode())


# -- Health cards ------------------------------------------------------------------------------------------------------


def test_defective_health_cards_are_refused_for_their_defect(shared_data: Path) -> None:
    folder = vectors.folder(shared_data, "shc")
    cards = {path.stem: path.read_bytes().strip() for path in sorted(folder.glob("*.txt"))}
    assert len(cards) == 2
    sound = cards["test-example-00-d-jws-no_deflate"]
    kid = json.loads(urlsafe_b64decode(sound.split(b".")[0] + b"=="))["kid"]
    keys = ForeignKeys((ForeignKey(kid.encode(), algorithms.spki_of(_signer_of(sound, kid))),))
    reasons = {name: read_pass(shc(card), NOBODY, 1_650_000_000, foreign=keys).reason for name, card in cards.items()}
    assert reasons == {
        "test-example-00-d-jws-invalid-signature": "pass_forged",
        # Its signature holds: the defect is that it is not compressed.
        "test-example-00-d-jws-no_deflate": "pass_profile",
    }
    nobody = {read_foreign(shc(card), ForeignKeys(), 1_650_000_000).reason for card in cards.values()}
    assert nobody == {"key_unknown"}


def _signer_of(card: bytes, kid: str) -> ec.EllipticCurvePublicKey:
    """The issuer's key, which is not among the vectors, out of its signature; its id is its own hash."""
    signed, _, signature = card.rpartition(b".")
    for key in recovered_key.candidates(signed, urlsafe_b64decode(signature + b"==")):
        if jwk.ECKey.import_key(key).thumbprint() == kid:
            return key
    raise AssertionError("the signature of the undefective part of this card does not hold")


def test_a_damaged_picture_of_a_card_is_no_card(shared_data: Path) -> None:
    pytest.importorskip("cv2")
    from edge.scan_command import scan_files

    (found,) = scan_files(vectors.folder(shared_data, "shc").glob("*.png"))
    texts = [text.encode() for text in found["texts"]]
    assert all(read_foreign(text, ForeignKeys(), 1_650_000_000).reason != "foreign_valid" for text in texts)
