"""The 125 kHz reader: golden frames, broken lines, and one event per laying on."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.catalogue import emulate
from drivers.emulators.readers.rdm6300 import frame_of
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import CardSeen, check_options, open_reader
from drivers.reader.em4100 import Codec
from drivers.reader.models.rdm6300 import CardTalk, recognise

# Published (three sources), published, and published for the binary form of other makers.
TAG = bytes.fromhex("02 30 31 30 30 36 33 45 39 41 45 32 35 03")
OTHER = bytes.fromhex("02 31 30 30 30 38 36 46 34 34 34 32 36 03")
BINARY = bytes.fromhex("02 0A 02 06 00 8E 6D 5D B0 03")
GOLDEN = {TAG: "010063E9AE", OTHER: "100086F444", BINARY: "06008E6D5D"}


@pytest.mark.parametrize("frame", GOLDEN)
def test_a_golden_frame_gives_its_number(frame: bytes) -> None:
    assert [number.hex().upper() for number in Codec().feed(frame)] == [GOLDEN[frame]]


def test_the_printed_number_is_the_lower_four_bytes() -> None:
    [number] = Codec().feed(TAG)
    assert f"{int.from_bytes(number[1:], 'big'):010d}" == "0006547886"


def test_the_emulated_reader_sends_the_published_frame() -> None:
    assert frame_of(bytes.fromhex("010063E9AE")) == TAG


@pytest.mark.parametrize("frame", GOLDEN)
def test_every_flipped_bit_takes_the_number_away(frame: bytes) -> None:
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        # A hex digit may turn into the same one in small letters: the number stays what it is.
        if bytes(flipped).upper() != frame:
            assert Codec().feed(bytes(flipped)) == [], f"bit {bit}"


@pytest.mark.parametrize("frame", GOLDEN)
def test_a_truncated_frame_is_never_a_number(frame: bytes) -> None:
    for length in range(len(frame)):
        codec = Codec()
        assert codec.feed(frame[:length]) == []
        assert codec.feed(OTHER) == [bytes.fromhex(GOLDEN[OTHER])]


@given(st.lists(st.sampled_from(sorted(GOLDEN)), max_size=6), st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_frames_come_out_of_any_pieces_of_them(frames: list[bytes], cuts: list[int]) -> None:
    codec, stream, numbers = Codec(), b"".join(frames), []
    for size in [*cuts, len(stream)]:
        numbers += codec.feed(stream[:size])
        stream = stream[size:]
    assert [number.hex().upper() for number in numbers] == [GOLDEN[frame] for frame in frames]


def test_a_hundred_thousand_broken_streams_give_no_number_without_its_check() -> None:
    rng, codec = random.Random(7), Codec()
    for _ in range(100_000):
        piece = bytearray(rng.choice((TAG, OTHER, BINARY, b"\x02\x02\x0a\x02", rng.randbytes(9))))
        piece[rng.randrange(len(piece))] = rng.randrange(256)
        for number in codec.feed(bytes(piece)):
            assert len(number) == 5
        assert codec.waiting_bytes <= 13


def test_the_codec_keeps_up_with_fifty_lines_full_of_anything() -> None:
    rng = random.Random(3)
    for stream in (TAG * 4000, rng.randbytes(50_000), b"\x02" * 50_000, (b"\x02" + b"A" * 12) * 4000):
        codec, began_s = Codec(), time.perf_counter()
        for start in range(0, len(stream), 64):
            codec.feed(stream[start : start + 64])
        assert len(stream) / (time.perf_counter() - began_s) > 50 * 960


def test_a_card_that_lies_there_is_one_event_until_it_was_away_for_a_second() -> None:
    talk = CardTalk()
    assert talk.feed(TAG, 0.0)
    # Every 50 ms for ten seconds, with frames lost in between.
    assert not any(talk.feed(TAG, 0.05 * turn) for turn in range(1, 200) if turn % 7)
    assert not talk.feed(TAG, 9.95 + 0.99)
    assert talk.feed(TAG, 10.94 + 1.0)
    assert talk.feed(OTHER, 11.95)
    assert talk.feed(TAG, 12.0)


def test_silence_is_no_card_and_never_a_fault() -> None:
    talk = CardTalk()
    assert talk.lost(1e9) is None
    assert talk.say(0.0) == b""


def test_half_a_frame_of_another_time_does_not_end_with_a_new_one() -> None:
    talk = CardTalk()
    talk.feed(TAG[:7], 0.0)
    talk.forget(5.0)
    assert not talk.feed(TAG[7:], 5.0)


def test_a_search_knows_the_reader_by_one_sound_frame_and_not_by_noise() -> None:
    recogniser = recognise()
    assert recogniser.questions == ()
    assert not recogniser.feed(random.Random(1).randbytes(5000) + TAG[:13])
    assert recogniser.feed(b"\x03")
    assert recogniser.feed(b"")


def test_a_card_is_seen_through_a_torn_line_once_per_laying_on_and_after_a_replug(tmp_path) -> None:
    with emulate("reader", "rdm6300", tmp_path) as device:
        reader = open_reader("rdm6300", device.options)
        try:
            assert reader.read(0.1) is None
            device.set(card="010063E9AE")
            seen = reader.read(2.0)
            assert isinstance(seen, CardSeen)
            assert (seen.technology, seen.number.hex().upper()) == ("em4100", "010063E9AE")
            assert "63" not in repr(seen).replace(str(seen.mono_ms), "")
            assert reader.read(0.3) is None
            device.set(card="100086F444")
            again = reader.read(2.0)
            assert isinstance(again, CardSeen)
            assert again.number.hex().upper() == "100086F444"
            device.unplug()
            with pytest.raises(DeviceGoneError):
                reader.read(3.0)
        finally:
            reader.close()
            reader.close()
        device.replug()
        reader = _opened(device.options)
        try:
            assert isinstance(reader.read(3.0), CardSeen)
        finally:
            reader.close()


@pytest.mark.parametrize("fault", ["dropped_byte", "flipped_bit", "garbage", "wrong_type", "noise_ff"])
def test_noise_on_the_line_gives_no_other_card_and_no_second_event(tmp_path, fault: str) -> None:
    with emulate("reader", "rdm6300", tmp_path, seed=5) as device:
        device.set(fault=fault, card="010063E9AE")
        reader = open_reader("rdm6300", device.options)
        try:
            seen = reader.read(2.0)
            assert isinstance(seen, CardSeen)
            assert seen.number.hex().upper() == "010063E9AE"
            assert reader.read(0.5) is None
        finally:
            reader.close()


@pytest.mark.parametrize("options", [{}, {"port": ""}, {"port": "/dev/x", "baud": 1}, {"port": "/dev/x", "speed": 1}])
def test_wrong_options_are_named(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="rdm6300"):
        check_options("rdm6300", options)


def test_the_emulated_reader_says_what_it_does_not_know(tmp_path) -> None:
    with emulate("reader", "rdm6300", tmp_path) as device, pytest.raises(OptionError, match="10 hex digits"):
        device.set(card="xyz")


def _opened(options):
    until_s = time.monotonic() + 5.0
    while True:
        try:
            return open_reader("rdm6300", options)
        except DeviceGoneError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.02)
