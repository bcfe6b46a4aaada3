"""Documents: only what is signed, newer and readable replaces what is in force, whatever happens to the power."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import topics
from checkpoint.cose import key_id, public_bytes
from checkpoint.documents import Document, DocumentKind, KeyRow, encode_keys, pack_document
from checkpoint.policy import parse_policy
from checkpoint.trust import TrustEntry, encode_trust
from edge.downlink import (
    DocumentFact,
    DocumentInstalled,
    DocumentRefused,
    Downlink,
    PolicyInstalled,
    TrustInstalled,
)

ROOT_KEY = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([6]) * 32)
NOW_S = 1_790_000_000
DAY_S = 86_400
HERE = ("gate-7", "sunrise-garden", "grid-3")
POLICY_TOML = (Path(__file__).resolve().parents[2] / "firmware_config" / "policies" / "everyday.toml").read_bytes()


def document(
    kind: DocumentKind, content: bytes, version: int = 1, scope: str = "grid-3", *, start_s: int = NOW_S - DAY_S,
    rollout: int = 100,
) -> Document:  # fmt: skip
    return Document(1, kind, scope, version, start_s * 1000, (start_s + 30 * DAY_S) * 1000, rollout, content)


def keys(version: int = 1) -> bytes:
    public = public_bytes(SIGNER)
    bounds = (NOW_S - DAY_S) * 1000, (NOW_S + DAY_S) * 1000
    row = KeyRow(key_id(public), public, ("policy", "notice"), (), *bounds)
    return pack_document(ROOT_KEY, document("keys", encode_keys([row]), version))


def notice(version: int, text: bytes = b"hello", key: Ed25519PrivateKey = SIGNER, **more: int) -> bytes:
    return pack_document(key, document("notice", text, version, **more))


def downlink(folder: Path, **minimum: int) -> Downlink:
    return Downlink(folder / "documents", public_bytes(ROOT_KEY), HERE, minimum)


def give(link: Downlink, kind: str, data: bytes, now_s: int = NOW_S, scope: str = "grid-3") -> tuple[DocumentFact, ...]:
    return link.arrived(topics.document(scope, kind), data, now_s)


@pytest.fixture
def link(tmp_path: Path) -> Downlink:
    link = downlink(tmp_path)
    assert [type(fact) for fact in give(link, "keys", keys())] == [DocumentInstalled]
    return link


def versions(link: Downlink) -> list[int]:
    return [item.version for item in link.in_force("notice")]


def test_a_signed_document_is_installed_and_found_after_a_restart(link: Downlink, tmp_path: Path) -> None:
    (fact,) = give(link, "notice", notice(3))
    assert isinstance(fact, DocumentInstalled)
    again = downlink(tmp_path)
    assert [type(fact) for fact in again.load()] == [DocumentInstalled, DocumentInstalled]
    assert versions(again) == [3]


def test_it_is_found_even_when_the_clock_is_wrong_and_the_signers_key_has_ended(link: Downlink, tmp_path: Path) -> None:
    give(link, "notice", notice(3))
    again = downlink(tmp_path)
    again.load()
    (refused,) = give(again, "notice", notice(4), NOW_S + 2 * DAY_S)
    assert isinstance(refused, DocumentRefused)
    assert versions(again) == [3]


def test_a_policy_is_handed_on_as_the_gate_will_follow_it(link: Downlink) -> None:
    (fact,) = give(link, "policy", pack_document(SIGNER, document("policy", POLICY_TOML)))
    assert isinstance(fact, PolicyInstalled)
    assert fact.policy == parse_policy(POLICY_TOML)


def test_a_trust_list_is_handed_on(link: Downlink) -> None:
    entry = TrustEntry(key_id(public_bytes(SIGNER)), public_bytes(SIGNER), "office", frozenset(), (), 0, NOW_S * 2000)
    (fact,) = give(link, "trust", pack_document(ROOT_KEY, document("trust", encode_trust([entry]))))
    assert isinstance(fact, TrustInstalled)
    assert fact.trust.entries == (entry,)


def test_a_policy_that_can_not_be_read_never_replaces_one_that_can(link: Downlink) -> None:
    give(link, "policy", pack_document(SIGNER, document("policy", POLICY_TOML)))
    (refused,) = give(link, "policy", pack_document(SIGNER, document("policy", b"not = [toml", 2)))
    assert isinstance(refused, DocumentRefused)
    assert "TOML" in refused.why
    assert [item.version for item in link.in_force("policy")] == [1]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (notice(2, key=STRANGER), "key list does not name"),
        (notice(2)[:-3], "unreadable"),
        (b"noise", "unreadable"),
        (pack_document(SIGNER, document("roster", b"", 2)), "may not sign"),
        (pack_document(SIGNER, document("notice", b"", 2, "gate-8")), "came on topic"),
        (notice(3, start_s=NOW_S - 60 * DAY_S), "past its end"),
        (notice(2, b"other"), "in force with other content"),
        (notice(1), "versions only grow"),
    ],
)
def test_what_is_false_old_or_for_others_changes_nothing(link: Downlink, data: bytes, why: str) -> None:
    give(link, "notice", notice(2))
    (fact,) = give(link, "notice", data)
    assert isinstance(fact, DocumentRefused)
    assert why in fact.why
    assert versions(link) == [2]


def test_an_empty_message_and_a_repeat_change_nothing(link: Downlink) -> None:
    give(link, "notice", notice(2))
    assert give(link, "notice", b"") == ()
    assert give(link, "notice", notice(2)) == ()
    assert versions(link) == [2]


def test_a_scope_elsewhere_is_refused(link: Downlink) -> None:
    data = pack_document(SIGNER, document("notice", b"", 1, "grid-9"))
    (fact,) = give(link, "notice", data, scope="grid-9")
    assert isinstance(fact, DocumentRefused)
    assert "not of this place" in fact.why


def test_enrolment_gives_the_lowest_version(tmp_path: Path) -> None:
    link = downlink(tmp_path, notice=5)
    give(link, "keys", keys())
    (fact,) = give(link, "notice", notice(4))
    assert isinstance(fact, DocumentRefused)
    assert "at least 5" in fact.why
    assert len(give(link, "notice", notice(5))) == 1


def test_the_order_of_retained_messages_does_not_matter(tmp_path: Path) -> None:
    link = downlink(tmp_path)
    (refused,) = give(link, "notice", notice(1))
    assert isinstance(refused, DocumentRefused)
    facts = give(link, "keys", keys())
    assert [type(fact) for fact in facts] == [DocumentInstalled, DocumentInstalled]
    assert versions(link) == [1]


def test_a_document_waits_for_its_time_while_the_old_one_stays_in_force(link: Downlink, tmp_path: Path) -> None:
    give(link, "notice", notice(1))
    assert give(link, "notice", notice(2, start_s=NOW_S + 100)) == ()
    assert link.promote(NOW_S + 99) == ()
    assert versions(link) == [1]
    again = downlink(tmp_path)
    again.load()
    assert versions(again) == [1]
    assert len(again.promote(NOW_S + 100)) == 1
    assert versions(again) == [2]
    assert again.promote(NOW_S + 200) == ()
    last = downlink(tmp_path)
    last.load()
    assert versions(last) == [2]


def test_a_rollout_of_nobody_takes_nobody(link: Downlink) -> None:
    assert give(link, "notice", notice(1, rollout=0)) == ()
    assert versions(link) == []


def test_a_torn_file_is_reported_and_the_rest_is_loaded(link: Downlink, tmp_path: Path) -> None:
    give(link, "notice", notice(1))
    give(link, "policy", pack_document(SIGNER, document("policy", POLICY_TOML)))
    (tmp_path / "documents" / "notice@grid-3.doc").write_bytes(b"\x92\x01")
    again = downlink(tmp_path)
    kinds = [type(fact) for fact in again.load()]
    assert sorted(kind.__name__ for kind in kinds) == ["DocumentInstalled", "DocumentRefused", "PolicyInstalled"]


def test_the_most_specific_document_comes_first(link: Downlink) -> None:
    for scope in ("grid-3", "gate-7", "sunrise-garden"):
        give(link, "notice", pack_document(SIGNER, document("notice", scope.encode(), 1, scope)), scope=scope)
    assert [item.scope for item in link.in_force("notice")] == list(HERE)


def test_a_disk_that_can_not_be_written_keeps_the_old_one(link: Downlink, tmp_path: Path) -> None:
    give(link, "notice", notice(1))
    folder = tmp_path / "documents"
    folder.rename(tmp_path / "gone")
    folder.write_text("a file in the way")
    (fact,) = give(link, "notice", notice(2))
    assert isinstance(fact, DocumentRefused)
    assert versions(link) == [1]


def test_what_the_disk_would_not_take_is_taken_when_it_does(link: Downlink, tmp_path: Path) -> None:
    give(link, "notice", notice(1))
    folder = tmp_path / "documents"
    folder.rename(tmp_path / "gone")
    folder.write_text("a file in the way")
    give(link, "notice", notice(2))
    assert link.promote(NOW_S + 5) == ()
    folder.unlink()
    (tmp_path / "gone").rename(folder)
    (fact,) = link.promote(NOW_S + 10)
    assert isinstance(fact, DocumentInstalled)
    assert versions(link) == [2]
    assert link.promote(NOW_S + 15) == ()


def test_what_the_disk_would_not_take_does_not_come_back_after_something_newer(link: Downlink, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.rename(tmp_path / "gone")
    folder.write_text("a file in the way")
    give(link, "notice", notice(2))
    folder.unlink()
    (tmp_path / "gone").rename(folder)
    give(link, "notice", notice(3))
    assert link.promote(NOW_S + 10) == ()
    assert versions(link) == [3]


def test_a_torn_policy_is_known_to_be_there_until_it_comes_again(link: Downlink, tmp_path: Path) -> None:
    policy = pack_document(SIGNER, document("policy", POLICY_TOML))
    give(link, "policy", policy)
    for name in ("policy@grid-3", "policy@elsewhere", "notice@grid-3"):
        (tmp_path / "documents" / f"{name}.doc").write_bytes(b"\x92\x01")
    again = downlink(tmp_path)
    again.load()
    assert again.torn("policy") == {"grid-3"}
    give(again, "policy", policy)
    assert again.torn("policy") == frozenset()
