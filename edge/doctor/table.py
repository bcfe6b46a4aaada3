"""The doctor's findings as a table for people, Chinese first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.doctor.finding import Finding
from webscreen.words import Words

_MARKS: Final = {"ok": ("正常 ok", "green"), "warn": ("注意 warn", "yellow"), "fail": ("故障 fail", "bold red")}
# Into a file or a pipe: wide enough that few lines break.
_WIDTH: Final = 160


def show(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Prints the table and a line that counts."""
    out = console or Console(width=None if Console().is_terminal else _WIDTH)
    table = Table(show_lines=True)
    for heading in ("", "项目 part", "结果 what", "处理 remedy"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        word, style = _MARKS[finding.state]
        table.add_row(Text(word, style), _cell(finding.part), _cell(finding.what), _cell(finding.remedy))
    out.print(table)
    counts = {state: sum(one.state == state for one in findings) for state in _MARKS}
    out.print(Text("  ".join(f"{_MARKS[state][0]}: {count}" for state, count in counts.items())))


def _cell(words: Words) -> Text:
    """Both languages, once where they are the same. Text, so that brackets in a message are no markup."""
    return Text(words.zh if words.zh == words.en else f"{words.zh}\n{words.en}")
