"""The fault laboratory: its matrix is whole, and its short rows hold with the real daemons."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tools.faults.__main__ import play_apart
from tools.faults.matrix import ROWS
from tools.faults.rows import Row

SEED = 7
SHORT = ("G1/short", "G4/shim", "G7/proxy", "G12/2035-alone", "C1/random", "C4/rollback")
# Updates (G17), commands (G18), daily sheets (C8) and the ladder of escalations (C11) do not exist yet.
MATRIX = [*(f"G{n}" for n in range(1, 17)), *(f"C{n}" for n in (*range(1, 8), 9, 10, 12))]


def test_every_row_of_the_matrix_is_there() -> None:
    assert {row.id for row in ROWS} == set(MATRIX)
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_what_needs_a_privilege_has_a_twin_that_needs_none() -> None:
    by_id = defaultdict(list)
    for row in ROWS:
        by_id[row.id].append(row)
    assert [id_ for id_, rows in by_id.items() if not any(_runs_anywhere(row) for row in rows)] == []


def _runs_anywhere(row: Row) -> bool:
    # A C compiler is no privilege.
    return row.missing.__name__ in ("nothing", "compiler")


@pytest.mark.end_to_end
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", SHORT)
def test_every_promise_holds_in(name: str) -> None:
    (row,) = [row for row in ROWS if row.name == name]
    if why := row.missing():
        pytest.skip(why)
    result = play_apart(row, SEED, None)
    assert [f"{finding.name}: {finding.detail}" for finding in result.findings if not finding.ok] == []
    assert {finding.name.split()[0] for finding in result.findings} >= {"I1", "I2", "I3", "I6"}
