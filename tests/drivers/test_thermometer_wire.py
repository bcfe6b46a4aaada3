"""The driver against the emulated modules over a real pseudo-terminal, on good and bad lines."""

import os
import socket
import termios
import threading
import time
import tty
from pathlib import Path
from typing import get_args

import pytest

from drivers.emulators.thermometer import EmulatorSettings, ThermometerEmulator, run_foreground
from drivers.emulators.thermometer_scene import FAULTS, Beside, Change
from drivers.errors import DeviceGoneError, OptionError
from drivers.finding import driver_module
from drivers.protocols import Reading
from drivers.thermometer import ReconnectingThermometer, open_thermometer, reopening
from drivers.thermometer.capture import CAPTURE_CAP_BYTES
from drivers.thermometer.models import gy9061x
from tests.drivers.thermometers import MODELS

NAMES = sorted(MODELS)
# Where nothing proves an answer but its form, noise all around it leaves no reading: see those families' own tests.
CHECKED = [name for name in NAMES if getattr(MODELS[name].codec(), "has_checksum", False)]
# A whole picture takes 6 s at 2400 baud.
PICTURES = {"gy90640"}
LIMIT_S = 5.0
MARKS = ("ok", "out_of_range", "stuck", "mode_mismatch", "no_face")

# Name of the line, how the emulator behaves on it.
LINES = {
    "whole": {"split": "whole"},
    "one byte at a time": {"split": "bytes"},
    "torn": {"split": "torn"},
    "noisy": {"start": Change(fault="noise_ff"), "fault_every": 1},
    "delayed": {"split": "bytes", "baud": 2400, "delay_s": 0.08},
}
# Faults between which good frames still come through.
PASSING_FAULTS = [
    "dropped_byte",
    "flipped_bit",
    "doubled_header",
    "stale_repeat",
    "garbage_before_header",
    "wrong_type",
    "glued",
    "noise_ff",
]


@pytest.fixture
def link(tmp_path) -> Path:
    return tmp_path / "thermometer"


def emulated(name: str, link: Path, **settings) -> ThermometerEmulator:
    settings = {"baud": 115200, "rate_hz": 50, **settings}
    if name in PICTURES:
        settings["baud"] = max(MODELS[name].bauds)
    return ThermometerEmulator(name, link, EmulatorSettings(options=example(name), **settings))


def example(name: str) -> dict[str, object]:
    """The options without which the driver does not know what it has before it."""
    return dict(driver_module("thermometer", name).PROFILE.example)


def options(link: Path, **more) -> dict[str, object]:
    return {"port": str(link), "poll_ms": 50, **more}


def read_some(thermometer, count: int) -> list[Reading]:
    readings = [thermometer.read(LIMIT_S) for _ in range(count)]
    assert None not in readings
    return readings


def seen_c(reading: Reading) -> float:
    return reading.body_c if reading.object_c is None else reading.object_c


def read_until(thermometer, holds, limit_s: float = LIMIT_S) -> Reading:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        reading = thermometer.read(limit_s)
        if reading is not None and holds(reading):
            return reading
    raise AssertionError("no such reading in time")


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name in NAMES for line in LINES if line != "noisy" or name in CHECKED]
)
def test_readings_come_over_every_line(name, line, link):
    with emulated(name, link, **LINES[line]):
        thermometer = open_thermometer(name, options(link, **example(name)))
        readings = read_some(thermometer, 6)
        thermometer.close()
    for reading in readings:
        assert reading.quality == ("ok",)
        assert seen_c(reading) == pytest.approx(36.4 if name == "lu90614" else 33.2, abs=0.15)
        assert (reading.ambient_c is not None) == MODELS[name].has_ambient
        assert (reading.body_c is not None) == MODELS[name].has_body
        assert reading.model == name


