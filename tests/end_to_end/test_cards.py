"""A card given to a pass by command opens the real gate where it is laid on the reader, until it is taken back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from checkpoint.documents import open_document
from checkpoint.records import Verdict
from checkpoint.roster import Roster, decode_roster
from checkpoint.seal import sealing_key
from drivers.emulators.catalogue import Emulated, emulate
from edge.keys import load_key
from tests.waiting import wait_for
from tools.chaos.run import PACE, places
from tools.demo.evidence import gate_records
from tools.demo.processes import Town

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

GATE = "gate-1"
PRINTED, TAG = "0006547886", "010063E9AE"
OTHER_PRINTED, OTHER_TAG = "0008844356", "100086F444"
_POLICY = """
id = "cards"
version = 1
title_zh = "测试"
title_en = "Test"
authority = "nobody, for tests only"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2099-12-31T00:00:00+08:00
accept_weak_binding = true

[[rule]]
name = "everybody with a pass"
checks = ["pass"]

[pass]
card = "allow"
# A print of the pass behind a card would open nothing.
static = []

[timeouts]
presentation_s = 8
crossing_s = 4
verdict_shown_s = 0.5
same_code_ignored_s = 0.5
"""


class Place:
    """A town of one gate that has a 125 kHz reader beside its camera."""

    def __init__(self, folder: Path, reader: Emulated) -> None:
        policy = folder / "policy.toml"
        policy.write_text(_POLICY, encoding="utf-8")
        self.town = Town(folder, places(1), replace(PACE, policy=policy))
        self.reader = reader

    def start(self) -> None:
        self.town.set_up()
        file = self.town.gate_folder(GATE) / "gate.toml"
        table = f'\n[lanes.readers.card]\ndriver = "rdm6300"\noptions = {{ port = "{self.reader.options["port"]}" }}\n'
        file.write_text(file.read_text(encoding="utf-8") + table, encoding="utf-8")
        self.town.start()
        wait_for(self._seal_key_is_known, "the gate's sealing key")

    def new_pass(self, name: str) -> str:
        """Of somebody in the register; returns once the gate knows the status list that it is on."""
        person = json.loads(self.town.central("people", "add", "--site", "garden", "--name", name, "--json"))
        made = json.loads(self.town.central("pass", "issue", "--person", str(person["person"]), "--json"))
        wait_for(lambda: list(self._documents.glob("status@*.doc")), "a status list")
        return str(made["pass_id"])

    def roster(self) -> Roster:
        """What the gate has on its disk, opened with its own key."""
        file = self._documents / f"roster@{GATE}.doc"
        if not file.exists():
            return Roster()
        content = open_document(msgspec.msgpack.decode(file.read_bytes())[1]).content
        return decode_roster(content, sealing_key(load_key(self.data / "gate.key")))

    def lays_card(self, tag: str) -> Verdict:
        """Somebody steps in, lays the card on the reader, and leaves again."""
        street, before = self.town.streets[GATE], len(self._verdicts())
        wait_for(lambda: street.screen.lane().get("state") == "wait", "a free lane")
        street.step_in()
        self.reader.set(card=tag)
        wait_for(lambda: len(self._verdicts()) > before, "a verdict")
        self.reader.set(card="")
        street.step_away()
        street.keep_distance()
        return self._verdicts()[-1]

    @property
    def data(self) -> Path:
        return self.town.gate_folder(GATE) / "data"

    @property
    def _documents(self) -> Path:
        return self.data / "documents"

    def _verdicts(self) -> list[Verdict]:
        records = gate_records(self.data / "outbox.db")
        return [kept.payload for kept in records if isinstance(kept.payload, Verdict)]

    def _seal_key_is_known(self) -> bool:
        with closing(sqlite3.connect(self.town.database)) as connection:
            row = connection.execute("SELECT versions FROM gate_state").fetchone()
        return bool(row) and "seal" in msgspec.json.decode(row[0])


@pytest.fixture(scope="module")
def place(open_folder: Path) -> Iterator[Place]:
    with emulate("reader", "rdm6300", open_folder) as reader:
        place = Place(open_folder, reader)
        try:
            place.start()
            yield place
        finally:
            place.town.close()


def test_a_card_opens_as_its_pass_does_until_it_is_taken_back(place: Place) -> None:
    pass_id = place.new_pass("张小明")
    added = json.loads(place.town.central("pass", "card", "add", pass_id, "--printed", PRINTED, "--json"))
    assert added["gates"] == [GATE]
    wait_for(lambda: [row.number.hex().upper() for row in place.roster().cards] == [TAG[2:]], "the card at the gate")
    verdict = place.lays_card(TAG)
    assert (verdict.verdict, verdict.reason) == ("allow", "all_ok"), place.town.tail(GATE)
    assert verdict.pass_facts is not None
    assert verdict.pass_facts.pass_id.hex() == pass_id

    place.town.central("pass", "card", "remove", "--printed", PRINTED)
    wait_for(lambda: not place.roster().cards, "a roster without it")
    refused = place.lays_card(TAG)
    assert (refused.verdict, refused.reason) == ("deny", "card_unknown")


def test_a_revoked_pass_is_revoked_on_its_card_too(place: Place) -> None:
    pass_id = place.new_pass("王芳")
    place.town.central("pass", "card", "add", pass_id, "--printed", OTHER_PRINTED)
    wait_for(lambda: place.roster().cards, "the card at the gate")
    assert place.lays_card(OTHER_TAG).verdict == "allow"
    place.town.central("pass", "revoke", pass_id)
    wait_for(lambda: place.lays_card(OTHER_TAG).reason == "pass_revoked", "the revocation")


def test_no_card_number_is_in_a_record_or_log_of_the_gate(place: Place) -> None:
    for file in (place.data / "outbox.db", place.data / "outbox.db-wal", place.town.folder / f"{GATE}.log"):
        kept = file.read_bytes() if file.exists() else b""
        for number in (TAG.encode(), TAG.lower().encode(), PRINTED.encode(), bytes.fromhex(TAG[2:])):
            assert number not in kept, f"{file.name} holds the number of a card"
