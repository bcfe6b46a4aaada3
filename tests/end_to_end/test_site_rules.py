"""Two real gates of one compound count together: ways out of a household, uses of a pass, and what a guard clears."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from checkpoint.records import Note, OutcomeOf, Override
from checkpoint.site_rules import CHINA
from tests.end_to_end.site_kit import Compound
from tools.demo.street import wait

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

_LIMIT_S = 40.0
_WAY_OUT = """
[[rule]]
name = "households take turns going out"
direction = "out"
checks = ["pass", "quota"]

[[rule]]"""
_TABLES = """
[quota]
every_days = 2
people = 1

[passback]
mode = "enforce"
window_s = 3600
walk_s = 0
"""


def _rules(text: str) -> str:
    """Two seconds of a verdict, so that a loaded machine does not miss it on the screen."""
    text = text.replace("\n[[rule]]", _WAY_OUT, 1).replace("verdict_shown_s = 0.5", "verdict_shown_s = 2.0")
    return text + _TABLES


@pytest.fixture(scope="module")
def compound(open_folder: Path) -> Iterator[Compound]:
    compound = Compound(open_folder, _rules)
    try:
        compound.start()
        yield compound
    finally:
        compound.town.close()


def test_a_pass_for_one_entry_is_used_up_at_the_other_gate_too(compound: Compound) -> None:
    compound.leads("in")
    once = compound.a_pass(uses=1)
    assert compound.shows("gate-1", once).verdict == "allow"
    compound.until_known("gate-2", once)
    refused = compound.shows("gate-2", once)
    assert (refused.verdict, refused.reason) == ("deny", "pass_used")


def test_a_guard_clears_a_pass_with_a_reason_and_its_holder_passes(compound: Compound) -> None:
    compound.leads("in")
    mine = compound.a_pass()
    assert compound.shows("gate-1", mine).verdict == "allow"
    compound.until_known("gate-2", mine)
    street = compound.town.streets["gate-2"]
    stopped = compound.comes("gate-2", mine)
    assert (stopped.verdict, stopped.reason) == ("escalate", "passback")
    assert wait(lambda: street.screen.lane().get("clearable", False), _LIMIT_S)
    assert not street.is_open()
    street.guard_acts("clear_passback", "known_resident")
    compound.crosses("gate-2")
    compound.goes("gate-2")
    # Judged again with every other check, and let in by the gate, not by the guard's hand.
    assert (compound.verdicts("gate-2")[-1].verdict, compound.payloads("gate-2", Override)) == ("allow", [])
    [note] = [note for note in compound.payloads("gate-2", Note) if note.code == "passback_cleared"]
    assert (note.facts["why"], note.facts["reason"]) == ("passback", "known_resident")
    assert wait(lambda: compound.payloads("gate-2", OutcomeOf)[-1].outcome == "passed", _LIMIT_S)


def test_somebody_without_a_pass_is_let_in_by_hand_and_written_down(compound: Compound) -> None:
    compound.leads("in")
    street = compound.town.streets["gate-1"]
    assert wait(lambda: street.screen.lane().get("state") == "wait", _LIMIT_S)
    before = len(compound.verdicts("gate-1"))
    street.step_in()
    street.guard_acts("walk_up", "delivery", plate="赣A12345", visited="3-2-501")
    compound.crosses("gate-1")
    compound.goes("gate-1")
    [note] = [note for note in compound.payloads("gate-1", Note) if note.code == "walk_up"]
    told = {name: note.facts[name] for name in ("reason", "plate", "visited")}
    assert told == {"reason": "delivery", "plate": "赣A12345", "visited": "3-2-501"}
    assert [(one.act, one.reason) for one in compound.payloads("gate-1", Override)] == [("open", "delivery")]
    assert wait(lambda: compound.payloads("gate-1", OutcomeOf)[-1].outcome == "admitted_by_guard", _LIMIT_S)
    # No gate has judged anybody, so nothing is counted to anybody.
    assert len(compound.verdicts("gate-1")) == before


def test_a_household_that_went_out_at_one_gate_is_held_at_the_other_until_its_turn(compound: Compound) -> None:
    compound.leads("out")
    first, second, neighbour = (compound.a_pass(home) for home in (b"ours", b"ours", b"next"))
    day = _next_turn()
    assert compound.shows("gate-1", first).verdict == "allow"
    compound.until_known("gate-2", first)
    held = compound.comes("gate-2", second)
    lane = compound.town.streets["gate-2"].screen.lane
    assert (held.verdict, held.reason) == ("deny", "quota_used")
    assert wait(lambda: lane().get("state") == "deny", _LIMIT_S)
    said = lane()["todo"]
    assert not compound.town.streets["gate-2"].is_open()
    compound.goes("gate-2")
    # The same evening or, past midnight, the next.
    days = {f"{at:%m-%d} 00:00" for at in (day, _next_turn())}
    assert said["zh"] in {f"下次可出门时间 {at}" for at in days}
    assert said["en"] in {f"Next way out from {at}" for at in days}
    assert compound.shows("gate-2", neighbour).verdict == "allow"


def _next_turn() -> datetime:
    return datetime.now(CHINA) + timedelta(days=2)
