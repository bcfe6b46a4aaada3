"""The serial families, byte by byte: golden frames, hostile streams, stated limits."""

from collections.abc import Iterable
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.emulators.thermometer_module import Seen
from drivers.emulators.thermometers import lu90614 as lu90614_device
from drivers.thermometer.models import gy614v3, gy9061x, lu90614
from drivers.thermometer.scan import Frame, FrameScanner, sum8
from tests.drivers.thermometers import MODELS

# Without a checksum other proof is needed, which those families' own tests look at.
NAMES = sorted(name for name, model in MODELS.items() if getattr(model.codec(), "has_checksum", False))
MODULES = {name: import_module(f"drivers.emulators.thermometers.{name}").Device for name in NAMES}
# Families whose own test files hold their golden frames are fed with what their emulated modules send.
SENT = {name: [MODULES[name](streaming=True).frame(Seen(33.2, 18.4, 36.4))] for name in NAMES}
Lu90614 = lu90614_device.Device

# command, the bytes, where they come from
COMMANDS = [
    (gy9061x.STREAM, "A5 45 EA", "published by shops and in public code"),
    (gy9061x.QUERY, "A5 15 BA", "published by shops and in public code"),
    (gy9061x.BAUD_9600, "A5 AE 53", "published by shops and in public code"),
    (gy9061x.BAUD_115200, "A5 AF 54", "published by shops and in public code"),
    (gy9061x.STREAM_AT_POWER_UP, "A5 51 F6", "published by shops and in public code"),
    (gy9061x.SILENT_AT_POWER_UP, "A5 52 F7", "published by shops and in public code"),
    (gy614v3.QUERY_MODE, "A4 06 03 01 AE", "published on the vendor's page"),
    (gy614v3.write_register(gy614v3.BAUD_REGISTER, 6), "A4 06 01 06 B1", "published on the vendor's page"),
    (gy614v3.SAVE, "A4 06 05 55 04", "computed from the vendor's register table"),
    (gy614v3.FACTORY_RESET, "A4 06 05 AA 59", "computed from the vendor's register table"),
    (gy614v3.write_register(gy614v3.EMISSIVITY_REGISTER, 95), "A4 06 07 5F 10", "computed from the register table"),
    (gy614v3.READ_TEMPERATURES_AND_CHIP, "A4 03 08 07 B6", "computed from the vendor's register table"),
    (gy614v3.READ_TEMPERATURES, "A4 03 08 06 B5", "computed from the vendor's register table"),
    (gy614v3.READ_EMISSIVITY_AND_TEMPERATURES, "A4 03 07 07 B5", "computed from the vendor's register table"),
    (lu90614.BODY_MODE, "FA C5 BF", "published in the module's manual"),
    (lu90614.OBJECT_MODE, "FA C6 C0", "published in the module's manual"),
    (lu90614.MEASURE, "FA CA C4", "published in the module's manual"),
]

# model, the bytes, (object, ambient, body, mode), where they come from
FRAMES = [
    ("gy9061x", "5A 5A 45 04 0E 42 08 52 A7", (36.5, 21.3, None, "surface"), "computed"),
    ("gy9061x", "5A 5A 45 04 0C F5 FF 06 03", (33.17, -2.5, None, "surface"), "computed"),
    ("gy614v3", "A4 03 07 07 5F 0C F8 07 30 0E 38 95", (33.2, 18.4, 36.4, "surface"), "computed, head inferred"),
    ("gy614v3", "A4 03 08 06 0C F8 07 30 0E 38 36", (33.2, 18.4, 36.4, "surface"), "computed from the register table"),
    ("lu90614", "FE AC 28 1E 00 00 00 00 F0", (None, None, 40.3, "body"), "published in the module's manual"),
    ("lu90614", "FE AA 28 1E 00 00 00 00 EE", (40.3, None, None, "surface"), "published in the module's manual"),
    ("lu90614", "FE AC 24 3A 00 00 00 00 08", (None, None, 36.58, "body"), "computed"),
]
GOLDEN = {name: [bytes.fromhex(text) for model, text, _, _ in FRAMES if model == name] or SENT[name] for name in NAMES}

# Their frames carry what they see in hundredths and nothing else; what others make of it is in their own test files.
HUNDREDTHS = sorted({model for model, _, _, _ in FRAMES})


