"""The talk with an identity card reader: on a clock of its own, and with the emulated module on a pseudo-terminal."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.reader import SerialReaderEmulator
from drivers.emulators.readers import sam_idcard as emulator
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import check_options, open_reader
from drivers.reader.models.sam_idcard import recognise
from drivers.reader.sam_frames import FAULTS, command
from drivers.reader.sam_talk import FIND, READ, SELECT, STATUS, SamTalk
from tests.drivers.test_sam_idcard import ANSWERS, BROKEN, HEAD, MAN, WOMAN, changed_text, golden_read, sam
from tests.waiting import wait_for

READY, NO_CARD, FOUND_CARD = sam("00 00 90"), sam("00 00 80"), sam("00 00 9F 00 00 00 00")
SELECTED = sam(bytes.fromhex("00 00 90") + bytes(8))


def ready_talk(poll_s: float = 0.4) -> SamTalk:
    talk = SamTalk("reader", 115200, poll_s)
    talk.forget(0.0)
    assert talk.say(0.0) == STATUS
    assert talk.feed(READY, 0.01) == []
    return talk


def lay(talk: SamTalk, at_s: float, number: str = MAN) -> list[str]:
    """One round of find, select and read, each answered at once; the numbers that came."""
    numbers = []
    for question, answer in ((FIND, FOUND_CARD), (SELECT, SELECTED), (READ, golden_read(number))):
        assert talk.say(at_s) == question
        numbers += [seen.number for seen in talk.feed(answer, at_s)]
    return numbers


def test_a_card_is_found_selected_and_read_in_one_go():
    assert lay(ready_talk(), 0.01) == [MAN]


def test_a_card_that_stays_is_read_again_and_counts_once_until_it_was_lifted():
    talk = ready_talk()
    at_s, numbers = 0.01, []
    for _ in range(5):
        numbers += lay(talk, at_s)
        at_s = talk.next_at_s
    assert numbers == [MAN]
    # Lost once at the edge of the field, and there again: still the same showing.
    assert talk.say(at_s) == FIND
    talk.feed(NO_CARD, at_s)
    assert lay(talk, talk.next_at_s) == []
    misses = 0
    while misses < 3 or talk._next == STATUS:
        at_s = talk.next_at_s
        is_find = talk.say(at_s) == FIND
        talk.feed(NO_CARD if is_find else READY, at_s)
        misses += is_find
    assert lay(talk, talk.next_at_s) == [MAN]


def test_another_card_counts_at_once():
    talk = ready_talk()
    assert lay(talk, 0.01) == [MAN]
    assert lay(talk, talk.next_at_s, WOMAN) == [WOMAN]


def test_a_late_answer_to_another_question_is_not_taken_for_this_one():
    talk = ready_talk()
    assert talk.say(0.01) == FIND
    # Two "ok" of the status question, late, and a card selected that nobody asked to select.
    assert talk.feed(READY + READY + SELECTED + golden_read(MAN), 0.02) == []
    assert talk.feed(FOUND_CARD, 0.03) == []
    assert talk.say(0.03) == SELECT
    assert talk.feed(READY + NO_CARD + golden_read(MAN), 0.04) == []
    assert talk.feed(SELECTED, 0.05) == []
    assert talk.say(0.05) == READ
    assert talk.feed(READY + SELECTED, 0.06) == []
    assert [seen.number for seen in talk.feed(golden_read(MAN), 0.3)] == [MAN]


@pytest.mark.parametrize("status", [0x81, 0x41, 0x32, 0x40])
def test_a_card_that_can_not_be_read_is_looked_for_again(status):
    talk = ready_talk()
    talk.say(0.01)
    talk.feed(FOUND_CARD, 0.01)
    assert talk.say(0.01) == SELECT
    assert talk.feed(sam(bytes((0, 0, status))), 0.02) == []
    assert talk.say(0.02) == b""
    assert talk.say(talk.next_at_s) == FIND
    assert talk.lost(talk.next_at_s) is None


def test_a_lost_byte_costs_one_more_question_and_silence_two_seconds():
    talk = ready_talk()
    assert talk.say(0.01) == FIND
    assert talk.feed(FOUND_CARD[:-1], 0.02) == []
    assert talk.next_at_s == pytest.approx(0.46)
    assert talk.say(0.46) == FIND
    assert talk.feed(FOUND_CARD, 0.47) == []
    assert talk.say(0.47) == SELECT
    talk.feed(SELECTED, 0.48)
    talk.feed(b"", 0.48)
    # From the last answer on 2 s, and the time of the longest answer if that is owed.
    assert talk.say(0.48) == READ
    assert talk.lost(2.4) is None
    assert "no sound answer" in (talk.lost(2.7) or "")


@pytest.mark.parametrize("poll_s", [0.3, 0.4, 1.0])
def test_a_module_that_falls_silent_is_gone_two_seconds_after_its_last_answer(poll_s):
    talk = ready_talk(poll_s)
    at_s, asked = 0.01, 0
    talk.say(at_s)
    talk.feed(NO_CARD, at_s)
    while talk.lost(at_s) is None:
        at_s = talk.next_at_s
        asked += bool(talk.say(at_s))
        assert talk.next_at_s > at_s or talk.lost(at_s)
    assert at_s == pytest.approx(2.01)
    assert asked >= 3


@pytest.mark.parametrize("status", [0x60, 0x66])
def test_a_module_that_can_not_work_is_gone_with_its_own_reason(status):
    talk = SamTalk("reader", 115200, 0.4)
    talk.say(0.0)
    talk.feed(sam(bytes((0, 0, status))), 0.01)
    assert FAULTS[status] in (talk.lost(0.02) or "")


@pytest.mark.parametrize(("lengths", "why"), [("01 00 04 00", "foreigner"), ("01 01 03 FF", "not laid out")])
def test_a_refused_document_is_noted_once_and_without_its_number(caplog, lengths, why):
    talk = ready_talk()
    foreign = sam(bytes.fromhex("00 00 90") + bytes.fromhex(lengths) + changed_text(kind="I") + bytes(1024))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            at_s = talk.next_at_s
            for question, answer in ((FIND, FOUND_CARD), (SELECT, SELECTED), (READ, foreign)):
                assert talk.say(at_s) == question
                assert talk.feed(answer, at_s) == []
    (note,) = caplog.messages
    assert why in note
    assert MAN[:6] not in note


@given(
    st.lists(
        st.tuples(st.sampled_from([*map(bytes.fromhex, ANSWERS), golden_read(MAN), b"", b"\xff\xaa"]), st.floats(0, 1))
    )
)
def test_whatever_comes_the_talk_goes_on_and_never_spins(rounds):
    talk, at_s = SamTalk("reader", 115200, 0.4), 0.0
    talk.forget(at_s)
    for data, later_s in rounds:
        if talk.lost(at_s) is not None:
            return
        talk.say(at_s)
        assert talk.next_at_s > at_s
        at_s += later_s
        for seen in talk.feed(data, at_s):
            assert seen.number == MAN


# ---- the emulated module behind a pseudo-terminal


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_a_card_is_read_over_the_line_and_its_picture_goes_nowhere(folder):
    with emulator.emulate(folder, 1) as device:
        reader = open_reader("sam_idcard", device.options)
        device.set(document=MAN, name="测试甲", expires="20300101")
        seen = reader.read(5)
        assert (seen.number, seen.name, seen.expires) == (MAN, "测试甲", "20300101")
        assert reader._talk._codec.waiting_bytes == 0
        device.set(document=WOMAN, expires="")
        seen = reader.read(5)
        assert (seen.number, seen.expires) == (WOMAN, "")
        reader.close()


@pytest.mark.parametrize("finds_again", [False, True])
def test_a_card_that_lies_there_is_one_event(folder, finds_again):
    with SerialReaderEmulator(folder / "r", 115200, emulator.Device(3, finds_again)) as device:
        reader = open_reader("sam_idcard", {**device.options, "poll_ms": 300})
        device.set(document=MAN)
        assert reader.read(5).number == MAN
        assert reader.read(1.0) is None
        reader.close()


@pytest.mark.parametrize("fault", ["dropped_byte", "flipped_bit", "garbage", "noise_ff", "wrong_type", "stale_repeat"])
def test_over_a_bad_line_the_right_card_comes_or_none(folder, fault):
    with SerialReaderEmulator(folder / "r", 460800, emulator.Device(5, finds_again=True), seed=2) as device:
        device.set(fault=fault)
        reader = open_reader("sam_idcard", {**device.options, "poll_ms": 300})
        device.set(document=MAN)
        assert reader.read(10).number == MAN
        reader.close()


@pytest.mark.parametrize("fault", ["silence", "wrong_baud"])
def test_a_module_without_a_sound_answer_is_gone_within_two_seconds(folder, fault):
    with emulator.emulate(folder, 1) as device:
        reader = open_reader("sam_idcard", device.options)
        assert reader.read(0.2) is None
        device.set(fault=fault)
        began_s = time.monotonic()
        with pytest.raises(DeviceGoneError, match="no sound answer"):
            reader.read(10)
        assert time.monotonic() - began_s < 2.3
        reader.close()


def test_a_module_of_another_baud_that_was_replugged_reads_within_three_seconds(folder):
    with emulator.emulate(folder, 1) as device:
        reader = open_reader("sam_idcard", device.options)
        device.unplug()
        with pytest.raises(DeviceGoneError):
            reader.read(3)
        reader.close()
        reader.close()
        device.replug()
        wait_for((folder / "sam_idcard").exists, "the link")
        device.set(document=MAN)
        began_s = time.monotonic()
        reader = open_reader("sam_idcard", device.options)
        assert reader.read(5).number == MAN
        assert time.monotonic() - began_s < 3
        reader.close()


def test_the_emulated_module_refuses_broken_checksums_and_commands_that_it_does_not_know():
    device = emulator.Device()
    assert device.hear(bytes.fromhex(BROKEN[0]), 0.0) == [sam("00 00 10")]
    assert device.hear(command(0x77, 0x01), 0.0) == [sam("00 00 24")]
    assert device.hear(READ, 0.0) == [sam("00 00 41")]
    assert device.hear(SELECT + FIND, 0.0) == [sam("00 00 81"), NO_CARD]
    assert device.hear(FIND[:4], 0.0) + device.hear(FIND[4:], 0.0) == [NO_CARD]


def test_a_module_is_recognised_by_its_status_and_nothing_else_is():
    assert recognise().questions == (bytes.fromhex("AA AA AA 96 69 00 03 11 FF ED"),)
    recogniser = recognise()
    assert not recogniser.feed(bytes(1000) + HEAD * 40)
    assert recogniser.feed(READY)
    assert recogniser.feed(b"")


@pytest.mark.parametrize(
    ("options", "word"),
    [({"port": "x", "baud": 4800}, "baud"), ({"port": "x", "poll_ms": 100}, "poll_ms"), ({}, "port")],
)
def test_options_that_do_not_fit_are_named(options, word):
    with pytest.raises(OptionError, match=word):
        check_options("sam_idcard", options)