@pytest.mark.parametrize("fault", PASSING_FAULTS)
@pytest.mark.parametrize("name", CHECKED)
def test_a_bad_frame_is_no_reading_and_the_good_ones_go_on(name, fault, link):
    # A polled module costs a time-out per lost answer.
    polled = not MODELS[name].streams
    every = 3 if polled else 2
    with emulated(name, link, start=Change(fault=fault), fault_every=every, rate_hz=100):
        thermometer = open_thermometer(name, options(link, **example(name)))
        readings = read_some(thermometer, 3 if polled else 8)
        thermometer.close()
    for reading in readings:
        assert MODELS[name].codec().is_sound(reading.raw)
        assert seen_c(reading) == pytest.approx(36.4 if name == "lu90614" else 33.2, abs=0.15)


@pytest.mark.parametrize("name", ["gy614v3", "gy9061x"])
def test_a_module_that_waits_to_be_asked_is_asked(name, link):
    with emulated(name, link, streaming=False):
        thermometer = open_thermometer(name, options(link, **example(name)))
        assert len(read_some(thermometer, 5)) == 5
        thermometer.close()


def test_the_lu90614_is_switched_to_the_mode_of_the_options(link):
    with emulated("lu90614", link):
        thermometer = open_thermometer("lu90614", options(link, mode="object"))
        (reading,) = read_some(thermometer, 1)
        thermometer.close()
    assert (reading.mode, reading.body_c, reading.quality) == ("surface", None, ("ok",))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("gy9061x", "silence"),
        ("gy9061x", "half_frame_then_silence"),
        ("gy9061x", "wrong_baud_garbage"),
        ("gy9061x", "bad_checksum"),
        ("gy9061x", "only_ff"),
        ("lu90614", "bad_checksum"),
        ("lu90614", "silence"),
    ],
)
def test_without_good_frames_there_is_no_reading_and_the_silence_is_known(name, fault, link):
    with emulated(name, link) as emulator:
        thermometer = open_thermometer(name, options(link, **example(name)))
        read_some(thermometer, 1)
        assert not thermometer.is_stale
        emulator.set(fault=fault)
        # One frame may still be under way.
        thermometer.read(0.1)
        assert thermometer.read(0.8) is None
        assert thermometer.is_stale
        assert thermometer.silent_for_ms >= 600
        emulator.set(fault=None)
        read_some(thermometer, 2)
        assert not thermometer.is_stale
        thermometer.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_stuck_sensor_is_found_and_forgiven(name, link):
    # So much noise that a module which rounds to tenths moves as well.
    with emulated(name, link, jitter_c=0.1) as emulator:
        thermometer = open_thermometer(name, options(link, **example(name), stuck_after=5, stuck_after_s=0.0))
        assert {reading.quality for reading in read_some(thermometer, 8)} == {("ok",)}
        emulator.set(fault="stuck")
        read_until(thermometer, lambda reading: reading.quality == ("stuck",))
        emulator.set(fault=None)
        read_until(thermometer, lambda reading: reading.quality == ("ok",))
        thermometer.close()


@pytest.mark.parametrize("name", CHECKED)
def test_values_at_the_limits_never_break_the_driver(name, link):
    with emulated(name, link, start=Change(fault="limits")):
        thermometer = open_thermometer(name, options(link, **example(name)))
        marks = {reading.quality for reading in read_some(thermometer, 4)}
        thermometer.close()
    # 380 C does not fit into 16 signed hundredths: it arrives as -275.36 C, which no sensor can see.
    assert marks <= {("ok",), ("out_of_range",)}
    assert ("out_of_range",) in marks or name not in ("gy614v3", "gy9061x")


