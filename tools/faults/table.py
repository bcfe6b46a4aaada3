"""The table at the end: a line for each row, a column for each invariant, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tools.demo.judge import Finding
from tools.faults.rows import Row

_INVARIANTS: Final = tuple(f"I{number}" for number in range(1, 9))


def lines(results: Sequence[tuple[Row, Sequence[Finding], str, float]]) -> Iterator[str]:
    """Each result is (row, findings, why it was skipped, seconds)."""
    yield f"| row | fault | {' | '.join(_INVARIANTS)} | others | s |"
    yield "|---" * (len(_INVARIANTS) + 4) + "|"
    for row, findings, skipped, took_s in results:
        if skipped:
            yield f"| {row.name} | {row.title}: not run, {skipped} {'|' * (len(_INVARIANTS) + 2)}|"
        else:
            cells = [_cell([one for one in findings if one.name.split()[0] == name]) for name in _INVARIANTS]
            others = _cell([one for one in findings if one.name.split()[0] not in _INVARIANTS])
            yield f"| {row.name} | {row.title} | {' | '.join(cells)} | {others} | {took_s:.0f} |"


def _cell(findings: Sequence[Finding]) -> str:
    """How many assertions held, and whether any did not; empty when nothing was asked."""
    if not findings:
        return ""
    failed = sum(not finding.ok for finding in findings)
    return f"**{failed} failed**" if failed else f"{len(findings)} ✓"
