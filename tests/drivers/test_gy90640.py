"""The array, byte by byte and through its driver: golden frames, hostile streams, what is told to the module."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_module import Seen
from drivers.emulators.thermometer_scene import Change
from drivers.emulators.thermometers.gy90640 import Device
from drivers.errors import OptionError
from drivers.protocols import Reading
from drivers.thermometer import model_of, open_thermometer
from drivers.thermometer.models import gy90640
from drivers.thermometer.models.gy90640 import Codec, picture

LIMIT_S = 5.0
# 115200 baud carry 11.5 kB/s.
FIFTY_LINES_BYTES_S = 50 * 11_520

# command, the bytes; all published in the maker's manual and found in public code
COMMANDS = [
    (gy90640.BAUD_9600, "A5 15 01 BB"),
    (gy90640.BAUD_115200, "A5 15 02 BC"),
    (gy90640.BAUD_460800, "A5 15 03 BD"),
    (gy90640.RATES[0.5], "A5 25 00 CA"),
    (gy90640.RATES[1], "A5 25 01 CB"),
    (gy90640.RATES[2], "A5 25 02 CC"),
    (gy90640.RATES[4], "A5 25 03 CD"),
    (gy90640.RATES[8], "A5 25 04 CE"),
    (gy90640.QUERY, "A5 35 01 DB"),
    (gy90640.AUTOMATIC, "A5 35 02 DC"),
    (gy90640.set_emissivity(0.95), "A5 45 5F 49"),
    (gy90640.READ_EMISSIVITY, "A5 55 01 FB"),
    (gy90640.SAVE_AND_RESTART, "A5 65 01 0B"),
]
# Both computed from the manual's layout: no whole frame is printed anywhere.
UNIFORM = bytes.fromhex("5A 5A 02 06" + "B8 0B" * 768 + "C4 09 20 92")
RISING = bytes.fromhex("5A 5A 02 06") + struct.pack("<768H", *range(2000, 2768)) + bytes.fromhex("6A FF")
RISING += struct.pack("<H", sum(struct.unpack("<771H", RISING)) & 0xFFFF)

FACE = Device(streaming=True).frame(Seen(33.2, 21.0, 0.0))


@pytest.mark.parametrize(("command", "text"), COMMANDS)
def test_a_command_has_the_published_bytes(command, text):
    assert command == bytes.fromhex(text)


def test_a_uniform_picture_reads_as_its_values_and_has_no_face():
    (frame,) = Codec().feed(UNIFORM)
    assert picture(UNIFORM) == [3000] * 768
    assert (frame.object_c, frame.ambient_c, frame.marks) == (None, 25.0, ("no_face",))


def test_pixels_come_row_by_row_with_their_sign():
    (frame,) = Codec().feed(RISING)
    assert picture(RISING) == list(range(2000, 2768))
    assert frame.ambient_c == -1.5


def test_the_answer_about_the_emissivity_is_published_and_no_picture():
    scanner = Codec("none", 0.95)
    assert scanner.feed(bytes.fromhex("5A 5A 5F 13")) == []
    assert (scanner.emissivity, scanner.note, scanner.counters.wrong_type) == (0.95, "", 1)


def test_a_module_that_works_with_another_emissivity_says_so():
    scanner = Codec("none", 0.98)
    scanner.feed(bytes.fromhex("5A 5A 5F 13"))
    assert "0.95, not 0.98" in scanner.note


def test_the_picture_is_turned_as_the_module_hangs():
    first_row, first_column = list(range(2000, 2032)), list(range(2000, 2768, 32))
    assert picture(RISING, "x")[:32] == first_row[::-1]
    assert picture(RISING, "y")[::32] == first_column[::-1]
    assert picture(RISING, "xy") == picture(RISING)[::-1]


@pytest.mark.parametrize("mirror", ["none", "x", "y", "xy"])
def test_a_face_is_as_warm_in_every_mirror(mirror):
    (frame,) = Codec(mirror).feed(FACE)
    assert frame.object_c == pytest.approx(33.2, abs=0.1)


def test_more_broken_pixels_than_a_good_sensor_has_are_out_of_range():
    def with_broken(count: int) -> bytes:
        body = FACE[:4] + struct.pack("<h", 30001) * count + FACE[4 + 2 * count : -2]
        return body + struct.pack("<H", sum(struct.unpack("<771H", body)) & 0xFFFF)

    assert Codec().feed(with_broken(4))[0].object_c == pytest.approx(33.2, abs=0.1)
    (frame,) = Codec().feed(with_broken(5))
    assert (frame.object_c, frame.marks) == (None, ("out_of_range",))


def test_a_frame_behind_one_that_lost_a_byte_comes_at_once():
    for lost in range(4, 1544, 37):
        scanner = Codec()
        assert [frame.raw for frame in scanner.feed(FACE[:lost] + FACE[lost + 1 :] + UNIFORM)] == [UNIFORM]


@given(st.integers(0, 1543), st.binary(max_size=8), st.lists(st.integers(0, 700), max_size=12))
@settings(deadline=None)
def test_no_change_and_no_cut_makes_a_picture_without_its_sum(place, change, sizes):
    stream = UNIFORM + FACE[:place] + change + FACE[place + len(change) :] + RISING
    scanner = Codec()
    frames = []
    for size in sizes:
        frames += scanner.feed(stream[:size])
        stream = stream[size:]
        assert scanner.waiting_bytes <= scanner.buffer_cap_bytes == 1544
    frames += scanner.feed(stream) + scanner.end_burst()
    assert {frame.raw for frame in frames} <= {UNIFORM, FACE, RISING}
    assert frames[-1].raw == RISING


def test_random_bytes_are_never_a_picture():
    rng = random.Random(4)
    scanner = Codec()
    for _ in range(2000):
        assert scanner.feed(rng.randbytes(rng.randrange(600))) == []


@pytest.mark.parametrize(
    "stream",
    [FACE, random.Random(5).randbytes(200_000), b"\x5a" * 50_000, FACE[:4] * 20_000, (FACE[:4] + bytes(1540)) * 40],
    ids=["clean", "random", "5A", "heads", "wrong sums"],
)
def test_no_stream_is_slower_than_fifty_lines(stream):
    stream *= 1 + 60_000 // len(stream)
    scanner = Codec()
    began_s = time.process_time()
    for start in range(0, len(stream), 256):
        scanner.feed(stream[start : start + 256])
    assert len(stream) / (time.process_time() - began_s) > FIFTY_LINES_BYTES_S


def emulated(link: Path, **settings: object) -> ThermometerEmulator:
    # At 460800 baud a picture takes 34 ms: as fast as a test likes it.
    return ThermometerEmulator("gy90640", link, EmulatorSettings(**{"baud": 460800, "rate_hz": 30, **settings}))


def read_until(thermometer, holds) -> Reading:
    end_s = time.monotonic() + LIMIT_S
    while time.monotonic() < end_s:
        reading = thermometer.read(LIMIT_S)
        if reading is not None and holds(reading):
            return reading
    raise AssertionError("no such reading in time")


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "array"


def test_nobody_in_view_reads_as_no_face_and_the_readings_flow_on(link):
    with emulated(link, start=Change(object_c=None)) as emulator:
        thermometer = open_thermometer("gy90640", {"port": str(link)})
        empty = thermometer.read(LIMIT_S)
        assert (empty.object_c, empty.quality) == (None, ("no_face",))
        assert empty.ambient_c == pytest.approx(21.0, abs=0.1)
        emulator.set(object_c=34.1)
        face = read_until(thermometer, lambda reading: reading.object_c is not None)
        assert (face.object_c, face.quality) == (pytest.approx(34.1, abs=0.15), ("ok",))
        assert not thermometer.is_stale
        thermometer.close()


@pytest.mark.parametrize("thing", ["cup", "warm_cup", "lamp", "engine"])
def test_a_thing_alone_is_no_face_and_beside_one_changes_nothing(thing, link):
    with emulated(link, start=Change(object_c=None, beside=(thing,))) as emulator:
        thermometer = open_thermometer("gy90640", {"port": str(link)})
        assert {thermometer.read(LIMIT_S).quality for _ in range(4)} == {("no_face",)}
        emulator.set(object_c=33.6)
        face = read_until(thermometer, lambda reading: reading.object_c is not None)
        assert face.object_c == pytest.approx(33.6, abs=0.15)
        thermometer.close()


def test_rate_and_emissivity_are_told_at_each_opening(link):
    with emulated(link) as emulator:
        options = {"port": str(link), "rate_hz": 8, "emissivity": 0.98}
        thermometer = open_thermometer("gy90640", options)
        read_until(thermometer, lambda reading: emulator._module.emissivity == 98)
        assert emulator._module.period_s == 0.125
        read_until(thermometer, lambda reading: thermometer._codec.emissivity == 0.98)
        thermometer.close()
        emulator._module.emissivity = 95
        again = open_thermometer("gy90640", options)
        read_until(again, lambda reading: emulator._module.emissivity == 98)
        again.close()


def test_a_silent_module_is_told_to_stream_and_goes_on_by_itself(link):
    with emulated(link, streaming=False) as emulator:
        thermometer = open_thermometer("gy90640", {"port": str(link)})
        for _ in range(4):
            assert thermometer.read(LIMIT_S) is not None
        assert emulator._module.streaming
        thermometer.close()


def test_at_its_own_speed_a_picture_comes_four_times_a_second(link):
    with ThermometerEmulator("gy90640", link, EmulatorSettings()):
        thermometer = open_thermometer("gy90640", {"port": str(link)})
        times_ms = [thermometer.read(LIMIT_S).mono_ms for _ in range(5)]
        thermometer.close()
    assert 900 <= times_ms[-1] - times_ms[0] <= 1500


@pytest.mark.parametrize(
    ("given_options", "message"),
    [
        ({"baud": 9600}, "9600.*1544 bytes.*115200, 460800"),
        ({"baud": 115200, "rate_hz": 8}, "rate_hz = 8 does not fit into 115200.*460800"),
        ({"rate_hz": 3}, "rate_hz"),
        ({"mirror": "z"}, "mirror"),
        ({"emissivity": 0.05}, "emissivity"),
        ({"mode": "body"}, "no mode; leave it out"),
    ],
)
def test_an_option_that_does_not_fit_is_named(given_options, message):
    with pytest.raises(OptionError, match=message):
        model_of("gy90640", {"port": "/dev/x", **given_options})


def test_eight_pictures_a_second_are_listened_for_at_the_fast_baud_alone():
    model, _ = model_of("gy90640", {"port": "/dev/x", "rate_hz": 8})
    assert model.bauds == (460800,)
