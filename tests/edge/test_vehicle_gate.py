"""A vehicle and its occupants at a running gate: a scanner, a thermometer, the guard, one pulse, one outcome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checkpoint.records import OutcomeOf, Verdict
from tests.edge import reader_gate
from tests.edge.reader_gate import ReaderGate, a_pass
from tests.waiting import wait_for

pytestmark = pytest.mark.end_to_end
EVERYBODY = """
valid_until = 2100-01-01T00:00:00+08:00
accept_weak_binding = true
[[rule]]
name = "vehicles"
class = ["vehicle"]
lane_kind = "vehicle"
checks = ["pass"]
occupants = "each"
[[rule]]
name = "people in them"
lane_kind = "vehicle"
checks = ["pass", "temperature"]
occupants = "each"
"""
THERMOMETER = """
[lanes.thermometer]
driver = "gy9061x"
options = {{ port = "{thermometer}" }}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReaderGate]:
    text = reader_gate.POLICY.replace("accept_weak_binding = true", EVERYBODY.strip())
    text = text.replace("presentation_s = 5.0", "presentation_s = 20.0").replace("tion_s = 0.5", "tion_s = 20.0")
    monkeypatch.setattr(reader_gate, "POLICY", text)
    gate = ReaderGate(tmp_path, "gm65", kind="vehicle", inputs=THERMOMETER)
    yield gate
    gate.close()


def somebody(place: ReaderGate, serial: int, object_c: float) -> None:
    """Shows a pass when nobody is at the sensor, and leans to it until there is a verdict."""
    before = len(place.verdicts)
    wait_for(lambda: place.lane["reading"] and float(place.lane["reading"]["object_c"]) < 30, "an empty sensor", 10)
    place.readers["gm65"].set(text=a_pass(serial).decode())
    wait_for(lambda: place.lane["holder"]["en"], "the pass on the screen", 10)
    place.gate.street.forehead(object_c)
    place.wait_verdicts(before + 1)
    place.gate.street.forehead(None)


def test_everybody_in_a_vehicle_has_a_verdict_and_the_barrier_moves_once(place: ReaderGate) -> None:
    place.readers["gm65"].set(text=a_pass(50, pass_class="vehicle", party_size=3).decode())
    wait_for(lambda: "one by one" in place.lane["prompt"]["en"], "that everybody is asked", 10)
    with pytest.raises(RuntimeError, match="somebody else stands here now"):
        place.gate.street.guard_acts("occupants", "", count=1, stands="who was here/before")
    place.gate.street.guard_acts("occupants", "", count=2)
    somebody(place, 1, 36.3)
    somebody(place, 2, 36.4)
    place.wait_verdicts(3)
    told = [(header.passage, one) for header, one in place.gate.records() if isinstance(one, Verdict)]
    (vehicle,) = [(passage, one) for passage, one in told if one.pass_class == "vehicle"]
    people = [(passage, one) for passage, one in told if one.of_vehicle is not None]
    assert [(one.verdict, one.of_vehicle) for _, one in people] == [("allow", vehicle[0])] * 2
    assert [note.facts["count"] for note in place.gate.notes("note") if note.code == "occupants"] == ["2"]
    # Nobody vouches for the clock here, and the fail table lets residents in by that, but no vehicle.
    assert (vehicle[1].verdict, vehicle[1].reason) == ("escalate", "clock_untrusted")
    assert place.gate.openings() == 0
    wait_for(lambda: place.lane["passage"] == vehicle[0].hex(), "the vehicle on the screen", 10)
    place.gate.street.guard_acts("admit", "known_resident")
    wait_for(lambda: len(place.gate.payloads(OutcomeOf)) == 3, "an outcome for each", 20)
    assert place.gate.openings() == 1
    ended = {header.passage: one.outcome for header, one in place.gate.records() if isinstance(one, OutcomeOf)}
    assert ended == dict.fromkeys([vehicle[0], *(passage for passage, _ in people)], "admitted_by_guard")
