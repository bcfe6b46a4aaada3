"""The collector's audit: whatever is changed in its store is found, and named by gate, epoch and number."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from central import audit
from central.cli import main
from central.store.sqlite import SqliteStore
from checkpoint import cose
from tests.central.conftest import Core
from tests.central.sim import TREE, Gate, key_of, passage_id, verdict

CONFIG = '[collector]\ndata_dir = "."\ntree = "tree.toml"\n'


def build(folder: Path) -> tuple[Gate, Gate]:
    """A store with one plain gate of two epochs, and one whose first epoch has a gap and a fork."""
    plain, marked = Gate("gate-1"), Gate("gate-2")
    core = Core(folder / "central.db", plain, marked)
    with closing(core.store):
        for turn in range(2):
            plain.reopen(str(turn))
            for number in range(3):
                plain.passage(10 * turn + number)
            core.batch(plain, plain.batch(1, 3))
            core.batch(plain, plain.batch(4, 7))
        marked.reopen()
        for number in range(8):
            marked.passage(100 + number)
        core.batch(marked, marked.batch(1, 3))
        marked.floors[marked.epochs[0]] = 8
        core.ingest.hello(marked.name, marked.hello())
        clone = marked.clone()
        clone.at_ms += 7
        marked.passage(200)
        clone.passage(300)
        core.batch(marked, marked.batch(8, 19))
        core.batch(clone, clone.batch(8, 19))
    (folder / "central.toml").write_text(CONFIG)
    (folder / "tree.toml").write_text(TREE)
    return plain, marked


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, Gate, Gate]:
    folder = tmp_path_factory.mktemp("whole")
    return (folder, *build(folder))


def run(folder: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["audit", "-c", str(folder / "central.toml"), *words])
    assert result.exit_code == code, result.output
    return result.output


def reports(folder: Path) -> list[audit.EpochReport]:
    with closing(SqliteStore(folder / "central.db")) as store, store.snapshot():
        return list(audit.audit(store))


def damaged(whole: Path, folder: Path, *statements: str) -> Path:
    for file in whole.iterdir():
        shutil.copy(file, folder / file.name)
    with closing(sqlite3.connect(folder / "central.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return folder


def test_each_epoch_of_a_whole_store_is_said_to_be_whole_and_gaps_are_named(whole):
    folder, plain, marked = whole
    lines = run(folder).splitlines()
    assert lines[0] == f"gate-1 {plain.epochs[0].hex()}: issued 1..7, stored 1..7, gaps none"
    assert lines[1] == f"gate-1 {plain.epochs[1].hex()}: issued 1..7, stored 1..7, gaps none"
    assert lines[2] == f"gate-2 {marked.epochs[0].hex()}: issued 1..19, stored 1..19, gaps 4..7 purged"
    assert lines[3] == "  forked: 1 other line(s) are stored"
    assert lines[4] == "recount: equal, 0 purged"


def test_one_gate_can_be_asked_for(whole):
    folder, _, marked = whole
    assert run(folder, "--gate", "gate-2").startswith(f"gate-2 {marked.epochs[0].hex()}")
    assert "gate-1" not in run(folder, "--gate", "gate-2")
    assert "not enrolled" in run(folder, "--gate", "gate-9", code=2)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE record SET header = zeroblob(9) WHERE epoch_id = 1 AND number = 5", "record 5: its header can't be"),
        ("UPDATE payload SET salt = zeroblob(16) WHERE record_id = 5", "record 5: its payload or salt was changed"),
        ("DELETE FROM record WHERE epoch_id = 1 AND number = 5", "record 5: is missing"),
        (
            "DELETE FROM record WHERE epoch_id = 1 AND number > 4",
            "record 5: stored through 7, but the records end at 4",
        ),
        ("UPDATE record SET at = at + 1 WHERE id = 5", "record 5: the kind or time"),
        ("UPDATE record SET corrected_ms = 5 WHERE id = 5", "record 5: its corrected time"),
        ("DELETE FROM gap", "record 4: is missing, with all up to 7"),
        ("UPDATE gap SET last = 6, head_after = zeroblob(32)", "record 7: is missing"),
        ("UPDATE gap SET reason = 'nothing'", "record 4: the gap noted here has the unknown reason"),
        ("UPDATE signed_head SET message = zeroblob(40) WHERE epoch_id = 1 AND last = 3", "record 3: the signed head"),
        ("DELETE FROM signed_head WHERE epoch_id = 2 AND last = 7", "record 7: is the last of its line, and the gate"),
        ("DELETE FROM payload WHERE record_id = 9", "record 2: lost its payload before its time"),
    ],
)
def test_the_first_bad_number_is_named_with_what_is_wrong(whole, tmp_path, damage, words):
    assert words in run(damaged(whole[0], tmp_path, damage), code=1)


def test_a_cut_tail_is_found_by_the_signed_heads(whole, tmp_path):
    """Rows, payloads and the epoch's own numbers all cut alike: only what the gate signed still tells."""
    cut = damaged(
        whole[0],
        tmp_path,
        "DELETE FROM payload WHERE record_id IN (SELECT id FROM record WHERE epoch_id = 2 AND number > 5)",
        "DELETE FROM record WHERE epoch_id = 2 AND number > 5",
        "UPDATE epoch SET through = 5, top = 5, head = (SELECT head FROM record WHERE epoch_id = 2 AND number = 5)"
        " WHERE id = 2",
    )
    epoch = whole[1].epochs[1].hex()
    assert f"gate-1 {epoch}: record 6: is missing, with all up to 7: the gate has signed the head there" in run(
        cut, code=1
    )


