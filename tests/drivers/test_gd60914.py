"""The GD60914: seven characters with silence around them, twice alike, and nothing else, are a reading."""

from __future__ import annotations

import os
import random
import time
import tty
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_scene import Change
from drivers.emulators.thermometers.gd60914 import Device
from drivers.errors import OptionError
from drivers.thermometer import model_of, open_thermometer
from drivers.thermometer.models import gd60914
from drivers.thermometer.models.gd60914 import QUESTIONS, SINGLE_SHOT, Codec

LIMIT_S = 5.0
FIFTY_LINES_BYTES_S = 50 * 960

# command, the bytes; all from one public driver
COMMANDS = [
    (SINGLE_SHOT, "A1"),
    (QUESTIONS["object"], "AA"),
    (QUESTIONS["forehead"], "AB"),
    (QUESTIONS["wrist"], "AC"),
    (gd60914.CALIBRATE_35, "A9 A2 01 0C 05"),
    (gd60914.CALIBRATE_42, "A9 A2 01 0E 0D"),
    (gd60914.RESET_CALIBRATION, "A9 A2 01 06 02"),
]


@pytest.mark.parametrize(("command", "text"), COMMANDS)
def test_a_command_has_the_known_bytes(command, text):
    assert command == bytes.fromhex(text)


def answered(codec: Codec, *pieces: bytes, site: str = "object"):
    """What comes of one question and what follows it up to a silence."""
    codec.asked(QUESTIONS[site])
    frames = [frame for piece in pieces for frame in codec.feed(piece)]
    assert frames == []
    return codec.end_burst()


def believing(site: str = "object", first: bytes = b"0000365") -> Codec:
    codec = Codec(site)
    assert answered(codec, first, site=site) == []
    return codec


# The forms are computed: that it is seven characters is known, how they are filled up is not.
@pytest.mark.parametrize("raw", [b"0000366", b"    366", b"366    ", b"00366\r\n", b"  366\r\n", b"\0\0\0\x00366"])
def test_a_value_that_is_said_twice_is_a_reading(raw):
    (frame,) = answered(believing(), raw)
    assert (frame.object_c, frame.ambient_c, frame.body_c, frame.mode, frame.raw) == (36.6, None, None, "surface", raw)


def test_frost_has_a_minus():
    (frame,) = answered(believing(first=b"-000023"), b"-000025")
    assert frame.object_c == -2.5


@pytest.mark.parametrize("site", ["forehead", "wrist"])
def test_what_is_made_of_a_forehead_or_wrist_is_a_body_value(site):
    (frame,) = answered(believing(site), b"0000366", site=site)
    assert (frame.object_c, frame.body_c, frame.mode) == (None, 36.6, "body")


@pytest.mark.parametrize(
    "raw",
    [
        b"000036", b"00000366", b"0000366\r\n", b"0000.36", b"36.6   ", b"       ", b"-      ", b"00-0366", b"+000366",
        b"Err0001", b"0000\xff66", b"0x00366", b"1_00366", b"0001251", b"-000401", b"9999999",
    ],
)  # fmt: skip
def test_anything_but_seven_characters_of_a_temperature_is_no_reading(raw):
    codec = believing()
    assert answered(codec, raw) == []
    assert codec.counters.wrong_type == 1
    # And what came before it proves nothing any more.
    assert answered(codec, b"0000366") == []
    assert len(answered(codec, b"0000366")) == 1


def test_a_jump_needs_a_second_answer_to_be_believed():
    codec = believing(first=b"0000213")
    assert answered(codec, b"0000365") == []
    assert answered(codec, b"0000366")[0].object_c == 36.6


def test_an_answer_that_nobody_asked_for_is_none():
    codec = Codec()
    for _ in range(5):
        assert codec.feed(b"0000366") + codec.end_burst() == []
    assert codec.counters.good == 0


def test_a_second_answer_to_one_question_is_none():
    codec = believing()
    assert codec.feed(b"0000365") + codec.end_burst() == []


def test_the_rest_of_an_old_answer_is_dropped_with_the_next_question():
    codec = believing()
    codec.feed(b"000")
    codec.asked(QUESTIONS["object"])
    assert codec.feed(b"0000366") == []
    assert codec.end_burst()[0].object_c == 36.6


def test_one_unanswered_question_breaks_the_pair():
    codec = believing()
    codec.asked(QUESTIONS["object"])
    assert answered(codec, b"0000366") == []


