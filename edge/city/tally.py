"""What is counted in one simulated lane: healthy people, probes of fever, the line, and reports of drift."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge.city.people import Model

Ending = Literal["normal", "fever", "rest", "shade", "by_hand"]


@dataclass(frozen=True, slots=True)
class Probe:
    """One fever: what a fixed limit on the forehead would see (None: no reading), and what came of it by the rule."""

    forehead_c: float | None
    ending: Ending


@dataclass(slots=True)
class Tally:
    """Counts of healthy people. `meaningless`: visits while the lane told nothing. `outcomes`: visits that were final.

    `false_at`: whom the rule called feverish. `foreheads_c`: what a fixed limit would see of each. `line`: people
    waiting when somebody came. `longest_ms`: before the thermometer; `longest_wait_ms`: in the line. `drift_reports`:
    at whom; the device is looked at after each, and the watch begins again.
    """

    healthy: int = 0
    seconds: int = 0
    rests: int = 0
    shades: int = 0
    by_hand: int = 0
    not_obtained: int = 0
    normal: int = 0
    meaningless: int = 0
    normal_while_meaningless: int = 0
    without_level: int = 0
    outcomes: int = 0
    longest_ms: int = 0
    longest_wait_ms: int = 0
    drift_reports: list[int] = field(default_factory=list)
    false_at: list[int] = field(default_factory=list)
    foreheads_c: list[float | None] = field(default_factory=list)
    probes: dict[Model, list[Probe]] = field(default_factory=lambda: {"F1": [], "F2": []})
    line: list[int] = field(default_factory=list)
