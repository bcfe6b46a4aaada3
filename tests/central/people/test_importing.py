"""Spreadsheets of people: what gets in, what is reported, and that it is all or nothing."""

from __future__ import annotations

import io
import json
import random
import re
import stat
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from central.people import tables
from central.people.importing import veiled
from central.people.tables import TableError, read_table
from tests.central.people.kit import NUMBER, OTHER_NUMBER

HEAD = "姓名,房号,手机,证件号,类别,车牌,人数\n"
ROWS = (
    f"欧阳娜,3-2-501,13900000001,{NUMBER},居民,,2\n"
    f"李雷,3-2-501,13900000002,{OTHER_NUMBER},,,\n"
    "韩梅,1-1-101,,,工作人员,,\n"
    ",1-1-102,,,车辆,赣A·12345,\n"
)


def write(office, text, codec="utf-8", name="people.csv"):
    file = office.home / name
    file.write_bytes(text.encode(codec))
    return str(file)


def book(office, rows, name="people.xlsx"):
    made = Workbook()
    for row in rows:
        made.active.append(row)
    made.save(office.home / name)
    return str(office.home / name)


def count(office):
    with office.store() as store:
        return len(store.people())


def take(office, file, *more, code=0):
    return office.run("people", "import", file, "--site", "east", *more, code=code)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_in_any_of_the_usual_encodings_gets_in(office, codec):
    done = json.loads(take(office, write(office, HEAD + ROWS, codec), "--json"))
    assert (done["added"], done["changed"], done["same"]) == (4, 0, 0)
    with office.store() as store:
        people = {one.name or one.plate: one for one in store.people("east")}
    assert set(people) == {"欧阳娜", "李雷", "韩梅", "赣A12345"}
    assert people["欧阳娜"].household == people["李雷"].household != people["韩梅"].household
    assert (people["韩梅"].pass_class, people["欧阳娜"].party_size) == ("worker", 2)


def test_the_same_people_get_in_from_xlsx(office):
    rows = [line.split(",") for line in (HEAD + ROWS).splitlines()]
    rows[1][2], rows[1][6] = 13900000001, 2
    done = json.loads(take(office, book(office, rows), "--json"))
    assert done["added"] == 4
    done = json.loads(take(office, write(office, HEAD + ROWS), "--json"))
    assert (done["added"], done["changed"], done["same"]) == (0, 0, 4)


def test_a_second_import_changes_nothing_and_gives_no_second_pass(office):
    file = write(office, HEAD + ROWS)
    links = office.home / "links.csv"
    first = json.loads(take(office, file, "--issue", "--links", str(links), "--json"))
    assert (first["added"], first["passes"]) == (4, 4)
    assert stat.S_IMODE(links.stat().st_mode) == 0o600
    assert links.read_text(encoding="utf-8-sig").count("https://pass.example.org/#k=") == 4
    with office.store() as store:
        before = list(store.connection.iterdump())
    again = json.loads(take(office, file, "--issue", "--json"))
    assert (again["added"], again["changed"], again["same"], again["passes"]) == (0, 0, 4, 0)
    with office.store() as store:
        assert list(store.connection.iterdump()) == before


def test_pass_import_is_the_same_import_with_passes(office):
    file, links = write(office, HEAD + ROWS), office.home / "links.csv"
    done = json.loads(office.run("pass", "import", file, "--site", "east", "--links", str(links), "--json"))
    assert (done["added"], done["passes"]) == (4, 4)
    assert links.read_text(encoding="utf-8-sig").count("https://pass.example.org/#k=") == 4
    assert json.loads(take(office, file, "--issue", "--json"))["passes"] == 0
    bad = office.run("pass", "import", write(office, "房号\n1-1\n"), "--site", "east", code=2)
    assert "姓名" in bad


def test_a_dry_run_says_what_would_be_done_and_does_nothing(office):
    done = json.loads(take(office, write(office, HEAD + ROWS), "--issue", "--dry-run", "--json"))
    assert (done["added"], done["dry_run"]) == (4, True)
    assert count(office) == 0


