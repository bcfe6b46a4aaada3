"""`guankou-central audit`: one consistent look at the whole store, told to a person or to a program."""

from __future__ import annotations

from typing import Any

from central.audit import EpochReport, audit, recount
from central.registry import Registry
from central.store.sqlite import SqliteStore


class AuditError(ValueError):
    """What was asked for can't be verified; the message names it."""


def audit_store(store: SqliteStore, registry: Registry, gate: str | None) -> dict[str, Any]:
    """Everything that was found, as JSON has it; for one gate without a recount. Raises AuditError."""
    if gate is not None and store.gate(gate) is None:
        raise AuditError(f"gate {gate!r} is not enrolled; `guankou-central audit` without --gate names those that are")
    with store.snapshot():
        reports = list(audit(store, gate))
        differences = recount(store, registry) if gate is None else []
    purged = sum(report.purged for report in reports)
    ok = all(report.ok for report in reports) and (purged > 0 or not differences)
    return {
        "ok": ok,
        "epochs": [_plain(report) for report in reports],
        "purged_payloads": purged,
        "recounted": gate is None,
        "differences": differences,
    }


def audit_text(found: dict[str, Any]) -> str:
    """A line for each epoch, its notes under it; what the recount gave at the end."""
    lines = []
    for epoch in found["epochs"]:
        lines += [epoch["line"], *(f"  {note}" for note in epoch["notes"])]
    if found["recounted"]:
        differences = len(found["differences"])
        told = f"{differences} differences" if differences else "equal"
        lines.append(f"recount: {told}, {found['purged_payloads']} purged")
    return "\n".join(lines)


def _plain(report: EpochReport) -> dict[str, Any]:
    return {
        "gate": report.gate,
        "epoch": report.epoch,
        "ok": report.ok,
        "issued": report.issued,
        "through": report.through,
        "head": report.head,
        "purged": report.purged,
        "gaps": report.gaps,
        "finding_count": report.finding_count,
        "findings": [{"number": finding.number, "why": finding.why} for finding in report.findings],
        "notes": report.notes,
        "line": report.line(),
    }
