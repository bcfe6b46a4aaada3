"""How many of the gates behind a sum are complete to a moment, so that no sum is shown without it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from central.registry import is_under


@dataclass(frozen=True, slots=True)
class GateProgress:
    """One expected gate: where it stands, and the time through which all its records are stored (None: unknown)."""

    path: str
    complete_ms: int | None


def gates_complete(gates: Iterable[GateProgress], path: str, end_ms: int) -> tuple[int, int]:
    """(complete, expected): a bucket ending at `end_ms` is complete for a gate once its records reach past that end."""
    here = [gate for gate in gates if is_under(gate.path, path)]
    return sum(gate.complete_ms is not None and gate.complete_ms >= end_ms for gate in here), len(here)
