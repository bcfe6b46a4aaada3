"""A Modbus relay board behind a pseudo-terminal: what its contacts do and what the driver says."""

from __future__ import annotations

import json

import pytest

from drivers.barrier import open_board
from drivers.emulators.relay import RelayEmulator
from drivers.errors import DeviceGoneError, DeviceRefusedError
from tests.waiting import wait_for


def events(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "relay"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "wire.jsonl"


@pytest.fixture
def board(place, log):
    with RelayEmulator(place, wire_log=log) as emulator:
        yield emulator


@pytest.fixture
def relay(board, place):
    relay = open_board("modbus_relay", {"port": str(place), "reply_timeout_s": 0.1})
    yield relay
    relay.close()


def test_a_pulse_opens_once_is_confirmed_and_ends_by_itself(board, relay, log):
    assert relay.pulse(2, 0.3).confirmed
    wait_for(lambda: len(events(log)) == 2)
    opened, closed = events(log)
    assert (opened["event"], opened["channel"], opened["cause"]) == ("open", 2, "flash 05 0202 0003")
    assert (closed["event"], closed["channel"], closed["cause"]) == ("close", 2, "time")
    assert 290 <= closed["mono_ms"] - opened["mono_ms"] <= 450


def test_a_pulse_ends_though_the_host_dies(board, relay, log):
    relay.pulse(0, 0.2)
    relay._port.close()
    wait_for(lambda: events(log)[-1]["event"] == "close")


def test_a_lost_echo_is_settled_by_the_coil_and_never_sent_again(board, relay, log):
    board.set_fault("lost_echo", times=1)
    assert relay.pulse(0, 1.0).confirmed
    assert [one["event"] for one in events(log)] == ["open"]


def test_a_lost_echo_of_a_short_pulse_is_unconfirmed_and_never_sent_again(board, relay, log):
    board.set_fault("lost_echo", times=1)
    assert not relay.pulse(0, 0.1).confirmed
    assert [one["event"] for one in events(log)] == ["open", "close"]


def test_an_order_that_did_not_arrive_is_an_error_and_nothing_opened(board, relay, log):
    board.set_fault("silent", times=1)
    with pytest.raises(DeviceGoneError, match="has not opened"):
        relay.pulse(0, 2.0)
    assert events(log) == []


def test_a_board_that_says_nothing_may_have_opened(board, relay):
    board.set_fault("silent")
    with pytest.raises(DeviceGoneError, match="may have opened"):
        relay.pulse(0, 1.0)


def test_a_broken_checksum_is_no_echo_but_the_pulse_is_not_repeated(board, relay, log):
    board.set_fault("wrong_crc", times=1)
    assert relay.pulse(0, 1.0).confirmed
    assert [one["event"] for one in events(log)] == ["open"]


def test_a_refusal_is_told_in_the_words_of_the_standard(board, relay, log):
    board.set_fault("exception", times=1)
    with pytest.raises(DeviceRefusedError, match="device failure"):
        relay.pulse(0, 1.0)
    assert events(log) == []


def test_without_read_back_nothing_is_confirmed(board, place):
    relay = open_board("modbus_relay", {"port": str(place), "read_back": False})
    assert not relay.pulse(0, 0.1).confirmed
    relay.close()


def test_inputs_are_read_first_terminal_first(board, relay):
    board.set_input(0, True)
    board.set_input(5, True)
    assert relay.read_inputs() == (True, False, False, False, False, True, False, False)


@pytest.mark.parametrize("fault", ["silent", "wrong_crc"])
def test_two_disturbed_answers_are_not_an_unplugged_board(board, relay, fault):
    board.set_fault(fault, times=2)
    assert len(relay.read_inputs()) == 8


def test_a_silent_board_is_gone(board, relay):
    board.set_fault("silent")
    with pytest.raises(DeviceGoneError, match="no answer in 3 x"):
        relay.read_inputs()


def test_an_unplugged_board_is_gone_and_comes_back_under_its_name(board, relay, place):
    board.unplug()
    with pytest.raises(DeviceGoneError):
        relay.read_inputs()
    with pytest.raises(DeviceGoneError, match="is it plugged in"):
        open_board("modbus_relay", {"port": str(place)})
    board.replug()
    again = open_board("modbus_relay", {"port": str(place)})
    assert len(again.read_inputs()) == 8
    again.close()


def test_closing_leaves_every_relay_off(board, relay):
    relay.pulse(3, 30.0)
    relay.close()
    relay.close()
    wait_for(lambda: not any(board.energised()))


def test_a_board_without_inputs_still_tells_when_it_is_gone(board, place):
    relay = open_board("modbus_relay", {"port": str(place), "inputs": 0, "reply_timeout_s": 0.05})
    assert relay.read_inputs() == ()
    board.set_fault("silent")
    with pytest.raises(DeviceGoneError):
        relay.read_inputs()
    relay.close()


def test_more_inputs_than_the_board_has_are_refused_with_the_remedy(board, place):
    relay = open_board("modbus_relay", {"port": str(place), "inputs": 16})
    with pytest.raises(DeviceRefusedError, match="does the board have so many"):
        relay.read_inputs()
    relay.close()


@pytest.mark.parametrize(("channel", "seconds"), [(-1, 1.0), (8, 1.0), (0, 0.0), (0, 4000.0)])
def test_what_the_board_cannot_do_is_not_sent(board, relay, log, channel, seconds):
    with pytest.raises(ValueError, match="modbus_relay"):
        relay.pulse(channel, seconds)
    assert events(log) == []


def test_boards_that_number_relays_from_one_are_offset(tmp_path, log):
    place = tmp_path / "offset"
    with RelayEmulator(place, coil_offset=1, wire_log=log):
        relay = open_board("modbus_relay", {"port": str(place), "coil_offset": 1})
        assert relay.pulse(0, 0.2).confirmed
        relay.close()
    assert events(log)[0]["cause"] == "flash 05 0201 0002"


@pytest.mark.parametrize("split", ["torn", "bytes"])
def test_answers_in_pieces_are_whole_again(tmp_path, split):
    place = tmp_path / "split"
    with RelayEmulator(place, split=split, seed=7):
        relay = open_board("modbus_relay", {"port": str(place)})
        for _ in range(10):
            assert len(relay.read_inputs()) == 8
        assert relay.pulse(0, 1.0).confirmed
        relay.close()
