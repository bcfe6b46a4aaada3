"""Raytek's ASCII, byte by byte: golden lines, a round that makes one reading, units, fail-safe texts, bursts."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_module import Seen
from drivers.emulators.thermometer_scene import Change
from drivers.emulators.thermometers import raytek_ascii as device_module
from drivers.emulators.thermometers.raytek_ascii import Device
from drivers.errors import OptionError
from drivers.thermometer import model_of, open_thermometer
from drivers.thermometer.models.raytek_ascii import Codec, asking, leave_burst, questions, setting
from drivers.thermometer.scan import Frame

# what is said, the bytes, where they come from
COMMANDS = [
    (asking(b"T"), "3F 54 0D", "published in the makers' manuals"),
    (setting(b"E", b"0.975"), "45 3D 30 2E 39 37 35 0D", "published in the makers' manuals"),
    (asking(b"T", head=1), "3F 31 54 0D", "published in the makers' manuals"),
    (setting(b"V", b"P"), "56 3D 50 0D", "published in the makers' manuals"),
    (setting(b"V", b"B"), "56 3D 42 0D", "published in the makers' manuals"),
    (setting(b"$", b"UTIE"), "24 3D 55 54 49 45 0D", "published in the makers' manuals"),
    (asking(b"X$"), "3F 58 24 0D", "published in the makers' manuals"),
    (setting(b"E", b"0.950", box=17), "30 31 37 45 3D 30 2E 39 35 30 0D", "published in the makers' manuals"),
]
# The golden answers: the target (published), the echo of a setting (published), the error (its line end is assumed).
TARGET = bytes.fromhex("21 54 33 36 2E 35 0D 0A")
ECHO = bytes.fromhex("21 45 30 2E 39 37 35 0D 0A")
ERROR = bytes.fromhex("2A 53 79 6E 74 61 78 20 45 72 72 6F 72 0D 0A")
GOOD = (b"!UC\r\n", TARGET, b"!I21.3\r\n", TARGET, b"!I21.3\r\n")


def dialogue(codec: Codec, answers: Iterable[bytes], box: int | None = None, head: int | None = None) -> list[Frame]:
    """What comes of one round, each question being answered with the next of `answers`."""
    frames = []
    for question, answer in zip(questions(box, head), answers, strict=True):
        codec.asked(question)
        frames += codec.feed(answer)
    return frames


def changed(place: int, answer: bytes) -> list[bytes]:
    return [*GOOD[:place], answer, *GOOD[place + 1 :]]


@pytest.mark.parametrize(("command", "text", "source"), COMMANDS)
def test_a_command_has_the_known_bytes(command: bytes, text: str, source: str) -> None:
    assert command == bytes.fromhex(text), source


def test_a_round_of_golden_answers_is_one_reading() -> None:
    (frame,) = dialogue(Codec(), GOOD)
    assert (frame.object_c, frame.ambient_c, frame.body_c, frame.marks) == (36.5, 21.3, None, ())
    assert frame.raw == b"!UC!T36.5!I21.3!T36.5!I21.3"


def test_the_emulated_device_sends_the_golden_answers() -> None:
    device = Device(streaming=False)
    seen = Seen(36.5, 21.3, 36.5)
    assert device.hear(asking(b"T"), seen) == [TARGET]
    assert device.hear(setting(b"E", b"0.975"), seen) == [ECHO]
    assert device.hear(b"?Q\r", seen) == [ERROR]
    assert device.hear(asking(b"X$"), seen) == [b"!X$UTIE\r\n"]


def test_fahrenheit_is_converted() -> None:
    (frame,) = dialogue(Codec(), [b"!UF\r\n", b"!T97.7\r\n", b"!I70.3\r\n", b"!T97.7\r\n", b"!I70.3\r\n"])
    assert (frame.object_c, frame.ambient_c) == (36.5, 21.28)


@pytest.mark.parametrize("unit", [b"!UK\r\n", b"!U\r\n", b"!T36.5\r\n", ERROR])
def test_without_a_known_unit_there_is_no_reading(unit: bytes) -> None:
    assert dialogue(Codec(), changed(0, unit)) == []


@pytest.mark.parametrize("text", [b"EHHH", b"EUUU", b"E"])
def test_a_text_in_place_of_the_object_is_out_of_range_and_never_a_number(text: bytes) -> None:
    answers = list(GOOD)
    answers[1] = answers[3] = b"!T" + text + b"\r\n"
    frames = dialogue(Codec(), answers)
    if text == b"E":
        assert frames == []
        return
    (frame,) = frames
    assert (frame.object_c, frame.ambient_c, frame.marks) == (None, 21.3, ("out_of_range",))


@pytest.mark.parametrize(
    ("place", "answer", "why"),
    [
        (1, b"!T38.5\r\n", "the two answers for the object do not agree"),
        (4, b"!I26.3\r\n", "the two answers for the surroundings do not agree"),
        (1, b"!TEHHH\r\n", "one number and one text"),
        (2, b"!IEHHH\r\n", "one number and one text for the surroundings"),
        (1, b"!I21.3\r\n", "an answer to another question"),
        (3, b"!I21.3\r\n", "the answer before once more"),
        (1, b"!T36.5", "a line without its end"),
        (1, b"T36.5\r\n", "a line without its beginning"),
        (1, b"!T36,5\r\n", "no number"),
        (1, b"!T36.5 !T36.5\r\n", "two answers in one line"),
        (1, b"!T" + b"3" * 600 + b"\r\n", "a line that does not end"),
        (1, b"!T99999\r\n", "more digits than any head has"),
        (1, b"", "no answer"),
        (1, ERROR, "an error"),
        (1, ECHO, "the answer to an order"),
        (1, b"!1T36.5\r\n", "another head's answer"),
        (1, b"017!T36.5\r\n", "another box's answer"),
        (1, b"!Tnan\r\n", "not a number"),
        (1, b"!T3e1\r\n", "not how it writes numbers"),
        (1, b"!T\xd9\xa3\xd9\xa6\r\n", "digits of another script"),
    ],
)
def test_a_round_with_one_bad_answer_is_no_reading_and_the_next_is_good(place: int, answer: bytes, why: str) -> None:
    codec = Codec()
    assert dialogue(codec, changed(place, answer)) == [], why
    codec.end_burst()
    assert len(dialogue(codec, GOOD)) == 1


def test_what_changes_a_little_between_two_answers_is_their_mean() -> None:
    (frame,) = dialogue(Codec(), changed(1, b"!T36.3\r\n"))
    assert frame.object_c == 36.4


def test_a_device_without_an_ambient_value_gives_readings_without_one() -> None:
    answers = list(GOOD)
    answers[2] = answers[4] = ERROR
    (frame,) = dialogue(Codec(), answers)
    assert (frame.object_c, frame.ambient_c) == (36.5, None)


def test_an_error_is_told_in_words_until_a_reading_comes() -> None:
    codec = Codec()
    dialogue(codec, changed(1, ERROR))
    assert codec.note == "?T refused: *Syntax Error"
    dialogue(codec, changed(1, b"*\x1b[2J\xff!\r\n"))
    assert codec.note == "?T refused: *.[2J.!"
    dialogue(codec, GOOD)
    assert codec.note == ""


@pytest.mark.parametrize(
    "noisy",
    [
        b"\xff\x00" + TARGET + b"\xff\xff",
        b"?T\r" + TARGET,
        b"#XI1\r\n" + TARGET,
        b"\r\n" + TARGET,
    ],
)
def test_turning_noise_echoes_and_events_are_passed_over(noisy: bytes) -> None:
    assert len(dialogue(Codec(), changed(1, noisy))) == 1


@pytest.mark.parametrize("mark", [b"!", b""])
def test_a_numbered_box_and_head_are_asked_and_heard(mark: bytes) -> None:
    """Manuals print the answer of a numbered box with and without its mark."""
    assert questions(17, 2)[:2] == (b"017?U\r", b"017?2T\r")
    answers = [b"017" + mark + rest for rest in (b"UC\r\n", *(b"2" + line[1:] for line in GOOD[1:]))]
    (frame,) = dialogue(Codec(17, 2), answers, 17, 2)
    assert (frame.object_c, frame.ambient_c) == (36.5, 21.3)
    assert dialogue(Codec(17, 2), GOOD, 17, 2) == []
    assert dialogue(Codec(17, 2), [line.replace(b"2", b"3", 1) for line in answers], 17, 2) == []


def test_questions_that_go_out_again_begin_the_round_anew() -> None:
    codec = Codec()
    for question, answer in zip(questions()[:3], GOOD[:3], strict=True):
        codec.asked(question)
        codec.feed(answer)
    assert len(dialogue(codec, GOOD)) == 1


def test_an_answer_that_nobody_asked_for_is_none() -> None:
    codec = Codec()
    assert codec.feed(b"".join(GOOD)) == []
    codec.asked(questions()[0])
    assert codec.feed(b"".join(GOOD)) == []


def test_lines_of_a_burst_call_for_its_end_and_late_answers_do_not() -> None:
    codec = Codec()
    for _ in range(4):
        codec.asked(questions()[1])
        codec.feed(TARGET)
    assert codec.remedy() == b""
    codec.feed(b"\xd3\x9a\x11T3\r\n")
    assert codec.remedy() == b""
    codec.feed(b"36.5 I21.3 E0.950\r\n")
    assert codec.remedy() == leave_burst() == b"\rV=P\r"
    dialogue(codec, GOOD)
    assert codec.remedy() == b""


@given(data=st.binary(max_size=200), turn=st.integers(0, 4))
def test_no_bytes_raise_or_pile_up(data: bytes, turn: int) -> None:
    codec = Codec()
    for place, question in enumerate(questions()):
        codec.asked(question)
        codec.feed(data if place == turn else GOOD[place])
        assert codec.waiting_bytes <= codec.buffer_cap_bytes


def test_no_single_changed_bit_makes_a_reading_off_by_more_than_its_own_noise() -> None:
    """Without a checksum a low bit of the last digit stays unseen: both answers must agree, and their mean counts."""
    for place, answer in enumerate(GOOD):
        for bit in range(8 * len(answer)):
            spoiled = bytearray(answer)
            spoiled[bit // 8] ^= 1 << bit % 8
            for frame in dialogue(Codec(), changed(place, bytes(spoiled))):
                assert frame.object_c == pytest.approx(36.5, abs=0.16)
                assert frame.ambient_c == pytest.approx(21.3, abs=0.16)


def test_random_rounds_are_no_readings() -> None:
    rng = random.Random(3)
    alphabet = b"!UTICF0123456789.\r\n"
    codec = Codec()
    for _ in range(3000):
        assert dialogue(codec, [bytes(rng.choices(alphabet, k=rng.randrange(12))) for _ in GOOD]) == []


def emulated(link: Path, **settings: object) -> ThermometerEmulator:
    return ThermometerEmulator("raytek_ascii", link, EmulatorSettings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"box": 17, "head": 2}, {"head": 8}])
def test_the_emulated_device_is_read(options: dict[str, object], tmp_path: Path) -> None:
    with emulated(tmp_path / "port", options=options, jitter_c=0.0) as device:
        thermometer = open_thermometer("raytek_ascii", device.options)
        reading = thermometer.read(3.0)
        thermometer.close()
    assert reading is not None
    assert (reading.object_c, reading.ambient_c, reading.quality) == (33.2, 21.0, ("ok",))


def test_beyond_its_range_the_emulated_device_is_out_of_range(tmp_path: Path) -> None:
    with emulated(tmp_path / "port", start=Change(object_c=-45.0)) as device:
        thermometer = open_thermometer("raytek_ascii", device.options)
        reading = thermometer.read(3.0)
        thermometer.close()
    assert reading is not None
    assert (reading.object_c, reading.quality) == (None, ("out_of_range",))


class Bursting(Device):
    """Found in burst mode."""

    def __init__(self, streaming: bool, options: dict[str, object]) -> None:
        super().__init__(streaming, options)
        self.streaming = True


def test_a_device_in_burst_mode_is_brought_to_answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "Device", Bursting)
    with emulated(tmp_path / "port") as device:
        thermometer = open_thermometer("raytek_ascii", {**device.options, "baud": 9600})
        reading = thermometer.read(5.0)
        thermometer.close()
    assert reading is not None
    assert reading.quality == ("ok",)


@pytest.mark.parametrize(
    "fault", ["dropped_byte", "flipped_bit", "stale_repeat", "garbage_before_header", "wrong_type", "glued", "noise_ff"]
)
def test_between_faults_only_good_readings_come(fault: str, tmp_path: Path) -> None:
    with emulated(tmp_path / "port", start=Change(fault=fault), fault_every=7, baud=115200) as device:  # type: ignore[arg-type]
        thermometer = open_thermometer("raytek_ascii", {**device.options, "poll_ms": 50})
        readings = [thermometer.read(5.0) for _ in range(2)]
        thermometer.close()
    for reading in readings:
        assert reading is not None
        assert reading.object_c == pytest.approx(33.2, abs=0.25)
        assert reading.ambient_c == pytest.approx(21.0, abs=0.25)


@pytest.mark.parametrize("option", [{"box": 33}, {"box": 0}, {"head": 9}, {"head": "1"}])
def test_an_address_that_there_is_not_is_named(option: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(option))):
        model_of("raytek_ascii", {"port": "x", **option})


@pytest.mark.parametrize("stream", ["clean", "noise", "short lines", "no ends"])
def test_the_codec_is_fifty_times_faster_than_its_line(stream: str) -> None:
    noise = bytes(random.Random(1).choices(range(256), k=100_000))
    data = {"clean": b"".join(GOOD) * 4000, "noise": noise, "short lines": b"!\r" * 50_000, "no ends": b"!" * 100_000}
    codec = Codec()
    codec.asked(questions()[0])
    began_s = time.process_time()
    for start in range(0, len(data[stream]), 64):
        codec.feed(data[stream][start : start + 64])
    assert len(data[stream]) / (time.process_time() - began_s) > 50 * 11_520