def codec(name: str) -> FrameScanner:
    return MODELS[name].codec()


def values(frame: Frame) -> tuple[float | None, float | None, float | None, str]:
    return frame.object_c, frame.ambient_c, frame.body_c, frame.mode


def fed(scanner: FrameScanner, pieces: Iterable[bytes]) -> list[Frame]:
    return [frame for piece in pieces for frame in scanner.feed(piece)]


@pytest.mark.parametrize(("command", "text", "source"), COMMANDS)
def test_a_command_has_the_known_bytes(command, text, source):
    assert command == bytes.fromhex(text), source


@pytest.mark.parametrize(("name", "text", "expected", "source"), FRAMES)
def test_a_golden_frame_reads_as_its_values(name, text, expected, source):
    raw = bytes.fromhex(text)
    (frame,) = codec(name).feed(raw)
    assert values(frame) == expected, source
    assert frame.raw == raw


@pytest.mark.parametrize(
    ("name", "seen", "text"),
    [
        ("gy9061x", Seen(36.5, 21.3, 0), "5A 5A 45 04 0E 42 08 52 A7"),
        ("gy9061x", Seen(33.17, -2.5, 0), "5A 5A 45 04 0C F5 FF 06 03"),
        ("gy614v3", Seen(33.2, 18.4, 36.4), "A4 03 07 07 5F 0C F8 07 30 0E 38 95"),
    ],
)
def test_the_emulated_module_sends_the_golden_frame(name, seen, text):
    assert MODULES[name](streaming=True).frame(seen) == bytes.fromhex(text)


@pytest.mark.parametrize(
    ("mode_command", "text"),
    [(lu90614.BODY_MODE, "FE AC 28 1E 00 00 00 00 F0"), (lu90614.OBJECT_MODE, "FE AA 28 1E 00 00 00 00 EE")],
)
def test_the_emulated_lu90614_answers_in_the_mode_it_was_told(mode_command, text):
    seen = Seen(40.3, 20.0, 40.3)
    assert Lu90614(streaming=False).hear(mode_command + lu90614.MEASURE, seen) == [bytes.fromhex(text)]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("A4 03 08 06 B5", "A4 03 08 06 0C F8 07 30 0E 38 36"),
        ("A4 03 07 07 B5", "A4 03 07 07 5F 0C F8 07 30 0E 38 95"),
        ("A4 06 03 01 AE", "A4 06 03 01 AE"),
    ],
)
def test_the_emulated_gy614v3_answers_reads_and_echoes_writes(command, answer):
    module = MODULES["gy614v3"](streaming=True)
    assert module.hear(bytes.fromhex(command), Seen(33.2, 18.4, 36.4)) == [bytes.fromhex(answer)]


def test_a_frame_whose_checksum_is_off_by_one_is_never_a_reading():
    scanner = codec("gy9061x")
    assert scanner.feed(bytes.fromhex("5A 5A 45 04 0E 42 08 52 A8")) + scanner.end_burst() == []
    assert scanner.counters.checksum_bad == 1
    assert scanner.counters.resync_bytes == 9


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_frame_is_never_a_reading(name):
    for raw in GOLDEN[name]:
        for length in range(len(raw)):
            scanner = codec(name)
            assert scanner.feed(raw[:length]) + scanner.end_burst() == []


@pytest.mark.parametrize("name", NAMES)
def test_no_single_changed_bit_makes_another_reading(name):
    for raw in GOLDEN[name]:
        for bit in range(8 * len(raw)):
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            scanner = codec(name)
            assert scanner.feed(bytes(changed)) + scanner.end_burst() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_of_another_type_is_counted_and_no_reading(name):
    scanner = codec(name)
    assert scanner.feed(MODULES[name](streaming=True).wrong_type()) == []
    assert scanner.counters.wrong_type == 1


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("gy9061x", "5A 5A 45 05 01 0E 42 08 52 A9", "a longer frame, whose layout nobody has published"),
        ("gy614v3", "A4 03 0A 02 07 30 EA", "registers without the object"),
        ("gy614v3", "A4 06 07 5F 10", "the echo of a write"),
        ("lu90614", "FE AC 24 64 00 00 00 00 32", "a hundred hundredths"),
        ("lu90614", "FE AC 43 00 00 00 00 11 FE", "36.67 C with a byte lost, whose sum is right by chance"),
    ],
)
def test_a_right_checksum_alone_does_not_make_a_reading(name, text, why):
    raw = bytes.fromhex(text)
    assert sum8(raw[:-1]) == raw[-1]
    scanner = codec(name)
    assert scanner.feed(raw) == [], why
    assert scanner.counters.wrong_type == 1


