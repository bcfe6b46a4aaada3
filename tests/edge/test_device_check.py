"""A gate file is held against its drivers before anything is opened."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge.device_check import device_problems
from edge.wiring import Release, wiring_of
from firmware_config.load import load_gate_file
from firmware_config.schema import BarrierWire, Device

GATES = Path(__file__).parents[2] / "firmware_config" / "gates"
MODBUS = GATES / "person-gy614v3-modbus.toml"


def changed(lane=None, **tables):
    file = load_gate_file(MODBUS)
    lanes = (msgspec.structs.replace(file.lanes[0], **(lane or {})),)
    return msgspec.structs.replace(file, lanes=lanes, **tables)


@pytest.mark.parametrize("path", sorted(GATES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_drivers_accept_every_shipped_gate_file(path):
    assert device_problems(load_gate_file(path)) == ()


def test_every_refused_device_has_its_own_line():
    problems = device_problems(
        changed(
            {
                "camera": Device("v4l2", {"devise": "/dev/video0"}),
                "thermometer": Device("mercury"),
                "readers": {"left": Device("gm65", {"port": ""}), "right": Device("crystal-ball")},
            },
            boards={"main": Device("modbus_relay", {"port": "/dev/x", "baud": 1})},
        )
    )
    assert [line.split("]")[0] for line in problems] == [
        "[boards / main",
        "[lanes #1 / camera",
        "[lanes #1 / thermometer",
        "[lanes #1 / readers / left",
        "[lanes #1 / readers / right",
    ]


def test_a_wire_that_no_board_has_is_named():
    board = Device("modbus_relay", {"port": "/dev/x", "relays": 1, "inputs": 3})
    problems = device_problems(changed({"barrier": BarrierWire("main", 1)}, boards={"main": board}))
    assert len(problems) == 2
    assert "1 is beyond the 1 relays of board 'main'" in problems[0]
    assert "[lanes #1 / inputs / fire]: 3 is beyond the 3 inputs" in problems[1]


def test_a_board_without_inputs_says_so():
    board = Device("lcus", {"port": "/dev/x"})
    assert all("it has none" in line for line in device_problems(changed(boards={"main": board})))


def test_ways_out_are_wired_to_the_relay_of_their_lane():
    wiring = wiring_of(load_gate_file(GATES / "person-two-lanes-gy614v3-modbus.toml"), "main")
    assert wiring.inverted == {3, 7}
    assert wiring.releases == (
        Release(2, "exit_button", 0, 1.0),
        Release(3, "fire", 0, 1.0),
        Release(6, "exit_button", 1, 1.0),
        Release(7, "fire", 1, 1.0),
    )


def test_another_board_has_nothing_of_it():
    wiring = wiring_of(load_gate_file(MODBUS), "other")
    assert wiring.releases == ()
    assert wiring.inverted == frozenset()


def test_the_readers_on_the_configuration_page_are_taken(tmp_path):
    page = (GATES.parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = [text.split("```")[0] for text in page.split("```toml\n")[1:] if "[lanes.readers." in text]
    head = MODBUS.read_text(encoding="utf-8").split("[[lanes]]")[0].replace("[boards.main]", "[boards.relay]")
    path = tmp_path / "gate.toml"
    path.write_text(head + example, encoding="utf-8")
    file = load_gate_file(path)
    assert device_problems(file) == ()
    assert set(file.lanes[0].readers) == {"scanner", "id-card"}