def test_nobody_in_front_reads_near_the_surroundings(link):
    with emulated("gy9061x", link, start=Change(object_c=None, ambient_c=12.0)):
        thermometer = open_thermometer("gy9061x", options(link))
        (reading,) = read_some(thermometer, 1)
        thermometer.close()
    assert reading.object_c == pytest.approx(12.3, abs=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_unplugging_raises_and_a_new_opening_reads_again(name, link):
    with emulated(name, link) as emulator:
        thermometer = open_thermometer(name, options(link, **example(name)))
        read_some(thermometer, 1)
        emulator.set(fault="unplug")
        with pytest.raises(DeviceGoneError, match=f"thermometer {name}"):
            read_until(thermometer, lambda reading: False)
        thermometer.close()
        thermometer.close()
        with pytest.raises(DeviceGoneError, match="is it plugged in"):
            open_thermometer(name, options(link, **example(name)))
        emulator.set(fault="replug")
        patient = reopening(name, options(link, **example(name)))
        assert patient.read(LIMIT_S) is not None
        patient.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_first_reading_comes_within_three_seconds_of_a_replug(name, link):
    with emulated(name, link) as emulator:
        thermometer = reopening(name, options(link, **example(name)))
        read_some(thermometer, 2)
        emulator.set(fault="unplug")
        end_s = time.monotonic() + LIMIT_S
        while thermometer.gone is None and time.monotonic() < end_s:
            thermometer.read(0.05)
        assert thermometer.gone is not None
        assert thermometer.read(0.5) is None
        emulator.set(fault="replug")
        replugged_s = time.monotonic()
        assert thermometer.read(3.0) is not None
        assert time.monotonic() - replugged_s <= 3.0
        assert thermometer.gone is None
        assert thermometer.silent_for_ms < 1000
        thermometer.close()


def test_closing_ends_a_read_in_another_thread(link):
    with emulated("gy9061x", link, start=Change(fault="silence")):
        thermometer = reopening("gy9061x", options(link))
        readings = []
        reader = threading.Thread(target=lambda: readings.append(thermometer.read(30.0)))
        reader.start()
        thermometer.close()
        reader.join(LIMIT_S)
        assert not reader.is_alive()
        assert readings == [None]
        thermometer.close()


class Terminal:
    """A pseudo-terminal written by the test itself."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)

    def close(self) -> None:
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def terminal():
    one = Terminal()
    yield one
    one.close()


class MovableClock:
    """Real time that a test can push forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


OLD = bytes.fromhex("5A 5A 45 04 0E 42 08 52 A7")
NEW = bytes.fromhex("5A 5A 45 04 0C F5 FF 06 03")


def test_what_waited_in_the_port_is_never_reported_as_new(terminal):
    clock = MovableClock()
    thermometer = open_thermometer("gy9061x", {"port": terminal.path}, clock)
    os.write(terminal.master, OLD * 3)
    assert thermometer.read(LIMIT_S).raw == OLD
    os.write(terminal.master, OLD * 3)
    clock.ahead_s += 10.0
    assert thermometer.read(0.1) is None
    os.write(terminal.master, NEW)
    assert thermometer.read(LIMIT_S).raw == NEW
    thermometer.close()


def test_half_a_frame_before_a_silence_is_not_joined_to_what_comes_after(terminal):
    clock = MovableClock()
    thermometer = open_thermometer("gy9061x", {"port": terminal.path}, clock)
    os.write(terminal.master, NEW + OLD[:5])
    assert thermometer.read(LIMIT_S).raw == NEW
    assert thermometer.read(0.7) is None
    assert thermometer.counters.resync_bytes == 5
    thermometer.close()


def test_the_other_baud_is_tried_after_a_second_and_what_has_come_is_kept(terminal):
    clock = MovableClock()
    thermometer = open_thermometer("gy9061x", {"port": terminal.path}, clock)
    assert thermometer.read(0.0) is None
    assert termios.tcgetattr(terminal.master)[5] == termios.B9600
    os.write(terminal.master, OLD[:4])
    assert thermometer.read(0.05) is None
    clock.ahead_s += 0.9
    assert thermometer.read(0.1) is None
    assert termios.tcgetattr(terminal.master)[5] == termios.B115200
    os.write(terminal.master, NEW)
    assert thermometer.read(LIMIT_S).raw == NEW
    assert thermometer.found_baud == 115200
    thermometer.close()


def test_a_module_that_took_the_place_of_one_at_another_baud_is_found(terminal):
    clock = MovableClock()
    thermometer = open_thermometer("gy9061x", {"port": terminal.path}, clock)
    os.write(terminal.master, OLD)
    assert thermometer.read(LIMIT_S).raw == OLD
    clock.ahead_s += 9.0
    assert thermometer.read(0.05) is None
    assert termios.tcgetattr(terminal.master)[5] == termios.B9600
    for _ in range(2):
        clock.ahead_s += 1.1
        assert thermometer.read(0.05) is None
    assert termios.tcgetattr(terminal.master)[5] == termios.B115200
    os.write(terminal.master, NEW)
    assert thermometer.read(LIMIT_S).raw == NEW
    assert thermometer.found_baud == 115200
    thermometer.close()


def test_a_second_program_cannot_open_the_same_port(terminal):
    thermometer = open_thermometer("gy9061x", {"port": terminal.path})
    with pytest.raises(DeviceGoneError, match="not in use by another program"):
        open_thermometer("gy9061x", {"port": terminal.path})
    thermometer.close()


def test_the_bytes_are_captured_as_they_came_up_to_the_stated_size(terminal, tmp_path):
    capture = tmp_path / "raw"
    capture.write_bytes(bytes(CAPTURE_CAP_BYTES - 12))
    thermometer = open_thermometer("gy9061x", {"port": terminal.path, "capture": str(capture)})
    os.write(terminal.master, b"\xff" + OLD + NEW)
    read_some(thermometer, 2)
    thermometer.close()
    assert capture.read_bytes()[-12:] == b"\xff" + OLD + NEW[:2]
    assert capture.stat().st_size == CAPTURE_CAP_BYTES


def test_a_module_that_answers_queries_only_to_the_byte_is_read(terminal):
    done = threading.Event()

    def answer_exact_queries() -> None:
        os.set_blocking(terminal.master, False)
        while not done.wait(0.005):
            try:
                heard = os.read(terminal.master, 3)
            except BlockingIOError:
                continue
            if heard == gy9061x.QUERY:
                os.write(terminal.master, OLD)

    answering = threading.Thread(target=answer_exact_queries)
    answering.start()
    thermometer = open_thermometer("gy9061x", {"port": terminal.path, "poll_ms": 50})
    assert {reading.raw for reading in read_some(thermometer, 4)} == {OLD}
    thermometer.close()
    done.set()
    answering.join()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("gy9061x", {}, "gy9061x.*port.*its options are: port, baud, mode"),
        ("gy9061x", {"port": "/dev/x", "boud": 9600}, "gy9061x.*boud.*its options are: port, baud"),
        ("gy9061x", {"port": "/dev/x", "baud": 9601}, "gy9061x.*9601.*baud"),
        ("gy9061x", {"port": "/dev/x", "mode": "body"}, "gy9061x.*mode.*leave it out"),
        ("lu90614", {"port": "/dev/x", "mode": "wrist"}, "lu90614.*wrist.*mode"),
        ("mlx", {"port": "/dev/x"}, "'mlx' is not known; known are: .*gy614v3, gy9061x.*, lu90614"),
    ],
)
def test_an_option_that_does_not_fit_is_named(name, given, message):
    with pytest.raises(OptionError, match=message):
        open_thermometer(name, given)


