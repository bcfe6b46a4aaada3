"""`[lanes.mask]` in a gate file, and what `guankou-gate check` says of the model that it names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli import main
from firmware_config.load import ConfigError, load_gate_file
from tests.mask_model import write_model

GATE = Path(__file__).parents[2] / "firmware_config" / "gates" / "person-gy9061x-lcus.toml"
CAMERA = 'camera = { driver = "v4l2", options = { device = "/dev/guankou/camera" } }\n'


def gate(folder: Path, mask: str, camera: str = CAMERA) -> Path:
    path = folder / "gate.toml"
    text = GATE.read_text(encoding="utf-8")
    assert CAMERA in text
    path.write_text(text.replace(CAMERA, camera) + "\n[lanes.mask]\n" + mask, encoding="utf-8")
    return path


def test_the_model_lies_beside_the_gate_file_and_the_rest_has_defaults(tmp_path):
    mask = load_gate_file(gate(tmp_path, 'model = "models/m.onnx"\n')).lanes[0].mask
    assert mask.model == str(tmp_path / "models" / "m.onnx")
    assert (mask.kind, mask.face_min, mask.score_min, mask.every_ms) == ("ssd260", 0.3, 0.9, 500)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("", "model"),
        ('model = "m"\nkind = "yolo"\n', "kind = 'yolo': must be 'ssd260'"),
        ('model = "m"\nface_min = 30\n', "face_min = 30: must be a number from 0.05 to 1"),
        ('model = "m"\nscore_min = 0.2\n', "score_min = 0.2"),
        ('model = "m"\nevery_ms = 10\n', "every_ms = 10"),
        ('model = "m"\nface-min = 0.3\n', "no such key"),
    ],
)
def test_a_wrong_key_is_named_with_its_value_and_bounds(tmp_path, mask, words):
    with pytest.raises(ConfigError, match=r"lanes #1 / mask") as error:
        load_gate_file(gate(tmp_path, mask))
    assert words in str(error.value)


def test_a_model_without_a_camera_is_a_contradiction(tmp_path):
    with pytest.raises(ConfigError, match=r"\[lanes #1\] mask: looks through the lane's camera, and there is none"):
        load_gate_file(gate(tmp_path, 'model = "m"\n', camera=""))


def test_check_says_the_hash_of_the_model_that_it_loaded(tmp_path):
    model = write_model(tmp_path / "m.onnx")
    path = gate(tmp_path, 'model = "m.onnx"\n')
    said = CliRunner().invoke(main, ["check", str(path)])
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert said.exit_code == 0
    assert said.output.splitlines()[0].startswith(
        f"lane in: mask model {model}, sha256 {digest}, 260 x 260 -> (1, 5972"
    )
    answer = json.loads(CliRunner().invoke(main, ["check", str(path), "--json"]).output)
    assert answer["ok"] is True
    assert digest in answer["models"][0]


def test_check_refuses_a_model_that_is_missing_or_another_one(tmp_path):
    path = gate(tmp_path, 'model = "m.onnx"\n')
    said = CliRunner().invoke(main, ["check", str(path)])
    assert (said.exit_code, "[lanes #1 / mask]" in said.output, "No such file" in said.output) == (2, True, True)
    write_model(tmp_path / "m.onnx", count=100)
    said = CliRunner().invoke(main, ["check", str(path)])
    assert said.exit_code == 2
    assert "gives (1, 100, 4), (1, 100, 2); an ssd260 gives (1, 5972, 4) and (1, 5972, 2)" in said.output.replace(
        "(1, 100, 2), (1, 100, 4)", "(1, 100, 4), (1, 100, 2)"
    )
