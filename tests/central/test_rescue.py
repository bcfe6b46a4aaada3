"""A dead gate's card, brought in: everything once, nothing as live, the card itself untouched."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from central import audit
from central.cli import main
from central.lock import locked
from central.publisher import Publisher
from central.store.sqlite import SqliteStore
from checkpoint import cose
from checkpoint.records import ClockSet, Fault, OutcomeOf, Verdict, Where, decode_header, encode_header
from edge.outbox import Identity, Outbox
from edge.outbox_reader import OutboxReader
from tests.central.conftest import Core, held
from tests.central.sim import START_MS, TREE, Gate, Record, key_of
from tests.central.test_publish import Broker
from tests.edge.gate_clock import HandClock

GATE = "gate-1"
WHERE = Where("east", "in-1", "in", "person")
ALLOW = Verdict(1, WHERE, "allow", "all_ok", "resident", (), None, (), "everyday", 1, "normal", "guard", (), None, "")
FEVER = Verdict(1, WHERE, "escalate", "fever", "resident", (), None, (), "x", 1, "normal", "guard", (), None, "12")
PASSED = OutcomeOf(1, WHERE, "passed", "resident", "", 1, None)
CONFIG = '[collector]\ndata_dir = "data"\ntree = "tree.toml"\n'


class Card:
    """A card with two epochs: 1..14 and 1..8, written by the gate's own program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "outbox.db"
        folder.mkdir()
        self.clock = HandClock(START_MS)
        self._passages = 0
        for number, passages in enumerate((6, 3)):
            outbox = self.open(f"start {number}")
            for _ in range(passages):
                self.passage(outbox)
            outbox.append("fault", Fault(1, "thermometer_silent", "t", "in-1", "", 2), self.clock.advance(5))
            outbox._disconnect()
            outbox._unlock()

    def open(self, reason: str) -> Outbox:
        return Outbox.open(self.file, Identity(GATE, "donghu-7", 3), self.clock, "0.1.0", reason, 1)

    def passage(self, outbox: Outbox, verdict: Verdict = ALLOW) -> None:
        self._passages += 1
        passage = self._passages.to_bytes(16, "big")
        outbox.append("verdict", verdict, self.clock.advance(1000), passage)
        outbox.append("outcome", PASSED, self.clock.advance(1000), passage)

    def gate(self) -> Gate:
        """The same records in the hands of a gate that can send them."""
        made = Gate(GATE)
        with closing(OutboxReader(self.file)) as reader:
            for state in reader.epochs():
                made.epochs.append(state.epoch)
                made.floors[state.epoch] = state.floor
                found = reader.run(state.epoch, state.floor - 1, 1000, 10**9)
                made.records[state.epoch] = [Record(item.raw, item.sealed) for item in found]
        return made

    def damage(self, statement: str) -> None:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            connection.execute(statement)

    def fingerprint(self) -> dict[str, str]:
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in self.folder.iterdir()}


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "central.toml").write_text(CONFIG)
    (tmp_path / "tree.toml").write_text(TREE)
    (tmp_path / "data").mkdir()
    with closing(Core(tmp_path / "data" / "central.db", Gate(GATE)).store):
        pass
    return tmp_path


@pytest.fixture
def card(tmp_path) -> Card:
    made = Card(tmp_path / "card")
    (made.folder / "gate.key").write_text(key_of(GATE).private_bytes_raw().hex() + "\n")
    return made


def run(home: Path, card: Card, *words: str, gate: str = GATE, code: int = 0) -> str:
    command = ["rescue", "-c", str(home / "central.toml"), str(card.folder), "--gate", gate, "--by", "wang", *words]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == code, result.output
    return result.output


def core_of(home: Path) -> Core:
    return Core(home / "data" / "central.db")


def audit_of(home: Path, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["audit", "-c", str(home / "central.toml")])
    assert result.exit_code == code, result.output
    return result.output


def send(home: Path, card: Card, last: int) -> Gate:
    """What the gate could still send before it died: records up to `last` of its first epoch."""
    gate = card.gate()
    core = core_of(home)
    with closing(core.store):
        core.now_ms = START_MS + 20_000
        core.batch(gate, gate.batch(1, last, gate.epochs[0]))
    return gate