def test_a_changed_row_changes_its_person_and_no_other(office):
    take(office, write(office, HEAD + ROWS))
    moved = (HEAD + ROWS).replace("欧阳娜,3-2-501,13900000001", "欧阳娜,9-9-901,13911111111")
    done = json.loads(take(office, write(office, moved), "--json"))
    assert (done["added"], done["changed"], done["same"]) == (0, 1, 3)


def test_a_number_that_is_brought_later_belongs_to_the_person_who_is_there(office):
    take(office, write(office, "姓名,房号\n欧阳娜,3-2-501\n"))
    done = json.loads(take(office, write(office, f"姓名,房号,证件号\n欧阳娜,3-2-501,{NUMBER}\n"), "--json"))
    assert (done["added"], done["changed"]) == (0, 1)
    with office.store() as store:
        [person] = store.people()
    assert person.id_mac
    assert person.document_digest
    take(office, write(office, "姓名,房号\n欧阳娜,3-2-501\n"))
    with office.store() as store:
        assert store.people() == [person]


def test_every_bad_cell_is_reported_and_nothing_gets_in(office):
    wrong = NUMBER[:-1] + "0"
    text = HEAD + ROWS + (
        f"甲,1,123,{wrong},居民,,\n乙,1,电话,,居民,,\n丙,1,1,,邻居,,\n=SUM(A1),1,1,,居民,,\n丁,1,1,,居民,,很多\n"
    )  # fmt: skip
    output = take(office, write(office, text), code=1)
    for line, column in ((6, "id_number"), (7, "phone"), (8, "class"), (9, "name"), (10, "party")):
        assert f"line {line}, {column}" in output
    assert wrong not in output
    assert "nothing was imported" in output
    assert count(office) == 0
    bad = json.loads(take(office, write(office, text), "--json", code=1))["bad"]
    assert [cell["line"] for cell in bad] == [6, 7, 8, 9, 10]


def test_two_rows_of_one_person_are_reported(office):
    output = take(office, write(office, HEAD + ROWS + f"欧阳,2-2,,{NUMBER},,,\n"), code=1)
    assert "line 6, id_number" in output
    assert "line 2" in output
    assert NUMBER not in output


@pytest.mark.parametrize(
    ("cell", "why"),
    [("=A1", "formula"), (110105199003072338, "lost digits"), (1.5, "lost digits"), (True, "type it as text")],
)
def test_cells_that_are_no_text_are_refused(office, cell, why):
    output = take(office, book(office, [["姓名", "证件号"], ["甲", cell]]), code=1)
    assert "line 2, id_number" in output
    assert why in output
    assert str(NUMBER) not in output


