"""The CJMCU-90614, byte by byte: both rules for its checksum, and never the one for the other."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_module import Seen
from drivers.emulators.thermometers.cjmcu90614 import Device
from drivers.errors import OptionError
from drivers.thermometer import model_of, open_thermometer
from drivers.thermometer.models import cjmcu90614
from drivers.thermometer.models.cjmcu90614 import Codec

LIMIT_S = 5.0
FIFTY_LINES_BYTES_S = 50 * 11_520

# command, the bytes; all published by two shops
COMMANDS = [
    (cjmcu90614.STREAM, "66 66 01 56"),
    (cjmcu90614.QUERY, "66 66 02 56"),
    (cjmcu90614.BAUD_9600, "66 66 11 56"),
    (cjmcu90614.BAUD_57600, "66 66 12 56"),
    (cjmcu90614.BAUD_115200, "66 66 13 56"),
]
# rule, the bytes, (object, ambient), where they come from
FRAMES = [
    ("data", "66 66 01 04 0A 83 0A 83 1A", (26.91, 26.91), "published: the only worked frame there is"),
    ("data", "66 66 01 04 0E 42 08 52 AA", (36.5, 21.3), "computed"),
    ("frame", "66 66 01 04 0E 42 08 52 7B", (36.5, 21.3), "computed"),
    ("data", "66 66 02 04 0E 42 FF 06 55", (36.5, -2.5), "computed: an answer to a query, with frost around it"),
]


@pytest.mark.parametrize(("command", "text"), COMMANDS)
def test_a_command_has_the_published_bytes(command, text):
    assert command == bytes.fromhex(text)


@pytest.mark.parametrize(("rule", "text", "expected", "source"), FRAMES)
def test_a_golden_frame_reads_as_its_values(rule, text, expected, source):
    (frame,) = Codec(rule).feed(bytes.fromhex(text))
    assert (frame.object_c, frame.ambient_c) == expected, source
    assert (frame.body_c, frame.mode, frame.raw) == (None, "surface", bytes.fromhex(text))


@pytest.mark.parametrize(("rule", "text", "expected", "source"), FRAMES)
def test_a_frame_summed_by_the_other_rule_is_no_reading(rule, text, expected, source):
    scanner = Codec("frame" if rule == "data" else "data")
    assert scanner.feed(bytes.fromhex(text)) + scanner.end_burst() == []
    assert scanner.counters.checksum_bad == 1


@pytest.mark.parametrize("rule", ["data", "frame"])
def test_the_emulated_module_sums_as_its_options_say(rule):
    raw = Device(streaming=True, options={"checksum": rule}).frame(Seen(36.5, 21.3, 0))
    assert raw.hex(" ").upper() in {text for known, text, _, _ in FRAMES if known == rule}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("66 66 03 04 0E 42 08 52 AA", "a mode that nobody knows"),
        ("66 66 01 05 0E 42 08 52 00 AA", "a longer frame"),
        ("66 66 01 04 37 66 66 01 04", "five bytes and the next frame's head, whose sum is right by chance"),
    ],
)
def test_a_right_sum_alone_does_not_make_a_reading(text, why):
    scanner = Codec()
    assert scanner.feed(bytes.fromhex(text)) == [], why
    assert scanner.counters.wrong_type == 1


@pytest.mark.parametrize("rule", ["data", "frame"])
def test_no_single_changed_bit_makes_another_reading_under_either_rule(rule):
    for raw in [bytes.fromhex(text) for known, text, _, _ in FRAMES if known == rule]:
        for bit in range(8 * len(raw)):
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            scanner = Codec(rule)
            assert scanner.feed(bytes(changed)) + scanner.end_burst() == []


@pytest.mark.parametrize(
    "stream",
    [bytes.fromhex(FRAMES[1][1]), random.Random(5).randbytes(100_000), b"\x66" * 50_000, b"\x66\x66\x01\x04" * 20_000],
    ids=["clean", "random", "66", "heads"],
)
def test_no_stream_is_slower_than_fifty_lines(stream):
    stream *= 1 + 60_000 // len(stream)
    scanner = Codec()
    began_s = time.process_time()
    for start in range(0, len(stream), 256):
        scanner.feed(stream[start : start + 256])
    assert len(stream) / (time.process_time() - began_s) > FIFTY_LINES_BYTES_S


@pytest.mark.parametrize("streaming", [True, False])
def test_a_module_that_sums_the_whole_frame_is_read_with_that_option_alone(streaming, tmp_path: Path):
    link = tmp_path / "cjmcu"
    settings = EmulatorSettings(streaming=streaming, options={"checksum": "frame"})
    with ThermometerEmulator("cjmcu90614", link, settings):
        # All bauds but one are left out, or each gets its second.
        thermometer = open_thermometer("cjmcu90614", {"port": str(link), "checksum": "frame", "baud": 115200})
        readings = [thermometer.read(LIMIT_S) for _ in range(3)]
        thermometer.close()
        assert {round(reading.object_c) for reading in readings} == {33}
        deaf = open_thermometer("cjmcu90614", {"port": str(link), "baud": 115200})
        assert deaf.read(0.5) is None
        assert deaf.counters.checksum_bad > 0
        deaf.close()


def test_a_rule_that_nobody_knows_is_refused():
    with pytest.raises(OptionError, match="checksum"):
        model_of("cjmcu90614", {"port": "/dev/x", "checksum": "crc"})
