"""The watch list at the collector: sealed to the gates of its place, with who asked and why, and no number."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.backup import RESTORED, backup, restore
from central.keys import KeyFileError
from central.registry import take_registry
from central.retention import retain_until
from central.store.base import CaseRow
from central.store.sqlite import SqliteStore
from central.watching import Wanted, publish_watch, secret_of, watch_for, watch_no_more
from checkpoint.documents import open_document
from checkpoint.seal import sealing_key
from checkpoint.verdict_watch import DISCREET
from checkpoint.watch import Hit, WatchError, WatchList, decode_watch
from tests.central.people.conftest import office, store
from tests.central.people.kit import NOW_S, NUMBER
from tests.central.people.test_issuing import heard

__all__ = ["office", "store"]

NOW_MS = NOW_S * 1000
DAY_MS = 86_400_000
SUBJECT, PLATE = "0011223344556677", "赣A12345"


@pytest.fixture
def gate_key(store):
    key = Ed25519PrivateKey.generate()
    heard(store, key)
    return key


@pytest.fixture
def registry(office, store):
    return take_registry(office.config, store, NOW_MS)


def wanted(scope: str = "east", kind: str = "subject", value: str = SUBJECT, **more) -> Wanted:
    fields = {"call": "police", "why": "order 7/2026", "by": "li", "until_ms": NOW_MS + DAY_MS, **more}
    return Wanted(scope, kind, value, **fields)


def add(office, store, registry, entry: Wanted, now_ms: int = NOW_MS):
    with store.transaction():
        return watch_for(office.config, store, registry, entry, now_ms)


def told(store, key, gate: str = "gate-1") -> WatchList | None:
    """What the gate with this key is told now."""
    data = [data for scope, kind, _, data in store.documents() if (scope, kind) == (gate, "watch")]
    assert len(data) <= 1
    return decode_watch(open_document(data[0]).content, sealing_key(key)) if data else None


def test_nobody_has_a_list_before_anybody_uses_it(office, store, registry, gate_key):
    assert publish_watch(office.config, store, registry, NOW_MS) == []
    assert told(store, gate_key) is None


def test_an_empty_list_says_that_nobody_is_on_it(office, store, registry, gate_key):
    secret_of(office.config, store, NOW_MS)
    assert publish_watch(office.config, store, registry, NOW_MS) == ["gate-1"]
    assert len(told(store, gate_key)) == 0
    assert publish_watch(office.config, store, registry, NOW_MS) == []


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("subject", SUBJECT, bytes.fromhex(SUBJECT)),
        ("pass", SUBJECT, bytes.fromhex(SUBJECT)),
        ("household", "01020304", bytes.fromhex("01020304")),
        ("plate", "赣a·12345", PLATE.encode()),
    ],
)
def test_a_gate_finds_what_was_put_on_the_list(office, store, registry, gate_key, kind, value, read):
    add(office, store, registry, wanted(kind=kind, value=value))
    assert publish_watch(office.config, store, registry, NOW_MS) == ["gate-1"]
    assert told(store, gate_key).hit(kind, read, NOW_MS) == Hit("police")
    assert told(store, gate_key).hit(kind, read, NOW_MS + DAY_MS) is None


def test_a_documents_number_is_found_and_stands_nowhere(office, store, registry, gate_key):
    add(office, store, registry, wanted(kind="document", value=f" {NUMBER[:6]} {NUMBER[6:]}"))
    publish_watch(office.config, store, registry, NOW_MS)
    listed = told(store, gate_key)
    assert listed.hit("document", listed.document_value(NUMBER), NOW_MS) == Hit("police")
    files = [path for path in office.home.rglob("*") if path.is_file()]
    assert office.config.database in files
    assert not [path for path in files if NUMBER.encode() in path.read_bytes()]


def test_gates_of_another_place_are_not_told(office, store, registry, gate_key):
    other = Ed25519PrivateKey.generate()
    gate = heard(store, other, "gate-2")
    store.enrol(gate.name, gate.public, "donghu-7", "west", 0)
    add(office, store, registry, wanted("east"))
    add(office, store, registry, wanted("gate-2", value="7766554433221100"))
    add(office, store, registry, wanted("donghu", "plate", PLATE))
    assert publish_watch(office.config, store, registry, NOW_MS) == ["gate-1", "gate-2"]
    subjects = [bytes.fromhex(SUBJECT), bytes.fromhex("7766554433221100")]
    first, second = told(store, gate_key), told(store, other, "gate-2")
    assert [first.hit("subject", one, NOW_MS) is not None for one in subjects] == [True, False]
    assert [second.hit("subject", one, NOW_MS) is not None for one in subjects] == [False, True]
    assert first.hit("plate", PLATE.encode(), NOW_MS) == second.hit("plate", PLATE.encode(), NOW_MS) == Hit("police")


def test_what_is_taken_off_is_in_no_list_and_on_record(office, store, registry, gate_key):
    row = add(office, store, registry, wanted())
    publish_watch(office.config, store, registry, NOW_MS)
    with store.transaction():
        watch_no_more(store, row.no, "wang", "settled", NOW_MS + 1)
    assert publish_watch(office.config, store, registry, NOW_MS + 1) == ["gate-1"]
    assert len(told(store, gate_key)) == 0
    # Not even the list before lies in the store: it still names them.
    assert store.connection.execute("SELECT count(*) FROM document WHERE kind = 'watch'").fetchone() == (1,)
    (kept,) = store.watched()
    assert (kept.by, kept.why, kept.removed_by, kept.removed_why) == ("li", "order 7/2026", "wang", "settled")
    with store.transaction(), pytest.raises(WatchError, match="entry 1 is not on the list"):
        watch_no_more(store, row.no, "wang", "again", NOW_MS + 2)


def test_an_entry_that_ended_leaves_the_lists_and_later_the_store(office, store, registry, gate_key):
    add(office, store, registry, wanted())
    publish_watch(office.config, store, registry, NOW_MS)
    assert publish_watch(office.config, store, registry, NOW_MS + DAY_MS) == ["gate-1"]
    assert len(told(store, gate_key)) == 0
    retain_until(store, NOW_MS + DAY_MS)
    assert len(store.watched()) == 1
    retain_until(store, NOW_MS + DAY_MS + 1)
    assert store.watched() == []


def test_a_gate_gets_a_new_list_for_a_new_key_each_week_and_after_a_restore(office, store, registry, gate_key):
    add(office, store, registry, wanted(until_ms=NOW_MS + 60 * DAY_MS))
    assert publish_watch(office.config, store, registry, NOW_MS) == ["gate-1"]
    assert publish_watch(office.config, store, registry, NOW_MS + 7 * DAY_MS) == ["gate-1"]
    with store.transaction():
        store.move_cursor(RESTORED, NOW_MS)
    assert publish_watch(office.config, store, registry, NOW_MS + 7 * DAY_MS) == ["gate-1"]
    fresh = Ed25519PrivateKey.generate()
    heard(store, fresh)
    assert publish_watch(office.config, store, registry, NOW_MS + 7 * DAY_MS) == ["gate-1"]
    assert len(told(store, fresh)) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (wanted("nowhere"), "'nowhere' is no site, grid or gate"),
        (wanted(value="00"), "kind subject needs 16 hex digits"),
        (wanted(kind="household", value=SUBJECT), "kind household needs 8 hex digits"),
        (wanted(kind="plate", value="赣A"), "a number plate has 4 to 16"),
        (wanted(kind="document", value="11/22;33"), "a document's number has 4 to 64"),
        (wanted(why=" "), "why: give 1 to 200 signs"),
        (wanted(why="two\nlines"), "why: give 1 to 200 signs on one line"),
    ],
)
def test_a_bad_entry_names_the_remedy_and_not_the_number(office, store, registry, entry, words):
    with pytest.raises(WatchError, match=words) as error:
        add(office, store, registry, entry)
    assert entry.value not in str(error.value)
    assert store.watched() == []


def test_the_same_entry_twice_is_refused_and_at_another_place_is_not(office, store, registry):
    add(office, store, registry, wanted())
    with pytest.raises(WatchError, match="entry 1 is the same for east: `watch remove 1` first"):
        add(office, store, registry, wanted(call="guard"))
    assert add(office, store, registry, wanted("donghu")).no == 2


def test_a_lost_secret_is_an_error_and_never_a_list_that_finds_nobody(office, store, registry, gate_key):
    add(office, store, registry, wanted())
    (office.home / "keys" / "watch.key").unlink()
    with pytest.raises(KeyFileError, match=r"watch\.key is gone, .* put a copy of it back"):
        publish_watch(office.config, store, registry, NOW_MS)
    with pytest.raises(KeyFileError, match="is gone"):
        add(office, store, registry, wanted(value="7766554433221100"))
    with store.transaction():
        watch_no_more(store, 1, "li", "the secret is lost", NOW_MS)
    assert add(office, store, registry, wanted()).no == 2


def test_a_restore_brings_nobody_back_onto_the_list_and_loses_nobody(office, store, registry):
    add(office, store, registry, wanted())
    add(office, store, registry, wanted(kind="plate", value=PLATE))
    copy = office.home / "copy.db"
    backup(office.config.database, copy)
    with store.transaction():
        watch_no_more(store, 1, "wang", "settled", NOW_MS + 1)
    add(office, store, registry, wanted(value="7766554433221100"))
    words = restore(copy, office.config.database, NOW_MS + 2)
    assert "2 entries of the watch list were added or removed since the backup, carried over" in words
    with office.store() as restored:
        assert [(row.no, row.removed_by) for row in restored.watched()] == [(1, "wang"), (2, ""), (3, "")]


# --- the commands -----------------------------------------------------------------------------------------------------

ASKED = ("--scope", "east", "--call", "police", "--days", "30", "--why", "order 7/2026", "--by", "li")


def test_entries_are_added_listed_and_removed_by_command(office):
    with closing(SqliteStore(office.config.database)) as opened:
        heard(opened, Ed25519PrivateKey.generate())
    added = json.loads(office.run("watch", "add", *ASKED, "--kind", "plate", PLATE, "--json"))
    assert added == {"entry": 1, "scope": "east", "kind": "plate", "call": "police", "gates": ["gate-1"]}
    listed = json.loads(office.run("watch", "list", "--json"))
    assert (listed["by"], listed["why"], listed["kind"]) == ("li", "order 7/2026", "plate")
    assert PLATE not in json.dumps(listed, ensure_ascii=False)
    office.run("watch", "remove", "1", "--why", "settled", "--by", "wang")
    assert office.run("watch", "list") == ""
    gone = json.loads(office.run("watch", "list", "--all", "--json"))
    assert (gone["removed_by"], gone["removed_why"]) == ("wang", "settled")
    office.run("watch", "publish", "--json")


def test_a_documents_number_is_typed_and_never_an_argument(office):
    text = office.run("watch", "add", *ASKED, "--kind", "document", NUMBER, code=2)
    assert "stays in the shell's history" in text
    assert NUMBER not in text
    office.run("watch", "add", *ASKED, "--kind", "document", typed=f"{NUMBER}\n")


def test_a_list_is_not_published_from_a_file(office):
    words = ("--kind", "watch", "--scope", "east", str(office.file))
    assert "`guankou-central watch add` makes" in office.run("document", "publish", *words, code=2)


def test_an_escalation_for_somebody_on_a_list_names_the_lane_alone():
    from central.publish import _detail

    row = CaseRow(1, bytes(8), 1, "gate", True, DISCREET, 2, "east police")
    assert _detail(row) == "east"
