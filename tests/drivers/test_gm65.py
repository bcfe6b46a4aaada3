"""The barcode module: golden frames, texts and acknowledges on one line, the talk on a virtual clock, the emulator."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.reader import SerialReaderEmulator
from drivers.emulators.readers import gm65 as emulator
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import check_options, open_reader
from drivers.reader.gm65_codec import LONGEST_TEXT, READ, WRITE, Acknowledged, Codec, Text, command
from drivers.reader.gm65_talk import READ_BAUD, TRIGGER, Gm65Talk
from drivers.reader.models.gm65 import recognise
from tests.waiting import wait_for

# host -> device. Published, but for the two with a CRC behind the trigger zone and the one for 115200 baud: computed.
COMMANDS = {
    (READ, 0x002A, b"\x02"): "7E 00 07 01 00 2A 02 D8 0F",
    (WRITE, 0x002A, b"\x39\x01"): "7E 00 08 02 00 2A 39 01 A7 EA",
    (WRITE, 0x002A, b"\x1a\x00"): "7E 00 08 02 00 2A 1A 00 E4 7E",
    (WRITE, 0x0002, b"\x01"): "7E 00 08 01 00 02 01 02 DA",
    (WRITE, 0x0002, b"\x00"): "7E 00 08 01 00 02 00 12 FB",
    # Never sent by this driver: it would wear out the module's memory.
    (0x09, 0x0000, b"\x00"): "7E 00 09 01 00 00 00 DE C8",
}
# With AB CD in place of a CRC the module checks nothing (the first published).
UNCHECKED = {"7E 00 08 01 00 02 01 AB CD": True, "7E 00 08 01 00 02 00 AB CD": False}
# device -> host: published.
ACKNOWLEDGE = bytes.fromhex("02 00 00 01 00 33 31")
# Computed: the acknowledge and a text on one line.
ACKNOWLEDGE_AND_TEXT = bytes.fromhex("02 00 00 01 00 33 31 54 45 53 54 50 41 53 53 30 31 0D")
# The answer to the question for the baud zone: inferred from the acknowledge.
BAUD_ANSWER = emulator.answer(b"\x39\x01")


def heard(data: bytes, piece: int, by_silence: bool = False) -> list[Text | Acknowledged]:
    codec = Codec(by_silence)
    return [one for start in range(0, len(data), piece) for one in codec.feed(data[start : start + piece])]


@pytest.mark.parametrize(("asked", "golden"), COMMANDS.items(), ids=str)
def test_commands_are_the_published_bytes(asked, golden):
    assert command(*asked) == bytes.fromhex(golden)


def test_what_the_driver_sends_are_two_of_them():
    assert bytes.fromhex("7E 00 07 01 00 2A 02 D8 0F") == READ_BAUD
    assert bytes.fromhex("7E 00 08 01 00 02 01 02 DA") == TRIGGER


@pytest.mark.parametrize(("golden", "on"), UNCHECKED.items())
def test_the_emulated_module_takes_a_command_without_a_crc(golden, on):
    device = emulator.Device(on_command=True)
    device.set(text="X")
    assert device.hear(bytes.fromhex(golden), 0.0) == [ACKNOWLEDGE]
    assert device.due(0.1) == ([b"X\r"] if on else [])


@pytest.mark.parametrize("piece", [1, 3, 100])
def test_the_golden_lines_are_parted(piece):
    assert heard(ACKNOWLEDGE, piece) == [Acknowledged(b"\x00")]
    assert heard(ACKNOWLEDGE_AND_TEXT, piece) == [Acknowledged(b"\x00"), Text(b"TESTPASS01")]


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize("piece", [1, 4, 100])
@pytest.mark.parametrize("answer", [ACKNOWLEDGE, BAUD_ANSWER, emulator.answer(b"\r\n"), emulator.answer(b"\x0d")])
def test_an_acknowledge_is_stripped_wherever_it_appears(place, piece, answer):
    text = b"TESTPASS01\r"
    line = text[:place] + answer + text[place:]
    assert [one for one in heard(line, piece) if isinstance(one, Text)] == [Text(b"TESTPASS01")]


def test_seven_bytes_with_a_wrong_crc_are_no_acknowledge():
    assert heard(bytes.fromhex("02 00 00 01 00 33 32 41 0D"), 1) == [Text(bytes.fromhex("02 00 00 01 00 33 32 41"))]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_text_ends_with_any_line_end_and_empty_lines_are_nothing(end):
    assert heard((b"ONE" + end) * 2 + end + b"TWO" + end, 2) == [Text(b"ONE"), Text(b"ONE"), Text(b"TWO")]


def test_a_text_without_an_end_is_never_a_code():
    codec = Codec()
    assert codec.feed(b"HALF A PA") == []
    assert codec.quiet() == []
    assert (codec.waiting_bytes, codec.dropped) == (0, 1)
    assert codec.feed(b"WHOLE\r") == [Text(b"WHOLE")]


def test_a_scanner_without_line_ends_is_cut_by_silence_when_the_options_say_so():
    codec = Codec(by_silence=True)
    assert codec.feed(b"WHOLE" + ACKNOWLEDGE[:2]) == []
    assert codec.quiet() == [Text(b"WHOLE\x02\x00")]


def test_a_text_over_the_limit_is_dropped_to_its_end():
    codec = Codec()
    longest = b"A" * LONGEST_TEXT
    assert codec.feed(longest + b"\r") == [Text(longest)]
    assert codec.feed(longest + b"A\rNEXT\r") == [Text(b"NEXT")]
    for _ in range(100):
        assert codec.feed(b"A" * 1000) == []
        assert codec.waiting_bytes <= LONGEST_TEXT
    assert codec.feed(b"\rNEXT\r") == [Text(b"NEXT")]
    assert codec.dropped == 2


PIECES = st.sampled_from([ACKNOWLEDGE, ACKNOWLEDGE[:4], b"\x02", b"\x02\x00\x00", b"\r", b"\n", b"AB", b"A" * 5000])


@given(st.lists(PIECES | st.binary(max_size=30)))
def test_whatever_comes_the_codec_holds_little_and_gives_no_end_in_a_text(pieces):
    codec = Codec()
    for piece in pieces:
        for one in codec.feed(piece):
            if isinstance(one, Text):
                assert 0 < len(one.text) <= LONGEST_TEXT
                assert not set(one.text) & set(b"\r\n")
                assert ACKNOWLEDGE not in one.text
        assert codec.waiting_bytes <= LONGEST_TEXT + 8


@given(st.lists(st.text("ABC019 $%*+-./:", min_size=1).map(str.encode)), st.data())
def test_texts_come_through_however_acknowledges_and_the_line_cut_them(texts, data):
    line = b"".join(text + b"\r" for text in texts)
    for place in sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=4)), reverse=True):
        line = line[:place] + ACKNOWLEDGE + line[place:]
    got = heard(line, data.draw(st.integers(1, 40)))
    assert [one.text for one in got if isinstance(one, Text)] == texts


# ---- the talk, on a clock of its own


def talking(asks: bool = True, triggers: bool = False, by_silence: bool = False) -> Gm65Talk:
    talk = Gm65Talk("scanner", 9600, asks, triggers, by_silence)
    talk.forget(0.0)
    return talk


def texts(talk: Gm65Talk, data: bytes, at_s: float) -> list[bytes]:
    return [seen.text for seen in talk.feed(data, at_s)]


def test_a_module_that_falls_silent_is_gone_two_seconds_after_its_last_answer():
    talk, at_s, asked = talking(), 0.0, 0
    assert talk.say(0.0) == READ_BAUD
    talk.feed(BAUD_ANSWER, 0.0)
    while talk.lost(at_s) is None:
        at_s = talk.next_at_s
        asked += talk.say(at_s) == READ_BAUD
        assert talk.next_at_s > at_s or talk.lost(at_s)
    assert (at_s, asked) == (pytest.approx(1.95), 4)


def test_a_scanner_that_is_not_asked_is_never_gone_by_silence():
    talk = talking(asks=False)
    assert talk.say(0.0) == b""
    assert talk.next_at_s == float("inf")
    assert talk.lost(1e6) is None
    assert texts(talk, b"CODE\r", 5.0) == [b"CODE"]


def test_a_code_that_is_held_there_counts_once_and_again_after_two_seconds():
    talk = talking()
    assert texts(talk, b"CODE\r", 1.0) == [b"CODE"]
    assert texts(talk, b"CODE\rCODE\r", 2.5) == []
    assert texts(talk, b"CODE\r", 4.4) == []
    assert texts(talk, b"OTHER\r", 4.5) == [b"OTHER"]
    assert texts(talk, b"CODE\r", 4.6) == [b"CODE"]
    assert texts(talk, b"CODE\r", 6.6) == [b"CODE"]


def test_no_question_goes_into_a_text_and_a_long_one_is_waited_for():
    talk = talking()
    assert talk.say(0.0) == READ_BAUD
    at_s = 0.0
    # A text of 8000 characters takes 8 s at 9600 baud; the answer comes behind it.
    for _ in range(79):
        at_s += 0.1
        assert talk.feed(b"A" * 100, at_s) == []
        assert talk.say(at_s) == b""
        assert talk.lost(at_s) is None
        assert talk.next_at_s == pytest.approx(at_s + 0.2)
    assert texts(talk, b"\r" + BAUD_ANSWER, at_s) == [b"A" * 7900]
    assert talk.lost(at_s + 0.4) is None


def test_endless_garbage_is_no_sign_of_life():
    talk, at_s = talking(), 0.0
    talk.say(0.0)
    while talk.lost(at_s) is None:
        at_s += 0.1
        talk.feed(b"\xfe" * 100, at_s)
        talk.say(at_s)
        assert at_s < 12


@pytest.mark.parametrize("hum", [b"\xfe", b"\xfe\xfe\xfe\r"])
def test_the_hum_of_an_open_line_is_no_sign_of_life(hum):
    talk, at_s = talking(), 0.0
    while talk.lost(at_s) is None:
        at_s += 0.05
        talk.feed(hum, at_s)
        talk.say(at_s)
        assert at_s < 15


def test_codes_in_quick_succession_keep_no_question_back():
    talk, at_s, asked = talking(), 0.0, 0
    while at_s < 30:
        at_s += 0.1
        talk.feed(b"CODE\r", at_s)
        if talk.say(at_s) == READ_BAUD:
            asked += 1
            talk.feed(BAUD_ANSWER, at_s + 0.01)
        assert talk.lost(at_s) is None
    assert asked > 40


def test_a_text_that_stops_in_the_middle_is_dropped_and_the_remedy_is_noted(caplog):
    talk = talking()
    with caplog.at_level(logging.WARNING):
        assert texts(talk, b"SECRET-HALF", 1.0) == []
        assert texts(talk, b"", 1.1) == []
        assert texts(talk, b"", 1.2) == []
    (note,) = caplog.messages
    assert 'end = "silence"' in note
    assert "SECRET" not in note
    assert texts(talk, b"-HALF\rWHOLE\r", 1.3) == [b"-HALF", b"WHOLE"]


def test_on_command_the_module_is_triggered_again_after_each_code_and_every_few_seconds():
    talk = talking(triggers=True)
    assert talk.say(0.0) == TRIGGER
    assert talk.say(0.0) == READ_BAUD
    talk.feed(ACKNOWLEDGE + BAUD_ANSWER, 0.1)
    assert talk.say(0.2) == b""
    assert texts(talk, b"CODE\r", 0.3) == [b"CODE"]
    assert talk.say(0.3) == TRIGGER
    sent = []
    at_s = 0.3
    while at_s < 4.8:
        at_s = talk.next_at_s
        sent.append((talk.say(at_s), round(at_s, 2)))
        talk.feed(ACKNOWLEDGE, at_s)
    assert [when for what, when in sent if what == TRIGGER] == [4.8]


@given(
    st.lists(st.tuples(PIECES | st.binary(max_size=20), st.floats(0, 1))), st.booleans(), st.booleans(), st.booleans()
)
def test_whatever_comes_the_talk_goes_on_and_never_spins(rounds, asks, triggers, by_silence):
    talk, at_s = talking(asks, triggers, by_silence), 0.0
    for data, later_s in rounds:
        while talk.say(at_s):
            pass
        if talk.lost(at_s) is not None:
            return
        assert talk.next_at_s > at_s
        at_s += later_s
        talk.feed(data, at_s)
        talk.feed(b"", at_s)


# ---- the emulated module behind a pseudo-terminal


@pytest.mark.parametrize("split", ["whole", "torn", "bytes"])
def test_a_code_comes_over_every_line(tmp_path, split):
    with SerialReaderEmulator(tmp_path / "s", 115200, emulator.Device(), split) as device:
        reader = open_reader("gm65", {**device.options, "baud": 115200})
        for text in ("GK1:" + "0123456789ABCDEF" * 30, "SECOND"):
            device.set(text=text)
            assert reader.read(5).text == text.encode()
        reader.close()


def test_a_module_on_command_reads_because_it_is_triggered(tmp_path):
    with SerialReaderEmulator(tmp_path / "s", 115200, emulator.Device(on_command=True)) as device:
        waits = open_reader("gm65", device.options)
        device.set(text="CODE")
        assert waits.read(0.5) is None
        waits.close()
        reader = open_reader("gm65", {**device.options, "trigger": "command"})
        assert reader.read(5).text == b"CODE"
        device.set(text="NEXT")
        assert reader.read(5).text == b"NEXT"
        reader.close()


def test_a_module_without_line_ends_needs_the_option(tmp_path):
    with SerialReaderEmulator(tmp_path / "s", 115200, emulator.Device(end=b"")) as device:
        for end, expected in (("line", None), ("silence", b"CODE")):
            reader = open_reader("gm65", {**device.options, "end": end})
            device.set(text="CODE")
            event = reader.read(0.6)
            assert (event and event.text) == expected
            reader.close()


def test_a_code_that_is_held_before_the_module_is_one_event(tmp_path):
    with emulator.emulate(tmp_path, 1) as device:
        reader = open_reader("gm65", device.options)
        device.set(text="HELD", held=True)
        assert reader.read(5).text == b"HELD"
        assert reader.read(1.3) is None
        reader.close()


def test_a_module_that_does_not_answer_is_gone_within_two_seconds(tmp_path):
    with emulator.emulate(tmp_path, 1) as device:
        reader = open_reader("gm65", device.options)
        assert reader.read(0.1) is None
        device.set(fault="silence")
        began_s = time.monotonic()
        with pytest.raises(DeviceGoneError, match="ask = false"):
            reader.read(10)
        assert time.monotonic() - began_s < 2.3
        reader.close()


def test_a_replugged_module_reads_within_three_seconds(tmp_path):
    with emulator.emulate(tmp_path, 1) as device:
        reader = open_reader("gm65", device.options)
        device.unplug()
        with pytest.raises(DeviceGoneError):
            reader.read(3)
        reader.close()
        device.replug()
        wait_for((tmp_path / "gm65").exists, "the link")
        began_s = time.monotonic()
        reader = open_reader("gm65", device.options)
        device.set(text="BACK")
        assert reader.read(5).text == b"BACK"
        assert time.monotonic() - began_s < 3
        reader.close()


@pytest.mark.parametrize("fault", ["garbage", "noise_ff", "wrong_baud", "flipped_bit"])
def test_garbage_never_blocks_and_the_next_good_code_comes(tmp_path, fault):
    with SerialReaderEmulator(tmp_path / "s", 115200, emulator.Device(), fault_every=1) as device:
        reader = open_reader("gm65", {**device.options, "ask": False})
        device.set(fault=fault)
        device.set(text="SPOILT" * 20)
        began_s = time.monotonic()
        while time.monotonic() - began_s < 0.4:
            event = reader.read(0.1)
            assert event is None or event.text != b"SPOILT" * 20
        device.set(fault=None)
        device.set(text="GOOD")
        while (event := reader.read(5)) is not None and event.text != b"GOOD":
            pass
        assert event is not None
        reader.close()


def test_the_emulated_module_ignores_a_command_with_a_wrong_crc():
    device = emulator.Device()
    assert device.hear(bytes.fromhex("7E 00 07 01 00 2A 02 D8 0E"), 0.0) == []
    assert device.hear(READ_BAUD[:5], 0.0) == []
    assert device.hear(READ_BAUD[5:], 0.0) == [BAUD_ANSWER]


def test_a_module_is_recognised_by_its_answer_and_not_by_a_text():
    assert recognise().questions == (READ_BAUD,)
    recogniser = recognise()
    assert not recogniser.feed(b"HELLO\r" + ACKNOWLEDGE)
    assert recogniser.feed(BAUD_ANSWER)
    assert recogniser.feed(b"")


@pytest.mark.parametrize(
    ("options", "word"), [({"port": "x", "baud": 1200}, "baud"), ({"port": "x", "end": "tab"}, "end"), ({}, "port")]
)
def test_options_that_do_not_fit_are_named(options, word):
    with pytest.raises(OptionError, match=word):
        check_options("gm65", options)
