"""What came sealed to a gate: its secrets and cards are in force together, and a bad roster takes neither away."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from checkpoint import seal
from checkpoint.cards import MAX_CARDS, CardRow
from checkpoint.documents import Document
from checkpoint.roster import encode_roster
from checkpoint.steps import SECRET_BYTES, StepSecret
from edge.rosters import Rosters

MINE, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SECRET = StepSecret("garden", 5, bytes(SECRET_BYTES))
STEP = 5 * 604_800 // 30
CARD = CardRow("iso14443a", bytes.fromhex("FB0EE20B"), b"signed message")
OTHER_CARD = CardRow("em4100", bytes.fromhex("0063E9AE"), b"another message")


def document(content: bytes, scope: str = "gate-1", version: int = 1) -> Document:
    return Document(1, "roster", scope, version, 0, 2**50, 100, content)


def sealed(*cards: CardRow, key: Ed25519PrivateKey = MINE) -> bytes:
    return encode_roster([SECRET], seal.sealing_public(key), cards)


def test_a_roster_brings_secrets_and_cards_together() -> None:
    rosters = Rosters(seal.sealing_key(MINE))
    assert not rosters.cards.lookup("iso14443a", CARD.number)
    steps = rosters.take(document(sealed(CARD)))
    assert steps.candidates(["garden"], STEP) == [SECRET.secret]
    assert len(rosters.cards.lookup("iso14443a", CARD.number)) == 1


def test_the_newest_roster_of_a_scope_replaces_all_of_the_one_before() -> None:
    rosters = Rosters(seal.sealing_key(MINE))
    rosters.take(document(sealed(CARD)))
    rosters.take(document(sealed(OTHER_CARD), version=2))
    assert not rosters.cards.lookup("iso14443a", CARD.number)
    assert rosters.cards.lookup("em4100", b"\x01" + OTHER_CARD.number)
    rosters.take(document(sealed(), version=3))
    assert len(rosters.cards) == 0


def test_rosters_of_several_scopes_count_together() -> None:
    rosters = Rosters(seal.sealing_key(MINE))
    rosters.take(document(sealed(CARD)))
    rosters.take(document(sealed(OTHER_CARD), "garden"))
    assert len(rosters.cards) == 2


def test_what_can_not_be_opened_takes_nothing_away() -> None:
    rosters = Rosters(seal.sealing_key(MINE))
    rosters.take(document(sealed(CARD)))
    with capture_logs() as logs:
        for bad in (sealed(OTHER_CARD, key=OTHER), b"", b"nonsense" * 20):
            steps = rosters.take(document(bad, version=2))
            assert steps.candidates(["garden"], STEP) == [SECRET.secret]
            assert len(rosters.cards) == 1
    assert [entry["event"] for entry in logs] == ["roster_not_opened"] * 3
    assert CARD.number.hex() not in str(logs).lower()


def test_more_cards_than_a_gate_has_room_for_are_left_out_as_a_whole_roster() -> None:
    rosters = Rosters(seal.sealing_key(MINE))
    rosters.take(document(sealed(CARD)))
    full = [CardRow("em4100", number.to_bytes(5, "big"), b"pass") for number in range(MAX_CARDS)]
    with capture_logs() as logs:
        rosters.take(document(sealed(*full), "garden"))
    assert [entry["event"] for entry in logs] == ["roster_not_opened"]
    assert len(rosters.cards) == 1
