"""Tensors of a single-shot detector become faces: made by hand, so that no model and no photo is needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from drivers.mask.anchors import TensorError, anchors, faces_in

COUNT = 5972


def tensors(*faces):
    """`faces`: anchor's number, offsets, scores of masked and bare."""
    offsets, scores = np.zeros((1, COUNT, 4), np.float32), np.zeros((1, COUNT, 2), np.float32)
    for number, offset, score in faces:
        offsets[0, number], scores[0, number] = offset, score
    return [offsets, scores]


def test_anchors_lie_where_the_feature_maps_look():
    rows = anchors()
    assert rows.shape == (COUNT, 4)
    assert rows[0] == pytest.approx([0.5 / 33, 0.5 / 33, 0.04, 0.04])
    assert rows[1] == pytest.approx([0.5 / 33, 0.5 / 33, 0.056, 0.056])
    assert rows[2] == pytest.approx([0.5 / 33, 0.5 / 33, 0.04 * 0.62**0.5, 0.04 / 0.62**0.5])
    assert rows[4][:2] == pytest.approx([1.5 / 33, 0.5 / 33]), "the next cell lies to the right"
    assert rows[4 * 33][:2] == pytest.approx([0.5 / 33, 1.5 / 33])
    assert rows[-1] == pytest.approx([2.5 / 3, 2.5 / 3, 0.64 * 0.42**0.5, 0.64 / 0.42**0.5])


def test_without_offsets_a_face_is_its_anchor():
    # The middle cell of the last map, 3 x 3.
    number = COUNT - 9 * 4 + 4 * 4
    (face,) = faces_in(tensors((number, (0, 0, 0, 0), (0.97, 0.02))))
    assert (face.left, face.top, face.right, face.bottom) == pytest.approx((0.18, 0.18, 0.82, 0.82))
    assert face.masked
    assert face.score == pytest.approx(0.97)
    assert face.height_share == pytest.approx(0.64)


def test_offsets_move_by_the_anchors_size_and_grow_by_powers_of_e():
    number = COUNT - 9 * 4 + 4 * 4
    (face,) = faces_in(tensors((number, (1.0, -2.0, 0.5, -1.0), (0.1, 0.8))))
    width, height = 0.64 * np.exp(0.1), 0.64 * np.exp(-0.2)
    assert (face.left + face.right) / 2 == pytest.approx(0.5 + 0.064)
    assert (face.top + face.bottom) / 2 == pytest.approx(0.5 - 0.128)
    assert (face.right - face.left, face.bottom - face.top) == pytest.approx((width, height))
    assert not face.masked


def test_of_boxes_over_one_another_the_surest_is_the_face_and_another_place_is_another():
    middle, corner = COUNT - 9 * 4 + 4 * 4, COUNT - 9 * 4
    there = (
        (middle, (0, 0, 0, 0), (0.6, 0.1)),
        (middle + 1, (0, 0, 0, 0), (0.1, 0.9)),
        (corner, (0, 0, -3, -3), (0.8, 0)),
    )
    faces = faces_in(tensors(*there))
    assert [round(face.score, 2) for face in faces] == [0.9, 0.8]
    assert [face.masked for face in faces] == [False, True]


def test_what_is_less_likely_than_not_is_no_face():
    assert faces_in(tensors((7, (0, 0, 0, 0), (0.49, 0.3)))) == []


def test_the_order_of_the_two_tensors_does_not_matter():
    one = tensors((5000, (0, 0, 0, 0), (0.9, 0)))
    assert faces_in(one) == faces_in(one[::-1]) != []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda o, s: [o], "gives"),
        (lambda o, s: [o[:, :-1], s[:, :-1]], "5971"),
        (lambda o, s: [o, s, s], "gives"),
        (lambda o, s: [o, np.zeros((1, COUNT, 3))], "5972, 3"),
        (lambda o, s: [o, s[0]], "gives"),
        (lambda o, s: [o, s + 2], "between 0 and 1"),
        (lambda o, s: [o, s * np.nan], "no numbers"),
        (lambda o, s: [], "nothing"),
    ],
)
def test_tensors_of_another_model_are_refused_by_name(spoil, words):
    with pytest.raises(TensorError, match=words):
        faces_in(spoil(*tensors()))


@given(
    arrays.arrays(np.float32, (8, 4), elements=st.floats(-1e6, 1e6, width=32)),
    arrays.arrays(np.float32, (8, 2), elements=st.floats(0, 1, width=32)),
)
def test_whatever_a_model_gives_its_faces_are_finite_and_sorted(offsets, scores):
    faces = faces_in(tensors(*zip(range(4000, 4008), offsets, scores, strict=True)))
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    for face in faces:
        assert np.isfinite([face.left, face.top, face.right, face.bottom]).all()
        assert 0 <= face.height_share <= 1
