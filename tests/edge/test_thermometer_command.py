"""What the thermometer command prints, against an emulated module."""

import json

import pytest

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_scene import Change
from drivers.errors import DeviceGoneError, OptionError
from drivers.finding import driver_module
from edge.thermometer_command import read_json_lines
from tests.drivers.thermometers import MODELS

KEYS = {"model", "mode", "object_c", "ambient_c", "body_c", "quality", "mono_ms", "raw"}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_prints_as_json_with_all_keys(name, tmp_path):
    link = tmp_path / "port"
    example = driver_module("thermometer", name).PROFILE.example
    with ThermometerEmulator(name, link, EmulatorSettings(jitter_c=0.0, options=example)):
        lines = list(read_json_lines(name, str(link), 3, 5.0, example))
    assert len(lines) == 3
    for line in lines:
        assert set(json.loads(json.dumps(line))) == KEYS
        assert line["quality"] == ["ok"]
        assert line["ambient_c"] == (21.0 if MODELS[name].has_ambient else None)
        assert line["body_c"] == (36.4 if MODELS[name].has_body else None)
        assert bytes.fromhex(line["raw"])


def test_silence_ends_the_lines_without_an_error(tmp_path):
    link = tmp_path / "port"
    with ThermometerEmulator("gy9061x", link, EmulatorSettings(start=Change(fault="silence"))):
        assert list(read_json_lines("gy9061x", str(link), 3, 0.3)) == []


def test_a_port_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DeviceGoneError, match="no-port"):
        list(read_json_lines("gy9061x", str(tmp_path / "no-port"), 1, 0.2))


def test_an_option_that_does_not_fit_is_an_error(tmp_path):
    with pytest.raises(OptionError, match="leave it out"):
        list(read_json_lines("gy9061x", "/dev/x", 1, 0.2, {"mode": "body"}))
