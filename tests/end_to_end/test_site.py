"""Two real gates of one compound: a pass that went in at one is known at the other, also after a cut and a kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.site_kit import Compound
from tools.demo.street import wait

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

_LIMIT_S = 40.0
_PASSBACK = """
[passback]
mode = "enforce"
window_s = 3600
walk_s = 0
"""


@pytest.fixture(scope="module")
def compound(open_folder: Path) -> Iterator[Compound]:
    compound = Compound(open_folder, lambda text: text + _PASSBACK)
    try:
        compound.start()
        yield compound
    finally:
        compound.town.close()


def test_who_went_in_at_one_gate_is_inside_for_the_other(compound: Compound) -> None:
    mine, other = compound.a_pass(), compound.a_pass()
    assert compound.shows("gate-1", mine).verdict == "allow"
    compound.until_known("gate-2", mine)
    verdict = compound.shows("gate-2", mine)
    assert (verdict.verdict, verdict.reason) == ("escalate", "passback")
    # Nobody else pays for it.
    assert compound.shows("gate-2", other).verdict == "allow"


def test_a_killed_gate_still_knows_who_is_inside(compound: Compound) -> None:
    mine = compound.a_pass()
    assert compound.shows("gate-2", mine).verdict == "allow"
    compound.town.kill_gate("gate-2")
    compound.town.start_gate("gate-2")
    assert compound.shows("gate-2", mine).reason == "passback"


def test_gates_that_are_apart_say_so_and_catch_up(compound: Compound) -> None:
    mine = compound.a_pass()
    compound.town.stop_broker()
    assert wait(lambda: "site_apart" in compound.shows("gate-2", compound.a_pass()).tags, _LIMIT_S)
    assert compound.shows("gate-1", mine).verdict == "allow"
    # The honest limit: nobody has told this gate.
    blind = compound.shows("gate-2", compound.a_pass())
    assert (blind.verdict, "site_apart" in blind.tags) == ("allow", True)
    compound.town.start_broker()
    compound.until_known("gate-2", mine)
    assert compound.shows("gate-2", mine).reason == "passback"
    assert wait(lambda: "site_apart" not in compound.shows("gate-2", compound.a_pass()).tags, _LIMIT_S)
