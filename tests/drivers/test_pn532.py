"""The PN532 on a serial line: golden frames, a search that never blocks, a chip that forgets, and one event a card."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.catalogue import emulate
from drivers.emulators.readers.pn532 import Device, framed
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import CardSeen, check_options, open_reader
from drivers.reader.models.pn532 import recognise
from drivers.reader.pn532_frames import ACK, WAKE, Codec, Frame, command
from drivers.reader.pn532_talk import CONFIGURE, FIND_TWICE, FIRMWARE, LIST, Pn532Talk, card_uid

# Published.
HOST_CONFIGURE = bytes.fromhex("00 00 FF 03 FD D4 14 01 17 00")
HOST_FIRMWARE = bytes.fromhex("00 00 FF 02 FE D4 02 2A 00")
HOST_LIST = bytes.fromhex("00 00 FF 04 FC D4 4A 01 00 E1 00")
CHIP_ACK = bytes.fromhex("00 00 FF 00 FF 00")
CHIP_CONFIGURED = bytes.fromhex("00 00 FF 02 FE D5 15 16 00")
CHIP_ONE_CARD = bytes.fromhex("00 00 FF 0C F4 D5 4B 01 01 00 04 08 04 FB 0E E2 0B D8 00")
# Computed.
CHIP_FIRMWARE = bytes.fromhex("00 00 FF 06 FA D5 03 32 01 06 07 E8 00")
CHIP_NO_CARD = bytes.fromhex("00 00 FF 03 FD D5 4B 00 E0 00")
# From the user manual's text: the error frame (6.2.1.5) and a NACK (6.2.1.4).
CHIP_ERROR = bytes.fromhex("00 00 FF 01 FF 7F 81 00")
CHIP_NACK = bytes.fromhex("00 00 FF FF 00 00")

UID = bytes.fromhex("FB0EE20B")
SAID = {
    CHIP_ACK: Frame("ack"),
    CHIP_NACK: Frame("nack"),
    CHIP_ERROR: Frame("error"),
    CHIP_CONFIGURED: Frame("answer", 0x15),
    CHIP_FIRMWARE: Frame("answer", 0x03, bytes.fromhex("32010607")),
    CHIP_NO_CARD: Frame("answer", 0x4B, b"\x00"),
    CHIP_ONE_CARD: Frame("answer", 0x4B, bytes.fromhex("0101000408 04 FB0EE20B")),
}


def test_commands_are_the_golden_bytes() -> None:
    assert (CONFIGURE, FIRMWARE, LIST, ACK) == (HOST_CONFIGURE, HOST_FIRMWARE, HOST_LIST, CHIP_ACK)


@pytest.mark.parametrize("frame", SAID)
def test_a_golden_frame_says_what_it_says(frame: bytes) -> None:
    assert Codec().feed(frame) == [SAID[frame]]


def test_the_golden_card_has_its_uid_and_no_card_has_none() -> None:
    assert card_uid(SAID[CHIP_ONE_CARD].data) == UID
    assert card_uid(SAID[CHIP_NO_CARD].data) is None


@pytest.mark.parametrize("listed", ["", "01", "0101000408", "010100040805FB0EE20B01", "010100040807FB0EE20B", "02"])
def test_an_answer_without_a_whole_uid_is_no_card(listed: str) -> None:
    assert card_uid(bytes.fromhex(listed)) is None


def test_the_emulated_chip_says_the_golden_bytes() -> None:
    chip = Device()
    assert chip.hear(HOST_FIRMWARE, 0.0) == [], "it sleeps"
    assert chip.hear(WAKE + HOST_CONFIGURE, 0.0) == [CHIP_ACK, CHIP_CONFIGURED]
    assert chip.hear(HOST_FIRMWARE, 0.0) == [CHIP_ACK, CHIP_FIRMWARE]
    assert chip.hear(HOST_LIST, 0.0) == [CHIP_ACK], "as after a reset it looks for ever"
    chip.set(card="FB0EE20B")
    assert chip.due(0.1) == [CHIP_ONE_CARD]
    chip.set(card="")
    chip.hear(FIND_TWICE, 0.0)
    assert chip.hear(HOST_LIST, 0.0) == [CHIP_ACK, CHIP_NO_CARD]


@pytest.mark.parametrize("frame", [CHIP_ONE_CARD, CHIP_NO_CARD, CHIP_FIRMWARE])
def test_every_flipped_bit_takes_the_answer_away(frame: bytes) -> None:
    # Preamble and postamble carry nothing, and may be anything.
    for bit in range(8, 8 * (len(frame) - 1)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        assert [said for said in Codec().feed(bytes(flipped)) if said.kind == "answer"] == [], f"bit {bit}"


@given(st.lists(st.sampled_from(sorted(SAID)), max_size=6), st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_frames_come_out_of_any_pieces_of_them(frames: list[bytes], cuts: list[int]) -> None:
    codec, stream, said = Codec(), b"".join(frames), []
    for size in [*cuts, len(stream)]:
        said += codec.feed(stream[:size])
        stream = stream[size:]
    assert said == [SAID[frame] for frame in frames]


@given(st.binary(min_size=1, max_size=253), st.binary(max_size=40).filter(lambda noise: b"\x00\xff" not in noise))
def test_an_answer_of_any_length_comes_out_behind_noise(body: bytes, noise: bytes) -> None:
    [said] = Codec().feed(noise + b"\x01" + framed(body))
    assert (said.kind, said.code, said.data) == ("answer", body[0], body[1:])


def test_a_hundred_thousand_broken_streams_give_no_card_without_its_check() -> None:
    rng, codec = random.Random(11), Codec()
    for _ in range(100_000):
        piece = bytearray(rng.choice((*SAID, b"\x00\xff\xff\x01\xd5", rng.randbytes(20))))
        piece[rng.randrange(len(piece))] = rng.randrange(256)
        codec.feed(bytes(piece))
        assert codec.waiting_bytes <= 259


def test_the_codec_keeps_up_with_fifty_lines_full_of_anything() -> None:
    rng = random.Random(3)
    heads = b"\x00\xff\x7f\x81\xd5" * 20_000
    for stream in (CHIP_ONE_CARD * 6000, rng.randbytes(100_000), b"\x00" * 100_000, b"\x00\xff" * 50_000, heads):
        codec, began_s = Codec(), time.perf_counter()
        for start in range(0, len(stream), 512):
            codec.feed(stream[start : start + 512])
        assert len(stream) / (time.perf_counter() - began_s) > 50 * 11_520


# -- The talk ----------------------------------------------------------------------------------------------------------


class Line:
    """A talk and an emulated chip, on a clock of their own."""

    def __init__(self) -> None:
        self.chip, self.talk, self.now_s = Device(), Pn532Talk(0.2), 0.0
        self.talk.forget(0.0)
        self.asked: list[bytes] = []

    def run(self, seconds: float, hears: bool = True) -> list[bytes]:
        """UIDs that came in this time; without `hears` the chip's cable is out."""
        seen = []
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            question = self.talk.say(self.now_s)
            if question:
                self.asked.append(question)
            answers = self.chip.hear(question, self.now_s) if hears else []
            self.now_s += 0.01
            answers += self.chip.due(self.now_s) if hears else []
            seen += [event.number for event in self.talk.feed(b"".join(answers), self.now_s)]
        return seen