def test_a_capture_that_cannot_be_written_is_named(terminal, tmp_path):
    with pytest.raises(OptionError, match="capture"):
        open_thermometer("gy9061x", {"port": terminal.path, "capture": str(tmp_path / "no" / "raw")})
    open_thermometer("gy9061x", {"port": terminal.path}).close()


def test_reconnecting_waits_for_a_port_that_comes_late(link):
    thermometer: ReconnectingThermometer = reopening("gy9061x", options(link))
    assert thermometer.read(0.05) is None
    assert "thermometer gy9061x" in str(thermometer.gone)
    with emulated("gy9061x", link):
        assert thermometer.read(LIMIT_S) is not None
        thermometer.close()


def test_a_scenario_changes_the_scene_in_time(link, tmp_path):
    scenario = tmp_path / "scenario.jsonl"
    scenario.write_text('{"at_s": 0.2, "object_c": 38.5}\n\n{"at_s": 0, "object_c": 31.0, "ambient_c": 5}\n')
    with emulated("gy9061x", link, scenario=scenario):
        thermometer = open_thermometer("gy9061x", options(link))
        read_until(thermometer, lambda reading: abs(reading.object_c - 31.0) < 0.2)
        late = read_until(thermometer, lambda reading: abs(reading.object_c - 38.5) < 0.2)
        thermometer.close()
    assert late.ambient_c == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"object_c": 30}', "line 1.*at_s"), ('{"at_s": 1, "objekt_c": 30}', "line 1.*objekt_c"), ("{", "line 1")],
)
def test_a_scenario_that_does_not_fit_is_named_by_line(line, message, link, tmp_path):
    scenario = tmp_path / "scenario.jsonl"
    scenario.write_text(line)
    with pytest.raises(OptionError, match=message):
        emulated("gy9061x", link, scenario=scenario)


