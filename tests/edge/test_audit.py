"""The gate's audit: it finds whatever is changed on the disk, names it, and changes nothing itself."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.audit import EpochReport, audit
from edge.audit_command import audit_gate
from edge.cli import main
from edge.outbox_reader import OutboxReader
from tests.edge.gate_clock import HandClock
from tests.edge.outbox_samples import ALLOW, IDENTITY, PASSED, note, open_outbox

DAY_MS = 86_400_000
PER_EPOCH = 8


def fill(folder: Path, epochs: int = 3, *, purge: bool = False) -> None:
    """Epochs of `PER_EPOCH` records each, in an outbox that is then closed; the last epoch has an open passage."""
    clock = HandClock()
    for turn in range(epochs):
        outbox = open_outbox(folder, clock, f"start {turn}")
        passage = turn.to_bytes(16, "big")
        outbox.append("verdict", ALLOW, clock.advance(1000), passage)
        for number in range(PER_EPOCH - 4):
            outbox.append("note", note(f"{turn}/{number}"), clock.advance(1000))
        outbox.append("outcome", PASSED, clock.advance(1000), passage)
        last = turn == epochs - 1
        if last:
            outbox.append("verdict", ALLOW, clock.advance(1000), b"p" * 16)
            stop(outbox)
        else:
            outbox.close("stopped")
        clock.advance(DAY_MS)
    reader = OutboxReader(folder / "outbox.db")
    with closing(reader):
        states = reader.epochs()
        for state in states[:2]:
            reader.set_watermark(state.epoch, state.last)
        if purge:
            assert reader.purge(states[0].epoch, states[0].last, clock.at_ms) == PER_EPOCH
            assert reader.purge(states[1].epoch, 3, clock.at_ms) == 3


def stop(outbox) -> None:
    """As a killed process leaves it."""
    outbox._disconnect()
    outbox._unlock()


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["audit", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.iterdir())
        if not file.name.endswith("-shm")
    }


def reports(database: Path) -> list[EpochReport]:
    return audit_gate(None, database)


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "outbox.db", isolation_level=None)) as connection:
        yield connection


def test_a_whole_outbox_is_said_to_be_whole_epoch_by_epoch(tmp_path):
    fill(tmp_path)
    epochs = [report.epoch for report in reports(tmp_path / "outbox.db")]
    assert run("--database", tmp_path / "outbox.db").splitlines() == [
        f"{epochs[0]}  issued 1..8, stored 1..8 at the collector (watermark), held 1..8, gaps none",
        f"{epochs[1]}  issued 1..8, stored 1..8 at the collector (watermark), held 1..8, gaps none",
        f"{epochs[2]}  issued 1..8, stored none at the collector (watermark), held 1..8, gaps none",
    ]


def test_a_purge_by_retention_keeps_the_chain_and_is_told(tmp_path):
    fill(tmp_path, purge=True)
    first, second, third = run("--database", tmp_path / "outbox.db").splitlines()
    assert "held none (8 purged after they were stored), gaps none" in first
    assert "held 4..8 (3 purged after they were stored), gaps none" in second
    assert "held 1..8, gaps none" in third


def test_a_program_gets_the_same_as_json(tmp_path):
    fill(tmp_path)
    told = json.loads(run("--database", tmp_path / "outbox.db", "--json"))
    assert told["ok"]
    assert {epoch["gate"] for epoch in told["epochs"]} == {IDENTITY.gate}
    assert [epoch["watermark_head"] == epoch["head"] for epoch in told["epochs"]] == [True, True, False]


def test_the_audit_of_a_running_gates_outbox_writes_nothing(tmp_path):
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append("note", note(), clock.advance(1))
    before = fingerprint(tmp_path)
    [report] = reports(tmp_path / "outbox.db")
    assert (report.last, report.ok) == (2, True)
    assert fingerprint(tmp_path) == before
    outbox.append("note", note(), clock.advance(1))
    assert [report.last for report in reports(tmp_path / "outbox.db")] == [3]
    outbox.close("stopped")


def test_the_audit_of_a_copied_card_reads_its_log_and_makes_no_file(tmp_path):
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append("note", note(), clock.advance(1))
    card = tmp_path / "card"
    card.mkdir()
    for name in ("outbox.db", "outbox.db-wal"):
        shutil.copy(tmp_path / name, card / name)
    outbox.close("stopped")
    before = fingerprint(card)
    for file in card.iterdir():
        file.chmod(0o400)
    card.chmod(0o500)
    [report] = reports(card / "outbox.db")
    card.chmod(0o700)
    assert (report.last, report.ok) == (2, True)
    assert fingerprint(card) == before
    assert not (card / "outbox.db-shm").exists()


def test_a_file_that_is_no_outbox_is_named(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database" * 500)
    assert "can't be read as an outbox" in run("--database", tmp_path / "x.db", code=2)
    assert "no such file" in run("--database", tmp_path / "y.db", code=2)
    assert "--config" in run(code=2)


@pytest.mark.parametrize(
    ("damage", "epoch", "words"),
    [
        ("UPDATE records SET payload = x'91' WHERE epoch_id = 2 AND number = 5", 1, "record 5: its payload or salt"),
        ("UPDATE records SET salt = zeroblob(16) WHERE epoch_id = 2 AND number = 5", 1, "record 5: its payload"),
        ("DELETE FROM records WHERE epoch_id = 2 AND number = 5", 1, "record 5: is missing"),
        ("DELETE FROM records WHERE epoch_id = 1 AND number < 4", 0, "record 1: is missing, with all up to 3"),
        ("DELETE FROM records WHERE epoch_id = 1 AND number > 6", 0, "record 7: is missing, with all up to 8"),
        ("DELETE FROM records WHERE epoch_id = 2", 1, "record 1: is missing"),
        ("UPDATE epochs SET watermark = 9 WHERE id = 3", 2, "record 9: is missing"),
        ("UPDATE epochs SET floor = 4 WHERE id = 2", 1, "record 1: stands where no record should be"),
        ("UPDATE epochs SET parent_head = zeroblob(32) WHERE id = 3", 2, "record 1: its epoch follows"),
        ("UPDATE epochs SET epoch = zeroblob(8) WHERE id = 2", 1, "record 1: its header is that of"),
        ("DELETE FROM open_passages", None, ""),
        ("UPDATE open_passages SET number = 3", 2, "record 3: an unfinished passage"),
    ],
)
def test_the_first_bad_number_is_named_with_what_is_wrong(tmp_path, damage, epoch, words):
    fill(tmp_path)
    with database(tmp_path) as connection:
        connection.execute(damage)
    if epoch is None:
        run("--database", tmp_path / "outbox.db")
        return
    line = run("--database", tmp_path / "outbox.db", code=1).splitlines()[epoch]
    assert words in line


def test_records_of_an_epoch_that_is_not_in_the_table_are_found(tmp_path):
    fill(tmp_path)
    with database(tmp_path) as connection:
        connection.execute("DELETE FROM epochs WHERE id = 2")
    lines = run("--database", tmp_path / "outbox.db", code=1)
    assert "record 1: its epoch is not in the table of epochs" in lines
    assert "record 1: its epoch follows" in lines


def stored(folder: Path, *epochs: tuple[str, int, str]) -> Path:
    """What the collector's audit says of these epochs."""
    rows = [{"gate": IDENTITY.gate, "epoch": epoch, "through": last, "head": head} for epoch, last, head in epochs]
    (folder / "central.json").write_text(json.dumps({"ok": True, "epochs": [*rows, {**rows[0], "gate": "gate-8"}]}))
    return folder / "central.json"