def test_what_a_later_epoch_says_of_the_one_before_is_issued_and_not_stored(core, gate):
    gate.passage(1)
    core.batch(gate, gate.batch(1, 2))
    gate.reopen("again")
    core.batch(gate, gate.batch(1, 1))
    first, second = list(audit.audit(core.store))
    assert (first.issued, first.through, first.ok) == (3, 2, True)
    assert first.notes == ("3..3 have been issued and are not stored yet",)
    assert second.ok


def test_the_number_of_an_alarm_copy_counts_as_issued(core, gate):
    gate.passage(1)
    core.send(gate)
    for number in range(2, 4):
        gate.passage(number)
    core.ingest.alarm(gate.name, gate.copy_of(gate.records[gate.epochs[0]][5]))
    [report] = audit.audit(core.store)
    assert (report.issued, report.through) == (6, 3)


def test_payload_and_salt_go_together_and_the_chain_stays(core, gate):
    gate.passage(1)
    core.send(gate)
    with core.store.transaction():
        assert core.store.purge_payloads(core.now_ms + 1, 2) == 2
    assert core.store.connection.execute("SELECT count(*) FROM payload").fetchone() == (1,)
    [report] = audit.audit(core.store)
    assert (report.ok, report.purged) == (True, 2)
    assert report.line().endswith("stored 1..3, gaps none, personal data of 2 purged")
    with core.store.transaction():
        core.store.purge_payloads(core.now_ms + 1, 100)
    [report] = audit.audit(core.store)
    assert (report.ok, report.purged) == (True, 3)


def test_a_copy_whose_record_never_came_keeps_no_personal_data_beyond_retention(core, gate):
    gate.append("verdict", verdict("escalate", "fever"), passage_id(1))
    core.ingest.alarm(gate.name, gate.copy_of(gate.records[gate.epochs[0]][1]))
    with core.store.transaction():
        core.store.purge_payloads(core.now_ms, 100)
    [kept] = core.store.copies(1, gate.epochs[0], 1)
    assert kept.payload
    with core.store.transaction():
        core.store.purge_payloads(core.now_ms + 1, 100)
    [kept] = core.store.copies(1, gate.epochs[0], 1)
    assert (kept.number, kept.salt, kept.payload) == (2, b"", b"")
    core.send(gate)
    assert core.store.copies(1, gate.epochs[0], 1) == []
    assert len(core.store.open_cases()) == 1


