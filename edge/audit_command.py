"""`guankou-gate audit`: whether the outbox still is what was written, read without changing a byte of it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from edge.audit import EpochReport, Stored, audit, first_gate
from firmware_config.load import load_gate_file

_BUSY_S = 5.0


class AuditError(ValueError):
    """There is nothing to verify; the message names the file and the remedy."""


class _StoredEpoch(msgspec.Struct, frozen=True):
    gate: str
    epoch: str
    through: int
    head: str


class _CollectorsAudit(msgspec.Struct, frozen=True):
    """As much of `guankou-central audit --json` as is compared."""

    epochs: tuple[_StoredEpoch, ...]


def audit_gate(config: Path | None, database: Path | None, against: Path | None = None) -> list[EpochReport]:
    """A report for each epoch of a gate file's outbox, or of any outbox file. Raises AuditError or ConfigError.

    `against`: a file with what `guankou-central audit --json` printed.
    """
    gate = None
    if config is not None:
        file = load_gate_file(config)
        database, gate = database or Path(file.gate.data_dir) / "outbox.db", file.gate.id
    if database is None:
        raise AuditError("name a gate file (--config) or an outbox (--database)")
    try:
        with reading(database) as connection:
            name = gate if gate is not None else first_gate(connection)
            return list(audit(connection, name, stored_at_collector(against, name) if against else None))
    except sqlite3.Error as error:
        raise AuditError(f"{database}: can't be read as an outbox ({error}); the file is damaged, or another") from None


def stored_at_collector(file: Path, gate: str) -> dict[str, Stored]:
    """Epoch -> what the collector has of it. Raises AuditError."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_CollectorsAudit)
        return {row.epoch: Stored(row.through, bytes.fromhex(row.head)) for row in found.epochs if row.gate == gate}
    except (OSError, ValueError) as error:
        raise AuditError(f"{file}: is not what `guankou-central audit --json` prints ({error})") from None


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """One snapshot of an outbox in a transaction that writes nothing, and makes no file beside it.

    Raises AuditError or sqlite3.Error. With `-wal` and `-shm` beside it a gate may be running: its own files are
    used. A `-wal` alone came with a copied card: both are copied, because SQLite would make `-shm` to read it.
    """
    if not database.is_file():
        raise AuditError(f"{database}: no such file; name an outbox.db")
    with ExitStack() as stack:
        yield stack.enter_context(closing(_in_place(database) or _copied(database, stack)))


def _in_place(database: Path) -> sqlite3.Connection | None:
    """A connection that makes no files; None where there is no such connection, and a copy has to be read."""
    if Path(f"{database}-shm").exists():
        try:
            return _snapshot(database, "mode=ro")
        except sqlite3.OperationalError:
            # `-shm` can't be written, as on a card that is mounted read-only.
            return None
    wal = Path(f"{database}-wal")
    return None if wal.exists() and wal.stat().st_size else _snapshot(database, "mode=ro&immutable=1")


def _copied(database: Path, stack: ExitStack) -> sqlite3.Connection:
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guankou-audit-"))) / "outbox.db"
    for suffix in ("", "-wal"):
        if Path(f"{database}{suffix}").exists():
            shutil.copyfile(f"{database}{suffix}", f"{copy}{suffix}")
    return _snapshot(copy, "mode=rw")


def _snapshot(database: Path, mode: str) -> sqlite3.Connection:
    """A connection inside a transaction that has read once, so that it sees this moment until it is closed."""
    uri = f"{database.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM epochs").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def report_line(report: EpochReport) -> str:
    """One epoch for a person: its numbers, or the first bad one and what is wrong with it."""
    if not report.ok:
        first, *_ = report.findings.sorted()
        more = report.findings.count - 1
        return f"{report.epoch}  {first}" + (f" (and {more} more)" if more else "")
    stored = f"1..{report.watermark}" if report.watermark else "none"
    held = f"{report.floor}..{report.last}" if report.floor <= report.last else "none"
    purged = f" ({report.floor - 1} purged after they were stored)" if report.floor > 1 else ""
    aside = "; set aside: it disagrees with the collector" if report.set_aside else ""
    return (
        f"{report.epoch}  issued 1..{report.last}, stored {stored} at the collector (watermark), "
        f"held {held}{purged}, gaps none{aside}"
    )


def report_json(report: EpochReport) -> dict[str, Any]:
    """The same for a program; `watermark_head` is what the collector must have there, `findings` at most 20."""
    return {
        "gate": report.gate,
        "epoch": report.epoch,
        "ok": report.ok,
        "floor": report.floor,
        "last": report.last,
        "head": report.head,
        "watermark": report.watermark,
        "watermark_head": report.watermark_head,
        "set_aside": report.set_aside,
        "finding_count": report.findings.count,
        "findings": [{"number": finding.number, "why": finding.why} for finding in report.findings.sorted()],
    }
