"""Documents: signed by a key that may, growing in version, the nearest scope first."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from checkpoint import cose, wire
from checkpoint.documents import (
    DOCUMENT_PURPOSE,
    Document,
    DocumentError,
    KeyList,
    KeyRow,
    accept,
    applicable,
    encode_keys,
    most_specific,
    pack_document,
    read_document,
    read_trust_file,
)
from checkpoint.trust import TrustError, encode_trust
from tests.checkpoint.pass_samples import NOW_S, entry

ROOT = Ed25519PrivateKey.from_private_bytes(bytes([21]) * 32)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes([22]) * 32)
NOW_MS = NOW_S * 1000
DAY_MS = 86_400_000
HERE = ("gate-1", "site-a", "grid-1", "city-1")


def row(key: Ed25519PrivateKey = SIGNER, **changes: Any) -> KeyRow:
    public = cose.public_bytes(key)
    fields: dict[str, Any] = {
        "kid": cose.key_id(public),
        "public": public,
        "kinds": ("policy",),
        "scopes": ("grid-1",),
        "not_before": NOW_MS - DAY_MS,
        "not_after": NOW_MS + DAY_MS,
        **changes,
    }
    return KeyRow(**fields)


def document(**changes: Any) -> Document:
    fields: dict[str, Any] = {
        "version_of_form": 1,
        "kind": "policy",
        "scope": "grid-1",
        "version": 3,
        "not_before": NOW_MS - 1000,
        "not_after": NOW_MS + DAY_MS,
        "rollout": 100,
        "content": b"content",
        **changes,
    }
    return Document(**fields)


KEYS = KeyList(cose.public_bytes(ROOT), (row(),))
DATA = pack_document(SIGNER, document())


def raw(value: object, key: Ed25519PrivateKey = SIGNER) -> bytes:
    return wire.compress(cose.sign(key, msgspec.msgpack.encode(value), DOCUMENT_PURPOSE))


def test_a_document_is_read_as_it_was_signed() -> None:
    assert read_document(DATA, KEYS, NOW_S) == document()


def test_the_key_list_comes_from_the_root_and_then_lets_others_sign() -> None:
    bare = KeyList(cose.public_bytes(ROOT))
    data = pack_document(ROOT, document(kind="keys", content=encode_keys([row()])))
    keys = bare.with_keys(read_document(data, bare, NOW_S))
    assert read_document(DATA, keys, NOW_S) == document()


@pytest.mark.parametrize("kind", ["keys", "trust"])
def test_nobody_but_the_root_says_which_keys_count(kind: str) -> None:
    keys = KeyList(KEYS.root, (row(kinds=("policy", "keys", "trust")),))
    with pytest.raises(DocumentError, match="not signed by the root key"):
        read_document(pack_document(SIGNER, document(kind=kind)), keys, NOW_S)
    with pytest.raises(DocumentError, match="needs the root key"):
        read_document(pack_document(ROOT, document(kind=kind)), KeyList(None, KEYS.rows), NOW_S)


def test_the_root_does_not_sign_everyday_documents() -> None:
    with pytest.raises(DocumentError, match="does not name"):
        read_document(pack_document(ROOT, document()), KEYS, NOW_S)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kinds": ("status",)}, "may not sign this kind"),
        ({"kinds": ()}, "may not sign this kind"),
        ({"scopes": ("grid-2",)}, "may not sign this kind for this scope"),
        ({"not_after": NOW_MS}, "not in use"),
        ({"not_before": NOW_MS + 1}, "not in use"),
        ({"kid": b"else"}, "does not name"),
        ({"public": cose.public_bytes(ROOT)}, "does not hold"),
    ],
)
def test_a_key_is_held_to_its_kinds_scopes_and_time(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read_document(DATA, KeyList(KEYS.root, (row(**changes),)), NOW_S)


def test_a_key_for_a_city_may_sign_for_a_grid_in_it_where_that_is_known() -> None:
    keys = KeyList(KEYS.root, (row(scopes=("city-1",)),))
    assert read_document(DATA, keys, NOW_S, HERE) == document()
    with pytest.raises(DocumentError, match="scope"):
        read_document(DATA, keys, NOW_S)


def test_every_flip_of_a_bit_is_refused_by_name() -> None:
    signed = wire.expand(DATA)
    for bit in range(8 * len(signed)):
        flipped = bytearray(signed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DocumentError):
            read_document(wire.compress(bytes(flipped)), KEYS, NOW_S)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_document_error(data: bytes) -> None:
    for wrong in (data, wire.compress(data), wire.compress(cose.sign(SIGNER, data, DOCUMENT_PURPOSE))):
        with pytest.raises(DocumentError):
            read_document(wrong, KEYS, NOW_S)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([2, "policy", "grid-1", 1, 0, 10**12, 100, b""], "form 2"),
        ([1, "decree", "grid-1", 1, 0, 10**12, 100, b""], "malformed"),
        ([1, "policy", "Grid 1", 1, 0, 10**12, 100, b""], "no gate, site or grid id"),
        ([1, "policy", "grid-1", 0, 0, 10**12, 100, b""], "start at 1"),
        ([1, "policy", "grid-1", 1, 0, NOW_S, 100, b""], "milliseconds"),
        ([1, "policy", "grid-1", 1, 10**12, 10**12, 100, b""], "start before end"),
        ([1, "policy", "grid-1", 1, 0, 10**12, 101, b""], "rollout"),
        ([1, "policy", "grid-1"], "malformed"),
    ],
)
def test_a_mistake_in_a_signed_document_is_named(fields: list[object], why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read_document(raw(fields), KEYS, NOW_S)


def test_what_no_gate_would_take_is_not_signed() -> None:
    with pytest.raises(DocumentError, match="rollout"):
        pack_document(SIGNER, document(rollout=-1))
    with pytest.raises(DocumentError, match="split its scope"):
        pack_document(SIGNER, document(content=bytes(wire.MAX_MESSAGE_BYTES)))


def test_a_document_knows_its_time() -> None:
    standings = [document().standing(at) for at in (NOW_MS - 1001, NOW_MS - 1000, NOW_MS + DAY_MS - 1, NOW_MS + DAY_MS)]
    assert standings == ["early", "current", "current", "over"]


# -- Versions and scopes -----------------------------------------------------------------------------------------------


def test_versions_only_grow() -> None:
    assert accept(document(version=3), None)
    assert accept(document(version=4), document(version=3))
    with pytest.raises(DocumentError, match="at least 3"):
        accept(document(version=2), document(version=3))
    with pytest.raises(DocumentError, match="at least 5"):
        accept(document(version=4), None, minimum=5)


def test_the_same_document_again_changes_nothing() -> None:
    assert not accept(document(), document())


def test_one_version_can_not_mean_two_things() -> None:
    with pytest.raises(DocumentError, match="publish it as version 4"):
        accept(document(content=b"other"), document())


def test_a_document_replaces_only_its_own_kind_and_scope() -> None:
    for other in (document(kind="status"), document(scope="grid-2")):
        with pytest.raises(DocumentError, match="can't replace"):
            accept(other, document())


def test_gate_comes_before_site_before_near_grid_before_far_grid() -> None:
    held = [document(scope=scope) for scope in ("city-1", "gate-1", "elsewhere", "grid-1", "site-a")]
    assert [item.scope for item in applicable(held, HERE)] == list(HERE)
    best = most_specific(held, HERE)
    assert best is not None
    assert best.scope == "gate-1"
    assert most_specific(held, ("nowhere",)) is None


# -- Key lists and trust files -----------------------------------------------------------------------------------------


def test_a_key_list_with_something_that_is_no_key_is_refused_whole() -> None:
    bad = document(kind="keys", content=encode_keys([row(), row(public=b"short")]))
    with pytest.raises(DocumentError, match="32"):
        KEYS.with_keys(bad)
    with pytest.raises(DocumentError, match="malformed"):
        KEYS.with_keys(document(kind="keys", content=b"\xc1"))
    with pytest.raises(DocumentError, match="no key list"):
        KEYS.with_keys(document())


TRUST_DATA = pack_document(ROOT, document(kind="trust", content=encode_trust([entry()])))


@pytest.mark.parametrize("data", [TRUST_DATA, wire.expand(TRUST_DATA)])
def test_a_trust_document_is_read_from_a_file_compressed_or_not(data: bytes) -> None:
    with_root = read_trust_file(data, cose.public_bytes(ROOT))
    without = read_trust_file(data)
    assert with_root.trust.entries == without.trust.entries == (entry(),)
    assert (with_root.signed, without.signed) == (True, False)


def test_a_handwritten_trust_file_is_read_but_never_called_signed() -> None:
    text = b'\n {"keys": [{"public": "%s", "classes": ["visitor"]}]}' % cose.public_bytes(SIGNER).hex().encode()
    assert not read_trust_file(text).signed
    with pytest.raises(DocumentError, match="no signature"):
        read_trust_file(text, cose.public_bytes(ROOT))


def test_a_trust_file_of_another_root_or_kind_is_refused() -> None:
    with pytest.raises(DocumentError, match="root key"):
        read_trust_file(TRUST_DATA, cose.public_bytes(SIGNER))
    with pytest.raises(DocumentError, match="no trust list"):
        read_trust_file(DATA)
    with pytest.raises(DocumentError, match="32"):
        read_trust_file(TRUST_DATA, b"short")


@given(st.binary(max_size=200))
def test_arbitrary_trust_files_raise_only_what_they_say(data: bytes) -> None:
    with pytest.raises((DocumentError, TrustError)):
        read_trust_file(data)