def test_the_chip_is_woken_configured_and_told_to_look_twice_before_the_first_look() -> None:
    line = Line()
    line.run(1.0)
    assert line.asked[:4] == [ACK + WAKE + CONFIGURE, FIRMWARE, FIND_TWICE, LIST]
    assert set(line.asked[4:]) == {LIST}


def test_a_card_is_one_event_per_laying_on() -> None:
    line = Line()
    line.chip.set(card="FB0EE20B")
    assert line.run(5.0) == [UID]
    line.chip.set(card="")
    line.run(0.5)
    line.chip.set(card="FB0EE20B")
    assert line.run(1.0) == [], "it only trembled"
    line.chip.set(card="")
    line.run(1.5)
    line.chip.set(card="FB0EE20B")
    assert line.run(1.0) == [UID]


def test_a_chip_that_forgot_its_settings_is_set_up_again_and_goes_on() -> None:
    line = Line()
    line.run(1.0)
    # Awake, but as after a reset: it would look for a card until one comes.
    line.chip.set(power=True)
    line.chip.hear(WAKE, line.now_s)
    line.run(1.5)
    assert line.talk.lost(line.now_s) is None
    assert line.asked.count(FIND_TWICE) == 2
    line.chip.set(card="FB0EE20B")
    assert line.run(1.0) == [UID]


