"""The process that runs a mask model: whatever becomes of it, those that ask get an answer in time."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.protocols import Frame
from edge.mask_eye import MaskEye
from edge.mask_process import MEMORY_MIB
from edge.mask_worker import MaskWorker, MaskWorkerError
from edge.vision_messages import MaskFailed, MaskModel, MaskReady, MaskSeen
from tests.mask_model import write_model
from tests.waiting import wait_for

PIXELS = 260 * 260 * 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model") / "by-hand.onnx"))


def asked(model: str, **changes: object) -> MaskModel:
    return MaskModel(
        **({"model": model, "kind": "ssd260", "face_min": 0.3, "score_min": 0.9, "every_ms": 200} | changes)
    )  # type: ignore[arg-type]


@pytest.fixture
def worker(model: str) -> Iterator[MaskWorker]:
    worker = MaskWorker(asked(model))
    yield worker
    worker.close()


def test_it_says_what_it_loaded_and_what_it_sees(worker: MaskWorker) -> None:
    assert len(worker.ready.sha256) == 64
    assert "(1, 5972, 2)" in worker.ready.detail
    seen = [worker.look(bytes([level]) * PIXELS) for level in (230, 20, 128)]
    assert [one.state for one in seen] == ["mask", "no_mask", "unsure"]
    assert seen[0].face_share == pytest.approx(0.64, abs=0.01)
    assert seen[0].score > 0.99


def test_the_gate_files_limits_are_the_ones_it_goes_by(model: str) -> None:
    worker = MaskWorker(asked(model, face_min=0.7))
    assert worker.look(bytes([230]) * PIXELS).state == "unsure"
    worker.close()


@pytest.mark.parametrize("kind_of_file", ["missing", "nonsense", "other"])
def test_a_model_that_cannot_be_used_is_named_and_leaves_no_process(tmp_path: Path, kind_of_file: str) -> None:
    path = tmp_path / "model.onnx"
    if kind_of_file == "nonsense":
        path.write_bytes(b"\x00\xff" * 4000)
    elif kind_of_file == "other":
        write_model(path, count=100)
    words = {"missing": "No such file", "nonsense": "no ssd260 model", "other": r"\(1, 100, 2\)"}
    with pytest.raises(MaskWorkerError, match=words[kind_of_file]):
        MaskWorker(asked(str(path)))


def test_a_model_that_is_too_slow_to_load_is_given_up(model: str) -> None:
    with pytest.raises(MaskWorkerError, match=r"within 0\.01 s"):
        MaskWorker(asked(model), load_s=0.01)


def test_a_process_that_dies_or_hangs_is_an_error_in_time(model: str) -> None:
    worker = MaskWorker(asked(model), look_s=0.3)
    os.kill(worker.pid, signal.SIGSTOP)
    began_s = time.monotonic()
    with pytest.raises(MaskWorkerError, match=r"within 0\.3 s"):
        worker.look(bytes(PIXELS))
    worker.close()
    assert time.monotonic() - began_s < 5
    worker = MaskWorker(asked(model))
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(MaskWorkerError, match=r"ended|failed"):
        worker.look(bytes(PIXELS))
    worker.close()


def test_its_memory_is_limited_and_it_comes_after_everything_else(worker: MaskWorker) -> None:
    limits = Path(f"/proc/{worker.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max address space")]
    assert line.split()[3] == str(MEMORY_MIB << 20)
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)


class Frames:
    """Frames of one brightness, each a little different, offered as a camera would."""

    def __init__(self, eye: MaskEye) -> None:
        self.eye, self.number = eye, 0
        self.rng = np.random.default_rng(1)

    def offer(self, level: int, *, same: bool = False, every_ms: int = 100) -> None:
        self.number += 1
        image = np.full((90, 160), level, np.uint8)
        if not same:
            image[::9, ::9] += self.rng.integers(0, 9, (10, 18), dtype=np.uint8)
        self.eye.offer(Frame(self.number, self.number * every_ms, image), image)


@pytest.fixture
def eye(model: str) -> Iterator[MaskEye]:
    eye = MaskEye("in", asked(model), first_pause_s=0.05)
    eye.start()
    yield eye
    eye.stop()


def said(eye: MaskEye, kind: type, frames: Frames | None = None, level: int = 230, count: int = 1) -> list[object]:
    found: list[object] = []

    def ask() -> bool:
        if frames is not None:
            frames.offer(level)
        found.extend(eye.news())
        return sum(isinstance(one, kind) for one in found) >= count

    wait_for(ask, kind.__name__)
    return [one for one in found if isinstance(one, kind)]


def test_nothing_is_looked_at_while_nobody_stands_there(eye: MaskEye) -> None:
    assert said(eye, MaskReady)
    frames = Frames(eye)
    for _ in range(20):
        frames.offer(230)
    eye.want(True)
    first = said(eye, MaskSeen, frames)
    assert first[0].mono_ms > 2000, "what was seen before nobody asked for"  # type: ignore[attr-defined]
    eye.want(False)
    eye.news()


def test_looks_are_no_closer_together_than_they_may_be(eye: MaskEye) -> None:
    eye.want(True)
    times = [one.mono_ms for one in said(eye, MaskSeen, Frames(eye), count=5)]  # type: ignore[attr-defined]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 200


def test_a_picture_that_a_hung_camera_repeats_is_looked_at_once(eye: MaskEye) -> None:
    said(eye, MaskReady)
    eye.want(True)
    frames = Frames(eye)
    frames.offer(230, same=True)
    seen = said(eye, MaskSeen)
    for _ in range(50):
        frames.offer(230, same=True)
    said(eye, MaskSeen, frames, level=20)
    assert len(seen) == 1


def test_a_model_that_fails_is_said_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "late.onnx"
    eye = MaskEye("in", asked(str(path)), first_pause_s=0.05)
    eye.start()
    (failed, *_) = said(eye, MaskFailed)
    assert "late.onnx" in failed.why  # type: ignore[attr-defined]
    write_model(path)
    assert said(eye, MaskReady)
    eye.stop()


def test_a_process_that_is_killed_is_said_and_replaced_and_decoding_never_waits(model: str) -> None:
    opened: list[MaskWorker] = []

    def open_one(model: MaskModel) -> MaskWorker:
        opened.append(MaskWorker(model, look_s=0.5))
        return opened[-1]

    eye = MaskEye("in", asked(model), open_one, first_pause_s=0.05)
    eye.start()
    said(eye, MaskReady)
    eye.want(True)
    os.kill(opened[0].pid, signal.SIGSTOP)
    frames = Frames(eye)
    began_s = time.monotonic()
    frames.offer(230)
    frames.offer(230)
    assert time.monotonic() - began_s < 0.2
    assert said(eye, MaskFailed)
    assert said(eye, MaskSeen, frames)[0].state == "mask"  # type: ignore[attr-defined]
    eye.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "mask"]
