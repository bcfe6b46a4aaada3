"""The list of risk regions from a file: TOML for people who write it, CSV or XLSX for those who keep a spreadsheet."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from central.people.tables import TableError, read_table
from checkpoint.policy_schema import RiskLevel
from checkpoint.regions import RegionError, RiskRegion, day_number, encode_regions

_MAX_BYTES: Final = 2 * 1024 * 1024
# Key -> headings of a table, the usual one first.
_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "code": ("代码", "行政区划代码", "code"),
    "level": ("风险等级", "等级", "level"),
    "from": ("起始日期", "起", "from"),
    "until": ("截止日期", "止", "until"),
    "name": ("地区", "名称", "name"),
}
_KEY_OF: Final = {word: key for key, words in _HEADINGS.items() for word in words}
_LEVELS: Final[Mapping[str, RiskLevel]] = {
    "low": "low", "medium": "medium", "high": "high",
    "低": "low", "中": "medium", "高": "high", "低风险": "low", "中风险": "medium", "高风险": "high",
}  # fmt: skip
_DIGITS: Final = 6


def region_content(file: Path) -> bytes:
    """What is signed for gates, from a .toml, .csv or .xlsx. Raises RegionError, or OSError.

    TOML has a `[[region]]` for each, with `code`, `level`, `from`, and `until` where it has ended; `name` is for
    people. A table has the same as headings, in Chinese or English.
    """
    rows = _toml_rows(file) if file.suffix.lower() == ".toml" else _table_rows(file)
    try:
        return encode_regions(_region(f"{file}: {place}", row) for place, row in rows)
    except RegionError as error:
        text = str(error)
        raise RegionError(text if text.startswith(str(file)) else f"{file}: {text}") from None


def _toml_rows(file: Path) -> list[tuple[str, Mapping[str, Any]]]:
    with file.open("rb") as opened:
        data = opened.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise RegionError(f"{file}: larger than {_MAX_BYTES} bytes: list fewer regions")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except ValueError as error:
        raise RegionError(f"{file}: is not TOML in UTF-8: {error}") from None
    regions = table.pop("region", None if table else [])
    if table or not isinstance(regions, list) or not all(isinstance(row, dict) for row in regions):
        found = next(iter(table), "region")
        raise RegionError(f"{file}: {found[:40]!r} is not a list [[region]]: write nothing but [[region]] tables")
    return [(f"region {number}", row) for number, row in enumerate(regions, 1)]


def _table_rows(file: Path) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        table = read_table(file)
    except TableError as error:
        raise RegionError(str(error)) from None
    keys = [_key(file, cell.text) for cell in table.rows[0].cells]
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for row in table.rows[1:]:
        if bad := next((cell for cell in row.cells if cell.fault), None):
            raise RegionError(f"{file}: line {row.line}: a cell {bad.fault}")
        if len(row.cells) > len(keys):
            raise RegionError(f"{file}: line {row.line}: {len(row.cells)} cells under {len(keys)} headings")
        cells = {key: cell.text for key, cell in zip(keys, row.cells, strict=False) if cell.text}
        rows.append((f"line {row.line}", cells))
    return rows


def _key(file: Path, heading: str) -> str:
    key = _KEY_OF.get(heading.strip().lower())
    if key is None:
        usual = ", ".join(words[0] for words in _HEADINGS.values())
        raise RegionError(f"{file}: column {heading[:40]!r} is unknown: use {usual}, or {', '.join(_HEADINGS)}")
    return key


def _region(place: str, row: Mapping[str, Any]) -> RiskRegion:
    if stray := sorted(set(row) - set(_HEADINGS)):
        raise RegionError(f"{place}: {stray[0][:40]!r} is unknown: use {', '.join(_HEADINGS)}")
    from_day = _day(place, row, "from")
    if from_day is None:
        raise RegionError(f"{place}: from is missing: give the first day that a stay there counts, as 2022-03-14")
    until_day = _day(place, row, "until")
    if until_day is not None and until_day < from_day:
        raise RegionError(f"{place}: until = {row['until']} is before from = {row['from']}: correct one of the two")
    return RiskRegion(_code(place, row), _level(place, row), from_day, until_day)


def _code(place: str, row: Mapping[str, Any]) -> int:
    text = str(row.get("code", ""))
    if len(text) != _DIGITS or not (text.isascii() and text.isdigit()):
        raise RegionError(f"{place}: code = {text[:40]!r}: give the six digits of GB/T 2260, 420000 for a province")
    return int(text)


def _level(place: str, row: Mapping[str, Any]) -> RiskLevel:
    text = str(row.get("level", ""))
    level = _LEVELS.get(text.strip().lower())
    if level is None:
        raise RegionError(f"{place}: level = {text[:40]!r}: choose from low medium high (低 中 高)")
    return level


def _day(place: str, row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    if value is None:
        return None
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = None
    if isinstance(day, datetime) or not isinstance(day, date):
        raise RegionError(f"{place}: {key} = {str(value)[:40]!r} is no day: write it as 2022-03-14")
    return day_number(day)
