"""The wires of the relay boards, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.barrier.lcus_frames import FrameReader, switch
from drivers.modbus_rtu import (
    MAX_FRAME,
    ModbusRefusal,
    ReplyReader,
    bits_of,
    bits_reply,
    crc16,
    exception_reply,
    frame,
    is_sound,
    request,
    silence_s,
)

FLASH_700_MS = bytes.fromhex("0105020000078DB0")


@pytest.mark.parametrize(
    ("golden", "built"),
    [
        ("01050000FF008C3A", request(1, 5, 0, 0xFF00)),
        ("010500000000CDCA", request(1, 5, 0, 0x0000)),
        ("01050001FF00DDFA", request(1, 5, 1, 0xFF00)),
        ("0105020000078DB0", request(1, 5, 0x0200, 7)),
        ("0105020000050C71", request(1, 5, 0x0200, 5)),
        ("0101000000083DCC", request(1, 1, 0, 8)),
        ("0101010190 48", bits_reply(1, 1, (True, *[False] * 7))),
        ("018302C0F1", exception_reply(1, 3, 2)),
        ("A00101A2", switch(0, on=True)),
        ("A00100A1", switch(0, on=False)),
        ("A00201A3", switch(1, on=True)),
        ("A00200A2", switch(1, on=False)),
    ],
)
def test_frames_are_those_of_the_data_sheets(golden, built):
    assert built == bytes.fromhex(golden)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 7), st.integers(0, 60))
def test_one_flipped_bit_never_passes_the_crc(body, bit, position):
    sound = bytearray(frame(body))
    sound[position % len(sound)] ^= 1 << bit
    assert not is_sound(bytes(sound))


def test_the_crc_is_the_check_value_of_its_catalogue_entry():
    assert crc16(b"123456789") == 0x4B37


@given(st.binary(max_size=40), st.lists(st.integers(1, 7), max_size=20))
def test_an_echo_is_found_behind_noise_in_any_pieces(noise, sizes):
    reader = ReplyReader(FLASH_700_MS)
    stream = noise + FLASH_700_MS
    found = None
    while stream:
        size = sizes.pop() if sizes else 3
        try:
            found = found or reader.feed(stream[:size])
        except ModbusRefusal:
            pytest.fail("noise was taken for an answer of the board")
        stream = stream[size:]
    assert found == FLASH_700_MS


@given(st.lists(st.booleans(), min_size=1, max_size=32))
def test_bits_survive_the_wire(bits):
    sent = request(1, 2, 0, len(bits))
    reply = ReplyReader(sent).feed(bits_reply(1, 2, tuple(bits)))
    assert reply is not None
    assert bits_of(reply, len(bits)) == tuple(bits)


@given(st.integers(1, 7))
def test_a_truncated_echo_is_never_an_echo(size):
    assert ReplyReader(FLASH_700_MS).feed(FLASH_700_MS[:size]) is None


@pytest.mark.parametrize("other", ["0205020000078D83", "010502010007DC70", "01010101 9048"])
def test_the_answer_to_another_question_is_no_answer(other):
    assert ReplyReader(FLASH_700_MS).feed(bytes.fromhex(other)) is None


def test_an_exception_carries_its_code():
    with pytest.raises(ModbusRefusal, match="illegal data address") as caught:
        ReplyReader(FLASH_700_MS).feed(exception_reply(1, 5, 2))
    assert caught.value.code == 2


def test_endless_noise_is_not_kept():
    reader = ReplyReader(FLASH_700_MS)
    for _ in range(10):
        assert reader.feed(b"\x55" * 200) is None
    assert len(reader._seen) <= MAX_FRAME


@pytest.mark.parametrize(("baud", "silence_ms"), [(9600, 4.01), (19200, 2.005), (115200, 1.75)])
def test_frames_are_parted_by_three_and_a_half_characters(baud, silence_ms):
    assert silence_s(baud) * 1000 == pytest.approx(silence_ms, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=10), st.integers(1, 9))
def test_lcus_orders_survive_any_pieces(orders, size):
    stream = b"".join(switch(channel, on) for channel, on in orders)
    reader = FrameReader()
    found = []
    for start in range(0, len(stream), size):
        found += reader.feed(stream[start : start + size])
    assert found == orders


def test_an_lcus_frame_with_a_wrong_sum_switches_nothing():
    assert FrameReader().feed(bytes.fromhex("A00101A3")) == []
