"""Cards and plates given to passes: by command into the roster of the site's gates, and out of it again."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.backup import RESTORED
from central.people.cards import CardNumber, card_rows, give_card, hex_number, plate_of, printed_number
from central.people.credentials import PeopleError
from central.people.forgetting import forget
from central.people.issuing import renew
from central.people.rosters import check_room, publish_rosters
from central.store.cards import Card
from central.store.sqlite import SqliteStore
from checkpoint import cards
from checkpoint.cards import CardError, Cards
from checkpoint.documents import open_document
from checkpoint.roster import Roster, RosterError, decode_roster
from checkpoint.seal import sealing_key
from checkpoint.status_list import REVOKED, SUSPENDED
from tests.central.people.kit import NOW_S
from tests.central.people.test_issuing import heard, resident

NOW_MS = NOW_S * 1000
TAG = bytes.fromhex("010063E9AE")
UID = bytes.fromhex("FB0EE20B")
LONG_UID = bytes.fromhex("04A1B2C3D4E5F6")


@pytest.fixture
def gate_key(store):
    key = Ed25519PrivateKey.generate()
    heard(store, key)
    return key


def give(store, held, given: CardNumber) -> Card:
    with store.transaction():
        return give_card(store, held.pass_id, given, "li", NOW_MS)


def roster(store, key, gate: str = "gate-1") -> Roster | None:
    """What the gate with this key is told now."""
    data = [data for scope, kind, _, data in store.documents() if (scope, kind) == (gate, "roster")]
    return decode_roster(open_document(data[0]).content, sealing_key(key)) if data else None


def shown(store, key, technology: cards.Technology, number: bytes) -> list[str]:
    told = roster(store, key)
    return [text.decode() for text in Cards(told.cards).lookup(technology, number)] if told else []


def test_a_card_leads_the_sites_gate_to_the_pass_that_a_code_would_show(office, store, gate_key):
    held = resident(office, store)
    give(store, held, printed_number("0006547886"))
    assert publish_rosters(office.config, store, NOW_MS) == ["gate-1"]
    [text] = shown(store, gate_key, "em4100", TAG)
    presented = office.read(text)
    assert presented.valid
    assert presented.pass_.pass_id == held.pass_id


def test_gates_of_another_site_and_dead_ones_are_told_of_no_card(office, store, gate_key):
    other = Ed25519PrivateKey.generate()
    gate = heard(store, other, "gate-2")
    store.enrol(gate.name, gate.public, "donghu-7", "west", 0)
    give(store, resident(office, store), printed_number("0006547886"))
    assert publish_rosters(office.config, store, NOW_MS) == ["gate-1"]
    assert roster(store, other, "gate-2") is None


def test_a_card_that_is_taken_back_is_known_to_no_gate_any_more(office, store, gate_key):
    give(store, resident(office, store), printed_number("0006547886"))
    publish_rosters(office.config, store, NOW_MS)
    store.drop_card(store.cards()[0])
    assert publish_rosters(office.config, store, NOW_MS) == ["gate-1"]
    assert roster(store, gate_key) == Roster()
    assert publish_rosters(office.config, store, NOW_MS) == []
    assert publish_rosters(office.config, store, NOW_MS + 5 * 604_800_000) == []


def test_a_roster_of_cards_is_made_anew_when_a_pass_changes_and_each_week(office, store, gate_key):
    held = resident(office, store)
    give(store, held, printed_number("0006547886"))
    assert publish_rosters(office.config, store, NOW_MS) == ["gate-1"]
    assert publish_rosters(office.config, store, NOW_MS + 60_000) == []
    [before] = shown(store, gate_key, "em4100", TAG)
    with store.transaction():
        renew(office.config, store, held, NOW_S + 120)
    assert publish_rosters(office.config, store, NOW_MS + 120_000) == ["gate-1"]
    [after] = shown(store, gate_key, "em4100", TAG)
    assert office.read(after, NOW_S + 120).pass_.not_before_s == NOW_S + 120
    assert before != after
    assert publish_rosters(office.config, store, NOW_MS + 604_800_000) == ["gate-1"]


@pytest.mark.parametrize("status", [REVOKED, SUSPENDED])
def test_a_pass_that_was_taken_back_stays_known_so_that_the_gate_can_say_why(office, store, gate_key, status):
    held = resident(office, store)
    give(store, held, plate_of("赣A·12345"))
    store.set_status(held.pass_id, status, "", NOW_MS)
    publish_rosters(office.config, store, NOW_MS)
    [text] = shown(store, gate_key, "plate", "赣A12345".encode())
    assert office.read(text).pass_.status_index == held.issued.status_index


def test_one_number_belongs_to_one_pass_of_a_site_in_whatever_form_it_was_given(office, store):
    held = resident(office, store)
    other = resident(office, store, name="李", id_number="", unit_label="1-1-101")
    give(store, held, printed_number("0006547886"))
    for again in (printed_number("0006547886"), hex_number("em4100", "01 00 63 E9 AE")):
        with pytest.raises(PeopleError, match=f"given to pass {held.pass_id.hex()} at east: remove it first"):
            give(store, other, again)
    give(store, other, hex_number("em4100", "100086F444"))
    with pytest.raises(PeopleError, match="remove it first"):
        give(store, held, printed_number("0008844356"))
    assert len(store.cards_of(held.pass_id)) == 1


def test_no_card_is_given_to_a_pass_that_is_over_for_good_or_unknown(office, store):
    held = resident(office, store)
    store.set_status(held.pass_id, REVOKED, "", NOW_MS)
    with pytest.raises(PeopleError, match="was revoked"):
        give(store, held, printed_number("0006547886"))
    with pytest.raises(PeopleError, match="was not issued here"), store.transaction():
        give_card(store, bytes(8), printed_number("0006547886"), "li", NOW_MS)


@pytest.mark.parametrize(
    ("read", "text", "technology", "number"),
    [
        (printed_number, " 0006547886 ", "em4100", TAG[1:]),
        (lambda text: hex_number("em4100", text), "01:00:63:e9:ae", "em4100", TAG),
        (lambda text: hex_number("iso14443a", text), "FB 0E E2 0B", "iso14443a", UID),
        (lambda text: hex_number("iso14443a", text), "04-A1-B2-C3-D4-E5-F6", "iso14443a", LONG_UID),
        (plate_of, "赣a·12345", "plate", "赣A12345".encode()),
    ],
)  # fmt: skip
def test_a_number_is_taken_in_the_forms_that_people_see(read, text, technology, number):
    assert read(text) == CardNumber(technology, number)


@pytest.mark.parametrize(
    ("read", "text", "why"),
    [
        (printed_number, "6547886", "ten digits"),
        (printed_number, "4294967296", "ten digits"),
        (printed_number, "０００６５４７８８６", "ten digits"),
        (lambda text: hex_number("em4100", text), "0063E9AE11FF", "4 or 5 bytes"),
        (lambda text: hex_number("iso14443a", text), "xyz", "pairs of 0-9"),
        (lambda text: hex_number("iso14443a", text), "08A1B2C3", "another number each time"),
        (plate_of, "赣", "no number plate"),
        (plate_of, "A" * 17, "no number plate"),
    ],
)
def test_what_is_no_number_is_named_with_the_remedy(read, text, why):
    with pytest.raises(CardError, match=why):
        read(text)


def test_more_cards_than_a_document_holds_are_refused_when_they_are_given(office, store, monkeypatch):
    held = resident(office, store)
    give(store, held, printed_number("0006547886"))
    check_room(office.config, store, "east", NOW_MS)
    monkeypatch.setattr("checkpoint.roster.MAX_CONTENT_BYTES", 200)
    with pytest.raises(RosterError, match="at most 200: remove cards"):
        check_room(office.config, store, "east", NOW_MS)


def test_after_a_restore_the_cards_are_said_again(office, store, gate_key):
    """What the broker still has may name a card that the restored store knows nothing of."""
    give(store, resident(office, store), printed_number("0006547886"))
    assert publish_rosters(office.config, store, NOW_MS) == ["gate-1"]
    store.move_cursor(RESTORED, NOW_MS)
    assert publish_rosters(office.config, store, NOW_MS) == ["gate-1"]
    assert publish_rosters(office.config, store, NOW_MS) == []


def test_a_card_goes_with_the_person_who_is_forgotten(office, store):
    held = resident(office, store)
    give(store, held, printed_number("0006547886"))
    forget(store, (held.claims.expires_s + 1) * 1000)
    assert store.cards() == []


def test_a_pass_that_can_be_signed_no_more_keeps_no_other_card_from_the_gates(office, store):
    bad, good = resident(office, store), resident(office, store, name="李", id_number="", unit_label="1-1-101")
    give(store, bad, printed_number("0000000001"))
    give(store, good, printed_number("0000000002"))
    store.connection.execute("UPDATE issued SET claims = x'a0' WHERE pass_id = ?", (bad.pass_id,))
    assert [row.number[-1] for row in card_rows(office.config, store, "east")] == [2]


def test_a_store_of_the_third_schema_climbs_to_the_fourth(office, store):
    store.connection.execute("DROP TABLE card")
    store.connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE '0004%'")
    held = resident(office, store)
    with closing(SqliteStore(office.config.database)) as climbed:
        assert climbed.cards() == []
        give(climbed, held, printed_number("0006547886"))
        assert len(climbed.cards("east")) == 1


# -- By command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def pass_id(office):
    person = json.loads(office.run("people", "add", "--site", "east", "--name", "王", "--unit", "3-2-501", "--json"))
    return json.loads(office.run("pass", "issue", "--person", str(person["person"]), "--json"))["pass_id"]


def card(office, *words: str, code: int = 0) -> str:
    """`pass card WORD`, which takes its configuration one word later."""
    from click.testing import CliRunner

    from central.cli import main

    word, *rest = words
    result = CliRunner().invoke(main, ["pass", "card", word, "-c", str(office.file), *rest])
    assert result.exit_code == code, result.output
    return result.output


def test_a_card_is_added_listed_and_removed_by_command(office, store, pass_id):
    key = Ed25519PrivateKey.generate()
    heard(store, key)
    added = json.loads(card(office, "add", pass_id, "--printed", "0006547886", "--json"))
    assert added == {
        "technology": "em4100", "number": "0006547886", "pass_id": pass_id, "site": "east", "gates": ["gate-1"],
    }  # fmt: skip
    card(office, "add", pass_id, "--plate", "赣A12345", "--by", "李")
    card(office, "add", pass_id, "--uid", "FB0EE20B")
    lines = [json.loads(line) for line in card(office, "list", "--site", "east", "--json").splitlines()]
    assert {line["number"]: line["by"] for line in lines}["赣A12345"] == "李"
    assert {line["number"] for line in lines} == {"0006547886", "赣A12345", "FB0EE20B"}
    assert {line["status"] for line in lines} == {"valid"}
    assert len(roster(store, key).cards) == 3
    removed = json.loads(card(office, "remove", "--uid", "fb:0e:e2:0b", "--json"))
    assert (removed["number"], removed["gates"]) == ("FB0EE20B", ["gate-1"])
    assert len(roster(store, key).cards) == 2
    assert "FB0EE20B" not in card(office, "list", pass_id)


def test_a_card_without_room_for_it_is_not_kept(office, store, pass_id, monkeypatch):
    monkeypatch.setattr("checkpoint.roster.MAX_CONTENT_BYTES", 100)
    assert "at most 100: remove cards" in card(office, "add", pass_id, "--printed", "0006547886", code=2)
    assert store.cards() == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "PASS"), "name one card or plate"),
        (("add", "PASS", "--printed", "0006547886", "--plate", "赣A12345"), "name one card or plate"),
        (("add", "PASS", "--printed", "12"), "ten digits"),
        (("add", "00", "--printed", "0006547886"), "was not issued here"),
        (("add", "xyz", "--printed", "0006547886"), "is not hex"),
        (("remove", "--printed", "0006547886"), "is given to no pass here"),
    ],
)
def test_a_command_that_can_not_be_done_says_why_and_changes_nothing(office, store, pass_id, words, why):
    assert why in card(office, *(pass_id if word == "PASS" else word for word in words), code=2)
    assert store.cards() == []
