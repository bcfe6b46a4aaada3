"""One scenario file serves all emulators of a gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.emulators.scenario import Script, steps_for
from drivers.errors import OptionError

LINES = """
{"at_s": 2, "thermometer": {"object_c": 36.4}, "relay": [{"input": 0}, {"input": 1}]}
{"at_s": 1, "camera": {"clear": true}}
{"at_s": 0.5, "object_c": 33.0}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scenario.jsonl"
    path.write_text(LINES)
    return path


def test_each_emulator_takes_its_own_part(file: Path) -> None:
    assert [(step.at_s, step.change) for step in steps_for(file, "camera")] == [(1, b'{"clear": true}')]
    assert [step.change for step in steps_for(file, "relay")] == [b'{"input": 0}', b'{"input": 1}']


def test_a_line_that_names_no_device_is_the_thermometers(file: Path) -> None:
    assert [step.at_s for step in steps_for(file, "thermometer")] == [0.5, 2]


def test_steps_come_when_they_are_due_and_only_once(file: Path) -> None:
    script = Script(file, "thermometer", dict[str, float])
    assert script.due(100.0) == []
    assert script.due(100.6) == [{"object_c": 33.0}]
    assert script.due(103.0) == [{"object_c": 36.4}]
    assert script.due(200.0) == []


@pytest.mark.parametrize("line", ["{}", "nonsense", '{"at_s": -1}', '{"at_s": 1, "relay": [1'])
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "scenario.jsonl"
    path.write_text(f'{{"at_s": 0}}\n{line}\n')
    with pytest.raises(OptionError, match="line 2"):
        steps_for(path, "relay")
