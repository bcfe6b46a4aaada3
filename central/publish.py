"""What subscribers get: the JSON of summaries and escalations, made from one picture of the store. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from central.cases import case_id
from central.completeness import gates_complete
from central.picture import HOUR_MS, Leaf, Picture, figures
from central.registry import is_under
from central.store.base import CaseRow, GateRow
from checkpoint import topics
from checkpoint.verdict_watch import DISCREET

SUMMARY_SCHEMA = "guankou/summary/1"
ESCALATION_SCHEMA = "guankou/escalation/1"


def summary(picture: Picture, path: str, version: int) -> dict[str, Any]:
    """The aggregate of a grid or of anything above it: a sum of leaves, never without its completeness."""
    verdicts, outcomes = figures(picture.today, path)
    undated_verdicts, undated_outcomes = figures(picture.undated, path)
    gates = picture.gates_under(path)
    return {
        "schema": SUMMARY_SCHEMA,
        "path": path,
        "version": version,
        "as_of": iso(picture.as_of_ms),
        "zone": picture.registry.zone,
        "completeness": _completeness(picture, path, picture.full_hour_ms),
        "today": {
            "start": iso(picture.day),
            "verdict": verdicts,
            "outcome": outcomes,
            "leaves": _leaves(picture.today, path),
        },
        "hours": [_hour(picture, path, start) for start in picture.hour_starts()],
        "undated": {"verdict": undated_verdicts, "outcome": undated_outcomes},
        "alarms": _alarms(picture, path),
        "unread": sum(picture.unread.get(gate.no, 0) for gate in gates),
        "missing": sum(picture.missing.get(gate.no, 0) for gate in gates),
    }


def escalation(picture: Picture, gate: GateRow, row: CaseRow) -> dict[str, Any]:
    """An open case. Nothing of the person is in it."""
    time = picture.time_of(row)
    body = {
        "schema": ESCALATION_SCHEMA,
        "case": case_id(gate.gate, row.epoch, row.number, row.origin),
        "gate": gate.gate,
        "path": picture.path_of_gate(gate),
        "site": gate.site,
        "name": row.name,
        "priority": row.priority,
        "detail": _detail(row),
        "opened": iso(picture.opened_ms(row)),
        "late": row.late,
        "orphan": row.orphan,
    }
    if time is not None and time.clock != "trusted":
        body |= {"clock": time.clock, "original": iso(time.original_ms)}
    return body


def _detail(row: CaseRow) -> str:
    """The lane alone, where the role that a gate calls would tell subscribers that it is about a watch list."""
    return row.detail.partition(" ")[0] if row.name == DISCREET else row.detail


def open_topics(picture: Picture) -> dict[str, tuple[GateRow, CaseRow]]:
    """Escalation topic -> its case, for everything that is open now."""
    return {
        topics.escalation(
            picture.path_of_gate(gate), case_id(gate.gate, row.epoch, row.number, row.origin)
        ): (gate, row)
        for gate, row in picture.cases_under("")
    }  # fmt: skip


def iso(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds; the nearest possible moment for a time that is no date."""
    bounded = min(max(at_ms, 0), 253_402_300_799_000)
    return datetime.fromtimestamp(bounded / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _completeness(picture: Picture, path: str, end_ms: int) -> dict[str, Any]:
    complete, expected = gates_complete(picture.expected(), path, end_ms)
    return {"complete": complete, "expected": expected, "to": iso(end_ms)}


def _leaves(leaves: tuple[Leaf, ...], path: str) -> list[dict[str, Any]]:
    sums: Counter[tuple[str, ...]] = Counter()
    for leaf in leaves:
        if is_under(leaf.path, path):
            sums[leaf.key[2:]] += leaf.n
    names = ("direction", "lane_kind", "class", "figure", "value", "reason")
    return [dict(zip(names, key, strict=True)) | {"n": n} for key, n in sorted(sums.items()) if n]


def _hour(picture: Picture, path: str, start_ms: int) -> dict[str, Any]:
    end_ms = start_ms + HOUR_MS
    verdicts, outcomes = figures((leaf for leaf in picture.hours if start_ms <= leaf.bucket < end_ms), path)
    complete, expected = gates_complete(picture.expected(), path, end_ms)
    return {
        "start": iso(start_ms), "complete": complete, "expected": expected, "verdict": verdicts, "outcome": outcomes,
    }  # fmt: skip


def _alarms(picture: Picture, path: str) -> dict[str, Any]:
    priorities = Counter(row.priority for _, row in picture.cases_under(path))
    return {"open": priorities.total(), "by_priority": {str(level): priorities[level] for level in sorted(priorities)}}
