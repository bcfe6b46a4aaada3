"""Drivers are found by name, and checking what a gate file says of them loads nothing native."""

from __future__ import annotations

import subprocess
import sys

import pytest

from drivers import registry
from drivers.errors import OptionError

GOOD = {
    "camera": ("v4l2", {"device": "/dev/video0"}),
    "thermometer": ("gy614v3", {"port": "/dev/ttyUSB0"}),
    "board": ("modbus_relay", {"port": "/dev/ttyUSB1"}),
    "reader": ("gm65", {"port": "/dev/ttyUSB2"}),
}


@pytest.mark.parametrize("kind", registry.KINDS)
def test_good_options_pass_and_open_nothing(kind):
    driver, options = GOOD[kind]
    assert driver in registry.names(kind)
    registry.check_options(kind, driver, options)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_an_unknown_option_is_named_with_those_there_are(kind):
    driver, options = GOOD[kind]
    with pytest.raises(OptionError, match="colour") as caught:
        registry.check_options(kind, driver, {**options, "colour": "green"})
    assert driver in str(caught.value)
    assert next(iter(options)) in str(caught.value)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_an_unknown_driver_is_named_with_those_there_are(kind):
    with pytest.raises(OptionError, match="telepathy") as caught:
        registry.check_options(kind, "telepathy", {})
    assert all(name in str(caught.value) for name in registry.names(kind))


@pytest.mark.parametrize(
    ("driver", "options", "word"),
    [
        ("modbus_relay", {}, "port"),
        ("modbus_relay", {"port": "/dev/x", "unit": 0}, "unit"),
        ("modbus_relay", {"port": "/dev/x", "baud": "fast"}, "baud"),
        ("lcus", {"port": "/dev/x", "relays": 9}, "relays"),
        ("lcus", {"port": "/dev/x", "inputs": 8}, "inputs"),
        ("none", {"port": "/dev/x"}, "port"),
    ],
)
def test_a_wrong_board_option_is_named(driver, options, word):
    with pytest.raises(OptionError, match=word):
        registry.check_options("board", driver, options)


@pytest.mark.parametrize(
    ("kind", "driver", "key"),
    [
        ("board", "lcus", "port"),
        ("board", "tasmota", "host"),
        ("reader", "hid_wedge", "port"),
        ("reader", "hikvision", "user"),
        ("thermometer", "modbus_ir", "map"),
    ],
)
def test_a_control_character_is_refused_before_anything_is_opened(kind, driver, key):
    with pytest.raises(OptionError, match=f"{driver}.*{key}.*control character"):
        registry.check_options(kind, driver, {key: "/dev/x\0"})


def test_a_board_knows_its_size():
    assert registry.board_size("modbus_relay", {"port": "/dev/x", "inputs": 4}).inputs == 4
    assert registry.board_size("lcus", {"port": "/dev/x", "relays": 2}).relays == 2
    assert registry.board_size("lcus", {"port": "/dev/x"}).inputs == 0


def test_checking_every_kind_loads_no_native_code():
    program = (
        "import sys; from drivers import registry\n"
        f"for kind, (driver, options) in {GOOD!r}.items(): registry.check_options(kind, driver, options)\n"
        "loaded = {'cv2', 'zxingcpp', 'pyzbar', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
