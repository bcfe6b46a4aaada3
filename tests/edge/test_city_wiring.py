"""City systems in a gate file: recognised lanes, bridges, and what is wrong with either."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkpoint.formats.city import CityCode, CitySystem
from edge.city_codes import BridgeError
from edge.city_wiring import city_desk, city_systems
from firmware_config.load import ConfigError, load_gate_file
from firmware_config.schema import GateFile

HEAD = """
[gate]
id = "g"
name_zh = "门"
name_en = "gate"
data_dir = "data"
enrolment = "enrolment.json"
[call]
role_zh = "值班"
role_en = "duty"
phone = "1"
[[lanes]]
name = "in"
kind = "person"
direction = "in"
[city_codes.demo]
hosts = ["city.example"]
"""


def gate_file(folder: Path, more: str) -> GateFile:
    (folder / "gate.toml").write_text(HEAD + more, encoding="utf-8")
    return load_gate_file(folder / "gate.toml")


def test_a_system_is_recognised_with_or_without_a_bridge(tmp_path: Path) -> None:
    assert city_systems(gate_file(tmp_path, "")) == (CitySystem("demo", ("city.example",), ""),)
    assert city_systems(gate_file(tmp_path, 'token_key = "t"\n')) == (CitySystem("demo", ("city.example",), "t"),)


def test_without_a_bridge_every_code_is_offline(tmp_path: Path) -> None:
    told: list[object] = []
    desk = city_desk(gate_file(tmp_path, ""), lambda *answer: told.append(answer))
    (system,) = city_systems(gate_file(tmp_path, ""))
    desk.ask("in", 1, CityCode(system, "abcd"))
    assert told == [("in", 1, "city_code_offline")]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('url = "https://bridge.example/"\n', "without secret_file"),
        ('url = "https://bridge.example/"\nsecret_file = "missing"\n', "can't be read"),
        ('url = "https://bridge.example/"\nsecret_file = "empty"\n', "first line"),
        ('url = "http://bridge.example/"\nsecret_file = "good"\n', "https only"),
    ],
)
def test_a_bridge_that_cannot_be_asked_is_named(tmp_path: Path, more: str, words: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "good").write_text("secret\n")
    for name in ("empty", "good"):
        (tmp_path / name).chmod(0o600)
    with pytest.raises(BridgeError, match=words):
        city_desk(gate_file(tmp_path, more), lambda *_: None)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("secret\n")
    (tmp_path / "open").chmod(0o644)
    file = gate_file(tmp_path, 'url = "https://bridge.example/"\nsecret_file = "open"\n')
    with pytest.raises(ConfigError):
        city_desk(file, lambda *_: None)
