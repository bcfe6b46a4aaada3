"""Modbus thermometers, byte by byte: golden frames, the maps that are data, and what a device may answer instead."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_module import Seen
from drivers.emulators.thermometer_scene import Change
from drivers.emulators.thermometers.modbus_ir import Device
from drivers.errors import OptionError
from drivers.modbus_rtu import WRITE_REGISTER, exception_reply, is_sound, registers_reply, request
from drivers.thermometer import model_of, open_thermometer, reopening
from drivers.thermometer.models import modbus_ir
from drivers.thermometer.register_map import our_maps, register_map

MAPS = ("calex_pmb", "mq485a", "pyrousb")

# what is asked, the bytes, where they come from
COMMANDS = [
    (modbus_ir.question(register_map("calex_pmb"), 1), "01 03 00 0B 00 07 75 CA", "computed from the register table"),
    (modbus_ir.question(register_map("pyrousb"), 1), "01 03 00 12 00 04 E4 0C", "computed from the register table"),
    (modbus_ir.question(register_map("mq485a"), 1), "01 03 00 00 00 08 44 0C", "published on the maker's page"),
    (request(1, WRITE_REGISTER, 8, 9800), "01 06 00 08 26 48 12 5E", "PyroUSB, emissivity 0.98; computed"),
    (request(0, WRITE_REGISTER, 0, 2), "00 06 00 00 00 02 09 DA", "MQ485A, new address 2; published"),
]
# map, the bytes, object, ambient, marks, where they come from
ANSWERS = [
    ("pyrousb", "01 03 08 01 6C 01 6D 00 D5 00 00 45 FD", 36.5, 21.3, (), "computed"),
    ("pyrousb", "01 03 08 FF 38 FF 38 00 D5 00 08 C6 E4", -20.0, 21.3, ("out_of_range",), "computed, sign assumed"),
    ("mq485a", "01 03 10 0A 13 0B FB" + " 00" * 12 + " 61 42", 25.79, 30.67, (), "published on the maker's page"),
    ("mq485a", "01 03 10 80 FA 08 52" + " 00" * 12 + " 31 60", -2.5, 21.3, (), "computed, sign published"),
]
REFUSAL = bytes.fromhex("01 83 02 C0 F1")


def codec(name: str, unit: int = 1) -> modbus_ir.Codec:
    return modbus_ir.Codec(register_map(name), unit)


def emulated(link: Path, name: str, **settings: object) -> ThermometerEmulator:
    return ThermometerEmulator("modbus_ir", link, EmulatorSettings(options={"map": name}, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(("command", "text", "source"), COMMANDS)
def test_a_command_has_the_known_bytes(command: bytes, text: str, source: str) -> None:
    assert command == bytes.fromhex(text), source


@pytest.mark.parametrize(("name", "text", "object_c", "ambient_c", "marks", "source"), ANSWERS)
def test_a_golden_answer_reads_as_its_values(
    name: str, text: str, object_c: float, ambient_c: float, marks: tuple[str, ...], source: str
) -> None:
    raw = bytes.fromhex(text)
    (frame,) = codec(name).feed(raw)
    assert (frame.object_c, frame.ambient_c, frame.body_c, frame.mode) == (object_c, ambient_c, None, "surface"), source
    assert (frame.marks, frame.raw) == (marks, raw)


def test_the_maps_that_come_with_it_are_these() -> None:
    assert our_maps() == MAPS


def test_every_map_is_read_with_its_own_registers() -> None:
    """The two maps of Calex look alike and are shifted: read with the other's, the sensor would be the status."""
    assert [(found.object, found.ambient, found.status) for found in map(register_map, MAPS)] == [
        (0x0F, 0x10, 0x11),
        (0, 1, None),
        (0x13, 0x14, 0x15),
    ]


