"""The search for devices: who speaks is known by its frames, nothing is written unasked, and noise is nobody."""

from __future__ import annotations

import os
import random
import threading
import tty
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from drivers import recognise
from drivers.barrier.lcus_frames import FrameReader, switch
from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator
from drivers.emulators.thermometer_module import Seen
from drivers.finding import driver_module
from drivers.modbus_rtu import is_sound
from drivers.ports import PortFound, is_held, list_cameras
from drivers.recognise import Recogniser, ThermometerRecogniser, bauds, candidates, recognisers
from drivers.search import Patience, search_port
from drivers.serial_port import SerialPort
from tests.drivers.thermometers import MODELS

SHORT = Patience(listen_s=0.15, listen_on_s=0.5, answer_s=0.1)
# GY-MCU90614 at 25.00 and 22.00 C: head, type, length, two big-endian values, sum.
FRAME = bytes.fromhex("5A5A450409C40898") + bytes((0x6A,))


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """Both ends of a pseudo-terminal: the device's descriptor, and the path of the port."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_the_frame_of_these_tests_is_sound() -> None:
    assert sum(FRAME[:-1]) & 0xFF == FRAME[-1]


def test_what_speaks_by_itself_is_known_without_a_word_to_it(line: tuple[int, str]) -> None:
    master, path = line
    stop = threading.Event()

    def speak() -> None:
        while not stop.wait(0.05):
            os.write(master, FRAME)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        found = search_port(path, at=(9600,))
    finally:
        stop.set()
        speaker.join()
    assert found.profile is not None
    assert (found.profile.name, found.baud, found.asked) == ("gy9061x", 9600, False)
    with pytest.raises(BlockingIOError):
        os.read(master, 1)


def test_a_silent_device_is_sent_nothing_unless_that_was_allowed(line: tuple[int, str]) -> None:
    master, path = line
    quiet = search_port(path, at=(9600,), patience=SHORT)
    assert (quiet.profile, quiet.heard) == (None, 0)
    with pytest.raises(BlockingIOError):
        os.read(master, 1)
    search_port(path, ask=True, at=(9600,), patience=SHORT)
    assert os.read(master, 4096)


def test_what_must_be_asked_is_found_by_asking(tmp_path: Path) -> None:
    link = tmp_path / "port"
    with ThermometerEmulator("lu90614", link, EmulatorSettings()):
        assert search_port(str(link), at=(9600,), patience=SHORT).profile is None
        found = search_port(str(link), ask=True, at=(9600,), patience=Patience(0.1, 0.3, 0.4))
    assert found.profile is not None
    assert (found.profile.name, found.baud, found.asked) == ("lu90614", 9600, True)


def test_a_port_that_another_program_holds_is_left_alone(line: tuple[int, str]) -> None:
    master, path = line
    port = SerialPort(path, 9600, "its owner")
    try:
        os.write(master, b"for the owner")
        assert is_held(path)
        found = search_port(path, ask=True, at=(9600,))
        assert port.read(64, 1.0) == b"for the owner"
    finally:
        port.close()
    assert found.held
    assert not is_held(path)


def test_a_port_that_is_not_there_is_an_error_and_no_crash(tmp_path: Path) -> None:
    assert "nothing-here" in search_port(str(tmp_path / "nothing-here")).error


def test_one_frame_alone_is_not_yet_a_device() -> None:
    one = ThermometerRecogniser(MODELS["gy9061x"])
    assert not one.feed(FRAME)
    assert one.feed(FRAME)


def test_a_value_that_the_module_cannot_measure_proves_nothing() -> None:
    body = bytes.fromhex("5A5A4504") + (3000).to_bytes(2, "big") + (20_000).to_bytes(2, "big")
    frame = body + bytes((sum(body) & 0xFF,))
    assert not ThermometerRecogniser(MODELS["gy9061x"]).feed(frame * 5)


def own_questions() -> list[tuple[str, Recogniser]]:
    return [(profile.name, make()) for make, profile in recognisers()]


@pytest.mark.parametrize(("name", "recogniser"), own_questions())
def test_noise_is_nobody(name: str, recogniser: Recogniser) -> None:
    rng = random.Random(7)
    for question in recogniser.questions:
        if isinstance(recogniser, recognise.Asked):
            recogniser.asked(question)
    known = [recogniser.feed(rng.randbytes(97)) for _ in range(200)]
    assert not any(known), f"{name} took random bytes for its device"


@pytest.mark.parametrize("name", [name for name, model in sorted(MODELS.items()) if model.streams])
def test_what_one_thermometer_sends_is_no_other_device(name: str) -> None:
    module = import_module(f"drivers.emulators.thermometers.{name}")
    device = module.Device(True, driver_module("thermometer", name).PROFILE.example)
    frames = [device.frame(Seen(object_c=30 + n / 4, ambient_c=20 + n / 7, body_c=36 + n / 9)) for n in range(24)]
    known = set()
    for make, profile in recognisers():
        recogniser = make()
        if any(recogniser.feed(frame) for frame in frames):
            known.add(profile.name)
    assert known == {name}


def test_every_thermometer_can_be_recognised_at_one_of_its_bauds() -> None:
    known = {profile.name for _, profile in recognisers()}
    assert known >= {"gy614v3", "gy9061x", "lu90614"}
    for baud in bauds():
        assert candidates(baud)


def test_a_name_holds_when_it_is_a_link_or_the_port_is_built_in() -> None:
    assert PortFound("/dev/ttyUSB0", "/dev/serial/by-id/usb-X-if00", "0403:6001").name_holds
    assert PortFound("/dev/ttyAMA0", "/dev/ttyAMA0").name_holds
    assert not PortFound("/dev/ttyUSB0", "/dev/ttyUSB0", "1A86:7523").name_holds


def test_of_a_cameras_nodes_only_the_one_with_pictures_is_listed(tmp_path: Path) -> None:
    for name, index in (("video0", "0"), ("video1", "1"), ("video10", "0"), ("radio0", "0")):
        node = tmp_path / "class" / name
        node.mkdir(parents=True)
        (node / "index").write_text(f"{index}\n")
        (node / "name").write_text("USB Camera\n")
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-Maker_Camera-video-index0").symlink_to("/dev/video0")
    found = list_cameras(tmp_path / "class", by_id, tmp_path / "none")
    assert [(one.device, one.stable) for one in found] == [
        ("/dev/video0", str(by_id / "usb-Maker_Camera-video-index0")),
        ("/dev/video10", "/dev/video10"),
    ]


def test_no_question_is_an_order_to_a_relay() -> None:
    """Whatever hangs on a port hears every question: none switches an LCUS board or writes to a Modbus device."""
    questions = [question for make, _ in recognisers() for question in make().questions]
    assert len(questions) > 5
    assert FrameReader().feed(b"".join(questions)) == []
    writes = {0x05, 0x06, 0x0F, 0x10, 0x16, 0x17}
    assert not [question.hex(" ") for question in questions if is_sound(question) and question[1] in writes]
    assert FrameReader().feed(b"".join((*questions, switch(0, on=True)))) == [(0, True)]
