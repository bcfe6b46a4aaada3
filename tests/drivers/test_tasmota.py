"""Tasmota's own words: PulseTime before every opening, POWER, STATUS 11."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.barrier import open_board
from drivers.barrier.models.tasmota import pulse_time, pulse_time_of
from drivers.emulators.catalogue import emulate
from drivers.errors import DeviceRefusedError, OptionError
from drivers.mqtt_port import Message
from tests.waiting import wait_for


@pytest.fixture
def device(tmp_path):
    try:
        with emulate("board", "tasmota", tmp_path) as device:
            yield device
    except OptionError as error:
        pytest.skip(str(error))


@pytest.fixture
def board(device):
    board = open_board("tasmota", device.options)
    yield board
    board.close()


def events(folder):
    return [json.loads(line)["event"] for line in (folder / "tasmota.log").read_text().splitlines()]


def test_a_relay_without_pulse_time_gets_one_when_the_gate_connects(device, board):
    assert device._logic.pulse_times == [10, 10]


@pytest.mark.parametrize(
    "noise",
    [
        b'{"a":"\xff"}',
        '{"PulseTime²":5}'.encode(),
        b'{"PulseTime' + b"9" * 5000 + b'":5}',
        b'{"PulseTime":' * 9000,
        b"",
    ],
)
def test_bytes_that_are_no_word_of_its_own_change_nothing(board, noise):
    before = dict(board._pulse_times)
    board._hear(Message("stat/x/RESULT", noise, False))
    assert board._pulse_times == before


def test_a_pulse_time_that_somebody_has_set_stays_until_another_is_needed(device):
    device._logic.pulse_times = [7, 0]
    board = open_board("tasmota", {**device.options, "pulse_time_s": 3})
    assert device._logic.pulse_times == [7, 30]
    board.pulse(0, 0.3)
    assert device._logic.pulse_times == [3, 30]
    board.close()


def test_a_device_that_does_not_keep_its_pulse_time_is_never_opened(device, tmp_path):
    device._logic.keeps_pulse_time = False
    with pytest.raises(DeviceRefusedError, match="PulseTime1 is 0 and not 10; nothing was opened"):
        open_board("tasmota", device.options)
    device._logic.pulse_times = [10, 10]
    board = open_board("tasmota", device.options)
    with pytest.raises(DeviceRefusedError, match="PulseTime1 is 10 and not 25"):
        board.pulse(0, 2.5)
    board.close()
    assert events(tmp_path) == []


def test_a_pulse_time_changed_at_the_devices_own_page_is_set_again(device, board, tmp_path):
    board.pulse(0, 0.5)
    wait_for(lambda: events(tmp_path) == ["open", "close"])
    device._logic.pulse_times[0] = 0
    device._outbox.extend(device._logic._pulse_time(0, ""))
    wait_for(lambda: board.read_inputs() == () and board._pulse_times.get(0) != 5)
    board.pulse(0, 0.5)
    wait_for(lambda: events(tmp_path) == ["open", "close"] * 2)


def test_a_command_that_the_device_does_not_know_opens_nothing(device, board, tmp_path):
    device.set(fault="exception")
    with pytest.raises(DeviceRefusedError, match="PulseTime1 refused: Error"):
        board.pulse(0, 2.0)
    assert events(tmp_path) == []


# The firmware's own examples: 113 is 13 seconds, 460 six minutes.
@pytest.mark.parametrize(("seconds", "value"), [(0.1, 1), (1.0, 10), (11.1, 111), (11.2, 112), (13, 113), (360, 460)])
def test_pulse_times_are_those_of_the_firmware(seconds, value):
    assert pulse_time(seconds) == value


@given(st.floats(0.1, 3600))
def test_a_pulse_time_is_never_for_ever_and_hardly_longer_than_asked(seconds):
    value = pulse_time(seconds)
    lasts_s = value / 10 if value <= 111 else value - 100
    assert 1 <= value <= 64_900
    assert seconds - 0.05 <= lasts_s + 1e-9
    assert lasts_s <= seconds + (0.06 if value <= 111 else 1)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ({"Set": 10, "Remaining": 4}, 10),
        ("10 (Active 4)", 10),
        ("0", 0),
        (7, 7),
        (True, None),
        ("off", None),
        (None, None),
    ],
)
def test_what_firmwares_of_any_age_say_of_their_pulse_time_is_understood(said, value):
    assert pulse_time_of(said) == value