def test_registers_are_found_by_the_start_and_count_of_the_frame():
    whole_bank = MODULES["gy614v3"](streaming=False).hear(gy614v3.read_registers(0, 16), Seen(33.2, 18.4, 36.4))
    (frame,) = codec("gy614v3").feed(whole_bank[0])
    assert values(frame) == (33.2, 18.4, 36.4, "surface")


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_behind_one_that_broke_off_comes_out_whole(name):
    for whole in GOLDEN[name]:
        for length in range(1, len(whole)):
            scanner = codec(name)
            frames = scanner.feed(whole[:length] + whole) + scanner.end_burst()
            assert [frame.raw for frame in frames] == [whole]


@given(name=st.sampled_from(HUNDREDTHS), data=st.data())
@settings(deadline=None)
def test_values_survive_the_way_over_the_line(name, data):
    centi_c = st.integers(0, 12_000) if name == "lu90614" else st.integers(-4_000, 12_000)
    object_c, ambient_c, body_c = (data.draw(centi_c) / 100 for _ in range(3))
    (frame,) = codec(name).feed(MODULES[name](streaming=True).frame(Seen(object_c, ambient_c, body_c)))
    model = MODELS[name]
    assert frame.object_c == object_c
    assert frame.ambient_c == (ambient_c if model.has_ambient else None)
    assert frame.body_c == (body_c if name == "gy614v3" else None)


@st.composite
def hostile_streams(draw, name):
    """Golden frames with bytes changed, lost and added, and plain noise."""
    stream = bytearray()
    for piece in draw(st.lists(st.sampled_from(GOLDEN[name]) | st.binary(max_size=30), max_size=12)):
        stream += piece
    for _ in range(draw(st.integers(0, 4)) if stream else 0):
        place = draw(st.integers(0, len(stream) - 1))
        stream[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
        stream = stream or bytearray(b"\0")
    return bytes(stream)


def cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]
    return [*pieces, stream]


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(deadline=None, max_examples=300)
def test_no_stream_raises_or_yields_a_wrong_checksum_or_fills_the_buffer(name, data):
    stream = data.draw(hostile_streams(name))
    sizes = data.draw(st.lists(st.integers(0, 40), max_size=20))
    scanner = codec(name)
    frames = []
    for piece in cut(stream, sizes):
        frames += scanner.feed(piece)
        assert scanner.waiting_bytes <= scanner.buffer_cap_bytes
    for frame in frames + scanner.end_burst():
        assert frame.raw in stream
        assert scanner.is_sound(frame.raw)
    assert scanner.waiting_bytes == 0


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(deadline=None)
def test_how_a_stream_is_cut_never_matters(name, data):
    stream = data.draw(hostile_streams(name))
    sizes = data.draw(st.lists(st.integers(0, 40), max_size=20))
    whole, torn, single = codec(name), codec(name), codec(name)
    expected = whole.feed(stream)
    assert fed(torn, cut(stream, sizes)) == expected
    assert fed(single, [bytes((byte,)) for byte in stream]) == expected
    assert whole.counters == torn.counters == single.counters


@given(name=st.sampled_from(NAMES), noise=st.binary(max_size=200))
@settings(deadline=None)
def test_no_noise_keeps_the_codec_from_finding_the_frames_after_it(name, noise):
    scanner = codec(name)
    scanner.feed(noise)
    good = GOLDEN[name][0]
    frames = scanner.feed(good * 5)
    assert [frame.raw for frame in frames[-2:]] == [good, good]


@given(name=st.sampled_from(NAMES), data=st.data())
@settings(deadline=None)
def test_every_byte_is_accounted_for(name, data):
    stream = data.draw(hostile_streams(name))
    scanner = codec(name)
    good_bytes = sum(len(frame.raw) for frame in scanner.feed(stream) + scanner.end_burst())
    assert good_bytes + scanner.counters.resync_bytes == len(stream)
