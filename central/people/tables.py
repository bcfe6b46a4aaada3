"""Reads a spreadsheet of people, CSV or XLSX, as plain texts: bounded, no formula, nothing guessed."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from central.people.credentials import PeopleError

MAX_FILE_BYTES: Final = 8 << 20
MAX_ROWS: Final = 20_000
# Empty ones count too.
_MAX_LINES: Final = 2 * MAX_ROWS
MAX_COLUMNS: Final = 64
MAX_CELL: Final = 200
# What an XLSX file may inflate to, all its parts together.
_MAX_INFLATED: Final = 64 << 20
_MAX_PARTS: Final = 500
# A number cell holds 15 digits at most: an ID number in one has lost its last ones.
_EXACT: Final = 10**15
_DELIMITERS: Final = ",;\t"
_FORMULA_SIGNS: Final = ("=", "@")


class TableError(PeopleError):
    """The file as a whole can't be read; the text names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of one cell; `fault` says why it can't be used, and is empty if it can."""

    text: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells from the first column on; `line` as the spreadsheet or an editor numbers it."""

    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that hold anything, the headings first. `form`: how the file was read, for the report."""

    form: str
    rows: tuple[Row, ...]


def read_table(file: Path) -> Table:
    """The first sheet of an .xlsx, or a .csv in UTF-8 or GB18030. Raises TableError, OSError."""
    size = file.stat().st_size
    if size > MAX_FILE_BYTES:
        raise TableError(f"{file}: {size} bytes, at most {MAX_FILE_BYTES}: split it")
    data = file.read_bytes()
    kind = file.suffix.lower()
    if kind == ".csv":
        form, rows = _csv(file, data)
    elif kind == ".xlsx":
        form, rows = "XLSX", _xlsx(file, data)
    else:
        raise TableError(f"{file}: the ending says the form: save it as .csv or .xlsx")
    kept = []
    for row in rows:
        if len(row.cells) > MAX_COLUMNS:
            raise TableError(f"{file}: line {row.line} has over {MAX_COLUMNS} columns; remove what is not needed")
        if any(cell.text or cell.fault for cell in row.cells):
            kept.append(row)
        if len(kept) > MAX_ROWS + 1:
            raise TableError(f"{file}: over {MAX_ROWS} people; split it")
    if not kept:
        raise TableError(f"{file}: holds nothing; the first line names the columns")
    return Table(form, tuple(kept))


def _csv(file: Path, data: bytes) -> tuple[str, Iterator[Row]]:
    form, text = _decoded(file, data)
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    return form, _csv_rows(file, text, delimiter)


def _decoded(file: Path, data: bytes) -> tuple[str, str]:
    """GB18030 takes nearly any bytes: UTF-8, which does not, is tried first."""
    for form, codec in (("CSV, UTF-8", "utf-8-sig"), ("CSV, GB18030", "gb18030")):
        try:
            return form, data.decode(codec)
        except UnicodeDecodeError:
            continue
    raise TableError(f"{file}: is neither UTF-8 nor GB18030; save it again as CSV in UTF-8, or as .xlsx")


def _csv_rows(file: Path, text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for row in reader:
            # One more than may be is enough to refuse the line.
            yield Row(before + 1, tuple(_of_text(value) for value in row[: MAX_COLUMNS + 1]))
            before = reader.line_num
    except csv.Error as error:
        raise TableError(f"{file}: line {before + 1}: {error}; save it again as CSV, or as .xlsx") from None


def _of_text(value: str) -> Cell:
    text = value.strip()
    if text.startswith(_FORMULA_SIGNS):
        return Cell(text[:1], "is a formula; put its value there")
    if len(text) > MAX_CELL:
        return Cell(text[:MAX_CELL], f"has {len(text)} characters, at most {MAX_CELL}")
    return Cell(text)


def _xlsx(file: Path, data: bytes) -> Iterator[Row]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _check_parts(file, data)
    # Broken parts come up anywhere in the reader, as whatever broke: none of it may end the program.
    broken = (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, SyntaxError,
              IndexError, EOFError, OSError)  # fmt: skip
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    except broken as error:
        raise _unreadable(file, error) from None
    if not book.worksheets:
        raise TableError(f"{file}: has no sheet with cells")
    try:
        yield from _sheet_rows(file, book.worksheets[0])
    except TableError:
        raise
    except broken as error:
        raise _unreadable(file, error) from None
    finally:
        book.close()


def _sheet_rows(file: Path, sheet: Any) -> Iterator[Row]:
    # The size that the file claims is not believed.
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_row=_MAX_LINES + 1, max_col=MAX_COLUMNS + 1)
    for line, cells in enumerate(rows, 1):
        if line > _MAX_LINES:
            raise TableError(f"{file}: over {_MAX_LINES} lines, most of them empty; remove those, or split it")
        yield Row(line, _trimmed(tuple(_of_cell(cell) for cell in cells)))


def _check_parts(file: Path, data: bytes) -> None:
    """Before anything is inflated: few parts, of bounded size, none of them with a document type definition."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            total = sum(part.file_size for part in parts)
            if len(parts) > _MAX_PARTS or total > _MAX_INFLATED:
                raise TableError(f"{file}: inflates to {total} bytes; save only the sheet with the people")
            for part in parts:
                # A part that lies about its size ends there: zipfile reads no further than it was told.
                # In UTF-16 every other byte is zero.
                if b"<!DOCTYPE" in archive.read(part).replace(b"\0", b""):
                    raise TableError(
                        f"{file}: {part.filename[:60]!r} holds a DOCTYPE; no spreadsheet program writes it"
                    )
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> TableError:
    if isinstance(error, TableError):
        return error
    return TableError(f"{file}: can't be read as XLSX ({type(error).__name__}); save it again as .xlsx, or as CSV")


def _of_cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return Cell("")
    if cell.data_type == "f" or not isinstance(value, str | int | float | date | time):
        return Cell("=", "is a formula; put its value there")
    if isinstance(value, bool) or cell.data_type == "e":
        return Cell(str(value), "is no text; type it as text")
    if isinstance(value, datetime | date | time):
        return Cell("", "is a date; set the column's format to text and type it again")
    if isinstance(value, int | float):
        return _of_number(value)
    return _of_text(value)


def _of_number(value: float) -> Cell:
    if abs(value) >= _EXACT or value != int(value):
        return Cell("", "is a number that lost digits; set the column's format to text and type it again")
    return Cell(str(int(value)))


def _trimmed(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    end = len(cells)
    while end and cells[end - 1] == Cell(""):
        end -= 1
    return cells[:end]