def test_a_device_that_does_not_answer_is_told_again_to_wait_for_questions():
    codec = believing()
    for expected in (b"", b"", SINGLE_SHOT):
        codec.asked(QUESTIONS["object"])
        assert codec.remedy() == expected
    answered(codec, b"0000366")
    assert codec.remedy() == b""


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=20), st.booleans()), max_size=40))
@settings(deadline=None)
def test_no_stream_raises_or_is_held_beyond_the_cap(steps):
    codec = Codec()
    for asks, data, falls_silent in steps:
        if asks:
            codec.asked(QUESTIONS["object"])
        assert codec.feed(data) == []
        assert codec.waiting_bytes <= codec.buffer_cap_bytes
        for frame in codec.end_burst() if falls_silent else []:
            assert len(frame.raw) == 7
            assert -40 <= frame.object_c <= 125


def test_random_answers_are_hardly_ever_a_reading():
    rng = random.Random(3)
    codec = Codec()
    assert sum(len(answered(codec, rng.randbytes(7))) for _ in range(100_000)) == 0


def test_no_stream_is_slower_than_fifty_lines():
    for stream in (b"0000365", random.Random(5).randbytes(7), b"\xff" * 256):
        codec = Codec()
        began_s = time.process_time()
        for _ in range(5000):
            answered(codec, stream)
        assert 5000 * len(stream) / (time.process_time() - began_s) > FIFTY_LINES_BYTES_S


@pytest.mark.parametrize("fault", ["dropped_byte", "wrong_type", "glued", "noise_ff", "garbage_before_header"])
def test_a_spoiled_answer_is_no_reading_and_the_good_ones_go_on(fault, tmp_path: Path):
    link = tmp_path / "gd"
    with ThermometerEmulator("gd60914", link, EmulatorSettings(start=Change(fault=fault), fault_every=4)):
        thermometer = open_thermometer("gd60914", {"port": str(link), "poll_ms": 50})
        readings = [thermometer.read(LIMIT_S) for _ in range(4)]
        assert thermometer.counters.resync_bytes > 0
        thermometer.close()
    assert all(reading.object_c == pytest.approx(33.2, abs=0.2) for reading in readings)


@pytest.mark.parametrize("fault", ["only_ff", "silence", "half_frame_then_silence", "wrong_baud_garbage"])
def test_without_whole_answers_there_is_no_reading(fault, tmp_path: Path):
    link = tmp_path / "gd"
    with ThermometerEmulator("gd60914", link, EmulatorSettings(start=Change(fault=fault))):
        thermometer = open_thermometer("gd60914", {"port": str(link), "poll_ms": 50})
        assert thermometer.read(0.8) is None
        assert thermometer.is_stale
        thermometer.close()


@pytest.mark.parametrize("site", ["forehead", "wrist"])
def test_the_device_is_asked_for_the_site_of_the_options(site, tmp_path: Path):
    link = tmp_path / "gd"
    with ThermometerEmulator("gd60914", link, EmulatorSettings(options={"site": site})):
        thermometer = open_thermometer("gd60914", {"port": str(link), "site": site})
        reading = thermometer.read(LIMIT_S)
        thermometer.close()
    assert (reading.mode, reading.object_c, reading.quality) == ("body", None, ("ok",))
    assert reading.body_c == pytest.approx(36.4, abs=0.15)


def test_it_is_told_once_to_wait_for_questions_before_the_first():
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    thermometer = open_thermometer("gd60914", {"port": os.ttyname(slave)})
    assert thermometer.read(0.2) is None
    assert os.read(master, 64) == SINGLE_SHOT + QUESTIONS["object"]
    thermometer.close()
    os.close(master)
    os.close(slave)


def test_the_emulated_device_obeys_single_bytes_and_no_calibration():
    from drivers.emulators.thermometer_module import Seen

    heard = SINGLE_SHOT + gd60914.CALIBRATE_35 + QUESTIONS["object"] + QUESTIONS["wrist"]
    assert Device(streaming=True).hear(heard, Seen(33.2, 21.0, 36.6)) == [b"0000332", b"0000366"]


def test_a_site_that_nobody_knows_is_refused():
    with pytest.raises(OptionError, match="site"):
        model_of("gd60914", {"port": "/dev/x", "site": "ear"})
