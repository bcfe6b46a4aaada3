"""Where in a TOML text each table and key stands: the parser of the standard library keeps no lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

# Names of tables and keys from the outside in; a number is the place in an array of tables.
Path = tuple[str | int, ...]

_NAME: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_KEY: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
# Whatever may hide a line's end or a bracket, brackets, and ends of lines (TOML 1.0, Strings and Comment).
_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'" r"|#[^\n]*|[\[\]{}\n]", re.S
)


def lines_of(text: str) -> dict[Path, int]:
    """Path of every table and key of a TOML text with its line, from 1; what stands in an inline table is left out."""
    found: dict[Path, int] = {}
    table: Path = ()
    sizes: dict[Path, int] = {}
    for line, start in _statements(text):
        if header := _HEADER.match(text, start):
            table = _opened(_names(header[2]), header[1] == "[[", sizes)
            found.setdefault(table, line)
        elif key := _KEY.match(text, start):
            found.setdefault((*table, *_names(key[1])), line)
    return found


def line_at(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of `path`, else of the nearest thing around it that has one; None if nothing has."""
    return next((lines[path[:size]] for size in range(len(path), 0, -1) if path[:size] in lines), None)


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """(line, offset) of every line that does not go on with the value of one before."""
    line, depth = 1, 0
    yield line, 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        depth += (sign in ("[", "{")) - (sign in ("]", "}"))
        line += sign.count("\n")
        if sign == "\n" and depth <= 0:
            yield line, token.end()


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, dotted))


def _opened(names: tuple[str, ...], is_array: bool, sizes: dict[Path, int]) -> Path:
    """The path of a table that opens: inside an array of tables it belongs to the latest one. `sizes`: of arrays."""
    path: Path = ()
    for at, name in enumerate(names):
        path = (*path, name)
        size = sizes.get(path, 0)
        if at == len(names) - 1 and is_array:
            sizes[path] = size + 1
            return (*path, size)
        if size:
            path = (*path, size - 1)
    return path
