"""A drill at a real gate with a real collector: practice leaves no figure, no opening and no used-up pass behind."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkpoint.records import Note, OutcomeOf, Override, Verdict
from tests.end_to_end.site_kit import Compound
from tests.waiting import wait_for
from tools.chaos.sides import pulses
from tools.demo.subscriber import password_of, summaries

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

GATE = "gate-1"
GRID = "nanchang/donghu/yangming/gardens/gardens-1"


@pytest.fixture(scope="module")
def compound(open_folder: Path) -> Iterator[Compound]:
    compound = Compound(open_folder, lambda text: text.replace("verdict_shown_s = 0.5", "verdict_shown_s = 1.0"))
    try:
        compound.start()
        yield compound
    finally:
        compound.town.close()


def drill(compound: Compound, *words: str, code: int = 0) -> str:
    file = str(compound.town.gate_folder(GATE) / "gate.toml")
    command = [sys.executable, "-m", "edge", "drill", words[0], file, *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def page(compound: Compound) -> dict[str, Any]:
    return compound.town.streets[GATE].screen.page


def operators(compound: Compound) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", compound.town.screen_port, timeout=10)
    try:
        connection.request("GET", "/events")
        line = next(line for line in connection.getresponse() if line.startswith(b"data:"))
        told: dict[str, Any] = json.loads(line.removeprefix(b"data:"))
        return told["page"]  # type: ignore[no-any-return]
    finally:
        connection.close()


def today(compound: Compound) -> dict[str, Any]:
    town = compound.town
    said = summaries(town.broker_port, "subscriber", password_of(town.folder / "broker"), wait_s=1)
    return {name: said[GRID]["today"][name] for name in ("verdict", "outcome")}


def codes(compound: Compound) -> list[str]:
    return [note.code for note in compound.payloads(GATE, Note) if note.code.startswith("drill")]


def test_a_drill_leaves_nothing_behind_but_its_own_records(compound: Compound) -> None:
    town, street = compound.town, compound.town.streets[GATE]
    once = compound.a_pass(uses=1)
    said = drill(compound, "start", "--minutes", "30", "--by", "grid head")
    assert "演练开始，30 分钟，道闸不动作" in said
    wait_for(lambda: page(compound)["drill"], "the banner", 10)
    assert "counted nowhere" in page(compound)["drill"]["en"]

    for held in (once, compound.a_pass()):
        verdict = compound.comes(GATE, held)
        assert (verdict.verdict, verdict.reason, verdict.drill) == ("allow", "all_ok", True), town.tail(GATE)
        compound.goes(GATE)
    wait_for(lambda: len(compound.payloads(GATE, OutcomeOf)) == 2, "both outcomes", 20)
    assert all(outcome.drill for outcome in compound.payloads(GATE, OutcomeOf))
    assert pulses(street.wire_log) == []

    # What a guard does beside it is real.
    wait_for(lambda: not street.screen.lane()["passage"], "nobody on the screen", 10)
    street.guard_acts("admit", "known_resident")
    wait_for(lambda: len(compound.payloads(GATE, OutcomeOf)) == 3, "the outcome of the real opening", 20)
    assert [override.drill for override in compound.payloads(GATE, Override)] == [False]
    assert len(pulses(street.wire_log)) == 1

    # It goes on after a power cut.
    town.kill_gate(GATE)
    town.start_gate(GATE)
    wait_for(lambda: "drill_goes_on" in codes(compound), "the gate again", 30)
    wait_for(lambda: page(compound).get("drill"), "the banner again", 30)

    wait_for(lambda: today(compound)["outcome"] == {"admitted_by_guard": 1}, "the real opening in the sums", 40)
    assert today(compound)["verdict"] == {}
    tiles = {gate["id"]: gate["drill"] for gate in operators(compound)["gates"]}
    assert tiles[GATE]["zh"] == "演练中，道闸不动作"
    assert tiles["gate-2"] is None

    street.guard_acts("drill_stop", "")
    wait_for(lambda: not page(compound)["drill"], "no banner any more", 10)
    assert codes(compound) == ["drill_started", "drill_goes_on", "drill_ended"]
    assert "no drill is on" in drill(compound, "stop", code=3)

    # The pass for one entry is as good as before.
    verdict = compound.shows(GATE, once)
    assert (verdict.verdict, verdict.drill) == ("allow", False), verdict.reason
    wait_for(lambda: today(compound)["verdict"] == {"allow": 1}, "the real passage in the sums", 40)
    wait_for(lambda: operators(compound)["gates"][0]["drill"] is None, "no drill at the collector", 20)
    assert [verdict.drill for verdict in compound.payloads(GATE, Verdict)] == [True, True, False]
    assert json.loads(town.central("audit", "--json"))["ok"]


def test_a_drill_needs_a_gate_that_runs(compound: Compound, tmp_path: Path) -> None:
    compound.town.kill_gate(GATE)
    said = drill(compound, "start", "--minutes", "5", "--by", "head", code=2)
    assert "no gate runs on" in said
    assert not (compound.town.gate_folder(GATE) / "data" / "drill-order.json").exists()
