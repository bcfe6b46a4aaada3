"""What several faces say together, and a model's file before and after it is loaded."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import OptionError
from drivers.mask import MAX_MODEL_BYTES, Face, look_of, read_model
from drivers.mask.judge import MaskJudge, shrunk

SHA256 = "228771ea8c05a1329aaa5e6b03ef671284c1c5d4e1288677098192805beab86a"


def face(height=0.5, *, masked=True, score=0.97):
    return Face(0.3, 0.2, 0.7, 0.2 + height, masked, score)


faces = st.builds(face, st.floats(0, 0.8), masked=st.booleans(), score=st.floats(0.5, 1))


def test_one_near_face_decides():
    assert look_of([face()], 0.3, 0.9).state == "mask"
    assert look_of([face(masked=False)], 0.3, 0.9).state == "no_mask"


def test_nobody_in_the_picture_is_unsure():
    look = look_of([], 0.3, 0.9)
    assert (look.state, look.face_share, look.faces) == ("unsure", 0.0, 0)


def test_a_face_too_far_away_or_too_unsure_says_nothing():
    assert look_of([face(0.29)], 0.3, 0.9).state == "unsure"
    assert look_of([face(score=0.89)], 0.3, 0.9).state == "unsure"
    assert look_of([face(masked=False, score=0.89)], 0.3, 0.9).state == "unsure"


def test_a_bare_face_beside_a_masked_one_is_no_mask_and_one_in_the_background_is_nobody():
    assert look_of([face(), face(0.4, masked=False)], 0.3, 0.9).state == "no_mask"
    assert look_of([face(), face(0.1, masked=False)], 0.3, 0.9).state == "mask"


@given(st.lists(faces, max_size=5))
def test_a_mask_is_said_only_when_every_near_face_surely_wears_one(seen):
    look = look_of(seen, 0.3, 0.9)
    near = [one for one in seen if one.height_share >= 0.3]
    assert (look.state == "mask") == (bool(near) and all(one.masked and one.score >= 0.9 for one in near))
    if any(not one.masked and one.score >= 0.9 for one in near):
        assert look.state == "no_mask"


def test_a_model_that_is_not_there_empty_or_too_large_is_refused_with_its_name(tmp_path):
    with pytest.raises(OptionError, match=r"nowhere.onnx cannot be read: No such file"):
        read_model(str(tmp_path / "nowhere.onnx"))
    with pytest.raises(OptionError, match="cannot be read"):
        read_model(str(tmp_path))
    empty, large = tmp_path / "empty.onnx", tmp_path / "large.onnx"
    empty.write_bytes(b"")
    with pytest.raises(OptionError, match="is empty"):
        read_model(str(empty))
    with large.open("wb") as file:
        file.truncate(MAX_MODEL_BYTES + 1)
    with pytest.raises(OptionError, match="larger than 64 MiB"):
        read_model(str(large))


@pytest.mark.parametrize("data", [b"no model", bytes(1000), b"\x08\x07" * 500])
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(OptionError, match="no ssd260 model"):
        MaskJudge(data, "ssd260")


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(OptionError, match=r"'yolo' is unknown; there are: ssd260"):
        MaskJudge(b"", "yolo")


def test_a_picture_is_brought_to_the_models_size_in_colour():
    gray = np.arange(200, dtype=np.uint8).reshape(10, 20)
    assert len(shrunk(gray, "ssd260")) == 260 * 260 * 3
    colours = np.zeros((30, 40, 3), np.uint8)
    colours[:] = (10, 20, 30)
    assert shrunk(colours, "ssd260") == bytes((10, 20, 30)) * 260 * 260


@pytest.fixture(scope="module")
def model(shared_data):
    path = shared_data / "mask" / "face_mask_ssd260.onnx"
    if not path.is_file():
        pytest.skip(f"no mask model at {path}")
    return path


def test_a_real_model_loads_and_finds_nobody_in_an_empty_picture(model):
    data = read_model(str(model))
    judge = MaskJudge(data, "ssd260")
    assert judge.sha256 == SHA256 == hashlib.sha256(data).hexdigest()
    assert "5972" in judge.describe
    assert judge.faces(np.full((720, 1280, 3), 90, np.uint8)) == []
    assert judge.faces(np.full((720, 1280), 90, np.uint8)) == []


def test_a_picture_of_another_size_is_refused(model):
    judge = MaskJudge(read_model(str(model)), "ssd260")
    assert judge.faces_in_bytes(bytes(260 * 260 * 3)) == []
    with pytest.raises(OptionError, match="202800 are needed"):
        judge.faces_in_bytes(b"short")


@pytest.mark.parametrize("left", [0.2, 0.5, 0.9, 0.999])
def test_a_model_that_broke_off_while_it_was_copied_is_refused(model, left):
    data = read_model(str(model))
    with pytest.raises(OptionError, match="no ssd260 model"):
        MaskJudge(data[: int(len(data) * left)], "ssd260")