def test_heads_signed_with_an_earlier_key_stay_good_when_a_dead_gate_is_replaced(core, gate):
    gate.passage(1)
    core.send(gate)
    successor = Gate(gate.name)
    successor.key = key_of("the new board")
    successor.public = cose.public_bytes(successor.key)
    core.now_ms += 1000
    core.enrol(successor)
    successor.reopen("new card")
    core.send(successor)
    assert all(report.ok for report in audit.audit(core.store))
    assert set(core.store.gate_keys(1)) == {gate.public, successor.public}
    core.store.connection.execute("DELETE FROM gate_key WHERE public_key = ?", (gate.public,))
    assert "no key that this gate ever had" in next(audit.audit(core.store)).faults[0]


def test_a_store_of_the_first_schema_learns_the_keys_that_its_gates_have(tmp_path, gate):
    core = Core(tmp_path / "central.db", gate)
    core.send(gate)
    core.store.connection.execute("DROP TABLE gate_key")
    core.store.connection.execute("DROP TABLE rescue")
    core.store.connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE '0002%'")
    core.store.close()
    with closing(SqliteStore(tmp_path / "central.db")) as store:
        assert store.gate_keys(1) == [gate.public]
        assert all(report.ok for report in audit.audit(store))


def test_a_program_gets_findings_as_numbers_and_words(whole, tmp_path):
    found = json.loads(run(damaged(whole[0], tmp_path, "DELETE FROM record WHERE id = 5"), "--json", code=1))
    [bad] = [epoch for epoch in found["epochs"] if not epoch["ok"] and epoch["gate"] == "gate-1"]
    assert bad["findings"][0]["number"] == 5
    assert "missing" in bad["findings"][0]["why"]


# Any row, changed in any way that matters. What does not: times of receipt and marks, floors that heartbeats named, and
# a signed head that a later one of the same line covers. A payload that is deleted with all older ones is a purge, and
# is counted as one.
COLUMNS = {
    "record": ("epoch_id", "number", "side", "head", "kind", "at", "corrected_ms", "header"),
    "payload": ("record_id", "salt", "payload"),
    "epoch": ("gate_no", "epoch", "through", "head", "top", "sides", "parent_head", "parent_last"),
    "gap": ("first", "last", "head_before", "head_after", "reason"),
    "signed_head": ("epoch_id", "last", "head", "message"),
}
_PLACE = {
    "record": "SELECT epoch_id, number FROM record WHERE rowid = ?",
    "payload": "SELECT epoch_id, number FROM record WHERE id = (SELECT record_id FROM payload WHERE rowid = ?)",
    "epoch": "SELECT id, 1 FROM epoch WHERE rowid = ?",
}


def changed(value: object) -> object:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return "opened2" if isinstance(value, str) else 7


def keys(connection: sqlite3.Connection, table: str) -> tuple[str, list[tuple]]:
    """How a row of a table is named, and every such name."""
    names = {"gap": "epoch_id, first", "signed_head": "epoch_id, last, head"}.get(table, "rowid")
    return names, connection.execute(f"SELECT {names} FROM {table}").fetchall()


def where(names: str) -> str:
    return " AND ".join(f"{name.strip()} = ?" for name in names.split(","))


@st.composite
def acts(draw: st.DrawFn) -> tuple[str, str, int, int, str]:
    table = draw(st.sampled_from(sorted(COLUMNS)))
    act = draw(st.sampled_from(["change", "change", "delete", "swap", "duplicate"]))
    return table, act, draw(st.integers(0, 99)), draw(st.integers(1, 99)), draw(st.sampled_from(COLUMNS[table]))


