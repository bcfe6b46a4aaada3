"""What a record adds to the counts: its leaf key, and the hour and day it belongs to. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from central.registry import zone_info
from central.store.base import Dimension
from checkpoint.drill import is_drill
from checkpoint.records import Header, OutcomeOf, Payload, Verdict

FIGURE_VERDICT: Final = "verdict"
FIGURE_OUTCOME: Final = "outcome"
UNDATED: Final = (("undated", 0),)
_QUARTER_MS: Final = 15 * 60 * 1000
# A moment before 1970 or after 2200 is no date: such records are counted as undated.
_LAST_MS: Final = 7_258_118_400_000
_KNOWN: Final = 100_000


def leaf_key(header: Header, payload: Payload) -> Dimension | None:
    """(grid, site, direction, lane kind, pass class, figure, value, reason); None for a record that is not counted."""
    if is_drill(payload):
        return None
    value: str
    if isinstance(payload, Verdict):
        figure, value = FIGURE_VERDICT, payload.verdict
    elif isinstance(payload, OutcomeOf):
        figure, value = FIGURE_OUTCOME, payload.outcome
    else:
        return None
    where = payload.where
    return (
        header.grid, where.site, where.direction, where.lane_kind, payload.pass_class, figure, value, payload.reason,
    )  # fmt: skip


class Buckets:
    """Hour and day of a moment in a zone; both as the UTC ms at which they start."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[tuple[str, int], tuple[str, int]]] = {}

    def of(self, at_ms: int | None, zone: str) -> tuple[tuple[str, int], ...]:
        """(kind, start) of the buckets of a moment; None, an unknown moment, is `undated`."""
        if at_ms is None or not 0 <= at_ms < _LAST_MS:
            return UNDATED
        # Every zone's offset is a multiple of a quarter of an hour, so one look-up serves a whole quarter.
        quarter = at_ms // _QUARTER_MS
        found = self._known.get((zone, quarter))
        if found is None:
            if len(self._known) > _KNOWN:
                self._known.clear()
            found = (("hour", hour_start_ms(at_ms, zone)), ("day", day_start_ms(at_ms, zone)))
            self._known[zone, quarter] = found
        return found


def hour_start_ms(at_ms: int, zone: str) -> int:
    """The start of the local hour that holds a moment."""
    local = local_time(at_ms, zone)
    return at_ms - (local.minute * 60 + local.second) * 1000 - at_ms % 1000


def day_start_ms(at_ms: int, zone: str) -> int:
    """The start of the local day that holds a moment."""
    local = local_time(at_ms, zone)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1000


def local_time(at_ms: int, zone: str) -> datetime:
    """A moment as the zone's wall clock shows it, whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone_info(zone))
