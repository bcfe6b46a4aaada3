"""`guankou-gate explain`: why a passage had its verdict, from the outbox of a gate file or of a copied card."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from checkpoint.explain import Explanation
from checkpoint.explain_sheet import Sheet, sheets
from checkpoint.explain_words import Said
from checkpoint.records import Header
from edge.audit_command import AuditError, reading
from edge.explain_record import ExplainError, Found, find, kept_policy
from firmware_config.load import load_gate_file

# Into a file or a pipe: wide enough that few lines break.
_WIDTH: Final = 180
_ZONE: Final = "Asia/Shanghai"
_YEAR_9999_MS: Final = 253_370_764_800_000


def explain_record(
    record: str, lane: str | None, config: Path | None, database: Path | None
) -> tuple[Found, Explanation, str]:
    """What was found, its explanation, and the local time of its record. Raises ExplainError or ConfigError."""
    zone = _ZONE
    if config is not None:
        gate = load_gate_file(config).gate
        database, zone = database or Path(gate.data_dir) / "outbox.db", gate.timezone
    if database is None:
        raise ExplainError("name a gate file (--config) or an outbox (--database)")
    try:
        with reading(database) as connection:
            found = find(connection, record, lane)
    except (AuditError, sqlite3.Error) as error:
        raise ExplainError(str(error) if isinstance(error, AuditError) else _unreadable(database, error)) from None
    policy = kept_policy(database.parent / "documents", found.verdict.policy, found.verdict.policy_version)
    return found, found.explained(policy), _local(found.header.at, zone)


def _unreadable(database: Path, error: sqlite3.Error) -> str:
    return f"{database}: can't be read as an outbox ({error}); the file is damaged, or another"


def explanation_json(found: Found, explanation: Explanation, local: str) -> dict[str, Any]:
    """For a program: which record, and every part of the explanation with its codes beside the words."""
    header = found.header
    return {
        "gate": header.gate,
        "epoch": header.epoch.hex(),
        "number": header.number,
        "passage": header.passage.hex() if header.passage else None,
        "at": header.at,
        "local_time": local,
        "clock": header.clock,
        **msgspec.to_builtins(explanation),
    }


def show(found: Found, explanation: Explanation, local: str, console: Console | None = None) -> None:
    """Prints the tables, Chinese first."""
    out = console or Console(width=None if Console().is_terminal else _WIDTH)
    out.print(Text(_heading(found.header, local)))
    out.print(_cell(explanation.headline, " | "), style="bold")
    for sheet in sheets(explanation):
        out.print(_table(sheet))


def _heading(header: Header, local: str) -> str:
    passage = header.passage.hex() if header.passage else "-"
    clock = "" if header.clock == "trusted" else "  时钟未校准 clock not trusted"
    return f"{header.gate}/{header.epoch.hex()}/{header.number}  {passage}  {local}{clock}"


def _table(sheet: Sheet) -> Table:
    table = Table(title=f"{sheet.title.zh} {sheet.title.en}", title_justify="left", show_header=bool(sheet.heads))
    for head in sheet.heads or (Said(),) * len(sheet.rows[0]):
        table.add_column(_cell(head), overflow="fold")
    for row in sheet.rows:
        table.add_row(*(_cell(words) for words in row))
    return table


def _cell(words: Said, between: str = "\n") -> Text:
    """Both languages, once where they are the same. Text, so that brackets in a record are no markup."""
    return Text(words.zh if words.zh == words.en else f"{words.zh}{between}{words.en}")


def _local(at_ms: int, zone: str) -> str:
    """A gate without a clock may have written any number: what is no date of this world is shown as such."""
    if not 0 <= at_ms < _YEAR_9999_MS:
        return "—"
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat(" ", "seconds")
