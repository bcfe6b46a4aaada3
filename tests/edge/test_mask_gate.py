"""Masks at a running gate: a folder of photos as its camera, a model made by hand, and a scanner for the pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from checkpoint.records import Fault, Verdict
from tests.edge import reader_gate
from tests.edge.reader_gate import ReaderGate, a_pass
from tests.mask_model import write_model
from tests.waiting import wait_for

pytestmark = pytest.mark.end_to_end
ALLOWED = ("allow", "allowed_by_fail_table")
EYES = """
[lanes.camera]
driver = "folder"
options = {{{{ path = "{photos}", hold_ms = 150 }}}}
[lanes.mask]
model = "{model}"
every_ms = 200
"""
MakeGate = Callable[..., ReaderGate]


def photos(folder: Path, level: int) -> None:
    """Everybody in the picture from now on: bright is masked, dark is bare. No two pictures are alike."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(level)
    for number in range(6):
        picture = np.clip(rng.normal(level, 8, (120, 160)), 0, 255).astype(np.uint8)
        good, data = cv2.imencode(".png", picture)
        assert good
        fresh = folder / f"{number}.new"
        fresh.write_bytes(data.tobytes())
        os.replace(fresh, folder / f"{number}.png")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeGate]:
    made: list[ReaderGate] = []
    dated = "valid_until = 2100-01-01T00:00:00+08:00\naccept_weak_binding"
    text = reader_gate.POLICY.replace("accept_weak_binding", dated).replace("escalation_s = 0.5", "escalation_s = 20.0")
    monkeypatch.setattr(reader_gate, "POLICY", text)

    def start(level: int, *, with_model: bool = True) -> ReaderGate:
        photos(tmp_path / "photos", level)
        model = write_model(tmp_path / "model.onnx") if with_model else tmp_path / "nowhere.onnx"
        eyes = EYES.format(photos=tmp_path / "photos", model=model)
        made.append(ReaderGate(tmp_path, "gm65", checks=["mask"], inputs=eyes))
        return made[-1]

    yield start
    for gate in made:
        gate.close()


def scan(place: ReaderGate) -> None:
    place.readers["gm65"].set(text=a_pass(1).decode())


def mask_of(place: ReaderGate) -> tuple[str, str]:
    verdict = place.gate.payloads(Verdict)[-1]
    (check,) = [check for check in verdict.checks if check.check == "mask"]
    return check.result, check.reason


def test_a_mask_that_is_seen_opens_and_the_log_says_which_model_saw_it(make: MakeGate) -> None:
    place = make(230)
    wait_for(lambda: any("mask_model" in line and "sha256" in line for line in place.gate.log), "the model", 20)
    scan(place)
    assert place.wait_verdicts(1) == [ALLOWED]
    assert mask_of(place) == ("ok", "mask_ok")
    wait_for(lambda: place.gate.openings() == 1, "an opening")


def test_whoever_wears_none_is_asked_to_and_goes_in_with_one(make: MakeGate, tmp_path: Path) -> None:
    place = make(30)
    wait_for(lambda: any("mask_model" in line for line in place.gate.log), "the model", 20)
    scan(place)
    wait_for(lambda: place.lane["prompt"] == {"zh": "请佩戴口罩", "en": "Please wear a mask"}, "the prompt", 10)
    photos(tmp_path / "photos", 230)
    assert place.wait_verdicts(1) == [ALLOWED]
    assert mask_of(place) == ("ok", "mask_ok")


def test_without_a_model_that_works_nobody_is_let_in_until_the_guard_has_looked(make: MakeGate) -> None:
    place = make(230, with_model=False)
    wait_for(lambda: place.gate.shows_fault("The mask model does not work"), "the fault", 20)
    assert place.lane["state"] == "wait"
    scan(place)
    assert place.wait_verdicts(1) == [("escalate", "mask_unchecked")]
    wait_for(lambda: place.lane["mask_asked"], "the button", 5)
    assert place.gate.openings() == 0
    place.gate.street.guard_acts("mask_seen", "")
    assert place.wait_verdicts(2)[1:] == [ALLOWED]
    assert "manual" in place.gate.payloads(Verdict)[-1].tags
    assert [note.code for note in place.gate.notes("note")].count("mask_seen") == 1
    assert [fault.name for fault in place.gate.payloads(Fault)].count("mask_model_failed") == 1
