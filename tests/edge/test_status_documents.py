"""Status lists at a gate: what is older, false or unreadable never replaces what is in force, on disk or in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkpoint import topics
from checkpoint.cose import key_id, public_bytes
from checkpoint.documents import Document, DocumentKind, KeyRow, encode_keys, pack_document
from checkpoint.status_list import CutOff, StatusList, encode_status, make_status
from edge.downlink import DocumentFact, DocumentRefused, Downlink, StatusInstalled

ROOT = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([6]) * 32)
NOW_S = 1_790_000_000
DAY_S = 86_400
HERE = ("gate-7", "garden", "gardens-1", "gardens")
TOPIC = topics.document("gardens", "status")


def packed(kind: DocumentKind, content: bytes, version: int, key: Ed25519PrivateKey, scope: str = "gardens") -> bytes:
    bounds = (NOW_S - DAY_S) * 1000, (NOW_S + 30 * DAY_S) * 1000
    return pack_document(key, Document(1, kind, scope, version, *bounds, 100, content))


def a_list(version: int) -> StatusList:
    """Every version says something else, so that its content shows which one it is."""
    return make_status({version % 50: 1, 60: 2}, 64, NOW_S + version, (CutOff("all", None, version),))


def signed(version: int, key: Ed25519PrivateKey = SIGNER, content: bytes | None = None) -> bytes:
    return packed("status", encode_status(a_list(version)) if content is None else content, version, key)


def downlink(folder: Path) -> Downlink:
    link = Downlink(folder / "documents", public_bytes(ROOT), HERE, {})
    link.load()
    return link


@pytest.fixture
def link(tmp_path: Path) -> Downlink:
    made = downlink(tmp_path)
    public = public_bytes(SIGNER)
    bounds = (NOW_S - DAY_S) * 1000, (NOW_S + DAY_S) * 1000
    row = KeyRow(key_id(public), public, ("status",), (), *bounds)
    made.arrived(topics.document("gardens", "keys"), packed("keys", encode_keys([row]), 1, ROOT), NOW_S)
    return made


def give(link: Downlink, data: bytes) -> DocumentFact:
    (fact,) = link.arrived(TOPIC, data, NOW_S)
    return fact


def test_a_list_comes_parsed_and_is_found_again_after_a_restart(link: Downlink, tmp_path: Path) -> None:
    fact = give(link, signed(3))
    assert isinstance(fact, StatusInstalled)
    assert (fact.document.scope, fact.document.version, fact.status) == ("gardens", 3, a_list(3))
    again = Downlink(tmp_path / "documents", public_bytes(ROOT), HERE, {})
    assert [fact.status for fact in again.load() if isinstance(fact, StatusInstalled)] == [a_list(3)]


GOOD = encode_status(a_list(4))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (signed(2), "versions only grow"),
        (signed(4, STRANGER), "key list does not name"),
        (signed(4)[:-1], "unreadable"),
        (signed(4, content=b""), "malformed"),
        (signed(4, content=GOOD[:-1]), "malformed"),
        (signed(4, content=GOOD + b"\0"), "malformed"),
        (signed(3, content=GOOD), "in force with other content"),
        (packed("status", GOOD, 4, SIGNER, "lakeside"), "came on topic"),
    ],
)
def test_what_is_older_false_or_unreadable_changes_nothing(
    link: Downlink, tmp_path: Path, data: bytes, why: str
) -> None:
    give(link, signed(3))
    fact = give(link, data)
    assert isinstance(fact, DocumentRefused)
    assert why in fact.why
    assert [item.version for item in link.in_force("status")] == [3]
    assert [item.version for item in downlink(tmp_path).in_force("status")] == [3]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_in_whatever_order_lists_come_the_newest_is_in_force(
    tmp_path_factory: pytest.TempPathFactory, versions: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("gate")
    link = downlink(folder)
    public = public_bytes(SIGNER)
    row = KeyRow(key_id(public), public, ("status",), (), 0, (NOW_S + DAY_S) * 1000)
    link.arrived(topics.document("gardens", "keys"), packed("keys", encode_keys([row]), 1, ROOT), NOW_S)
    newest = 0
    for version in versions:
        facts = link.arrived(TOPIC, signed(version), NOW_S)
        installed = [fact for fact in facts if isinstance(fact, StatusInstalled)]
        assert [fact.document.version for fact in installed] == ([version] if version > newest else [])
        newest = max(newest, version)
        assert [item.version for item in link.in_force("status")] == [newest]
    assert [item.version for item in downlink(folder).in_force("status")] == [newest]


@pytest.mark.parametrize("left", ["torn", "empty", "gone"])
def test_a_list_that_the_power_cut_from_the_disk_is_missing_and_comes_again(
    link: Downlink, tmp_path: Path, left: str
) -> None:
    give(link, signed(3))
    file = tmp_path / "documents" / "status@gardens.doc"
    match left:
        case "torn":
            file.write_bytes(file.read_bytes()[:-7])
        case "empty":
            file.write_bytes(b"")
        case "gone":
            file.unlink()
    again = downlink(tmp_path)
    assert again.in_force("status") == ()
    assert isinstance(give(again, signed(3)), StatusInstalled)


def test_a_full_disk_leaves_the_old_list_in_force(link: Downlink, monkeypatch: pytest.MonkeyPatch) -> None:
    give(link, signed(3))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.downlink.write_whole", full)
    fact = give(link, signed(4))
    assert isinstance(fact, DocumentRefused)
    assert "No space left" in fact.why
    assert [item.version for item in link.in_force("status")] == [3]
    monkeypatch.undo()
    assert isinstance(give(link, signed(4)), StatusInstalled)


def test_a_list_for_one_gate_alone_is_refused_aloud_rather_than_never_looked_into(link: Downlink) -> None:
    data = packed("status", encode_status(a_list(1)), 1, SIGNER, scope=HERE[0])
    (fact,) = link.arrived(topics.document(HERE[0], "status"), data, NOW_S)
    assert isinstance(fact, DocumentRefused)
    assert "publish it for garden" in fact.why
    assert not link.in_force("status")
