"""What lanes want beside records and barriers reaches its port: the site's ledger and the city's desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checkpoint.formats.city import CityCode, CitySystem
from checkpoint.records import Verdict
from edge import facts
from edge.core import Item, LaneFact, Run
from edge.effects import ClearPass, TellSite
from edge.site_ledger import SiteLedger
from edge.site_use import SiteUse
from tests.edge.lane_bench import POLICY, Bench, a_pass
from tests.edge.test_core import HEALTHY, Disk, Rig

SYSTEM = CitySystem("demo", ("city.example",), "token")
TAKES_CITY = POLICY + b'[passback]\nmode = "enforce"\n[pass]\nformats = ["GK1", "CITY:demo"]\n'
CITY_CODE = b"https://city.example/show?token=abcd1234"
PASS = a_pass(7)
PASS_ID = (7).to_bytes(8, "big")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    ledger = SiteLedger("gate-1")
    lane = Bench(policy=TAKES_CITY, city=(SYSTEM,), site_use=SiteUse("gate-1", ledger)).lane
    rig = Rig(tmp_path, {"in": lane})
    yield rig
    rig.outbox.close("test")
    ledger.close()


def reasons(rig: Rig) -> list[str]:
    return [verdict.reason for verdict in rig.payloads(Verdict) if isinstance(verdict, Verdict)]


def passing(rig: Rig) -> list[Item | facts.Fact | int]:
    """Somebody comes with the pass, goes through, and is gone."""
    return [
        *rig.presentation(PASS, HEALTHY), facts.Crossed(), 3000, facts.PresenceChanged(False), 2000,
    ]  # fmt: skip


def test_who_went_through_reaches_the_ledger_of_the_site(rig: Rig) -> None:
    rig.play(*passing(rig))
    (told,) = rig.site
    assert isinstance(told, TellSite)
    assert (told.crossing.pass_id, told.crossing.gate, told.crossing.move) == (PASS_ID, "gate-1", "in")
    assert told.dated


def test_who_did_not_go_through_is_not_told_of(rig: Rig) -> None:
    rig.play(*rig.presentation(PASS, HEALTHY), 4500, facts.PresenceChanged(False), 2000)
    assert reasons(rig) == ["all_ok"]
    assert rig.site == []


def test_what_a_guard_has_cleared_reaches_the_ledger_of_the_site(rig: Rig) -> None:
    lane = rig.core.lanes["in"]
    rig.play(*passing(rig))
    (told,) = rig.site
    assert isinstance(told, TellSite)
    assert lane.settings.site_use is not None
    lane.settings.site_use.ledger.take(told.crossing, told.dated)

    def clear() -> None:
        assert lane.shown is not None
        decided = facts.GuardDecided("clear_passback", lane.shown.passage.hex(), "known_resident", "guard")
        rig.core.post(LaneFact("in", decided))

    rig.play(*rig.presentation(PASS, HEALTHY), Run(clear), 100)
    assert reasons(rig)[:2] == ["all_ok", "passback"]
    cleared = [effect for effect in rig.site if isinstance(effect, ClearPass)]
    assert [(one.pass_id, one.at_ms > told.crossing.at_ms) for one in cleared] == [(PASS_ID, True)]


def test_a_citys_code_is_asked_about_and_the_answer_decides(rig: Rig) -> None:
    def answer() -> None:
        for lane, number, _ in rig.asked:
            rig.core.post(LaneFact(lane, facts.CityAnswered(number, "city_code_ok")))

    rig.play(*rig.presentation(CITY_CODE, HEALTHY), Run(answer), 100)
    assert rig.asked == [("in", 1, CityCode(SYSTEM, "abcd1234"))]
    assert reasons(rig) == ["city_code_ok"]


def test_nothing_is_told_of_a_passage_that_could_not_be_recorded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    Disk(monkeypatch).broken = True
    rig.play(*passing(rig))
    assert (rig.site, rig.moved) == ([], [])