def test_the_collectors_audit_shows_what_this_disk_alone_can_not(tmp_path):
    fill(tmp_path)
    first, second, third = ((report.epoch, report.last, report.head) for report in reports(tmp_path / "outbox.db"))
    file = stored(tmp_path, first, second, third)
    run("--database", tmp_path / "outbox.db", "--against", file)
    lost = stored(tmp_path, first, ("ab" * 8, 5, "00" * 32))
    assert f"{'ab' * 8}  record 1: is missing, with all up to 5" in run(
        "--database", tmp_path / "outbox.db", "--against", lost, code=1
    )
    file = stored(tmp_path, first, second, third)
    with database(tmp_path) as connection:
        connection.execute("DELETE FROM open_passages")
        connection.execute("DELETE FROM records WHERE epoch_id = 3 AND number > 6")
    run("--database", tmp_path / "outbox.db")
    assert "record 7: is missing, with all up to 8: the collector has them" in run(
        "--database", tmp_path / "outbox.db", "--against", file, code=1
    )
    file = stored(tmp_path, (third[0], 6, "00" * 32))
    assert "record 6: is not the record that the collector has stored" in run(
        "--database", tmp_path / "outbox.db", "--against", file, code=1
    )
    file.write_text("[]")
    assert "is not what `guankou-central audit --json` prints" in run(
        "--database", tmp_path / "outbox.db", "--against", file, code=2
    )


