"""Shelly's own words: timers, inputs, refusals."""

from __future__ import annotations

import json
import time

import pytest

from drivers.barrier import board_size, open_board
from drivers.emulators.catalogue import emulate
from drivers.errors import DeviceRefusedError, OptionError
from drivers.mqtt_port import Message
from tests.waiting import wait_for


@pytest.fixture
def device(tmp_path):
    try:
        with emulate("board", "shelly", tmp_path) as device:
            yield device
    except OptionError as error:
        pytest.skip(str(error))


@pytest.fixture
def board(device):
    board = open_board("shelly", device.options)
    yield board
    board.close()


def causes(folder):
    return [json.loads(line)["cause"] for line in (folder / "shelly.log").read_text().splitlines()]


def test_the_order_is_the_makers(device, board, tmp_path):
    board.pulse(0, 2.0)
    assert causes(tmp_path) == ['Switch.Set {"id": 0, "on": true, "toggle_after": 2.0}']


def test_a_relay_that_does_not_time_its_pulse_is_switched_off_at_once(device, board, tmp_path):
    device._logic.times_pulses = False
    with pytest.raises(DeviceRefusedError, match="does not time its pulse"):
        board.pulse(0, 1.0)
    wait_for(lambda: not device.energised()[0])
    assert causes(tmp_path)[-1] == 'Switch.Set {"id": 0, "on": false}'


@pytest.mark.parametrize(
    "noise", [b'{"id":1,"src":"\xff"}', b'{"id":1,"result":{"a":' + b"[" * 60_000, b"", b"\0", b'{"id":1' + b"0" * 400]
)
def test_bytes_that_are_no_word_of_its_own_say_nothing(device, board, noise):
    for topic in ("rpc", "events/rpc"):
        assert not board._hear(Message(f"{device.options['topic']}/{topic}", noise, False))


def test_an_input_that_loses_its_type_is_said_when_it_is_read_and_refuses_no_pulse(device, board):
    notice = b'{"method":"NotifyStatus","params":{"input:1":{"state":null}}}'
    assert board._hear(Message(f"{device.options['topic']}/events/rpc", notice, False))
    assert board.pulse(0, 1.0).confirmed
    assert board._hear(Message(f"{device.options['topic']}/events/rpc", notice, False))
    with pytest.raises(DeviceRefusedError, match="input 1 has no state"):
        board.read_inputs()


def test_an_input_that_changes_is_told_within_a_moment(device, board):
    assert board.read_inputs() == (False, False)
    device.set(input=1, active=True)
    changed_s = time.monotonic()
    wait_for(lambda: board.read_inputs() == (False, True))
    assert time.monotonic() - changed_s < 0.4
    device.set(input=1, active=False)
    wait_for(lambda: board.read_inputs() == (False, False))


def test_a_change_whose_notice_was_lost_is_found_by_asking(device, board):
    device._logic.board.inputs[0] = True
    wait_for(lambda: board.read_inputs() == (True, False), limit_s=3.0)


def test_an_input_that_is_closed_when_the_gate_starts_is_known_at_once(device):
    device.set(input=0, active=True)
    board = open_board("shelly", device.options)
    assert board.read_inputs() == (True, False)
    board.close()


def test_an_input_of_another_type_is_refused_with_the_remedy(device):
    device._logic.board.inputs[1] = None
    with pytest.raises(DeviceRefusedError, match="input 1 has no state; set it to type switch"):
        open_board("shelly", device.options)


def test_a_relay_that_the_device_has_not_is_refused_in_its_own_words(device):
    with pytest.raises(DeviceRefusedError, match=r"value 2 not found! \(code -105\)"):
        open_board("shelly", {**device.options, "relays": 3})


def test_a_refused_order_opens_nothing(device, board, tmp_path):
    device.set(fault="exception")
    with pytest.raises(DeviceRefusedError, match="Resource exhausted"):
        board.pulse(0, 1.0)
    assert causes(tmp_path) == []


def test_its_size_is_what_the_options_say():
    options = {"host": "x", "topic": "a", "relays": 2, "inputs": 2}
    assert (board_size("shelly", options).relays, board_size("shelly", options).inputs) == (2, 2)