def test_a_chip_that_does_not_answer_counts_as_gone_within_two_seconds() -> None:
    line = Line()
    line.run(1.0)
    line.run(1.7, hears=False)
    assert line.talk.lost(line.now_s) is None
    line.run(0.4, hears=False)
    assert "no sound answer" in str(line.talk.lost(line.now_s))


def test_an_answer_that_comes_before_the_chip_took_the_question_is_an_old_one() -> None:
    talk = Pn532Talk(0.2)
    talk.forget(0.0)
    for number, answer in enumerate((CHIP_CONFIGURED, CHIP_FIRMWARE, framed(b"\x33"))):
        assert talk.say(float(number))
        talk.feed(CHIP_ACK + answer, float(number))
    assert talk.say(3.0) == LIST
    assert not talk.feed(CHIP_ONE_CARD, 3.1)
    assert talk.feed(CHIP_ACK + CHIP_ONE_CARD, 3.2)


def test_a_search_knows_the_chip_by_its_name() -> None:
    recogniser = recognise()
    assert recogniser.questions == (WAKE + HOST_FIRMWARE,)
    assert not recogniser.feed(CHIP_ACK + CHIP_NO_CARD)
    assert recogniser.feed(CHIP_FIRMWARE)
    assert recogniser.feed(b"")


# -- On a line ---------------------------------------------------------------------------------------------------------


def test_a_card_is_seen_through_a_torn_line_and_after_a_replug(tmp_path) -> None:
    with emulate("reader", "pn532", tmp_path) as device:
        reader = open_reader("pn532", device.options)
        try:
            assert reader.read(0.3) is None
            device.set(card="FB0EE20B")
            seen = reader.read(2.0)
            assert isinstance(seen, CardSeen)
            assert (seen.technology, seen.number) == ("iso14443a", UID)
            assert reader.read(0.6) is None
            device.set(card="04A1B2C3D4E5F6")
            longer = reader.read(2.0)
            assert isinstance(longer, CardSeen)
            assert longer.number.hex() == "04a1b2c3d4e5f6"
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


def test_a_silent_chip_is_gone_within_two_seconds_on_the_line_too(tmp_path) -> None:
    with emulate("reader", "pn532", tmp_path) as device:
        reader = open_reader("pn532", device.options)
        try:
            assert reader.read(0.5) is None
            device.set(fault="silence")
            began_s = time.monotonic()
            with pytest.raises(DeviceGoneError, match="no sound answer"):
                reader.read(5.0)
            assert time.monotonic() - began_s < 2.5
        finally:
            reader.close()


@pytest.mark.parametrize("fault", ["dropped_byte", "flipped_bit", "garbage", "wrong_type", "noise_ff"])
def test_noise_on_the_line_gives_no_other_card(tmp_path, fault: str) -> None:
    with emulate("reader", "pn532", tmp_path, seed=9) as device:
        device.set(fault=fault, card="FB0EE20B")
        reader = open_reader("pn532", device.options)
        try:
            # Every third frame is hit, so a question may take three tries, and there are four before the first card.
            seen = reader.read(8.0)
            assert isinstance(seen, CardSeen)
            assert seen.number == UID
        finally:
            reader.close()


@pytest.mark.parametrize("options", [{}, {"port": ""}, {"port": "/dev/x", "poll_ms": 1}, {"port": "/dev/x", "no": 1}])
def test_wrong_options_are_named(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="pn532"):
        check_options("pn532", options)


def test_a_command_has_its_checks() -> None:
    whole = command(0x32, b"\x05\xff\x01\x01")
    assert whole == bytes.fromhex("00 00 FF 06 FA D4 32 05 FF 01 01 F4 00")


def _opened(options):
    until_s = time.monotonic() + 5.0
    while True:
        try:
            return open_reader("pn532", options)
        except DeviceGoneError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.02)