# Columns whose every change matters. What nobody else has seen can't be told from what was written: the header of the
# very last record, unless the collector is asked.
_RECORD = ("header", "salt", "payload")
_EPOCH = ("epoch", "parent_epoch", "parent_last", "parent_head", "floor", "head_before_floor")


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, int, int, str]:
    act = draw(st.sampled_from(["change", "delete", "swap", "duplicate", "epoch"]))
    epoch = draw(st.integers(1, 3))
    number = draw(st.integers(1, PER_EPOCH))
    if epoch == 3 and number == PER_EPOCH:
        # The end of the newest epoch is known to nobody else.
        number -= 1
    return act, epoch, number, draw(st.sampled_from(_EPOCH if act == "epoch" else _RECORD))


def _flipped(value: object) -> object:
    if isinstance(value, bytes) and value:
        return bytes([value[0] ^ 1]) + value[1:] if len(value) <= 32 else value[:-1] + bytes([value[-1] ^ 1])
    return 5 if not isinstance(value, int) else value + 2


def _damage(connection: sqlite3.Connection, act: str, epoch: int, number: int, column: str) -> None:
    at = (epoch, number)
    if act == "epoch":
        [old] = connection.execute(f"SELECT {column} FROM epochs WHERE id = ?", (epoch,)).fetchone()
        connection.execute(f"UPDATE epochs SET {column} = ? WHERE id = ?", (_flipped(old), epoch))
    elif act == "change":
        [old] = connection.execute(f"SELECT {column} FROM records WHERE epoch_id = ? AND number = ?", at).fetchone()
        where = "WHERE epoch_id = ? AND number = ?"
        connection.execute(f"UPDATE records SET {column} = ? {where}", (_flipped(old), *at))
    elif act == "delete":
        connection.execute("DELETE FROM records WHERE epoch_id = ? AND number = ?", at)
    elif act == "swap":
        other = number % (PER_EPOCH - 1) + 1
        for old, new in ((number, -1), (other, number), (-1, other)):
            connection.execute("UPDATE records SET number = ? WHERE epoch_id = ? AND number = ?", (new, epoch, old))
    else:
        connection.execute(
            "INSERT INTO records SELECT epoch_id, ?, header, salt, payload FROM records"
            " WHERE epoch_id = ? AND number = ?",
            (PER_EPOCH + 1, *at),
        )


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    fill(folder)
    return folder


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages())
def test_any_change_of_any_row_is_found_beside_the_damage(whole, damage):
    act, epoch, number, _ = damage
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(whole / "outbox.db", folder)
        with database(Path(folder)) as connection:
            _damage(connection, *damage)
            found = list(audit(connection))
    bad = {
        (at + 1, finding.number)
        for at, report in enumerate(found)
        for finding in report.findings.sorted()
        if report.gate == IDENTITY.gate
    }
    places = {
        "epoch": {(epoch + step, n) for step in (0, 1) for n in range(6)},
        "duplicate": {(epoch, PER_EPOCH + 1), (epoch + 1, 1)},
    }.get(act, {(epoch, number), (epoch, number + 1), (epoch + 1, 1), (epoch, number % (PER_EPOCH - 1) + 1)})
    assert bad & places, (damage, [report.findings for report in found])
