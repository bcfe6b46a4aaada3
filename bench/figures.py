"""Figures from many times: median and the slow ones, by nearest rank."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def at_rank(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least this share of them does not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def spread_ms(times_ms: Sequence[float]) -> dict[str, float]:
    """Count, median, p95, p99 and the slowest."""
    return {
        "samples": len(times_ms),
        "median_ms": round(statistics.median(times_ms), 2),
        "p95_ms": round(at_rank(times_ms, 0.95), 2),
        "p99_ms": round(at_rank(times_ms, 0.99), 2),
        "max_ms": round(max(times_ms), 2),
    }
