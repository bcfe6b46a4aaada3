"""A short kill test with the real daemons; `./dev chaos` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.chaos.__main__ import play
from tools.chaos.run import Plan


@pytest.mark.end_to_end
@pytest.mark.timeout(180)
def test_every_invariant_holds_when_everything_is_killed_twice(open_folder: Path) -> None:
    told: list[str] = []
    findings = play(open_folder, Plan(passages=40, kills=2, gates=2, seed=4), told.append)
    assert [f"{finding.name}: {finding.detail}" for finding in findings if not finding.ok] == []
    assert "'broker': 2, 'collector': 2, 'gate-1': 2, 'gate-2': 2" in told[-1]
    # Seven lines for each gate, one for each of two grids and their four ancestors, and the audit.
    assert len(findings) == 7 * 2 + 6 + 1