def test_what_the_collector_lacks_is_imported_and_told_epoch_by_epoch(home, card):
    gate = send(home, card, 9)
    before = card.fingerprint()
    assert run(home, card).splitlines() == [
        f"{gate.epochs[0].hex()} 1..14: 9 were there, 5 rescued, gaps none",
        f"{gate.epochs[1].hex()} 1..8: 0 were there, 8 rescued, gaps none",
        "gate-1: 13 rescued, signed with the gate's key",
    ]
    assert card.fingerprint() == before
    core = core_of(home)
    with closing(core.store):
        assert core.heads(gate) == held(gate)
        assert core.count("outcome", "passed") == 9
        assert audit.recount(core.store, core.registry) == []
        assert core.origins() == []
    told = audit_of(home)
    assert f"gate-1 {gate.epochs[0].hex()}: issued 1..14, stored 1..14, gaps none" in told
    assert "10..14 rescued by wang on" in told
    assert hashlib.sha256(card.file.read_bytes()).hexdigest() in told


def test_a_second_run_imports_nothing(home, card):
    run(home, card)
    told = run(home, card)
    assert "14 were there, 0 rescued, gaps none" in told
    assert "gate-1: 0 rescued" in told


def test_what_takes_several_batches_is_one_note_of_the_audit(home, card):
    outbox = card.open("a busy day")
    for _ in range(300):
        card.passage(outbox)
    outbox.close("stopped")
    run(home, card)
    assert sum("rescued by" in line for line in audit_of(home).splitlines()) == 3
    assert "1..602 rescued by wang" in audit_of(home)


def test_a_trial_says_the_same_and_changes_nothing(home, card):
    told = run(home, card, "--dry-run")
    assert "0 were there, 14 rescued" in told
    assert "22 would be rescued" in told
    core = core_of(home)
    with closing(core.store):
        assert core.store.epochs(1) == []
    assert "0 were there, 14 rescued" in run(home, card)


def test_records_that_are_only_in_the_write_ahead_log_are_rescued(home, card, tmp_path):
    outbox = card.open("once more")
    card.passage(outbox)
    copied = tmp_path / "pulled"
    copied.mkdir()
    for file in card.folder.iterdir():
        shutil.copy(file, copied / file.name)
    outbox.close("stopped")
    assert (copied / "outbox.db-wal").stat().st_size
    card.folder, names = copied, {file.name for file in copied.iterdir()}
    assert " 1..3: 0 were there, 3 rescued" in run(home, card)
    assert {file.name for file in copied.iterdir()} == names
    assert "wal " in audit_of(home)


def test_nothing_rescued_calls_anybody_as_a_live_alarm(home, card):
    """Even what says that it has happened just now, or has no date at all."""
    outbox = card.open("the last day")
    card.clock.trusted = False
    outbox.append("verdict", FEVER, card.clock.advance(1), b"f" * 16)
    outbox.append("outcome", PASSED, card.clock.advance(1), b"g" * 16)
    card.clock.trusted = True
    outbox.append("verdict", FEVER, card.clock.advance(1), b"h" * 16)
    outbox.append("outcome", PASSED, card.clock.advance(1), b"i" * 16)
    outbox.close("stopped")
    run(home, card)
    core = core_of(home)
    with closing(core.store):
        cases = core.store.open_cases()
        assert [case.name for case in cases].count("fever") == 2
        assert all(case.late for case in cases)
        broker = Broker()
        publisher = Publisher(core.store, core.registry, broker, lambda: START_MS + 60_000, "urn:test")
        # By the clock of this collector all of it has just happened.
        core.store.connection.execute("UPDATE record SET received_ms = ?", (START_MS + 60_000,))
        publisher.tick()
    events = [json.loads(body) for topic, body in broker.sent if "/passage/" in topic]
    assert len(events) == 11
    assert all(event["data"]["late"] for event in events)
    escalations = [json.loads(body) for topic, body in broker.sent if "/escalation/" in topic]
    assert escalations
    assert all(body["late"] for body in escalations)


