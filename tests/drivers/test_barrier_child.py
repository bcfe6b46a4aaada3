"""Boards that can't time a pulse, but answer: what their child makes of the answers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.barrier import open_board
from drivers.barrier.lcus_frames import ASK_ALL, FrameReader, TextReader, ask, switch
from drivers.barrier.models import lcus, modbus_relay
from drivers.barrier.timed_child import Relays
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


@pytest.fixture(params=["state", "ff"])
def answering(request, place, log):
    with RelayEmulator(place, "lcus", wire_log=log, answers=request.param, split="torn") as board:
        relay = open_board("lcus", {"port": str(place), "relays": 2, "read_back": request.param})
        yield board, relay
        relay.close()


@pytest.fixture
def flashless(place, log):
    with RelayEmulator(place, wire_log=log, flash=False) as board:
        yield board


def gone(relay):
    try:
        relay.read_inputs()
    except DeviceGoneError:
        return True
    return False


# --- LCUS ---------------------------------------------------------------------------------------------------------


def test_an_lcus_board_that_answers_confirms_its_openings(answering, log):
    board, relay = answering
    assert relay.pulse(1, 0.3).confirmed
    assert board.energised()[:2] == (False, True)
    wait_for(lambda: [one["event"] for one in events(log)] == ["open", "close"])


def test_an_order_that_the_board_did_not_hear_is_not_confirmed_and_not_sent_again(answering, log):
    board, relay = answering
    board.set(fault="silent", times=2)
    assert not relay.pulse(0, 0.3).confirmed
    assert events(log) == []


def test_a_lost_answer_is_no_confirmation(answering, log):
    board, relay = answering
    board.set(fault="lost_echo", times=1)
    assert not relay.pulse(0, 0.3).confirmed
    assert board.energised()[0]


def test_a_broken_answer_is_no_confirmation(place):
    with RelayEmulator(place, "lcus", answers="state") as board:
        relay = open_board("lcus", {"port": str(place), "read_back": "state"})
        board.set(fault="wrong_crc", times=1)
        assert not relay.pulse(0, 0.3).confirmed
        relay.close()


def test_a_board_that_stops_answering_is_gone(answering):
    board, relay = answering
    board.set(fault="silent")
    wait_for(lambda: gone(relay), limit_s=5.0)


def test_a_plain_board_asked_for_its_state_counts_as_gone_and_says_why(place):
    with RelayEmulator(place, "lcus"):
        relay = open_board("lcus", {"port": str(place), "read_back": "state"})
        with pytest.raises(DeviceGoneError, match="does it know read_back"):
            wait_for(lambda: relay.read_inputs() and False, limit_s=5.0)
        relay.close()


def test_one_byte_for_an_answer_shows_that_the_board_is_there_and_confirms_nothing(place):
    with RelayEmulator(place, "lcus", answers="byte") as board:
        relay = open_board("lcus", {"port": str(place), "read_back": "ff"})
        assert not relay.pulse(0, 0.2).confirmed
        wait_for(lambda: not board.energised()[0])
        relay.read_inputs()
        relay.close()


# A0 01 05 A6 is published; the answers are a switching frame and `CH1: ON`, each from one source.
def test_questions_and_answers_of_lcus_boards_are_those_written_down():
    assert ask(0) == bytes.fromhex("A0 01 05 A6")
    assert ASK_ALL == b"\xff"
    assert FrameReader().feed(bytes.fromhex("A0 02 01 A3")) == [(1, True)]
    assert TextReader().feed(b"CH1: ON\r\nCH2: OFF\r\n") == [(0, True), (1, False)]


def test_a_question_is_never_read_as_an_order_or_an_answer():
    assert FrameReader().feed(ask(0) + switch(0, on=False)) == [(0, False)]


@given(st.binary(max_size=60), st.integers(0, 7), st.booleans())
def test_an_answer_is_found_behind_noise_and_nothing_is_kept_that_can_be_none(noise, channel, on):
    frames, text = FrameReader(), TextReader()
    found = frames.feed(noise + bytes(4) + switch(channel, on=on))
    assert found[-1] == (channel, on)
    frames.feed(bytes(10_000))
    text.feed(b"\r\nCH" * 5_000)
    assert frames.waiting_bytes < 4
    assert text.waiting_bytes <= 256


@given(st.lists(st.binary(max_size=8), max_size=60))
def test_an_answer_is_the_same_in_any_pieces(pieces):
    stream = b"".join(pieces)
    whole, torn = FrameReader(), FrameReader()
    assert whole.feed(stream) == [one for piece in pieces for one in torn.feed(piece)]


def test_boards_that_answer_are_recognised_and_noise_is_not():
    for answer in (bytes.fromhex("A0 01 00 A1"), b"CH1: OFF\r\n"):
        known = lcus.recognise()
        assert not known.feed(ask(0) + b"\x00\xffAT\r\n")
        assert known.feed(answer)
        assert known.feed(b"")
    known = modbus_relay.recognise()
    assert not known.feed(known.questions[0])
    assert known.feed(bytes.fromhex("01 01 01 01 90 48"))


# --- Modbus without flash -----------------------------------------------------------------------------------------


def test_a_board_without_flash_refuses_when_it_is_to_time_the_pulse(flashless, place, log):
    relay = open_board("modbus_relay", {"port": str(place)})
    with pytest.raises(DeviceRefusedError, match="illegal data address"):
        relay.pulse(0, 0.5)
    relay.close()
    assert events(log) == []


@pytest.fixture
def timed(flashless, place):
    relay = open_board("modbus_relay", {"port": str(place), "timed": "child", "relays": 2, "inputs": 4})
    yield relay
    relay.close()


def test_a_board_without_flash_is_timed_by_a_child_and_confirms(flashless, timed, log):
    assert timed.pulse(1, 0.3).confirmed
    wait_for(lambda: len(events(log)) == 2)
    opened, closed = events(log)
    assert (opened["cause"], closed["cause"]) == ("coil 05 0001 FF00", "coil 05 0001 0000")
    assert 250 <= closed["mono_ms"] - opened["mono_ms"] <= 1000


def test_its_inputs_are_read_through_the_child(flashless, timed):
    flashless.set(input=3, active=True)
    wait_for(lambda: timed.read_inputs() == (False, False, False, True))


def test_a_killed_child_leaves_the_relay_to_its_successor(flashless, timed, place):
    timed.pulse(0, 60.0)
    timed._child.kill()
    timed._child.wait()
    wait_for(lambda: gone(timed))
    assert flashless.energised()[0]
    successor = open_board("modbus_relay", {"port": str(place), "timed": "child"})
    wait_for(lambda: not any(flashless.energised()))
    successor.close()


def test_a_silent_board_is_gone_also_behind_a_child(flashless, timed):
    flashless.set(fault="silent")
    wait_for(lambda: gone(timed), limit_s=5.0)


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("gpio_child", []), ("gpio_child", ["{}"]), ("modbus_child", ["no json"]), ("lcus_child", ["a", "b", "c"])],
)
def test_a_child_with_wrong_arguments_says_how_it_is_called_and_opens_nothing(module, arguments):
    command = [sys.executable, "-m", f"drivers.barrier.{module}", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, text=True)
    assert done.returncode == 2
    assert "usage" in done.stderr or "are wrong" in done.stderr


class Stuck:
    """A relay whose contacts have welded, beside one that works."""

    count = 2

    def __init__(self):
        self.on = [True, True]

    def switch(self, channel, on):
        if channel == 1:
            self.on[channel] = on

    def energised(self, channel):
        return self.on[channel]


def test_a_relay_that_does_not_fall_is_told_and_the_others_fall_nevertheless():
    board = Stuck()
    with pytest.raises(DeviceGoneError, match="relay 0: is still on after 3 orders"):
        Relays(board).off_all()
    assert board.on == [True, False]