@pytest.mark.parametrize("name", MAPS)
@given(object_c=st.integers(-200, 3000), ambient_c=st.integers(-200, 800))
def test_values_survive_the_way_over_the_line(name: str, object_c: int, ambient_c: int) -> None:
    device = Device(streaming=False, options={"map": name})
    (answer,) = device.hear(modbus_ir.question(register_map(name), 1), Seen(object_c / 10, ambient_c / 10, 0.0))
    (frame,) = codec(name).feed(answer)
    assert (frame.object_c, frame.ambient_c) == (object_c / 10, ambient_c / 10)


@pytest.mark.parametrize("bit", range(5))
@pytest.mark.parametrize(("name", "place"), [("calex_pmb", 6), ("pyrousb", 3)])
def test_each_bit_of_the_status_takes_the_value_away(name: str, place: int, bit: int) -> None:
    registers = [365] * register_map(name).count
    registers[place] = 1 << bit
    (frame,) = codec(name).feed(registers_reply(1, 3, tuple(registers)))
    assert frame.marks == ("out_of_range",)


def test_the_averaged_and_held_value_is_never_taken() -> None:
    (frame,) = codec("calex_pmb").feed(registers_reply(1, 3, (400, 400, 400, 400, 365, 213, 0)))
    assert frame.object_c == 36.5


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (registers_reply(2, 3, (365,) * 4), "another unit"),
        (registers_reply(1, 4, (365,) * 4), "another function"),
        (registers_reply(1, 3, (365,) * 3), "fewer registers than were asked for"),
        (registers_reply(1, 3, (365,) * 5), "more registers than were asked for"),
    ],
)
def test_an_answer_to_another_question_is_no_reading(raw: bytes, why: str) -> None:
    assert is_sound(raw)
    one = codec("pyrousb")
    assert one.feed(raw) + one.end_burst() == [], why


def test_a_refusal_is_no_reading_and_is_told_in_words() -> None:
    assert exception_reply(1, 3, 2) == REFUSAL
    one = codec("calex_pmb")
    assert one.feed(REFUSAL) == []
    assert one.counters.wrong_type == 1
    assert one.note == "function 03 refused: illegal data address (code 2); is it the right map?"
    one.feed(registers_reply(1, 3, (365,) * 6 + (0,)))
    assert one.note == ""


@pytest.mark.parametrize("name", MAPS)
def test_the_emulated_device_is_read_through_its_own_map(name: str, tmp_path: Path) -> None:
    start = Change(object_c=33.2, ambient_c=-4.5)
    with emulated(tmp_path / "port", name, start=start, jitter_c=0.0) as device:
        thermometer = open_thermometer("modbus_ir", device.options)
        reading = thermometer.read(3.0)
        thermometer.close()
    assert reading is not None
    assert (reading.object_c, reading.ambient_c, reading.quality) == (33.2, -4.5, ("ok",))


def test_a_device_that_says_it_cannot_measure_is_out_of_range(tmp_path: Path) -> None:
    with emulated(tmp_path / "port", "calex_pmb", start=Change(object_c=-30.0)) as device:
        thermometer = open_thermometer("modbus_ir", device.options)
        reading = thermometer.read(3.0)
        thermometer.close()
    assert reading is not None
    assert reading.quality == ("out_of_range",)


