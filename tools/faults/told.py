"""What the collector told its subscribers, held against the gates' disks: nothing missing, nothing old as new."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from checkpoint.records import OutcomeOf
from tools.demo.evidence import Kept
from tools.faults.history import Heard
from tools.faults.lab import Lab

_PASSAGE: Final = "guankou/1/passage/"
_SUMMARY: Final = "guankou/1/summary/"
_ESCALATION: Final = "guankou/1/escalation/"
_TOLD_S: Final = 30.0
_NAMED: Final = 3


def events(lab: Lab) -> dict[str, list[Heard]]:
    """Event id -> every time that it was told."""
    found: dict[str, list[Heard]] = {}
    for item in lab.history.heard:
        if item.topic.startswith(_PASSAGE) and item.body is not None:
            found.setdefault(item.body["id"], []).append(item)
    return found


def event_id(kept: Kept) -> str:
    return f"{kept.header.gate}/{kept.header.epoch.hex()}/{kept.header.number}"


def check_events(lab: Lab, ended: list[Kept] | None = None) -> None:
    """Every ended passage is told, none that did not end, and a repeat says nothing else than the first time."""
    if ended is None:
        ended = outcomes([kept for gate in lab.gates for kept in lab.on_disk(gate)])
    ids = {event_id(kept) for kept in ended}
    lab.until("subscribers hear of every passage", lambda: ids <= events(lab).keys(), _TOLD_S)
    told = events(lab)
    strange = sorted(told.keys() - ids)
    lab.check("subscribers hear of no other passage", not strange, _some(strange) or f"{len(told)} events")
    differing = [name for name, items in told.items() if len({_content(item) for item in items}) > 1]
    repeats = sum(len(items) - 1 for items in told.values())
    lab.check("a repeated event is the same event", not differing, _some(differing) or f"{repeats} told again")


def outcomes(records: list[Kept]) -> list[Kept]:
    return [kept for kept in records if isinstance(kept.payload, OutcomeOf)]


def check_versions(lab: Lab) -> None:
    """The version of a published sum never goes back."""
    last: dict[str, int] = {}
    back = []
    for item in lab.history.heard:
        if item.topic.startswith(_SUMMARY) and item.body is not None:
            version = item.body["version"]
            if version < last.get(item.topic, 0):
                back.append(f"{item.topic} went from {last[item.topic]} to {version}")
            last[item.topic] = version
    lab.check("versions never go back", last and not back, _some(back) or f"{len(last)} sums")


def check_nothing_old_as_new(lab: Lab, since_ms: int, known: frozenset[str]) -> None:
    """After a restore at `since_ms`: passages from before it come marked as late, and no case that was over (not in
    `known`, the topics open then) is told as open; a case that was open all the time is not told as over and back."""
    old = [
        item for items in events(lab).values() for item in items if item.at_ms > since_ms and _at_ms(item) < since_ms
    ]
    fresh = [item.body["id"] for item in old if item.body is not None and not item.body["data"]["late"]]
    lab.check("old passages are told as late", not fresh, _some(fresh) or f"{len(old)} told again")
    cases = [item for item in lab.history.heard if item.at_ms > since_ms and item.topic.startswith(_ESCALATION)]
    risen = sorted({item.topic for item in cases if item.body and _opened_ms(item) < since_ms} - known)
    lab.check("no case that was over is told as open", not risen, _some(risen) or f"{len(cases)} told")
    flapped = [
        case.topic for gate in lab.gates for case in lab.history.cases(gate) if case.topic in known
        and case.times_opened > 1
    ]  # fmt: skip
    lab.check("no case that was open is told as over", not flapped, _some(flapped) or f"{len(known)} were open")


def open_cases(lab: Lab) -> frozenset[str]:
    """The topics of the cases that subscribers believe to be open now."""
    return frozenset(case.topic for gate in lab.gates for case in lab.history.cases(gate) if case.closed_ms is None)


def _at_ms(item: Heard) -> int:
    # An event of a gate that does not know the time has only what that gate wrote.
    return _ms(item.body.get("time") or item.body["originaltime"]) if item.body else 0


def _opened_ms(item: Heard) -> int:
    return _ms(item.body["opened"]) if item.body else 0


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _content(item: Heard) -> str:
    body: dict[str, Any] = dict(item.body or {})
    return repr(sorted((body | {"data": {**body["data"], "late": None}}).items()))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(names[:_NAMED]) + more
