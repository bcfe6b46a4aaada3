"""`guankou-gate explain`: a passage is found by every name it has, and explained by what this disk still holds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint.documents import Document, pack_document
from checkpoint.records import CheckResult, OutcomeOf, Override, ReadingKept, Verdict, Where
from edge.cli import main
from edge.explain_record import NEWEST, ExplainError, find_newest
from edge.screen.why import recorded_why
from tests.edge.gate_clock import HandClock
from tests.edge.outbox_samples import WAY_OUT, WHERE, note, open_outbox

POLICY = """
id = "winter"
version = 7
title_zh = "冬季"
title_en = "Winter"
authority = "nobody"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2100-01-01T00:00:00+08:00
zone_level = "medium"
[[rule]]
name = "everybody who comes in"
checks = ["pass", "temperature"]
"""
FEVER = Verdict(
    1, WHERE, "escalate", "fever", "none",
    (
        CheckResult("pass", "enforce", "missing", "pass_missing", None, None),
        CheckResult("temperature", "enforce", "failed", "fever", 38.1, 37.2),
    ),
    None, (ReadingKept("wrist", 38.1, 21.0, None, 38.1, 36.3, 1.8, ("ok",), manual=False),),
    "winter", 7, "medium", "guard", (), None, "health",
)  # fmt: skip
ALLOW = msgspec.structs.replace(FEVER, verdict="allow", reason="all_ok", checks=(), policy="everyday", policy_version=1)
OUT = Where("sunrise-garden", "out-1", "out", "person")
FIRST, SECOND, THIRD = b"\x01" * 16, b"\x02" * 16, b"\x03" * 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An outbox of three passages: one with fever that the guard let in, one in another lane, one without outcome."""
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append("verdict", FEVER, clock.advance(1000), FIRST)
    outbox.append("override", Override(1, WHERE, "admit", "medical", "guard", "none"), clock.advance(1000), FIRST)
    outbox.append("verdict", msgspec.structs.replace(ALLOW, where=OUT), clock.advance(1000), SECOND)
    outbox.append("outcome", OutcomeOf(1, WHERE, "admitted_by_guard", "none", "", 1, None), clock.advance(1), FIRST)
    outbox.append("egress", WAY_OUT, clock.advance(1))
    outbox.append("verdict", FEVER, clock.advance(1000), THIRD)
    outbox.close("stopped")
    document = Document(1, "policy", "gate-7", 1, 0, 2**50, 100, POLICY.encode())
    data = pack_document(Ed25519PrivateKey.from_private_bytes(bytes(32)), document)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "policy@gate-7.doc").write_bytes(msgspec.msgpack.encode((0, data)))
    (tmp_path / "documents" / "policy@torn.doc").write_bytes(b"\x92\x00")
    return tmp_path


def run(folder: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["explain", *words, "--database", str(folder / "outbox.db")])
    assert result.exit_code == code, result.output
    return result.output


def asked(folder: Path, *words: str) -> dict:
    return json.loads(run(folder, *words, "--json"))


def epoch(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "outbox.db")) as connection:
        return connection.execute("SELECT hex(epoch) FROM epochs").fetchone()[0].lower()


def test_the_tables_say_what_decided_and_why_chinese_first(folder: Path) -> None:
    text = run(folder, FIRST.hex())
    for part in (
        "上报：需要人工复测（由体温判定） | escalate: Needs a measurement by staff (decided by Temperature)",
        "▶ 体温", "38.1", "37.2", "手腕", "+1.80", "人工放行：就医急救", "winter v7 冬季", "everybody who comes in",
        "通行码：未出示通行码", "疫情信息员",
    ):  # fmt: skip
        assert part in text


def test_a_passage_is_found_by_its_id_as_hex_or_uuid_and_by_each_of_its_records(folder: Path) -> None:
    uuid = "01010101-0101-0101-0101-010101010101"
    names = [FIRST.hex(), uuid, uuid.upper(), f"{epoch(folder)}/2", f"gate-7/{epoch(folder)}/3", f"{epoch(folder)}/5"]
    found = [asked(folder, name) for name in names]
    assert {(one["passage"], one["number"], one["outcome"]) for one in found} == {(FIRST.hex(), 2, "admitted_by_guard")}
    assert {one["rule"] for one in found} == {"everybody who comes in"}


