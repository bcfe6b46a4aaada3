"""Trust lists of others: what is good in a folder is taken, what is not is named, and documents carry it to gates."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwk

from checkpoint import cose
from checkpoint.documents import Document, pack_document, read_trust_file
from checkpoint.foreign import read_foreign
from checkpoint.foreign.keys import NO_KEYS, ForeignKey, ForeignKeys
from checkpoint.foreign.trust_import import import_trust
from checkpoint.foreign.trust_rows import encode_foreign, foreign_from_content
from checkpoint.trust import TrustError, encode_trust, trust_from_content
from tests.checkpoint.foreign.makers import (
    DAY_S,
    EC_KEY,
    ED_KEY,
    ISSUER,
    KID,
    NOW_S,
    P384_KEY,
    SHC_KID,
    STRANGER,
    certificate_der,
    hc1,
    hc1_payload,
    jws,
    key_of,
    pem,
    shc,
    token,
)
from tests.checkpoint.pass_samples import KEY, entry

ROOT = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
DER = certificate_der(EC_KEY)
JWK = {**jwk.ECKey.import_key(EC_KEY.public_key()).as_dict(private=False), "kid": SHC_KID, "use": "sig"}


def public_pem(private: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(private.public_key().public_bytes(serialization.Encoding.PEM, form))


def key_set(*keys: Any, **beside: Any) -> bytes:
    return json.dumps({"keys": list(keys), **beside}).encode()


def document(content: bytes, key: Ed25519PrivateKey = ROOT) -> bytes:
    return pack_document(key, Document(1, "trust", "site-a", 1, NOW_S * 1000, (NOW_S + DAY_S) * 1000, 100, content))


def imported(data: bytes, name: str = "file") -> ForeignKeys:
    return import_trust([(name, data)]).foreign


# -- Certificates and PEM ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [DER, pem(DER), b"# a comment\r\n" + pem(DER).replace(b"\n", b"\r\n")])
def test_a_certificate_is_known_by_the_start_of_its_hash(data: bytes) -> None:
    (key,) = imported(data).entries
    assert (key.kid, key.issuer, key.formats) == (sha256(DER).digest()[:8], "XX", ("HC1", "CLAIM169"))
    assert (key.current(NOW_S), key.current(NOW_S - 31 * DAY_S), key.current(NOW_S + 31 * DAY_S)) == (
        True,
        False,
        False,
    )
    message = token(hc1_payload(), protected={1: -7, 4: key.kid})
    assert read_foreign(hc1(message), imported(data), NOW_S).reason == "foreign_valid"


@pytest.mark.parametrize(
    "odd",
    [
        # "Not an authority" written out, which DER forbids; extended key usage without a usage.
        ("2.5.29.19", b"\x30\x03\x01\x01\x00"),
        ("2.5.29.37", b"\x30\x00"),
        ("2.5.29.37", b"junk"),
    ],
)
def test_a_wrongly_encoded_extension_costs_no_key(odd: tuple[str, bytes]) -> None:
    der = certificate_der(EC_KEY, odd=odd)
    (key,) = imported(der).entries
    assert (key.kid, key.usages) == (sha256(der).digest()[:8], ())


def test_one_file_may_hold_many_and_a_broken_one_costs_only_itself() -> None:
    other = certificate_der(STRANGER)
    broken = pem(DER).replace(b"MII", b"MIJ")
    found = import_trust([("all.pem", pem(DER) + broken + pem(other)), ("text.pem", b"-----BEGIN NOTHING")])
    assert [key.kid for key in found.foreign.entries] == [sha256(der).digest()[:8] for der in (DER, other)]
    assert [problem.split(":")[0] for problem in found.problems] == ["all.pem block 2", "text.pem"]


def test_a_bare_key_is_named_by_its_hash_and_its_file() -> None:
    keys = imported(public_pem(ED_KEY), "registry/mosip.pem").entries
    assert {key.issuer for key in keys} == {"mosip"}
    assert cose.key_id(ED_KEY.public_key().public_bytes_raw()) in {key.kid for key in keys}


@pytest.mark.parametrize(
    "private",
    [
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP224R1()),
    ],
)
def test_weak_and_unusual_keys_are_not_taken(private: Any) -> None:
    with pytest.raises(TrustError, match="RSA of 2048"):
        imported(public_pem(private))


def test_a_private_key_is_not_taken_and_not_repeated() -> None:
    secret = EC_KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(TrustError, match="take it out") as error:
        imported(secret)
    assert secret.splitlines()[1].decode() not in str(error.value)


# -- Key sets ----------------------------------------------------------------------------------------------------------


def test_a_key_set_verifies_cards_and_binds_them_to_its_issuer() -> None:
    good = shc(jws())
    assert read_foreign(good, imported(key_set(JWK)), NOW_S).reason == "foreign_valid"
    assert read_foreign(good, imported(key_set(JWK, issuer=ISSUER)), NOW_S).reason == "foreign_valid"
    assert read_foreign(good, imported(key_set(JWK, issuer="https://x.example")), NOW_S).reason == "issuer_not_allowed"
    assert read_foreign(good, imported(key_set({**JWK, "formats": ["HC1"]})), NOW_S).reason == "key_unknown"


def test_a_key_without_an_id_has_its_thumbprint() -> None:
    bare = {name: value for name, value in JWK.items() if name != "kid"}
    assert read_foreign(shc(jws()), imported(key_set(bare)), NOW_S).reason == "foreign_valid"


def test_an_id_in_base64_also_stands_for_its_bytes() -> None:
    keys = imported(key_set({**JWK, "kid": b64encode(KID).decode()}))
    assert read_foreign(hc1(token(hc1_payload())), keys, NOW_S).reason == "foreign_valid"


def test_several_keys_under_one_id_are_all_there() -> None:
    other = {**jwk.ECKey.import_key(STRANGER.public_key()).as_dict(private=False), "kid": SHC_KID}
    assert read_foreign(shc(jws()), imported(key_set(other, JWK)), NOW_S).reason == "foreign_valid"


def test_of_a_private_key_only_the_public_half_is_taken() -> None:
    whole = {**jwk.ECKey.import_key(EC_KEY).as_dict(private=True), "kid": SHC_KID}
    assert "d" in whole
    assert imported(key_set(whole)) == imported(key_set(JWK))


def test_all_kinds_of_keys_are_read() -> None:
    okp = jwk.OKPKey.import_key(ED_KEY.public_key()).as_dict(private=False)
    big = jwk.RSAKey.import_key(rsa.generate_private_key(65537, 2048).public_key()).as_dict(private=False)
    assert imported(key_set({**okp, "kid": "a"}, {**big, "kid": "b"}, JWK)).entries


@pytest.mark.parametrize(
    "bad",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "P-256", "x": 7, "y": []},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {**JWK, "use": "enc"},
        {**JWK, "kid": 7},
        {**JWK, "kid": "x" * 200},
        {**JWK, "issuer": 5},
        {**JWK, "formats": ["GK1"]},
        {**JWK, "formats": []},
        "text",
    ],
)
def test_a_key_that_cant_be_used_is_named_and_the_others_are_taken(bad: Any) -> None:
    found = import_trust([("set.json", key_set(bad, JWK))])
    assert found.foreign == imported(key_set(JWK))
    assert [problem.startswith("set.json keys[0]: ") for problem in found.problems] == [True]


def test_without_the_library_a_key_set_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joserfc.jwk", None)
    with pytest.raises(TrustError, match=r"guankou\[foreign\]"):
        imported(key_set(JWK))


# -- Folders and documents ---------------------------------------------------------------------------------------------


def test_native_and_foreign_files_lie_side_by_side() -> None:
    native = json.dumps({"keys": [{"public": cose.public_bytes(KEY).hex(), "classes": ["resident"]}]}).encode()
    found = import_trust([("a.json", native), ("b.pem", pem(DER)), ("c.json", key_set(JWK)), ("d.txt", b"notes")])
    assert ([one.kid for one in found.trust.entries], found.signed) == ([cose.key_id(cose.public_bytes(KEY))], False)
    assert len({key.kid for key in found.foreign.entries}) >= 2
    assert [problem.split(":")[0] for problem in found.problems] == ["d.txt"]


def test_nothing_usable_is_an_error_that_says_why() -> None:
    with pytest.raises(TrustError, match="no keys"):
        import_trust([])
    with pytest.raises(TrustError, match=r"a\.pem"):
        import_trust([("a.pem", b"-----BEGIN CERTIFICATE-----\n")])


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"keys": 5}', b"[" * 100_000, b'{"keys": [{"kty": "EC"}]}', b"\x30\x82", b"\xff" * 50]
)
def test_no_file_makes_the_import_fail_in_another_way(data: bytes) -> None:
    with pytest.raises(TrustError):
        import_trust([("file", data)])


def test_with_a_root_only_what_it_signed_counts() -> None:
    content = encode_foreign([key_of(EC_KEY)], (entry(),))
    root = cose.public_bytes(ROOT)
    found = import_trust([("trust.doc", document(content)), ("b.pem", pem(DER)), ("c.json", key_set(JWK))], root)
    assert (found.foreign.entries, found.signed) == ((key_of(EC_KEY),), True)
    assert [problem.split(":")[0] for problem in found.problems] == ["b.pem", "c.json"]
    with pytest.raises(TrustError, match="not signed by the root"):
        import_trust([("trust.doc", document(content, KEY))], root)


def test_a_document_carries_both_kinds_of_keys() -> None:
    keys = (key_of(EC_KEY), key_of(P384_KEY, issuer="X", formats=("HC1",), usages=("v", "t")), key_of(STRANGER))
    content = encode_foreign(keys, (entry(),))
    assert foreign_from_content(content).entries == keys
    assert trust_from_content(content).entries == (entry(),)
    file = read_trust_file(document(content), cose.public_bytes(ROOT))
    assert (file.trust.entries, file.foreign.entries, file.signed) == ((entry(),), keys, True)


def test_a_native_list_holds_no_foreign_keys() -> None:
    for entries in ((), (entry(),)):
        assert foreign_from_content(encode_trust(entries)) == NO_KEYS
        assert trust_from_content(encode_trust(entries)).entries == entries


GOOD_ROW = [KID, key_of(EC_KEY).public, "", ["HC1"], [], 0, 2_000_000_000]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b""),
        (0, bytes(200)),
        (1, b"key"),
        (1, bytes(91)),
        (3, []),
        (3, ["GK1"]),
        (4, ["x"]),
        (5, -1),
        (6, 0),
        (6, 2**60),
    ],
)
def test_a_row_that_cant_be_used_is_refused_when_the_list_is_read(at: int, value: Any) -> None:
    def content(row: list[Any]) -> bytes:
        return msgspec.msgpack.encode(["foreign", [row], []])

    assert foreign_from_content(content(GOOD_ROW)).entries
    with pytest.raises(TrustError, match="foreign key"):
        foreign_from_content(content([*GOOD_ROW[:at], value, *GOOD_ROW[at + 1 :]]))


@pytest.mark.parametrize("content", [["foreign"], ["foreign", []], ["foreign", [], [], []], ["foreign", 5, []]])
def test_a_marked_list_has_its_three_parts(content: Any) -> None:
    with pytest.raises(TrustError):
        foreign_from_content(msgspec.msgpack.encode(content))


def test_joined_keys_are_each_there_once() -> None:
    one, other = ForeignKeys((key_of(EC_KEY),)), ForeignKeys((key_of(EC_KEY), key_of(STRANGER)))
    assert NO_KEYS.joined([one, other]).entries == (key_of(EC_KEY), key_of(STRANGER))


@pytest.mark.parametrize(("before", "expected"), [(0, "foreign_valid"), (15, "foreign_valid"), (16, "pass_forged")])
def test_a_message_that_names_no_key_is_not_tried_with_thousands(before: int, expected: str) -> None:
    stranger, own = key_of(STRANGER).public, key_of(EC_KEY).public
    crowd = [ForeignKey(number.to_bytes(2), stranger) for number in range(before)]
    others = [ForeignKey(b"p384", key_of(P384_KEY).public)]
    keys = ForeignKeys((*others, *crowd, ForeignKey(b"own", own)))
    message = token(hc1_payload(), protected={1: -7})
    assert read_foreign(hc1(message), keys, NOW_S).reason == expected