def test_a_case_that_was_open_live_is_not_called_late_by_its_record(home, card):
    gate = card.gate()
    record = gate.records[gate.epochs[0]][13]
    core = core_of(home)
    with closing(core.store):
        core.ingest.alarm(GATE, gate.copy_of(record))
    run(home, card)
    core = core_of(home)
    with closing(core.store):
        [first] = [case for case in core.store.open_cases() if case.epoch == gate.epochs[0]]
        assert not first.late


def test_untrusted_records_are_counted_undated_and_corrected_as_from_the_wire(home, card):
    outbox = card.open("no clock")
    card.clock.at_ms, card.clock.trusted = 1000, False
    card.passage(outbox)
    run(home, card)
    core = core_of(home)
    with closing(core.store):
        assert core.count("outcome", "passed", "undated") == 1
    card.clock.at_ms, card.clock.trusted = START_MS, True
    outbox.append("clock", ClockSet(1, card.clock.boot_id, START_MS, "ntp"), card.clock.advance(1))
    outbox.close("stopped")
    run(home, card)
    core = core_of(home)
    with closing(core.store):
        assert core.count("outcome", "passed", "undated") == 0
        assert audit.recount(core.store, core.registry) == []


def test_a_damaged_record_is_named_and_what_stands_around_it_is_imported(home, card):
    gate = card.gate()
    card.damage("UPDATE records SET payload = x'91' WHERE epoch_id = 1 AND number = 5")
    first, damage, second, _ = run(home, card, code=1).splitlines()
    assert first == f"{gate.epochs[0].hex()} 1..14: 0 were there, 13 rescued, gaps 5..5 damaged"
    assert damage == "  record 5: payload does not match its digest"
    assert second.endswith("1..8: 0 were there, 8 rescued, gaps none")
    assert "issued 1..14, stored 1..14, gaps 5..5 damaged" in audit_of(home)
    core = core_of(home)
    with closing(core.store):
        assert core.origins() == ["gap"]
        # Another copy of the card closes the gap.
        core.batch(gate, gate.batch(1, 14, gate.epochs[0]))
        assert core.origins() == []
        assert core.heads(gate) == held(gate)


@pytest.mark.parametrize(
    ("statement", "bad", "gap"),
    [
        ("DELETE FROM records WHERE epoch_id = 1 AND number BETWEEN 4 AND 6", "record 4: is missing, with all up to 6",
         "4..6"),
        ("UPDATE records SET header = x'00' WHERE epoch_id = 1 AND number = 1", "record 1: its header can't be read",
         "1..1"),
        ("UPDATE records SET salt = x'00' WHERE epoch_id = 1 AND number = 4", "record 4: payload does not", "4..4"),
    ],
)  # fmt: skip
def test_whatever_is_damaged_becomes_a_named_gap(home, card, statement, bad, gap):
    card.damage(statement)
    told = run(home, card, code=1)
    assert bad in told
    assert f"gaps {gap} damaged" in told
    audit_of(home)


def _with_another_time(card: Card, number: int) -> None:
    """A header whose bytes are good, but which is not the one that was written."""
    with closing(sqlite3.connect(card.file, isolation_level=None)) as connection:
        at = (1, number)
        [raw] = connection.execute("SELECT header FROM records WHERE epoch_id = ? AND number = ?", at).fetchone()
        header = decode_header(raw)
        fresh = encode_header(replace(header, at=header.at + 1))
        connection.execute("UPDATE records SET header = ? WHERE epoch_id = ? AND number = ?", (fresh, *at))


@pytest.mark.parametrize("number", [1, 7, 13, 14])
def test_a_changed_header_is_never_imported(home, card, number):
    gate = card.gate()
    _with_another_time(card, number)
    assert f"record {number}: its header was changed" in run(home, card, code=1)
    core = core_of(home)
    with closing(core.store):
        assert core.heads(gate) < held(gate)
        assert len(core.heads(gate)) == 21
        assert all(report.ok for report in audit.audit(core.store))