def test_the_wrong_map_gives_no_reading_and_says_why(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text((Path(modbus_ir.__file__).parents[1] / "maps" / "calex_pmb.toml").read_text().replace("0x", "0x4"))
    with emulated(tmp_path / "port", "calex_pmb") as device:
        thermometer = open_thermometer("modbus_ir", {**device.options, "map": str(own)})
        assert thermometer.read(0.8) is None
        assert "illegal data address" in thermometer.note
        thermometer.close()
        patient = reopening("modbus_ir", {**device.options, "map": str(own)})
        assert patient.note == ""
        assert patient.read(0.8) is None
        assert "illegal data address" in patient.note
        patient.close()


def test_the_line_is_quiet_for_three_and_a_half_characters_before_a_question() -> None:
    for baud, silence_s in ((9600, 0.004), (2400, 0.016)):
        model, _ = model_of("modbus_ir", {"port": "x", "map": "mq485a", "baud": baud})
        assert silence_s <= model.gap_s < silence_s + 0.001


def test_a_whole_bank_of_registers_is_waited_for() -> None:
    model, _ = model_of("modbus_ir", {"port": "x", "map": "calex_pmb"})
    assert model.answer_s >= 0.02 + 19 * 10 / 9600
    assert max(model.bauds) == 9600


OWN = """
function = 4
start = 100
count = 3
object = 100
units_per_c = 10
sign = "unsigned"
bauds = [19200]
object_range_c = [0, 100]
"""


def test_an_installers_own_map_is_a_file_with_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    model, _ = model_of("modbus_ir", {"port": "x", "map": str(path), "unit": 7})
    assert (model.bauds, model.has_ambient, model.object_range_c) == ((19200,), False, (0.0, 100.0))
    assert model.asks == (request(7, 4, 100, 3),)
    (frame,) = model.codec().feed(registers_reply(7, 4, (365, 0, 0)))
    assert (frame.object_c, frame.ambient_c) == (36.5, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("object = 100", "object = 99"), "object = 99 is not among the registers read, 100 to 102"),
        (("object = 100", "object = 100\nstatus = 103"), "status = 103 is not among"),
        (("sign = ", "sing = "), r"sing.*its keys are: function, start"),
        (('"unsigned"', '"none"'), "none"),
        (("count = 3", "count = 126"), "125"),
        (("object_range_c = [0, 100]", "object_range_c = [100, 0]"), "the lower end comes first"),
        (("function = 4", "function = 6"), "6"),
        (("bauds = [19200]", "bauds = []"), "bauds"),
        (("bauds", "bad_status_bits = [0]\nbauds"), "bad_status_bits without status"),
        (("function = 4", "function"), "mine.toml"),
        (("function = 4", "x = '\xff'"), "mine.toml"),
        (("function = 4", "#" * 17_000), "larger than 16384 bytes"),
    ],
)
def test_a_map_that_does_not_fit_is_named_with_what_is_wrong(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(*change), encoding="latin-1")
    with pytest.raises(OptionError, match=message) as refused:
        register_map(str(path))
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("calex", "'calex' is not known; known are: calex_pmb, mq485a, pyrousb; or the path of your own file"),
        ("/no/such/map.toml", "/no/such/map.toml: No such file"),
        ("./", "Is a directory"),
    ],
)
def test_a_map_that_is_not_there_is_named(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        model_of("modbus_ir", {"port": "x", "map": name})


def test_without_a_map_nothing_is_opened() -> None:
    with pytest.raises(OptionError, match="map"):
        model_of("modbus_ir", {"port": "x"})


def test_a_broadcast_is_obeyed_and_never_answered() -> None:
    device = Device(streaming=False, options={"map": "mq485a"})
    seen = Seen(36.5, 21.3, 36.5)
    assert device.hear(bytes.fromhex("00 06 00 00 00 02 09 DA"), seen) == []
    assert device.hear(request(1, 3, 0, 8), seen) == []
    assert len(device.hear(request(2, 3, 0, 8), seen)) == 1


@pytest.mark.parametrize("name", MAPS)
def test_only_a_device_that_says_its_type_is_recognised_so_that_no_other_map_is_guessed(name: str) -> None:
    device, recogniser = Device(streaming=False, options={"map": name}), modbus_ir.recognise()
    seen = Seen(36.5, 21.3, 36.5)
    known = [recogniser.feed(b"".join(device.hear(question, seen))) for question in recogniser.questions]
    assert known == [False, name == "calex_pmb"]


@pytest.mark.parametrize("stream", ["clean", "noise", "heads"])
def test_the_codec_is_fifty_times_faster_than_its_line(stream: str) -> None:
    answer = registers_reply(1, 3, (365,) * 6 + (0,))
    data = {"clean": answer * 5000, "noise": bytes(range(256)) * 400, "heads": answer[:3] * 30_000}[stream]
    one = codec("calex_pmb")
    began_s = time.process_time()
    for start in range(0, len(data), 64):
        one.feed(data[start : start + 64])
    assert len(data) / (time.process_time() - began_s) > 50 * 960