def test_datagrams_change_the_scene_and_a_bad_one_is_passed_over(link, tmp_path, caplog):
    control = tmp_path / "control"
    with emulated("gy614v3", link, control=control):
        thermometer = open_thermometer("gy614v3", options(link))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b'{"fault": "on fire"}', str(control))
            sender.sendto(b'{"object_c": 35.5, "body_c": 38.8}', str(control))
        reading = read_until(thermometer, lambda reading: abs(reading.object_c - 35.5) < 0.2)
        thermometer.close()
    assert reading.body_c == pytest.approx(38.8, abs=0.15)
    assert "on fire" in caplog.text
    assert not control.exists()


def test_an_unknown_change_is_refused(link):
    with emulated("gy9061x", link) as emulator, pytest.raises(OptionError, match="colour"):
        emulator.set(colour="red")


def test_a_start_that_does_not_fit_is_refused(link):
    with pytest.raises(OptionError, match=r"on fire.*half_frame_then_silence"):
        emulated("gy9061x", link, start=Change(fault="on fire"))


def test_the_emulator_never_overwrites_a_file(link):
    link.write_text("precious")
    with pytest.raises(FileExistsError, match="not a link"):
        emulated("gy9061x", link).start()
    assert link.read_text() == "precious"


def test_the_link_goes_with_the_emulator_and_stopping_twice_is_fine(link):
    emulator = emulated("gy9061x", link).start()
    assert os.readlink(link) == emulator.path
    emulator.stop()
    emulator.stop()
    assert not link.is_symlink()


def test_the_foreground_run_tells_its_path_and_ends_when_told(link):
    stop = threading.Event()
    paths = []

    def ready(path: str) -> None:
        paths.append((path, os.readlink(link)))
        stop.set()

    run_foreground("gy9061x", link, EmulatorSettings(), ready, stop)
    assert paths
    assert paths[0][0] == paths[0][1]


def test_every_fault_is_tried_above():
    outages = {
        "silence", "half_frame_then_silence", "wrong_baud_garbage", "bad_checksum", "only_ff", "stuck", "limits",
        "unplug",
    }  # fmt: skip
    assert set(FAULTS) == outages | set(PASSING_FAULTS)


OPTION_NAMES = {
    option for name in NAMES for option in driver_module("thermometer", name).Options.__struct_fields__
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({*NAMES, *FAULTS, *get_args(Beside), *OPTION_NAMES, *MARKS}))
def test_the_page_names_it(name):
    page = Path(__file__).parents[2] / "docs" / "thermometers.md"
    assert f"`{name}`" in page.read_text(encoding="utf-8")
