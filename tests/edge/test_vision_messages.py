"""The pipe between gate and vision process: framing, limits, and what a broken peer cannot do."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision_messages import (
    MAX_CODES,
    MAX_PAYLOAD_BYTES,
    Alive,
    CameraFault,
    CameraOk,
    LookForMask,
    MaskFailed,
    MaskModel,
    MaskReady,
    MaskSeen,
    MessageError,
    MessageReader,
    Picture,
    Seen,
    Start,
    bounded,
    frame,
)

texts = st.text(max_size=20)
messages = st.one_of(
    st.builds(Alive, lane=texts),
    st.builds(CameraOk, lane=texts),
    st.builds(CameraFault, lane=texts, name=texts, detail=texts),
    st.builds(Seen, lane=texts, mono_ms=st.integers(0, 2**53), codes=st.lists(st.binary(max_size=40)).map(tuple),
              moving=st.booleans(), number=st.integers(0, 2**53), fps=st.floats(0, 99), cut=st.booleans()),
    st.builds(MaskSeen, lane=texts, mono_ms=st.integers(0, 2**53), state=st.sampled_from(["mask", "no_mask", "unsure"]),
              face_share=st.floats(0, 1), score=st.floats(0, 1), faces=st.integers(0, 9)),
    st.builds(MaskReady, lane=texts, sha256=texts, detail=texts),
    st.builds(MaskFailed, lane=texts, why=texts),
    st.builds(LookForMask, on=st.booleans()),
    st.builds(Picture, pixels=st.binary(max_size=90)),
    st.just(Start("in", "v4l2", {}, 9, MaskModel("m.onnx", "ssd260", 0.3, 0.9, 500))),
    st.builds(Start, lane=texts, driver=texts, options=st.just({"url": "x", "fps": 1.5}), memory_mib=st.integers(0, 9)),
)  # fmt: skip


@given(st.lists(messages, max_size=5), st.lists(st.integers(1, 90), max_size=20))
def test_messages_come_out_whole_however_the_bytes_arrive(sent: list[Seen], cuts: list[int]) -> None:
    data = b"".join(map(frame, sent))
    reader, got = MessageReader(), []
    for cut in cuts:
        got += reader.feed(data[:cut])
        data = data[cut:]
    assert got + reader.feed(data) == sent


def test_a_message_has_these_bytes() -> None:
    assert frame(CameraOk("in")) == bytes.fromhex("00000017 82 a474797065 a843616d6572614f6b a46c616e65 a2696e")


def test_a_picture_for_the_model_fits_into_one_message() -> None:
    picture = Picture(bytes(260 * 260 * 3))
    assert MessageReader().feed(frame(picture)) == [picture]


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", b"\0\0\0\1\x80", b"\0\0\0\x07\x81\xa4type\x01"])
def test_nonsense_is_an_error_and_never_a_message(data: bytes) -> None:
    with pytest.raises(MessageError):
        MessageReader().feed(data)


@given(st.binary(max_size=200))
def test_random_bytes_are_a_message_error_or_nothing(data: bytes) -> None:
    with contextlib.suppress(MessageError):
        assert MessageReader().feed(data) == []


def test_each_payload_is_said_once_and_too_much_is_cut_and_flagged() -> None:
    assert bounded([b"a", b"b", b"a"]) == ((b"a", b"b"), False)
    assert bounded([b"x" * 9000]) == ((b"x" * MAX_PAYLOAD_BYTES,), True)
    many = [bytes([number]) for number in range(20)]
    assert bounded(many) == (tuple(many[:MAX_CODES]), True)
