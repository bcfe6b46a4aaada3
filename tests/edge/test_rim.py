"""What the threads at the rim say becomes the right facts and faults."""

from __future__ import annotations

from pathlib import Path

import msgspec

from drivers.protocols import Reading
from edge import board_facts, facts
from edge.core import FaultOver, FaultSeen, Item, LaneFact
from edge.rim import SILENT_MS, BoardEar, ThermometerEar
from firmware_config.load import load_gate_file
from firmware_config.schema import InputWire

TWO_LANES = Path(__file__).parents[2] / "firmware_config" / "gates" / "person-two-lanes-gy614v3-modbus.toml"

GOOD, STUCK, BEYOND, OTHER_MODE = ("ok",), ("stuck",), ("out_of_range",), ("mode_mismatch",)


class Heard:
    def __init__(self) -> None:
        self.items: list[Item] = []
        self.ear = ThermometerEar("in", self.items.append)

    def reads(self, quality: tuple[str, ...], mono_ms: int = 0) -> None:
        self.ear.reading(Reading(mono_ms, "gy614v3", "surface", 36.2, 20.0, None, None, quality, b"\x01"))

    @property
    def faults(self) -> list[str]:
        return [item.name for item in self.items if isinstance(item, FaultSeen)]

    @property
    def over(self) -> list[str]:
        return [item.name for item in self.items if isinstance(item, FaultOver)]

    @property
    def measured(self) -> int:
        return sum(isinstance(item, LaneFact) and isinstance(item.fact, facts.Measured) for item in self.items)


def test_a_device_that_repeats_itself_or_is_out_of_its_range_measures_nobody() -> None:
    for quality, name in ((STUCK, "thermometer_stuck"), (BEYOND, "thermometer_range")):
        heard = Heard()
        heard.reads(quality)
        assert (heard.faults, heard.measured) == ([name], 0)
        heard.reads(GOOD)
        assert (heard.over[-1], heard.measured) == (name, 1)


def test_a_device_that_speaks_again_ends_its_own_faults_and_no_others() -> None:
    heard = Heard()
    heard.reads(GOOD)
    assert "drift" not in heard.over
    assert "" not in heard.over
    assert "thermometer_gone" in heard.over
    heard.ear.down("thermometer_silent", "")
    heard.items.clear()
    heard.reads(GOOD)
    assert heard.over == ["thermometer_silent"]


def test_a_device_in_another_mode_is_as_good_as_silent() -> None:
    heard = Heard()
    heard.reads(OTHER_MODE, 0)
    heard.reads(OTHER_MODE, SILENT_MS)
    assert heard.faults == []
    heard.reads(OTHER_MODE, SILENT_MS + 1)
    assert (heard.faults, heard.measured) == (["thermometer_silent"], 0)
    heard.reads(GOOD, SILENT_MS + 2)
    assert heard.over[-1] == "thermometer_silent"


def test_a_board_that_two_lanes_share_takes_both_with_it_and_each_hears_its_own_inputs() -> None:
    items: list[Item] = []
    file = load_gate_file(TWO_LANES)
    ear = BoardEar(file, items.append)
    (board,) = file.boards
    ear(board_facts.BoardGone(board, "unplugged"))
    down = {(i.lane, i.fact.part) for i in items if isinstance(i, LaneFact) and isinstance(i.fact, facts.PartDown)}
    lanes = {lane.name for lane in file.lanes}
    assert {(lane, "board") for lane in lanes} <= down
    for lane in file.lanes:
        items.clear()
        wire = lane.inputs.presence
        if wire is not None:
            assert (lane.name, "presence") in down
            ear(board_facts.InputChanged(board, wire.terminal, True, 77))
            assert items == [LaneFact(lane.name, facts.PresenceChanged(True, 77))]


def test_the_fire_contact_is_told_to_its_lane_until_it_is_over() -> None:
    items: list[Item] = []
    file = load_gate_file(TWO_LANES)
    ear = BoardEar(file, items.append)
    for lane in file.lanes:
        wire = lane.inputs.fire
        if wire is not None:
            for active in (True, False):
                ear(board_facts.InputChanged(wire.board, wire.terminal, active, 5))
    told = [
        item.fact.active for item in items if isinstance(item, LaneFact) and isinstance(item.fact, facts.FireContact)
    ]
    assert told == [True, False] * sum(lane.inputs.fire is not None for lane in file.lanes)
    assert told


def test_a_beam_found_broken_when_the_board_comes_back_is_nobody_going_through() -> None:
    items: list[Item] = []
    file = load_gate_file(TWO_LANES)
    ear = BoardEar(file, items.append)
    wires = [lane.inputs.crossing for lane in file.lanes if lane.inputs.crossing is not None]
    assert wires
    for wire in wires:
        ear(board_facts.InputChanged(wire.board, wire.terminal, True, 5, first=True))
        assert items == []
        ear(board_facts.InputChanged(wire.board, wire.terminal, True, 9))
        assert isinstance(items.pop(), LaneFact)


def test_a_door_is_told_with_its_own_time_also_when_it_is_found_open() -> None:
    items: list[Item] = []
    file = load_gate_file(TWO_LANES)
    lane = file.lanes[0]
    inputs = msgspec.structs.replace(lane.inputs, door=InputWire("main", 9, True))
    ear = BoardEar(
        msgspec.structs.replace(file, lanes=(msgspec.structs.replace(lane, inputs=inputs), file.lanes[1])), items.append
    )
    ear(board_facts.InputChanged("main", 9, True, 5, first=True))
    ear(board_facts.InputChanged("main", 9, False, 8))
    assert items == [
        LaneFact(lane.name, facts.DoorMoved(True, 5, True)),
        LaneFact(lane.name, facts.DoorMoved(False, 8)),
    ]