def test_a_column_that_is_unknown_is_named_and_can_be_left_out(office):
    file = write(office, "姓名,年龄\n甲,30\n")
    assert "年龄" in take(office, file, code=2)
    take(office, file, "--ignore", "年龄")
    assert count(office) == 1


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", "holds nothing"),
        ("a.csv", b"\xff\xff\xff", "neither UTF-8 nor GB18030"),
        ("a.csv", b'"never closed', "line 1"),
        ("a.csv", b"phone\n1\n", "names no column"),
        ("a.csv", "姓名,name\n".encode(), "two columns"),
        ("a.xls", b"x", "save it as .csv or .xlsx"),
        ("a.xlsx", b"PK\x03\x04 no zip", "can't be read as XLSX"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(office, name, data, words):
    (office.home / name).write_bytes(data)
    output = take(office, str(office.home / name), code=2)
    assert words in output
    assert len(output.splitlines()) == 1


def read_or_refused(file):
    """Whether it is a table, or a refusal that names the file."""
    try:
        return bool(read_table(file).rows)
    except TableError as error:
        return str(file) in str(error)


def zipped(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            archive.writestr(name, data)
    return out.getvalue()


def test_an_archive_that_would_inflate_without_end_is_not_inflated(office):
    file = office.home / "bomb.xlsx"
    file.write_bytes(zipped([("xl/a.xml", bytes(30 << 20)), ("xl/b.xml", bytes(40 << 20))]))
    with pytest.raises(TableError, match="inflates to"):
        read_table(file)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-be"])
def test_a_part_with_a_doctype_is_refused(office, codec):
    file = office.home / "entities.xlsx"
    file.write_bytes(zipped([("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'.encode(codec))]))
    with pytest.raises(TableError, match="DOCTYPE"):
        read_table(file)


def test_too_many_rows_are_refused(office, monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    monkeypatch.setattr(tables, "_MAX_LINES", 6)
    for file in (write(office, HEAD + ROWS), book(office, [["姓名"]] + [[f"甲{n}"] for n in range(4)])):
        assert "over 3 people" in take(office, file, code=2)
    far = Workbook()
    far.active["A1"], far.active["A50"] = "姓名", "甲"
    far.save(office.home / "far.xlsx")
    assert "over 6 lines" in take(office, str(office.home / "far.xlsx"), code=2)


def test_a_damaged_xlsx_is_read_or_refused_and_never_ends_the_program(office):
    good = (office.home / "people.xlsx", book(office, [["姓名"], ["甲"]]))[0].read_bytes()
    chance = random.Random(7)
    file = office.home / "damaged.xlsx"
    for _ in range(60):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        file.write_bytes(data)
        assert read_or_refused(file)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_clear_refusal(office, data):
    file = office.home / "any.csv"
    file.write_bytes(data)
    assert read_or_refused(file)


@given(st.from_regex(r"\A.{0,5}[1-9][0-9]{17}.{0,5}\Z"))
def test_no_report_shows_a_number_whatever_column_it_is_in(text):
    assert re.search(r"[0-9]{6}", veiled(text)) is None


def test_the_whole_way_of_a_resident_by_commands(office):
    words = ["--site", "east", "--name", "欧阳娜", "--unit", "3-2-501", "--ask-number", "--json"]
    made = json.loads(office.run("people", "add", *words, typed=NUMBER))
    no = str(made["person"])
    assert "no pass yet" in office.run("people", "link", no, code=2)
    issued = json.loads(office.run("pass", "issue", "--person", no, "--json"))
    assert issued["pass_id"] == made["pass_id"]
    assert json.loads(office.run("pass", "renew", issued["pass_id"], "--json"))["pass_id"] == issued["pass_id"]
    link = office.run("people", "link", no)
    assert "https://pass.example.org/#k=" in link
    assert "█" in link
    [row] = [json.loads(line) for line in office.run("people", "list", "--json").splitlines()]
    assert (row["unit"], row["status"], row["has_id_number"]) == ("3-2-501", "valid", True)
    assert NUMBER not in json.dumps(row)
    office.run("pass", "revoke", issued["pass_id"])
    assert "revoked" in office.run("people", "list")
    assert "revoked" in office.run("pass", "renew", issued["pass_id"], code=2)
    again = json.loads(office.run("pass", "issue", "--person", no, "--again", "--ask-number", "--json", typed=NUMBER))
    assert again["pass_id"] != issued["pass_id"]


def test_the_cards_of_a_unit_are_printed(office):
    take(office, write(office, HEAD + ROWS), "--issue")
    out = office.home / "cards.pdf"
    assert office.run("pass", "print", "--site", "east", "--unit", "3-2-501", "--out", str(out)).startswith("2:")
    assert out.read_bytes().startswith(b"%PDF")
    assert "no valid pass" in office.run("pass", "print", "--site", "east", "--unit", "none", "--out", str(out), code=2)


def test_walk_up_prints_a_code(office):
    made = office.run("pass", "walk-up", "--site", "east", "--plate", "赣A12345", "--hours", "2")
    assert made.startswith("GK1:")
    assert "█" in made


def test_applications_are_listed_confirmed_and_refused_by_commands(office):
    from central.people.applications import apply
    from central.people.registering import Entry

    with office.store() as store:
        for name in ("甲", "乙"):
            apply(office.config, store, Entry(site="east", pass_class="resident", name=name), "{}", 1)
    assert len(office.run("people", "pending", "--site", "east").splitlines()) == 2
    assert office.run("people", "confirm", "1", "--unit", "3-2-501", "--by", "li").startswith("GK1:")
    office.run("people", "refuse", "2", "--why", "不住这里", "--by", "li")
    assert office.run("people", "pending") == ""
    assert "unknown" in office.run("people", "confirm", "9", code=2)
