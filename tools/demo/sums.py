"""Published sums against a naive recount of what the gates themselves hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from checkpoint.drill import is_drill
from checkpoint.records import OutcomeOf, Verdict
from tools.demo.evidence import Kept
from tools.demo.judge import Finding

_FIGURES: Final = {Verdict: "verdict", OutcomeOf: "outcome"}


class Held(Protocol):
    """One gate's place and what is on its disk."""

    @property
    def grid_path(self) -> str: ...
    @property
    def on_disk(self) -> list[Kept]: ...


def judge_summaries(sides: Sequence[Held], summaries: Mapping[str, dict[str, Any]]) -> list[Finding]:
    """Published sums against a naive recount of what the gates themselves hold, for each grid and every ancestor."""
    paths = {above for side in sides for above in _upwards(side.grid_path)}
    return [_sums(path, sides, summaries.get(path)) for path in sorted(paths, key=lambda path: (path.count("/"), path))]


def _sums(path: str, sides: Sequence[Held], said: dict[str, Any] | None) -> Finding:
    name = f"I2 summary {path}"
    if said is None:
        return Finding(name, False, "nothing is published")
    below = [side for side in sides if f"{side.grid_path}/".startswith(f"{path}/")]
    truth = recount([kept for side in below for kept in side.on_disk], day_starts_ms(said))
    wrong = [
        f"{figure}: published {told}, counted {dict(truth[figure])}"
        for figure in ("verdict", "outcome")
        if (told := {value: n for value, n in said["today"][figure].items() if n}) != dict(truth[figure])
    ]
    gates = said["completeness"]["expected"]
    if gates != len(below):
        wrong.append(f"speaks of {gates} gates, {len(below)} are there")
    return Finding(name, not wrong, "; ".join(wrong) or f"{sum(truth['outcome'].values())} outcomes")


def recount(records: Iterable[Kept], from_ms: int) -> dict[str, Counter[str]]:
    """Verdicts and outcomes since a moment; of several in one passage the first counts, and nothing of a drill."""
    first: dict[tuple[str, bytes, str], Kept] = {}
    for kept in records:
        figure = _FIGURES.get(type(kept.payload))  # type: ignore[arg-type]
        if figure is None or kept.header.passage is None or is_drill(kept.payload):
            continue
        key = (kept.header.gate, kept.header.passage, figure)
        if key not in first or _order(kept) < _order(first[key]):
            first[key] = kept
    counted: dict[str, Counter[str]] = {"verdict": Counter(), "outcome": Counter()}
    for (_, _, figure), kept in first.items():
        if kept.header.at >= from_ms:
            counted[figure][getattr(kept.payload, figure)] += 1
    return counted


def day_starts_ms(summary: Mapping[str, Any]) -> int:
    """When the day of a published summary began."""
    return round(datetime.fromisoformat(summary["today"]["start"]).timestamp() * 1000)


def _order(kept: Kept) -> tuple[int, bytes, int]:
    return kept.header.at, kept.header.epoch, kept.header.number


def _upwards(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
