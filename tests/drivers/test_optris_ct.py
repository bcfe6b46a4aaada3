"""Optris CT and CSlaser, byte by byte: golden commands, rounds without a tag or a checksum, bursts."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_module import Seen
from drivers.emulators.thermometer_scene import Change
from drivers.emulators.thermometers import optris_ct as device_module
from drivers.emulators.thermometers.optris_ct import Device
from drivers.errors import OptionError
from drivers.thermometer import model_of, open_thermometer
from drivers.thermometer import optris_words as words
from drivers.thermometer.models.optris_ct import BURST_ITEMS, BurstCodec, Codec, questions, recognise
from drivers.thermometer.scan import Frame

# what is said, the bytes, where they come from
COMMANDS = [
    (words.PROCESS, "01", "in four public drivers"),
    (words.setting(words.SET_EMISSIVITY, words.factor_data(0.98)), "84 03 D4 53", "published in public drivers"),
    (words.setting(words.SET_EMISSIVITY, words.factor_data(0.95)), "84 03 B6 31", "computed by their rule"),
    (words.setting(words.SET_EMISSIVITY, words.factor_data(0.95), checked=False), "84 03 B6", "one CSlaser driver"),
    (words.setting(words.SIGHTING_LASER, b"\x01"), "A5 01 A4", "published in public drivers"),
    (words.define_burst([1, 4, 2, 3, 5, 6]), "51 14 23 56 00", "published in public drivers"),
    (words.define_burst([4, 2]), "51 42 00 00 00", "computed by their rule"),
    (words.START_BURST, "52 01", "published in public drivers"),
    (words.STOP_BURST, "52 00", "published in public drivers"),
    (words.addressed(words.PROCESS, 1), "B1 01", "from one public driver"),
]
OBJECT = bytes.fromhex("05 54")  # 36.4 C, computed
EMISSIVITY = bytes.fromhex("03 D4")  # 0.980, published as the echo of setting it
HEAD = bytes.fromhex("04 C5")  # 22.1 C, from the burst frame
BURST = bytes.fromhex("AA AA 05 54 05 53 04 C5 04 D8 03 D4 03 E8")  # computed
BURST_VALUES = {
    "process_c": 36.4, "actual_c": 36.3, "head_c": 22.1, "box_c": 24.0, "emissivity": 0.98, "transmissivity": 1.0,
}  # fmt: skip
ASKS = questions("ct", "actual", None)
GOOD = (EMISSIVITY, OBJECT, HEAD, OBJECT, HEAD)


def rounds(codec: Codec, *answers: Iterable[bytes], asks: Sequence[bytes] = ASKS) -> list[Frame]:
    """What comes of these rounds, each question being answered and then the line silent."""
    frames = []
    for one_round in answers:
        for question, answer in zip(asks, one_round, strict=True):
            codec.asked(question)
            frames += codec.feed(answer) + codec.end_burst()
    return frames


def changed(place: int, answer: bytes) -> list[bytes]:
    return [*GOOD[:place], answer, *GOOD[place + 1 :]]


@pytest.mark.parametrize(("command", "text", "source"), COMMANDS)
def test_a_command_has_the_known_bytes(command: bytes, text: str, source: str) -> None:
    assert command == bytes.fromhex(text), source


def test_a_round_of_golden_answers_is_one_reading_once_the_constant_is_known() -> None:
    codec = Codec(ASKS)
    assert rounds(codec, GOOD) == []
    (frame,) = rounds(codec, GOOD)
    assert (frame.object_c, frame.ambient_c, frame.body_c, frame.marks) == (36.4, 22.1, None, ())
    assert frame.raw == b"".join(GOOD)


def test_the_golden_burst_frame_has_its_values() -> None:
    assert words.burst_values(BURST, BURST_ITEMS) == BURST_VALUES


def test_the_emulated_device_sends_the_golden_answers() -> None:
    device = Device(streaming=False)
    seen = Seen(36.4, 22.1, 36.4)
    assert device.hear(words.PROCESS, seen) == [OBJECT]
    assert device.hear(bytes.fromhex("84 03 D4 53"), seen) == [EMISSIVITY]
    assert device.hear(words.EMISSIVITY, seen) == [EMISSIVITY]
    assert device.hear(words.define_burst(BURST_ITEMS) + words.START_BURST, seen) == []
    # Its box is as warm as it likes, and it has no hold: those two items are its own.
    assert device.frame(seen) == BURST[:4] + OBJECT + HEAD + bytes.fromhex("04 D4") + BURST[10:]


def test_a_set_order_with_a_wrong_xor_is_not_carried_out() -> None:
    device = Device(streaming=False)
    assert device.hear(bytes.fromhex("84 03 D4 52"), Seen(36.4, 22.1, 36.4)) == []


@pytest.mark.parametrize(
    ("place", "answer", "why"),
    [
        (1, bytes.fromhex("05 68"), "the two answers for the object do not agree"),
        (4, bytes.fromhex("05 54"), "the two answers for the head do not agree"),
        (0, bytes.fromhex("03 B6"), "another emissivity than in the round before"),
        (0, OBJECT, "no emissivity can be 1.364"),
        (1, bytes.fromhex("54 04"), "halves of two answers"),
        (1, b"\xff\xff", "what a dead line gives"),
        (1, b"\x05", "one byte too few"),
        (1, OBJECT + b"\x04", "one byte too many"),
        (1, OBJECT + OBJECT, "the answer twice"),
        (1, b"", "no answer"),
        (2, OBJECT, "the answer before once more"),
        (1, EMISSIVITY, "the answer before once more"),
    ],
)
def test_a_round_with_one_bad_answer_is_no_reading_and_good_ones_follow(place: int, answer: bytes, why: str) -> None:
    codec = Codec(ASKS)
    rounds(codec, GOOD)
    assert rounds(codec, changed(place, answer)) == [], why
    assert len(rounds(codec, GOOD, GOOD)) >= 1
    assert codec.waiting_bytes == 0


def test_answers_that_come_one_question_late_are_no_readings() -> None:
    codec = Codec(ASKS)
    late = (HEAD, *GOOD[:-1])
    assert rounds(codec, GOOD, late, late, late) == []


def test_answers_that_come_a_byte_late_are_no_readings() -> None:
    codec = Codec(ASKS)
    line = b"".join(GOOD * 8)
    shifted = [line[place : place + 2] for place in range(1, 10 * 6, 2)]
    assert rounds(codec, *[shifted[start : start + 5] for start in range(0, 30, 5)]) == []


def test_an_emissivity_that_was_changed_at_the_device_is_taken_after_a_round() -> None:
    codec = Codec(ASKS)
    new = changed(0, bytes.fromhex("03 B6"))
    assert len(rounds(codec, GOOD, GOOD)) == 1
    assert rounds(codec, new) == []
    assert len(rounds(codec, new)) == 1


def test_two_bytes_count_only_with_silence_behind_them() -> None:
    codec = Codec(ASKS)
    codec.asked(ASKS[0])
    codec.feed(EMISSIVITY)
    assert (codec.counters.good, codec.waiting_bytes) == (0, 2)
    codec.end_burst()
    assert (codec.counters.good, codec.waiting_bytes) == (1, 0)


@pytest.mark.parametrize("answer", [b"\x05", b"\x05\x54\x00"])
def test_one_byte_or_three_are_no_answer_whatever_they_would_mean(answer: bytes) -> None:
    codec = Codec(ASKS)
    for question, said in zip(ASKS[:2], (EMISSIVITY, answer), strict=True):
        codec.asked(question)
        codec.feed(said)
        codec.end_burst()
    assert codec.counters.good == 1


def test_a_question_out_of_turn_has_no_answer() -> None:
    codec = Codec(ASKS)
    codec.asked(ASKS[2])
    codec.feed(EMISSIVITY)
    codec.end_burst()
    assert codec.counters.good == 0


def test_a_cslaser_is_asked_for_what_it_has() -> None:
    asks = questions("cslaser", "actual", 3)
    assert asks == [b"\xb3\x04", b"\xb3\x03", b"\xb3\x03"]
    good = (EMISSIVITY, OBJECT, OBJECT)
    (frame,) = rounds(Codec(asks, 3), good, good, asks=asks)
    assert (frame.object_c, frame.ambient_c) == (36.4, None)
    assert not model_of("optris_ct", {"port": "x", "head": "cslaser"})[0].has_ambient


def test_the_object_is_the_value_before_hold_and_averaging_unless_said() -> None:
    assert ASKS[1] == words.ACTUAL
    assert questions("ct", "process", None)[1] == words.PROCESS


def test_a_burst_calls_for_its_end_and_answers_do_not() -> None:
    codec = Codec(ASKS, 5)
    rounds(codec, GOOD, GOOD, asks=ASKS)
    assert codec.remedy() == b""
    for byte in BURST * 2:
        codec.feed(bytes((byte,)))
    assert codec.remedy() == b"\xb5\x52\x00"


@given(data=st.binary(max_size=60), turn=st.integers(0, 4))
def test_no_bytes_raise_or_pile_up(data: bytes, turn: int) -> None:
    codec = Codec(ASKS)
    for place, question in enumerate(ASKS):
        codec.asked(question)
        codec.feed(data if place == turn else GOOD[place])
        assert codec.waiting_bytes <= codec.buffer_cap_bytes
        codec.end_burst()


def test_no_single_changed_bit_makes_a_reading_off_by_more_than_its_own_noise() -> None:
    """Without a checksum a low bit stays unseen: both answers must agree, and their mean counts."""
    for place, answer in enumerate(GOOD):
        for bit in range(16):
            spoiled = (int.from_bytes(answer, "big") ^ 1 << bit).to_bytes(2, "big")
            codec = Codec(ASKS)
            for frame in rounds(codec, GOOD, changed(place, spoiled)):
                assert frame.object_c == pytest.approx(36.4, abs=0.11)
                assert frame.ambient_c == pytest.approx(22.1, abs=0.11)


def test_random_answers_are_no_readings() -> None:
    rng = random.Random(3)
    codec = Codec(ASKS)
    for _ in range(5000):
        assert rounds(codec, [rng.randbytes(rng.choice((1, 2, 2, 2, 3))) for _ in GOOD]) == []


def test_a_burst_frame_counts_only_when_it_agrees_with_the_one_before() -> None:
    codec = BurstCodec("process")
    assert codec.feed(BURST) == []
    (frame,) = codec.feed(BURST)
    assert (frame.object_c, frame.ambient_c) == (36.4, 22.1)
    hot = BURST.replace(OBJECT, bytes.fromhex("05 C4"))
    assert codec.feed(hot) == []
    assert codec.feed(BURST) == []
    assert len(codec.feed(BURST + BURST)) == 2
    other = BURST.replace(EMISSIVITY, bytes.fromhex("03 B6"))
    assert [len(codec.feed(frame)) for frame in (other, BURST, BURST)] == [0, 0, 1]


@pytest.mark.parametrize("place", range(2, 14))
def test_no_single_changed_bit_of_a_burst_goes_far(place: int) -> None:
    for bit in range(8):
        spoiled = bytearray(BURST)
        spoiled[place] ^= 1 << bit
        codec = BurstCodec("actual")
        codec.feed(BURST)
        for frame in codec.feed(bytes(spoiled)):
            assert frame.object_c == pytest.approx(36.3, abs=0.11)
            assert frame.ambient_c == pytest.approx(22.1, abs=0.11)


@given(noise=st.binary(max_size=60), cut=st.integers(1, 13))
def test_a_burst_is_found_again_behind_noise_and_a_torn_frame(noise: bytes, cut: int) -> None:
    codec = BurstCodec("actual")
    frames = codec.feed(noise + BURST[:cut] + BURST * 4)
    assert [frame.raw for frame in frames[-2:]] == [BURST, BURST]


def test_what_a_burst_can_not_mean_is_refused() -> None:
    assert words.burst_values(BURST[:-1], BURST_ITEMS) is None
    assert words.burst_values(b"\xaa\xab" + BURST[2:], BURST_ITEMS) is None
    assert words.burst_values(BURST[:-2] + b"\xff\xff", BURST_ITEMS) is None
    assert words.burst_values(BURST, [1, 4, 2, 3, 5, 9]) is None


def emulated(link: Path, **settings: object) -> ThermometerEmulator:
    return ThermometerEmulator("optris_ct", link, EmulatorSettings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "ambient_c"),
    [({}, 21.0), ({"address": 79}, 21.0), ({"value": "process"}, 21.0), ({"head": "cslaser"}, None)],
)
def test_the_emulated_device_is_read(options: Mapping[str, object], ambient_c: float | None, tmp_path: Path) -> None:
    with emulated(tmp_path / "port", options=options, jitter_c=0.0) as device:
        thermometer = open_thermometer("optris_ct", device.options)
        reading = thermometer.read(3.0)
        thermometer.close()
    assert reading is not None
    assert (reading.object_c, reading.ambient_c, reading.quality) == (33.2, ambient_c, ("ok",))


def test_the_emulated_device_streams_when_told(tmp_path: Path) -> None:
    with emulated(tmp_path / "port", options={"talk": "burst", "address": 2}, jitter_c=0.0) as device:
        thermometer = open_thermometer("optris_ct", device.options)
        readings = [thermometer.read(3.0) for _ in range(3)]
        thermometer.close()
    assert all(reading is not None and reading.object_c == 33.2 for reading in readings)


class Bursting(Device):
    """Found in burst mode."""

    def __init__(self, streaming: bool, options: Mapping[str, object]) -> None:
        super().__init__(streaming, options)
        self.streaming = True


def test_a_device_that_streams_is_stopped_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "Device", Bursting)
    with emulated(tmp_path / "port", rate_hz=30) as device:
        thermometer = open_thermometer("optris_ct", {**device.options, "baud": 9600})
        reading = thermometer.read(5.0)
        thermometer.close()
    assert reading is not None
    assert (len(reading.raw), reading.quality) == (10, ("ok",))


@pytest.mark.parametrize(
    "fault", ["dropped_byte", "flipped_bit", "stale_repeat", "garbage_before_header", "wrong_type", "glued"]
)
def test_between_faults_only_good_readings_come(fault: str, tmp_path: Path) -> None:
    with emulated(tmp_path / "port", start=Change(fault=fault), fault_every=12, baud=115200) as device:  # type: ignore[arg-type]
        thermometer = open_thermometer("optris_ct", {**device.options, "poll_ms": 50})
        readings = [thermometer.read(5.0) for _ in range(2)]
        thermometer.close()
    for reading in readings:
        assert reading is not None
        assert reading.object_c == pytest.approx(33.2, abs=0.25)
        assert reading.ambient_c == pytest.approx(21.0, abs=0.25)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"address": 80}, "address"),
        ({"head": "ct3"}, "head"),
        ({"talk": "burst", "head": "cslaser"}, "burst.*cslaser.*leave talk out"),
    ],
)
def test_an_option_that_does_not_fit_is_named(option: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        model_of("optris_ct", {"port": "x", **option})


def test_it_is_recognised_by_two_rounds_that_hang_together() -> None:
    device, recogniser = Device(streaming=False), recognise()
    known = []
    for question in (recogniser.questions * 3)[:11]:
        recogniser.asked(question)
        known.append(recogniser.feed(b"".join(device.hear(question, Seen(36.4, 22.1, 36.4)))))
    assert known == [False] * 10 + [True]


def test_a_burst_is_recognised_without_a_question_and_noise_is_not() -> None:
    recogniser = recognise()
    assert not recogniser.feed(random.Random(2).randbytes(20_000))
    assert [recogniser.feed(BURST), recogniser.feed(BURST)] == [False, True]


@pytest.mark.parametrize("stream", ["clean", "noise", "heads", "zeros"])
@pytest.mark.parametrize("talk", ["poll", "burst"])
def test_the_codec_is_fifty_times_faster_than_its_line(talk: str, stream: str) -> None:
    noise = random.Random(1).randbytes(100_000)
    data = {"clean": BURST * 8000, "noise": noise, "heads": b"\xaa" * 100_000, "zeros": bytes(100_000)}[stream]
    codec = model_of("optris_ct", {"port": "x", "talk": talk})[0].codec()
    began_s = time.process_time()
    for start in range(0, len(data), 64):
        codec.feed(data[start : start + 64])
    assert len(data) / (time.process_time() - began_s) > 50 * 11_520
