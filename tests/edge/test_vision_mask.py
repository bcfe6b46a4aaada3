"""Masks through the whole vision process: a folder of photos as the camera, a model made by hand as the model."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.vision import Vision
from edge.vision_messages import CameraOk, MaskFailed, MaskReady, MaskSeen, Seen, VisionDied
from firmware_config.schema import Device, Mask
from tests.edge.test_vision import Inbox, mono_ms
from tests.mask_model import write_model


def photos(folder: Path, level: int) -> Path:
    """Bright or dark pictures, each with noise of its own: what repeats to the last bit is a hung camera."""
    folder.mkdir()
    rng = np.random.default_rng(level)
    for number in range(6):
        picture = np.clip(rng.normal(level, 8, (120, 160)), 0, 255).astype(np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def vision_of(folder: Path, model: Path, inbox: Inbox) -> Vision:
    camera = Device("folder", {"path": str(folder), "hold_ms": 150})
    return Vision("in", camera, inbox.post, mono_ms, mask=Mask(str(model), every_ms=200))


@pytest.fixture
def bright(tmp_path: Path, inbox: Inbox) -> Iterator[Vision]:
    model = write_model(tmp_path / "model.onnx")
    vision = vision_of(photos(tmp_path / "bright", 230), model, inbox)
    vision.start()
    yield vision
    vision.stop()


def test_masks_are_looked_for_only_while_somebody_is_there(bright: Vision, inbox: Inbox) -> None:
    inbox.wait(lambda fact: isinstance(fact, MaskReady), "the model is ready")
    for _ in range(3):
        inbox.wait(lambda fact: isinstance(fact, Seen), "frames go on")
    assert not [fact for fact in inbox.facts if isinstance(fact, MaskSeen)]
    bright.want_mask(True)
    asked_ms = mono_ms()
    seen = inbox.wait(lambda fact: isinstance(fact, MaskSeen), "a look")
    assert isinstance(seen, MaskSeen)
    assert (seen.lane, seen.state) == ("in", "mask")
    assert seen.mono_ms >= asked_ms - 200
    bright.want_mask(False)
    for _ in range(3):
        inbox.wait(lambda fact: isinstance(fact, Seen), "frames go on")
    inbox.facts.clear()
    inbox.wait(lambda fact: isinstance(fact, Seen), "frames go on")
    assert not [fact for fact in inbox.facts if isinstance(fact, MaskSeen)]


def test_a_process_that_comes_back_goes_on_looking(bright: Vision, inbox: Inbox) -> None:
    bright.want_mask(True)
    inbox.wait(lambda fact: isinstance(fact, MaskSeen), "a look")
    assert bright.pid is not None
    os.kill(bright.pid, signal.SIGKILL)
    inbox.wait(lambda fact: isinstance(fact, VisionDied), "died")
    inbox.wait(lambda fact: isinstance(fact, MaskSeen), "a look of the next process")


def test_a_bare_face_is_told_as_one(tmp_path: Path, inbox: Inbox) -> None:
    vision = vision_of(photos(tmp_path / "dark", 40), write_model(tmp_path / "model.onnx"), inbox)
    vision.want_mask(True)
    vision.start()
    seen = inbox.wait(lambda fact: isinstance(fact, MaskSeen), "a look")
    vision.stop()
    assert isinstance(seen, MaskSeen)
    assert seen.state == "no_mask"


def test_a_model_that_cannot_be_used_keeps_no_code_from_being_read(tmp_path: Path, inbox: Inbox) -> None:
    vision = vision_of(photos(tmp_path / "any", 200), tmp_path / "nowhere.onnx", inbox)
    vision.start()
    failed = inbox.wait(lambda fact: isinstance(fact, MaskFailed), "said")
    inbox.wait(lambda fact: isinstance(fact, CameraOk | Seen), "the camera goes on")
    inbox.wait(lambda fact: isinstance(fact, Seen), "frames go on")
    vision.stop()
    assert isinstance(failed, MaskFailed)
    assert "nowhere.onnx" in failed.why


def test_a_vision_process_with_less_memory_than_the_model_may_take_has_one_all_the_same(
    tmp_path: Path, inbox: Inbox
) -> None:
    camera = Device("folder", {"path": str(photos(tmp_path / "any", 200))})
    model = write_model(tmp_path / "model.onnx")
    vision = Vision("in", camera, inbox.post, mono_ms, memory_mib=900, mask=Mask(str(model)))
    vision.start()
    inbox.wait(lambda fact: isinstance(fact, MaskReady), "the model is ready")
    vision.stop()


def _children(pid: int) -> set[int]:
    return {
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    }


def test_a_killed_vision_process_takes_its_model_along(bright: Vision, inbox: Inbox) -> None:
    inbox.wait(lambda fact: isinstance(fact, MaskReady), "the model is ready")
    assert bright.pid is not None
    models = _children(bright.pid)
    assert len(models) == 1
    os.kill(bright.pid, signal.SIGKILL)
    inbox.wait(lambda fact: isinstance(fact, MaskReady), "the next process is ready")
    assert not [
        pid for pid in models if Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()
    ]
