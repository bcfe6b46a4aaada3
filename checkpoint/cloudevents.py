"""What subscribers learn of a passage: a CloudEvents 1.0 event as JSON, without pseudonym and without temperature."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from checkpoint.records import Header, OutcomeOf, Verdict

TYPE: Final = "guankou.passage.v1"
_YEAR_10000_MS: Final = 253_402_300_800_000


def passage_event(
    header: Header,
    outcome: OutcomeOf,
    verdict: Verdict | None,
    *,
    grid_path: str,
    source: str,
    late: bool,
    corrected_ms: int | None = None,
) -> dict[str, Any]:
    """The event of one outcome record, ready for JSON.

    `source` is a URI reference of the collector; with it `id` (gate/epoch/number) is unique, so a repeat is known as
    one. `time` is when it happened: by the gate's clock if that was trusted, else `corrected_ms`; absent while nobody
    knows, or if it is no date at all. Where it is not the time that the gate wrote, that one is `originaltime`, and
    `clockstate` is `corrected` or `untrusted`. `verdict` is None if its record has not come. `late`: published long
    after it happened.
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{header.gate}/{header.epoch.hex()}/{header.number}",
        "source": source,
        "type": TYPE,
        "subject": f"{grid_path}/{outcome.where.site}",
        "datacontenttype": "application/json",
        "data": _data(header, outcome, verdict, late=late),
    }
    happened_ms = header.at if header.clock == "trusted" else corrected_ms
    if happened_ms is not None and _is_date(happened_ms):
        event["time"] = _rfc3339(happened_ms)
    if happened_ms != header.at:
        event["clockstate"] = "untrusted" if happened_ms is None else "corrected"
        if _is_date(header.at):
            event["originaltime"] = _rfc3339(header.at)
    return event


def _data(header: Header, outcome: OutcomeOf, verdict: Verdict | None, *, late: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "grid": header.grid,
        "site": outcome.where.site,
        "lane": outcome.where.lane,
        "direction": outcome.where.direction,
        "lane_kind": outcome.where.lane_kind,
        "pass_class": outcome.pass_class,
        "outcome": outcome.outcome,
        # An unusual ending explains itself; else the verdict does.
        "reason": outcome.reason or (verdict.reason if verdict else ""),
        "late": late,
    }
    if verdict:
        data["verdict"] = verdict.verdict
    return data


def _is_date(at_ms: int) -> bool:
    return 0 <= at_ms < _YEAR_10000_MS


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
