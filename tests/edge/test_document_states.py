"""A policy for some gates beside the one for all: who takes it, what is kept, and what the heartbeat says of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint import topics
from checkpoint.documents import Document, DocumentError, encode_document, encode_keys, pack_document
from edge.document_states import DocumentStates
from edge.downlink import DocumentFact, DocumentRefused, Downlink, PolicyInstalled
from tests.edge.test_downlink import DAY_S, HERE, NOW_S, POLICY_TOML, ROOT_KEY, SIGNER, downlink, give, keys

USUAL = topics.document("grid-3", "policy")
STAGED = topics.staged("grid-3", "policy")


def policy(version: int, targets: tuple[str, ...] = (), *, start_s: int = NOW_S - DAY_S, percent: int = 0) -> bytes:
    """For the gates named; for all without any."""
    rollout = percent if targets or percent else 100
    bounds = start_s * 1000, (start_s + 30 * DAY_S) * 1000
    return pack_document(SIGNER, Document(1, "policy", "grid-3", version, *bounds, rollout, POLICY_TOML, targets))


@dataclass
class Desk:
    """A downlink with what it tells."""

    link: Downlink
    states: DocumentStates

    def give(self, topic: str, data: bytes) -> tuple[DocumentFact, ...]:
        facts = self.link.arrived(topic, data, NOW_S)
        self.states.take(facts)
        return facts

    def version(self) -> list[int]:
        return [item.version for item in self.link.in_force("policy")]


def desk_at(folder: Path) -> Desk:
    link = downlink(folder)
    give(link, "keys", keys())
    return Desk(link, DocumentStates(link))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_at(tmp_path)


@pytest.mark.parametrize("target", HERE)
def test_a_gate_whose_place_is_named_takes_it(desk: Desk, target: str) -> None:
    desk.give(USUAL, policy(1))
    [fact] = desk.give(STAGED, policy(2, ("elsewhere", target)))
    assert isinstance(fact, PolicyInstalled)
    assert desk.version() == [2]


def test_a_gate_that_is_not_named_keeps_what_it_has_and_refuses_nothing(desk: Desk) -> None:
    desk.give(USUAL, policy(1))
    assert desk.give(STAGED, policy(2, ("gate-8", "grid-4"))) == ()
    assert desk.version() == [1]


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1))))
def test_with_an_empty_disk_the_order_of_the_two_does_not_matter(tmp_path: Path, order: tuple[int, ...]) -> None:
    messages = [(USUAL, policy(1)), (STAGED, policy(2, ("gate-7",)))]
    desk = desk_at(tmp_path)
    for number in order:
        assert not [fact for fact in desk.give(*messages[number]) if isinstance(fact, DocumentRefused)]
    assert desk.version() == [2]


def test_at_every_connection_both_come_again_and_nothing_is_refused(desk: Desk) -> None:
    for _ in range(3):
        desk.give(USUAL, policy(1))
        assert not [f for f in desk.give(STAGED, policy(2, ("gate-7",))) if isinstance(f, DocumentRefused)]
    assert desk.give(USUAL, policy(1)) == ()
    assert desk.version() == [2]


def test_the_way_back_reaches_gates_with_the_new_one_and_with_the_old_one(desk: Desk, tmp_path: Path) -> None:
    desk.give(USUAL, policy(1))
    desk.give(STAGED, policy(2, ("gate-7",)))
    other = desk_at(tmp_path / "other")
    other.give(USUAL, policy(1))
    for one in (desk, other):
        assert len(one.give(USUAL, policy(3))) == 1
        assert one.give(STAGED, policy(2, ("gate-7",))) == ()
        assert one.version() == [3]


def test_one_for_all_is_not_taken_from_the_topic_of_stages(desk: Desk) -> None:
    [fact] = desk.give(STAGED, policy(2))
    assert isinstance(fact, DocumentRefused)
    assert desk.version() == []


def test_an_older_one_for_all_is_still_refused_where_nothing_is_staged(desk: Desk) -> None:
    desk.give(USUAL, policy(2))
    [fact] = desk.give(USUAL, policy(1))
    assert isinstance(fact, DocumentRefused)
    assert "versions only grow" in fact.why


@settings(max_examples=60)
@given(st.integers(0, 99), st.text("abcdefghij0123456789-", min_size=1, max_size=32))
def test_widening_takes_no_gate_out(percent: int, gate: str) -> None:
    def one(share: int, *targets: str) -> Document:
        return Document(1, "policy", "grid-3", 1, 0, 10**12, share, b"", targets)

    if one(percent).concerns((gate,), gate):
        assert one(percent + 1).concerns((gate,), gate)
    assert one(percent, gate).concerns((gate,), gate)


def test_a_percentage_reaches_about_so_many_gates() -> None:
    document = Document(1, "policy", "grid-3", 1, 0, 10**12, 30, b"")
    gates = [f"gate-{number}" for number in range(1000)]
    assert 250 < sum(document.concerns((gate,), gate) for gate in gates) < 350


@pytest.mark.parametrize("target", ["", "Gate", "a/b", "x" * 33])
def test_a_target_that_is_no_id_is_never_signed(target: str) -> None:
    with pytest.raises(DocumentError, match="target"):
        policy(1, (target,))


def test_a_document_for_all_has_the_bytes_that_it_always_had() -> None:
    assert encode_document(Document(1, "policy", "g", 1, 0, 10**12, 100, b"x"))[0] == 0x98
    assert encode_document(Document(1, "policy", "g", 1, 0, 10**12, 0, b"x", ("a",)))[0] == 0x99


# --- the heartbeat -------------------------------------------------------------------------------------------------


def test_what_is_in_force_is_told_and_told_again(desk: Desk) -> None:
    desk.give(USUAL, policy(1))
    assert desk.states.news() == {"policy@grid-3": "1"}
    assert desk.states.news() == {}
    desk.states.take(())
    assert desk.states.news() == {"policy@grid-3": "1"}
    desk.give(STAGED, policy(2, ("gate-7",)))
    assert desk.states.news() == {"policy@grid-3": "2"}


def test_what_waits_for_its_time_is_told_as_waiting(desk: Desk) -> None:
    desk.give(USUAL, policy(1))
    desk.give(STAGED, policy(2, ("gate-7",), start_s=NOW_S + DAY_S))
    assert desk.states.news() == {"policy@grid-3": "1", "policy@grid-3/waiting": "2"}
    desk.states.take(desk.link.promote(NOW_S + 2 * DAY_S))
    assert desk.states.news() == {"policy@grid-3": "2", "policy@grid-3/waiting": ""}


def test_a_refusal_is_told_with_its_reason_until_something_is_taken(desk: Desk) -> None:
    desk.give(USUAL, policy(1))
    bounds = (NOW_S - DAY_S) * 1000, (NOW_S + DAY_S) * 1000
    bad = Document(1, "policy", "grid-3", 2, *bounds, 0, b"not = [toml", ("gate-7",))
    desk.give(STAGED, pack_document(SIGNER, bad))
    news = desk.states.news()
    assert news["policy@grid-3"] == "1"
    assert news["policy@grid-3/refused"].startswith("2 policy is not TOML")
    desk.give(STAGED, policy(3, ("gate-7",)))
    assert desk.states.news() == {"policy@grid-3": "3", "policy@grid-3/refused": ""}


def test_what_could_not_be_read_is_refused_without_a_version(desk: Desk) -> None:
    desk.give(STAGED, b"noise")
    assert desk.states.news()["policy@grid-3/refused"].startswith("0 ")


def test_a_torn_file_is_told_too(desk: Desk, tmp_path: Path) -> None:
    desk.give(USUAL, policy(1))
    (tmp_path / "documents" / "policy@grid-3.doc").write_bytes(b"torn")
    again = downlink(tmp_path)
    states = DocumentStates(again)
    states.take(again.load())
    assert "torn" in states.news()["policy@grid-3/refused"]


def test_what_the_disk_does_not_take_is_told_until_it_does(desk: Desk, tmp_path: Path) -> None:
    desk.give(USUAL, policy(1))
    blocked = tmp_path / "documents" / ".policy@grid-3.doc.new"
    blocked.mkdir()
    desk.give(STAGED, policy(2, ("gate-7",)))
    news = desk.states.news()
    assert news["policy@grid-3"] == "1"
    assert news["policy@grid-3/refused"].startswith("2 ")
    blocked.rmdir()
    desk.states.take(desk.link.promote(NOW_S))
    assert desk.states.news() == {"policy@grid-3": "2", "policy@grid-3/refused": ""}


def test_other_kinds_are_not_told(desk: Desk) -> None:
    desk.give(topics.document("grid-3", "status"), b"noise")
    assert desk.states.news() == {}


@pytest.mark.parametrize("first_staged", [True, False])
def test_of_two_that_wait_for_their_time_the_newer_one_stays(tmp_path: Path, *, first_staged: bool) -> None:
    """A clock that is behind finds both early, in whatever order the broker gives them."""
    desk, start_s = desk_at(tmp_path), NOW_S + 3600
    pair = [(STAGED, policy(2, ("grid-3",), start_s=start_s)), (USUAL, policy(1, start_s=start_s))]
    for topic, data in pair if first_staged else reversed(pair):
        desk.give(topic, data)
    assert desk.link.waiting("policy") == {"grid-3": 2}
    again = downlink(tmp_path)
    again.load()
    assert again.waiting("policy") == {"grid-3": 2}


def test_one_that_waited_and_can_not_be_taken_when_its_time_comes_is_told_as_refused(desk: Desk) -> None:
    """Its signer was taken from the key list meanwhile."""
    desk.give(STAGED, policy(2, ("grid-3",), start_s=NOW_S + 3600))
    assert desk.states.news() == {"policy@grid-3/waiting": "2"}
    bounds = (NOW_S - DAY_S) * 1000, (NOW_S + 30 * DAY_S) * 1000
    nobody = Document(1, "keys", "grid-3", 2, *bounds, 100, encode_keys(()))
    desk.give(topics.document("grid-3", "keys"), pack_document(ROOT_KEY, nobody))
    desk.states.take(desk.link.promote(NOW_S + 3600))
    news = desk.states.news()
    assert news["policy@grid-3/waiting"] == ""
    assert news["policy@grid-3/refused"].startswith("2 ")
