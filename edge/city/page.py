"""A simulated city as tables that can be read in a terminal and pasted into a page."""

from __future__ import annotations

from collections.abc import Iterator

from edge.city.figures import Limit, Row
from edge.city.people import CLIMATES
from edge.city.required import demands_of
from edge.city.temperature_city import City

_HEAD = (
    (
        "an hour",
        "device",
        "found F1",
        "found F2",
        "false",
        "second",
        "retest",
        "not obtained",
        "normal",
        "line",
        "wait",
    ),
    ("drift after", "37.3: F1", "F2", "false", "retuned: °C", "F1", "F2"),
)


def lines(city: City) -> Iterator[str]:
    """What was run, what is required, and a table for each climate."""
    yield f"Seed {city.seed}; {city.people:,} people at each row; {city.drift_runs} runs of each change of a device."
    yield ""
    yield from _required(city)
    yield from _delays(city)
    for climate in CLIMATES:
        yield from ("", f"**{climate.zh} {climate.name}**" if climate.zh != climate.name else f"**{climate.name}**", "")
        yield from _table(_HEAD[0] + _HEAD[1], (cells(row) for row in city.rows if row.climate == climate.name))


def cells(row: Row) -> tuple[str, ...]:
    """One lane as a row of its climate's table."""
    reported = "" if row.reported_after is None else str(row.reported_after)
    return (
        f"{row.people_an_hour:g}",
        row.device,
        _share(row.found_f1),
        _share(row.found_f2),
        f"{row.false_of_1000:.1f}",
        _share(row.second),
        _share(row.retest),
        _share(row.not_obtained),
        _share(row.normal),
        f"{row.line_mean:.1f}, {row.line_most}",
        f"{row.longest_wait_s / 60:.0f} min",
        reported,
        *_limit(row.fixed),
        f"{row.fixed.false_of_1000:.1f}",
        f"{row.retuned.limit_c:.2f}",
        *_limit(row.retuned),
    )


def _limit(limit: Limit) -> tuple[str, str]:
    return _share(limit.found_f1), _share(limit.found_f2)


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _required(city: City) -> Iterator[str]:
    rows = ((each.what, each.asked, each.found, "yes" if each.is_met else "**no**") for each in demands_of(city))
    yield from _table(("required", "asked", "worst of the city", "met"), rows)


def _delays(city: City) -> Iterator[str]:
    rows = (
        (each.climate, each.device, f"{each.median}", f"{each.p95}", _share(each.within_50)) for each in city.delays
    )  # fmt: skip
    yield ""
    yield from _table(("climate", "device", "people until the report, median", "95th percentile", "within 50"), rows)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
