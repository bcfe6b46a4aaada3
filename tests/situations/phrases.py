"""The words that situations are written in, and how a table of them is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.situations.cases import Case, case_with

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

PHRASES: Final[dict[str, dict[str, Any]]] = {
    # who
    "resident": {}, "visitor": {"who": "visitor"}, "courier": {"who": "courier"}, "worker": {"who": "worker"},
    "vehicle": {"who": "vehicle", "lane": "vehicle"}, "crew": {"who": "emergency"},
    "ambulance": {"who": "emergency", "lane": "vehicle"}, "somebody without a pass": {"who": "nobody"},
    "mother with child": {"size": 2, "temperature": ["temperature_ok", "temperature_ok"]},
    # where
    "coming in": {}, "going out": {"direction": "out"}, "another way out is attested": {"free_exit": True},
    "guard": {}, "remote": {"attendance": "remote"}, "nobody there": {"attendance": "none"},
    "vehicle lane": {"lane": "vehicle"},
    # the pass
    "all well": {}, "pass expired": {"pass": "expired"}, "pass not begun": {"pass": "early"},
    "pass forged": {"pass": "forged"}, "pass damaged": {"pass": "malformed"}, "some other code": {"pass": "stranger"},
    "pass revoked": {"pass": "revoked"}, "pass suspended": {"pass": "suspended"},
    "pass to be asked about": {"pass": "ask"},
    "pass for another place": {"pass": "elsewhere"}, "issuer unknown": {"pass": "unknown_key"},
    "pass in no list": {"pass": "unlisted"}, "printed pass": {"variant": "static"}, "card": {"variant": "card"},
    "inside already": {"passback": "passback"},
    # temperature
    "fever": {"temperature": ["fever"]}, "one high reading": {"temperature": ["temperature_high"]},
    "unsteady reading": {"temperature": ["temperature_unstable"]}, "low reading": {"temperature": ["temperature_low"]},
    "warm place": {"warm_place": True}, "too cold to measure": {"temperature": ["not_obtained_cold"]},
    "too hot to measure": {"temperature": ["not_obtained_heat"]}, "not measured": {"temperature": []},
    "child has fever": {"temperature": ["temperature_ok", "fever"]},
    "child not measured": {"temperature": ["temperature_ok"]},
    "measured by hand": {"by_hand": True},
    # mask, travel, document, vehicle, lists
    "no mask": {"mask": "mask_none"}, "mask unsure": {"mask": "mask_unsure"}, "nobody looked for a mask": {"mask": ""},
    "mask model failed": {"mask": "mask_unchecked"}, "from a risk region": {"travel": "travel_risk"},
    "says nothing of travel": {"travel": "travel_not_stated"}, "old travel statement": {"travel": "travel_old"},
    "no list of regions": {"travel": "travel_unlisted"}, "no document": {"document": ""},
    "somebody else's document": {"document": "document_mismatch"}, "document over": {"document": "document_expired"},
    "document reader broken": {"document": "document_unchecked"},
    "guard saw the document": {"document": "document_seen"},
    "wrong plate": {"vehicle": "plate_mismatch"}, "two plates": {"vehicle": "plate_several"},
    "plate not read": {"vehicle": "plate_unread"}, "plate camera broken": {"vehicle": "vehicle_unchecked"},
    "on the watch list": {"watch": "watch_hit"}, "no watch list": {"watch": "watch_unlisted"},
    "household was out today": {"quota": "quota_used"}, "back late": {"quota": "quota_late"},
    # the lane
    "symptoms declared": {"halt": "symptoms_declared"}, "two people": {"halt": "two_people"},
    "two codes": {"halt": "two_codes"},
    "no presence sensor": {"weak_binding": True}, "lists never confirmed": {"lists_age_s": None},
    "policy never confirmed": {"policy_age_s": None},
}  # fmt: skip

_LASTING: Final = {
    "thermometer down for": "thermometer_down_s", "camera down for": "camera_down_s", "since": "for_s",
    "clock untrusted for": "clock_untrusted_s", "lists aged": "lists_age_s", "policy aged": "policy_age_s",
    "came back after": "retest_s",
}  # fmt: skip
_SPAN = re.compile(r"^(?P<what>[a-z ]+?) (?P<number>\d+) (?P<unit>min|h|days)$")
_TIME = re.compile(r"^at (\d\d):(\d\d)(?: on (Mon|Tue|Wed|Thu|Fri|Sat|Sun))?$")
_UNITS: Final = {"min": 60.0, "h": HOUR, "days": DAY}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Situation(NamedTuple):
    """One line of a table: what happens under which policy, and what has to follow."""

    policy: str
    words: str
    case: Case
    verdict: str
    reason: str
    told: str
    why: str


def changes_of(phrase: str) -> dict[str, Any]:
    """What one phrase changes of somebody with everything in order. Raises KeyError with the phrase."""
    if found := _TIME.match(phrase):
        hour, minute, day = found.groups()
        on = {"weekday": _DAYS.index(day)} if day else {}
        return {"minute": 60 * int(hour) + int(minute), **on}
    if (found := _SPAN.match(phrase)) and found["what"] in _LASTING:
        return {_LASTING[found["what"]]: float(found["number"]) * _UNITS[found["unit"]]}
    return PHRASES[phrase]


def case_of(words: str) -> Case:
    changes: dict[str, Any] = {}
    for phrase in words.split(","):
        changes |= changes_of(phrase.strip())
    return case_with(**changes)


def situations_in(page: Path) -> Iterator[Situation]:
    """The tables of a page; the heading over a table names the policy."""
    policy = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            policy = line[3:].strip().strip("`")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] in ("situation", "---"):
            continue
        words, verdict, reason, told, why = cells
        yield Situation(policy, words, case_of(words), verdict, reason.strip("`"), told, why)