def test_an_end_that_the_next_epoch_names_and_the_card_lacks_is_said(home, card):
    card.damage("DELETE FROM records WHERE epoch_id = 1 AND number > 12")
    assert "record 13: is missing, with all up to 14" in run(home, card, code=1)


def test_a_wrong_gates_card_is_refused_by_name(home, card):
    core = core_of(home)
    with closing(core.store):
        core.enrol(Gate("gate-2"))
    told = run(home, card, "--unsigned", gate="gate-2", code=2)
    assert "is the outbox of gate 'gate-1', not of 'gate-2'" in told
    assert "not enrolled" in run(home, card, gate="gate-9", code=2)


def test_a_key_that_the_gate_never_had_is_refused(home, card):
    (card.folder / "gate.key").write_text(key_of("thief").private_bytes_raw().hex())
    assert "never enrolled with this key" in run(home, card, code=2)
    (card.folder / "gate.key").write_text("nonsense")
    assert "is no gate's key" in run(home, card, code=2)
    (card.folder / "gate.key").unlink()
    assert "--unsigned" in run(home, card, code=2)


def test_without_the_key_the_operator_vouches_and_the_audit_keeps_saying_so(home, card):
    gate = send(home, card, 9)
    (card.folder / "gate.key").unlink()
    assert "gate-1: 13 rescued, unsigned" in run(home, card, "--unsigned")
    told = audit_of(home)
    assert "10..14 rescued by wang on" in told
    assert "unsigned: the operator vouches for them" in told
    core = core_of(home)
    with closing(core.store):
        assert core.heads(gate) == held(gate)
        # Nobody's word covers a record that came from elsewhere.
        core.store.connection.execute("DELETE FROM rescue")
    assert "record 14: is the last of its line, and the gate has signed no head there" in audit_of(home, code=1)


def test_the_card_of_a_gate_that_has_been_replaced_is_rescued_with_its_old_key(home, card):
    core = core_of(home)
    with closing(core.store):
        successor = Gate(GATE)
        successor.key = key_of("the new board")
        successor.public = cose.public_bytes(successor.key)
        core.enrol(successor)
        successor.reopen("new card")
        core.send(successor)
    assert "22 rescued, signed with the gate's key" in run(home, card)
    audit_of(home)
    core = core_of(home)
    with closing(core.store):
        assert core.origins() == []


def test_what_the_card_has_purged_is_a_gap_only_where_the_collector_lacks_it(home, card):
    gate = card.gate()
    with closing(OutboxReader(card.file)) as reader:
        assert reader.purge(gate.epochs[0], 6, START_MS + 10**9) == 6
    told = run(home, card)
    assert f"{gate.epochs[0].hex()} 7..14: 0 were there, 8 rescued, gaps 1..6 purged" in told
    audit_of(home)


def test_a_running_collector_is_to_be_stopped_first(home, card):
    with locked(home / "data"):
        assert "in use by a running collector; stop it first" in run(home, card, code=2)


def test_a_folder_without_an_outbox_and_a_file_that_is_none_are_named(home, card):
    card.file.write_bytes(b"not a database" * 400)
    for name in ("outbox.db-wal", "outbox.db-shm"):
        (card.folder / name).unlink(missing_ok=True)
    assert "can't be read as an outbox" in run(home, card, code=2)
    card.file.unlink()
    assert "no such file" in run(home, card, code=2)


def test_a_card_with_a_clone_of_stored_records_is_a_fork_as_on_the_wire(home, card):
    gate = card.gate()
    with closing(SqliteStore(home / "data" / "central.db")) as store:
        assert store.epochs(1) == []
    rival = Gate(GATE)
    rival.epochs, rival.records, rival.floors = [gate.epochs[0]], {gate.epochs[0]: gate.records[gate.epochs[0]][:3]}, {}
    rival.floors[gate.epochs[0]] = 1
    rival.passage(900)
    core = core_of(home)
    with closing(core.store):
        core.batch(rival, rival.batch(1, 5))
    run(home, card)
    core = core_of(home)
    with closing(core.store):
        assert "fork" in core.origins()
        assert core.heads(gate) == held(gate) | held(rival)
    audit_of(home)
