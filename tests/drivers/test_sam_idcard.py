"""The identity card reader's bytes: golden frames, and the text of a card."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.readers import sam_idcard as emulator
from drivers.reader.id_card import UnreadableCardError, card_text, check_character, parse_card
from drivers.reader.sam_frames import LONGEST_FRAME, Answer, Codec, command, xor

MAN = "11010519491231002X"
WOMAN = "440524188001010014"
HEAD = bytes.fromhex("AA AA AA 96 69")

# host -> device. All published, but the checksum of "newest address" and the frame for 115200 baud, computed.
COMMANDS = {
    (0x10, 0xFF, b""): "AA AA AA 96 69 00 03 10 FF EC",
    (0x11, 0xFF, b""): "AA AA AA 96 69 00 03 11 FF ED",
    (0x12, 0xFF, b""): "AA AA AA 96 69 00 03 12 FF EE",
    (0x20, 0x01, b""): "AA AA AA 96 69 00 03 20 01 22",
    (0x20, 0x02, b""): "AA AA AA 96 69 00 03 20 02 21",
    (0x30, 0x01, b""): "AA AA AA 96 69 00 03 30 01 32",
    (0x30, 0x10, b""): "AA AA AA 96 69 00 03 30 10 23",
    (0x30, 0x03, b""): "AA AA AA 96 69 00 03 30 03 30",
    (0x60, 0x00, b""): "AA AA AA 96 69 00 03 60 00 63",
    (0x61, 0xFF, b"\x50"): "AA AA AA 96 69 00 04 61 FF 50 CA",
}
# device -> host. The first four published, the last two computed.
ANSWERS = {
    "AA AA AA 96 69 00 04 00 00 90 94": Answer(0x90, b""),
    "AA AA AA 96 69 00 08 00 00 9F 00 00 00 00 97": Answer(0x9F, bytes(4)),
    "AA AA AA 96 69 00 0C 00 00 90 00 00 00 00 00 00 00 00 9C": Answer(0x90, bytes(8)),
    "AA AA AA 96 69 00 04 00 00 80 84": Answer(0x80, b""),
    "AA AA AA 96 69 00 04 00 00 81 85": Answer(0x81, b""),
    "AA AA AA 96 69 00 04 00 00 41 45": Answer(0x41, b""),
}
# Printed in public examples, with checksums that are wrong (published as they stand).
BROKEN = ("AA AA AA 96 69 00 03 20 01 21", "AA AA AA 96 69 00 03 20 00 22")

# The 1295-byte answers, computed: head and lengths, the text as written here, a picture of zeros, the checksum.
TEXT_MAN = (
    "测试甲            " + "1" + "01" + "19491231" + "江西省南昌市示例路1号".ljust(35) + MAN + "示例公安局".ljust(15)
    + "20100101" + "20300101" + " " * 18
)  # fmt: skip
TEXT_WOMAN = (
    "测试乙            " + "2" + "01" + "18800101" + "江西省南昌市示例路1号".ljust(35) + WOMAN + "示例公安局".ljust(15)
    + "20100101" + "长期      " + " " * 18
)  # fmt: skip
GOLDEN_READS = {
    MAN: (TEXT_MAN, 0x7E, ("测试甲", "20300101")),
    WOMAN: (TEXT_WOMAN, 0xD6, ("测试乙", "")),
}


def golden_read(number: str) -> bytes:
    text, check, _ = GOLDEN_READS[number]
    return HEAD + bytes.fromhex("05 08 00 00 90 01 00 04 00") + text.encode("utf-16-le") + bytes(1024) + bytes([check])


def sam(body: str | bytes) -> bytes:
    return emulator.framed(bytes.fromhex(body) if isinstance(body, str) else body)


def frames(data: bytes, piece: int) -> list[Answer]:
    codec = Codec()
    return [answer for start in range(0, len(data), piece) for answer in codec.feed(data[start : start + piece])]


@pytest.mark.parametrize(("asked", "golden"), COMMANDS.items(), ids=str)
def test_commands_are_the_published_bytes(asked, golden):
    assert command(*asked) == bytes.fromhex(golden)


@pytest.mark.parametrize(("golden", "answer"), ANSWERS.items())
@pytest.mark.parametrize("piece", [1, 5, 4000])
def test_answers_are_read_from_the_published_bytes(golden, answer, piece):
    assert frames(bytes.fromhex(golden) * 2, piece) == [answer, answer]


@pytest.mark.parametrize("golden", BROKEN)
def test_a_published_frame_with_a_broken_checksum_is_refused(golden):
    data = bytes.fromhex(golden)
    assert xor(data[5:]) != 0
    assert frames(data * 3, 1) == []
    assert frames(sam("00 01 90") + sam("01 00 90"), 1) == []
    # The same wrong sum in an answer of the right length.
    assert frames(HEAD + bytes.fromhex("00 04 00 00 90 95"), 1) == []


@pytest.mark.parametrize("number", GOLDEN_READS)
def test_the_1295_byte_answer_gives_number_name_and_expiry(number):
    frame = golden_read(number)
    assert len(frame) == 1295
    (answer,) = frames(frame, 7)
    card = parse_card(card_text(answer.data))
    assert (card.number, (card.name, card.expires)) == (number, GOLDEN_READS[number][2])


@pytest.mark.parametrize("number", GOLDEN_READS)
def test_the_emulator_writes_the_golden_text(number):
    text, _, (name, expires) = GOLDEN_READS[number]
    # The golden cards' sex is not the one in their numbers; the emulator takes it from there, and nobody reads it.
    text = text[:15] + ("2" if number == MAN else "1") + text[16:]
    assert emulator.text_of(number, name, expires) == text.encode("utf-16-le")


def test_nothing_of_a_person_is_in_a_repr():
    (answer,) = frames(golden_read(MAN), 500)
    shown = repr(answer) + repr(parse_card(card_text(answer.data)))
    assert MAN not in shown
    assert "测试" not in shown
    assert "1101" not in shown


@pytest.mark.parametrize("finger", [0, 512, 1024])
def test_an_answer_with_a_fingerprint_has_one_length_more(finger):
    # 1297, 1809 and 2321 bytes as published; the third length is inferred from them.
    lengths = bytes.fromhex("01 00 04 00") + finger.to_bytes(2, "big")
    body = bytes.fromhex("00 00 90") + lengths + TEXT_MAN.encode("utf-16-le") + bytes(1024 + finger)
    frame = emulator.framed(body)
    assert len(frame) == 1297 + finger
    (answer,) = frames(frame, 512)
    assert parse_card(card_text(answer.data)).number == MAN


@pytest.mark.parametrize(
    "data", [b"", b"\x01", bytes(1284), b"\x01\x00\x04\x00" + bytes(1279), b"\x00\xff\x04\x01" + bytes(1280)]
)
def test_an_answer_that_is_laid_out_otherwise_is_refused(data):
    with pytest.raises(UnreadableCardError, match="not laid out"):
        card_text(data)


def changed_text(**fields: str) -> bytes:
    places = {
        "name": (0, 15),
        "birth": (18, 8),
        "number": (61, 18),
        "begins": (94, 8),
        "ends": (102, 8),
        "kind": (124, 1),
    }
    text = TEXT_MAN
    for key, value in fields.items():
        start, length = places[key]
        text = text[:start] + value.ljust(length) + text[start + length :]
    return text.encode("utf-16-le")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "I"}, "foreigner"),
        ({"kind": "J"}, "Hong Kong"),
        ({"kind": "Y"}, "kind that is not known"),
        ({"number": "110105194912310021"}, "last character"),
        ({"number": "11010519491231002x"}, "not 17 digits"),
        ({"number": "1101051949123100２X"}, "not 17 digits"),
        ({"number": "99010519491231002X"}, "province"),
        ({"birth": "19491230"}, "day of birth"),
        ({"birth": "19491331", "number": "110105194913310026"}, "calendar|last character"),
        ({"begins": "2010010", "ends": "20300101"}, "8 digits"),
        ({"ends": "20300231"}, "calendar"),
        ({"ends": "20091231"}, "before it begins"),
        ({"name": ""}, "name"),
    ],
)
def test_a_card_that_is_not_right_in_every_point_is_refused_without_its_number(fields, why):
    with pytest.raises(UnreadableCardError, match=why) as refused:
        parse_card(changed_text(**fields))
    assert MAN[:8] not in str(refused.value)


@pytest.mark.parametrize("number", [MAN, WOMAN])
def test_the_examples_of_the_standard_have_their_check_character(number):
    assert check_character(number[:17]) == number[17]


@given(st.text("0123456789", min_size=17, max_size=17), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_always_changes_the_check_character(first17, place, more):
    wrong = first17[:place] + str((int(first17[place]) + more) % 10) + first17[place + 1 :]
    assert check_character(wrong) != check_character(first17)


@given(st.binary(max_size=3000))
def test_the_fast_xor_is_the_slow_one(data):
    slow = 0
    for byte in data:
        slow ^= byte
    assert xor(data) == slow


@given(st.binary(max_size=256))
def test_any_bytes_are_a_card_or_refused(data):
    for text in (data, data.ljust(256, b"\0"), changed_text()[: 256 - len(data)] + data):
        try:
            card = parse_card(text)
        except UnreadableCardError:
            continue
        assert card.number == MAN


@given(st.lists(st.binary(max_size=40) | st.sampled_from([HEAD, HEAD + b"\x09\x0a", *map(bytes.fromhex, ANSWERS)])))
def test_the_codec_gives_only_sound_answers_and_keeps_one_frame_at_most(pieces):
    codec = Codec()
    seen = b"".join(pieces)
    for piece in pieces:
        for answer in codec.feed(piece):
            assert sam(bytes((0, 0, answer.status)) + answer.data) in seen
        assert codec.waiting_bytes < LONGEST_FRAME


def test_a_good_answer_follows_after_garbage_and_false_heads():
    good = bytes.fromhex("AA AA AA 96 69 00 04 00 00 90 94")
    for before in (b"\xff" * 50, HEAD, HEAD + b"\x00\x04", b"\xaa" * 9, HEAD[:3], good[:-1]):
        # A head that promises a frame first takes what it promised.
        assert Answer(0x90, b"") in frames(before + good * 3, 3)
