"""Lists of risk regions from files: TOML and spreadsheets, with errors that name place, value and remedy."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from central.region_files import region_content
from checkpoint.regions import RegionError, RiskRegion, day_number, regions_from_content

FROM, UNTIL = day_number(date(2020, 1, 20)), day_number(date(2020, 4, 8))
EXPECTED = (RiskRegion(420_100, "high", FROM, UNTIL), RiskRegion(420_000, "medium", FROM, None))
TOML = """
[[region]]
code = "420100"
name = "武汉市"
level = "high"
from = 2020-01-20
until = 2020-04-08

[[region]]
code = 420000
level = "medium"
from = "2020-01-20"
"""
CSV_ZH = (
    "地区,代码,风险等级,起始日期,截止日期\n武汉市,420100,高风险,2020-01-20,2020-04-08\n湖北省,420000,中,2020-01-20,\n"
)
CSV_EN = "code,level,from,until\n420100,high,2020-01-20,2020-04-08\n420000,medium,2020-01-20,\n"


def content(folder: Path, name: str, text: str | bytes) -> bytes:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return region_content(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.toml", TOML.encode()),
        ("list.csv", CSV_ZH.encode()),
        ("list.csv", CSV_ZH.encode("gb18030")),
        ("list.csv", CSV_EN.encode("utf-8-sig")),
    ],
    ids=["toml", "csv in Chinese", "csv in GB18030", "csv in English"],
)
def test_every_form_of_a_list_says_the_same(tmp_path: Path, name: str, text: bytes) -> None:
    assert regions_from_content(content(tmp_path, name, text)).regions == EXPECTED


def test_an_empty_file_is_the_list_of_no_region(tmp_path: Path) -> None:
    assert regions_from_content(content(tmp_path, "none.toml", "# 目前没有风险地区\n")).regions == ()
    assert regions_from_content(content(tmp_path, "none.csv", "code,level,from\n")).regions == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"420100"', '"4201"'), r"region 1: code = '4201': give the six digits of GB/T 2260"),
        (('"420100"', '"９２０１００"'), r"region 1: code = .*six digits"),
        (('"420100"', '"990100"'), r"region 1: code 990100 is none of GB/T 2260"),
        (("420000", "42.5"), r"region 2: code = '42.5'"),
        (('"high"', '"red"'), r"region 1: level = 'red': choose from low medium high"),
        (("2020-04-08", "2019-04-08"), r"region 1: until = 2019-04-08 is before from = 2020-01-20"),
        (('from = "2020-01-20"\n', ""), r"region 2: from is missing"),
        (('"2020-01-20"', '"20 January"'), r"region 2: from = '20 January' is no day: write it as 2022-03-14"),
        (('"2020-01-20"', "2020-01-20T08:00:00Z"), r"region 2: from = .* is no day"),
        (("until", "to"), r"region 1: 'to' is unknown: use code, level, from, until, name"),
        (("[[region]]\ncode = 420000", "[[regions]]\ncode = 420000"), r"'regions' is not a list \[\[region\]\]"),
        (("[[region]]", "[region"), r"is not TOML in UTF-8"),
    ],
)
def test_a_bad_file_names_place_value_and_remedy(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    text = TOML.replace(*change)
    assert text != TOML
    with pytest.raises(RegionError, match=words) as error:
        content(tmp_path, "list.toml", text)
    assert str(error.value).startswith(str(tmp_path / "list.toml"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("level", "colour"), r"column 'colour' is unknown: use 代码, 风险等级"),
        (("420000", "42"), r"line 3: code = '42'"),
        (("medium,2020-01-20,", "medium,2020-01-20,,x"), r"line 3: 5 cells under 4 headings"),
        (("420000", "=A2"), r"line 3: a cell is a formula; put its value there"),
    ],
)
def test_a_bad_table_names_the_line(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    with pytest.raises(RegionError, match=words):
        content(tmp_path, "list.csv", CSV_EN.replace(*change))


def test_a_table_in_latin_1_and_a_file_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match=r"save it as \.csv or \.xlsx"):
        content(tmp_path, "list.pdf", b"%PDF")
    with pytest.raises(RegionError, match="larger than 2097152 bytes"):
        content(tmp_path, "list.toml", b"#" * (2 << 20) + b"\n")