def test_of_two_verdicts_on_a_passage_the_first_counts_unless_the_other_is_named(tmp_path: Path) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append("verdict", FEVER, clock.advance(1000), FIRST)
    outbox.append("verdict", ALLOW, clock.advance(1000), FIRST)
    outbox.close("stopped")
    assert asked(tmp_path, FIRST.hex())["reason"] == "fever"
    assert asked(tmp_path, f"{epoch(tmp_path)}/3")["reason"] == "all_ok"


def test_the_last_one_is_that_of_the_gate_or_of_one_lane(folder: Path) -> None:
    assert asked(folder, "last")["passage"] == THIRD.hex()
    assert asked(folder, "last")["outcome"] == ""
    assert asked(folder, "last", "out-1")["passage"] == SECOND.hex()


def test_the_shipped_policy_needs_no_document(folder: Path) -> None:
    assert asked(folder, "last", "out-1")["rule"] == "way out"


def test_a_policy_that_is_not_on_this_disk_any_more_is_said_to_be_gone(folder: Path) -> None:
    (folder / "documents" / "policy@gate-7.doc").unlink()
    found = asked(folder, FIRST.hex())
    assert found["rule"] == ""
    assert "the text of policy winter v7 is not here" in found["unrecorded"][0]["en"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nonsense"], "names no record: give a passage id"),
        (["ff" * 16], "has no verdict here"),
        (["EPOCH/99"], "is not in this outbox"),
        (["EPOCH/6"], "is a 'egress' of no passage"),
        (["gate-8/EPOCH/2"], "was written by gate gate-7, not by gate-8"),
        (["last", "in-9"], "no verdict of lane 'in-9'"),
        ([FIRST.hex(), "in-1"], "a lane is named only after `last`"),
    ],
)
def test_what_can_not_be_found_is_named_with_its_remedy(folder: Path, words: list[str], why: str) -> None:
    said = run(folder, *(word.replace("EPOCH", epoch(folder)) for word in words), code=2)
    assert why in said
    assert "Traceback" not in said


def test_without_an_outbox_one_line_says_what_to_name(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["explain", "last"])
    assert (result.exit_code, result.output.strip()) == (2, "name a gate file (--config) or an outbox (--database)")
    assert "no such file" in run(tmp_path, "last", code=2)
    (tmp_path / "outbox.db").write_bytes(b"no database" * 100)
    assert "can't be read as an outbox" in run(tmp_path, "last", code=2)


def test_a_record_that_was_changed_on_the_disk_is_not_explained(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "outbox.db")) as connection:
        connection.execute("UPDATE records SET payload = payload || x'00' WHERE number = 2")
        connection.commit()
    assert "is not what was written: see `guankou-gate audit`" in run(folder, FIRST.hex(), code=2)


def test_a_record_of_a_newer_version_is_named_as_such(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other, clock = tmp_path_factory.mktemp("newer"), HandClock()
    outbox = open_outbox(other, clock)
    outbox.append("verdict", msgspec.structs.replace(FEVER, version=3), clock.advance(1000), FIRST)
    outbox.close("stopped")
    assert "was written by a newer version" in run(other, FIRST.hex(), code=2)


def test_nothing_on_the_disk_is_changed(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    run(folder, "last")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_screen_is_told_of_a_passage_while_the_gate_writes(tmp_path: Path) -> None:
    clock = HandClock()
    outbox = open_outbox(tmp_path, clock)
    outbox.append("verdict", ALLOW, clock.advance(1000), FIRST)
    found = recorded_why(tmp_path, FIRST)
    outbox.append("note", note(), clock.advance(1000))
    outbox.close("stopped")
    assert found is not None
    assert found.headline.zh == "放行：查验通过"
    assert recorded_why(tmp_path, SECOND) is None


def test_a_screen_without_an_outbox_is_told_nothing(tmp_path: Path) -> None:
    assert recorded_why(tmp_path, FIRST) is None


def test_a_search_for_the_screen_looks_only_among_the_newest(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "outbox.db")) as connection:
        verdict = connection.execute("SELECT header, salt, payload FROM records WHERE number = 2").fetchone()
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE records (epoch_id, number, header, salt, payload)")
        rows = [(1, 1, *verdict), *((1, number, b"", b"", b"") for number in range(2, NEWEST + 2))]
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
        with pytest.raises(ExplainError):
            find_newest(connection, FIRST)
        connection.execute("DELETE FROM records WHERE number = 2")
        assert find_newest(connection, FIRST).verdict == FEVER
