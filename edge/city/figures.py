"""Figures of one simulated lane: the gate's own rule, beside two fixed limits that judge the same looks."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import msgspec

from edge.city.lane_run import Scene
from edge.city.people import Model
from edge.city.tally import Probe, Tally

FIXED_C: Final = 37.3


class Limit(msgspec.Struct, frozen=True):
    """A fixed limit on the forehead, degrees Celsius; shares of fevers found, healthy people of 1,000 stopped."""

    limit_c: float
    found_f1: float
    found_f2: float
    false_of_1000: float


class Row(msgspec.Struct, frozen=True):
    """One lane. Shares are of healthy people unless said; `found` and `called_normal` are of fevers.

    `fixed`: 37.3 °C. `retuned`: the lowest limit that in hindsight stops no more healthy people of this very lane than
    the rule did: nobody could have set a better one. `ahead`: by how much more the rule finds than that one, and twice
    the standard error of it. `line`: people waiting, on average and at most. `reported_after`: people from the change
    of the device to the report of drift (None: not reported, or nothing changed). `false_reports`: others.
    """

    climate: str
    people_an_hour: float
    device: str
    people: int
    healthy: int
    found_f1: float
    found_f2: float
    called_normal_f1: float
    called_normal_f2: float
    false_of_1000: float
    second: float
    retest: float
    normal: float
    not_obtained: float
    without_level: int
    normal_while_meaningless: int
    without_outcome: int
    is_noted: bool
    longest_s: float
    line_mean: float
    line_most: int
    longest_wait_s: float
    reported_after: int | None
    false_reports: int
    fixed: Limit
    retuned: Limit
    ahead_f1: tuple[float, float]
    ahead_f2: tuple[float, float]


def row_of(scene: Scene, tally: Tally) -> Row:
    """Everything that is said of one run; it must have seen healthy people and probed fevers."""
    share = 1 / tally.healthy
    retuned_c = retuned_limit_c(tally.foreheads_c, len(tally.false_at))
    after, false_reports = _reports(scene, tally.drift_reports)
    return Row(
        climate=scene.climate.name,
        people_an_hour=scene.people_an_hour,
        device=scene.name,
        people=scene.people,
        healthy=tally.healthy,
        found_f1=_ended(tally.probes["F1"], "fever"),
        found_f2=_ended(tally.probes["F2"], "fever"),
        called_normal_f1=_ended(tally.probes["F1"], "normal"),
        called_normal_f2=_ended(tally.probes["F2"], "normal"),
        false_of_1000=round(1000 * share * len(tally.false_at), 2),
        second=round(share * tally.seconds, 4),
        retest=round(share * (tally.rests + tally.shades), 4),
        normal=round(share * tally.normal, 4),
        not_obtained=round(share * tally.not_obtained, 4),
        without_level=tally.without_level,
        normal_while_meaningless=tally.normal_while_meaningless,
        without_outcome=tally.healthy - tally.outcomes,
        is_noted=scene.noted,
        longest_s=round(tally.longest_ms / 1000, 1),
        line_mean=round(sum(tally.line) / len(tally.line), 1),
        line_most=max(tally.line),
        longest_wait_s=round(tally.longest_wait_ms / 1000),
        reported_after=after,
        false_reports=false_reports,
        fixed=_limit(FIXED_C, tally),
        retuned=_limit(retuned_c, tally),
        ahead_f1=ahead(tally.probes["F1"], retuned_c),
        ahead_f2=ahead(tally.probes["F2"], retuned_c),
    )


def retuned_limit_c(foreheads_c: list[float | None], may_stop: int) -> float:
    """The lowest limit, to the hundredth, that stops at most so many of these people."""
    known = sorted(value for value in foreheads_c if value is not None)
    limit_c = known[max(0, len(known) - may_stop - 1)] if known else FIXED_C
    return round(limit_c + 0.01, 2)


def stopped(foreheads_c: list[float | None], limit_c: float) -> int:
    """How many of them a fixed limit stops. Who could not be read is let on: it has no word for that."""
    known = sorted(value for value in foreheads_c if value is not None)
    return len(known) - bisect_left(known, limit_c)


def ahead(probes: list[Probe], limit_c: float) -> tuple[float, float]:
    """How much greater a share of the same fevers the rule finds than the limit, and twice its standard error."""
    differences = [
        (probe.ending == "fever") - (probe.forehead_c is not None and probe.forehead_c >= limit_c) for probe in probes
    ]
    mean = sum(differences) / len(differences)
    variance = sum((difference - mean) ** 2 for difference in differences) / len(differences)
    return round(mean, 4), round(2 * (variance / len(differences)) ** 0.5, 4)


def _ended(probes: list[Probe], ending: str) -> float:
    return round(sum(probe.ending == ending for probe in probes) / len(probes), 3)


def _limit(limit_c: float, tally: Tally) -> Limit:
    def found(model: Model) -> float:
        foreheads_c = [probe.forehead_c for probe in tally.probes[model]]
        return round(stopped(foreheads_c, limit_c) / len(foreheads_c), 3)

    return Limit(
        limit_c, found("F1"), found("F2"), round(1000 * stopped(tally.foreheads_c, limit_c) / tally.healthy, 2)
    )  # fmt: skip


def _reports(scene: Scene, reports: list[int]) -> tuple[int | None, int]:
    """People until a change was reported, and how many reports came while the device had not changed."""
    if not scene.device.change_c:
        return None, len(reports)
    true = [number for number in reports if number >= scene.onset]
    return (true[0] - scene.onset + 1 if true else None), len(reports) - len(true)