def inflict(connection: sqlite3.Connection, damage: tuple[str, str, int, int, str]) -> bool:
    """Do it; False when SQLite's own constraints forbid it, or when it changes nothing."""
    table, act, nth, step, column = damage
    names, rows = keys(connection, table)
    row = rows[nth % len(rows)]
    other = rows[(nth + step) % len(rows)]
    before = connection.execute(f"SELECT * FROM {table}").fetchall()
    try:
        if act == "delete":
            connection.execute(f"DELETE FROM {table} WHERE {where(names)}", row)
        elif act == "change":
            [old] = connection.execute(f"SELECT {column} FROM {table} WHERE {where(names)}", row).fetchone()
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where(names)}", (changed(old), *row))
        elif act == "swap":
            [one] = connection.execute(f"SELECT {column} FROM {table} WHERE {where(names)}", row).fetchone()
            [two] = connection.execute(f"SELECT {column} FROM {table} WHERE {where(names)}", other).fetchone()
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where(names)}", (two, *row))
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where(names)}", (one, *other))
        else:
            # The same content in a row of another name.
            found = connection.execute(f"SELECT * FROM {table} WHERE {where(names)}", row).fetchone()
            free = 1 + max(max((value for value in item if isinstance(value, int)), default=0) for item in before)
            fresh = [free if at == 0 else value for at, value in enumerate(found)]
            if table == "record":
                fresh[3] = 1
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(fresh))})", fresh)
    except sqlite3.IntegrityError:
        return False
    return connection.execute(f"SELECT * FROM {table}").fetchall() != before


def harmless(connection: sqlite3.Connection, damage: tuple[str, str, int, int, str]) -> bool:
    """A signed head that a later one covers may go: the chain under the later one says as much."""
    table, act, *_ = damage
    if (table, act) != ("signed_head", "delete"):
        return False
    rows = connection.execute("SELECT epoch_id, max(last) FROM signed_head GROUP BY epoch_id").fetchall()
    return rows == [(1, 7), (2, 7), (3, 19)] and (
        connection.execute("SELECT count(*) FROM signed_head WHERE last = 19").fetchone() == (2,)
    )


@settings(max_examples=250, deadline=None)
@given(acts())
def test_any_change_of_any_row_is_found_and_named(whole, damage):
    folder, *_ = whole
    with tempfile.TemporaryDirectory() as place:
        copy = damaged(folder, Path(place))
        with closing(sqlite3.connect(copy / "central.db", isolation_level=None)) as connection:
            if not inflict(connection, damage) or harmless(connection, damage):
                return
        found = reports(copy)
        bad = [report for report in found if not report.ok]
        purged = sum(report.purged for report in found)
        assert bad or (damage[:2] == ("payload", "delete") and purged == 1), damage
        for report in bad:
            assert report.gate in ("gate-1", "gate-2", "unknown")
            assert report.findings[0].why


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["record", "payload"]), st.integers(1, 14), st.data())
def test_what_is_changed_is_found_at_or_right_beside_the_damage(whole, table, record_id, data):
    folder, *_ = whole
    column = data.draw(st.sampled_from(COLUMNS[table][-1:] if table == "record" else ("salt", "payload")))
    name = "id" if table == "record" else "record_id"
    with tempfile.TemporaryDirectory() as place:
        copy = damaged(folder, Path(place))
        with closing(sqlite3.connect(copy / "central.db", isolation_level=None)) as connection:
            [old] = connection.execute(f"SELECT {column} FROM {table} WHERE {name} = ?", (record_id,)).fetchone()
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {name} = ?", (changed(old), record_id))
            epoch, number = connection.execute(
                "SELECT hex(epoch), number FROM record JOIN epoch ON epoch.id = epoch_id WHERE record.id = ?",
                (record_id,),
            ).fetchone()
        [bad] = [report for report in reports(copy) if not report.ok]
        assert (bad.gate, bad.epoch) == ("gate-1", epoch.lower())
        assert bad.findings[0].number in (number, number + 1)
