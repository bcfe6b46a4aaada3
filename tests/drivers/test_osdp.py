"""A reader towards a door controller: libosdp at both ends of a pseudo-terminal, over a secure channel."""

from __future__ import annotations

import json
import time

import pytest
from msgspec import convert

from drivers.barrier import check_options, open_board
from drivers.barrier.models.osdp_reader import Options, _device
from drivers.emulators.catalogue import emulate
from drivers.errors import DeviceGoneError, OptionError
from tests.waiting import wait_for

pytest.importorskip("osdp_sys")


def events(folder):
    return [json.loads(line) for line in (folder / "osdp.log").read_text().splitlines()]


@pytest.fixture
def door(tmp_path):
    with emulate("board", "osdp_reader", tmp_path) as door:
        yield door


@pytest.fixture
def reader(door):
    reader = open_board("osdp_reader", door.options)
    yield reader
    reader.close()


def asked(reader, seconds):
    """The board's thread asks it every 25 ms, which is what keeps it answering."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        reader.read_inputs()
        time.sleep(0.02)


def gone(reader):
    try:
        reader.read_inputs()
    except DeviceGoneError:
        return True
    return False


def test_a_pulse_is_one_card_and_the_controller_times_the_door(door, reader, tmp_path):
    assert not reader.pulse(0, 5.0).confirmed
    wait_for(lambda: reader.read_inputs() == () and len(events(tmp_path)) == 2)
    opened, closed = events(tmp_path)
    assert (opened["event"], opened["cause"]) == ("open", "card b1f4d700")
    assert 950 <= closed["mono_ms"] - opened["mono_ms"] <= 1500


def test_the_connection_stays_as_long_as_the_board_is_polled(door, reader, monkeypatch):
    monkeypatch.setattr("drivers.barrier.models.osdp_reader._SILENT_S", 0.5)
    asked(reader, 1.0)
    reader.pulse(0, 1.0)
    wait_for(lambda: door.energised()[0])


def test_a_card_that_nobody_fetches_is_taken_back_and_opens_nothing_later(door, reader, tmp_path, monkeypatch):
    monkeypatch.setattr("drivers.barrier.models.osdp_reader._FETCHED_S", 0.4)
    door.set(fault="silent")
    with pytest.raises(DeviceGoneError, match="taken back"):
        reader.pulse(0, 1.0)
    door.set(fault="none")
    asked(reader, 0.5)
    assert events(tmp_path) == []


def test_a_controller_that_does_not_know_the_card_opens_nothing(door, reader, tmp_path):
    door.set(fault="exception")
    assert not reader.pulse(0, 1.0).confirmed
    asked(reader, 0.3)
    assert events(tmp_path) == []


def test_a_silent_controller_is_gone_within_two_seconds_and_a_half(door, reader):
    asked(reader, 0.1)
    door.set(fault="silent")
    silent_s = time.monotonic()
    wait_for(lambda: gone(reader))
    assert time.monotonic() - silent_s < 2.6


def test_an_unplugged_line_is_found_again_under_the_same_name(door, reader):
    door.unplug()
    wait_for(lambda: gone(reader))
    reader.close()
    door.replug()
    again = open_board("osdp_reader", door.options)
    again.pulse(0, 1.0)
    wait_for(lambda: door.energised()[0])
    again.close()


def test_a_reader_that_starts_anew_in_the_middle_of_a_conversation_is_taken_up_again(door, reader):
    asked(reader, 0.2)
    reader.sever()
    again = open_board("osdp_reader", door.options)
    again.pulse(0, 1.0)
    wait_for(lambda: door.energised()[0])
    again.close()


def test_a_wrong_key_is_never_let_in(door, tmp_path, monkeypatch):
    monkeypatch.setattr("drivers.barrier.models.osdp_reader._ONLINE_S", 0.8)
    (tmp_path / "other.key").write_text("ff" * 16)
    with pytest.raises(DeviceGoneError, match="are address and key right"):
        open_board("osdp_reader", {**door.options, "key_file": str(tmp_path / "other.key")})


def test_a_key_file_is_refused_without_showing_what_is_in_it(door, tmp_path):
    place = tmp_path / "bad.key"
    for text, why in (("5ec4e7", "3 bytes"), ("not hex at all", "not 16 bytes in hex")):
        place.write_text(text)
        with pytest.raises(OptionError, match=why) as failed:
            open_board("osdp_reader", {**door.options, "key_file": str(place)})
        assert text not in str(failed.value)
    with pytest.raises(OptionError, match="can't be read"):
        open_board("osdp_reader", {**door.options, "key_file": str(tmp_path / "none")})


def test_it_may_be_closed_twice(reader):
    reader.close()
    reader.close()


def test_options_name_what_is_wrong():
    with pytest.raises(OptionError, match="bits = 33 is more"):
        check_options("osdp_reader", {"port": "x", "cards": ["0063e9ae"], "bits": 33})
    with pytest.raises(OptionError):
        check_options("osdp_reader", {"port": "x", "cards": ["0063e9a"]})
    with pytest.raises(OptionError):
        check_options("osdp_reader", {"port": "x", "cards": ["00"], "baud": 1200})


def test_without_its_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("drivers.barrier.models.osdp_reader.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"pip install 'guankou\[osdp\]'"):
        open_board("osdp_reader", {"port": "x", "cards": ["00"]})


class Wire:
    """The end of a line in libosdp's hands."""

    def __init__(self, heard=b""):
        self.id = 0
        self.heard, self.said = heard, b""

    def read(self, max_bytes):
        data, self.heard = self.heard[:max_bytes], self.heard[max_bytes:]
        return data

    def write(self, buffer):
        self.said += buffer
        return len(buffer)

    def flush(self):
        pass


# Both computed from the standard's CRC (poly 1021, start 1D0F).
POLL = bytes.fromhex("53 00 08 00 04 60 EB AA")
ACK = bytes.fromhex("53 80 08 00 04 40 59 AC")


def refreshed(device, wire, enough):
    until_s = time.monotonic() + 1.0
    while len(wire.said) < enough and time.monotonic() < until_s:
        device.refresh()
        time.sleep(0.01)
    return wire.said


def test_a_poll_is_acknowledged_with_the_standards_bytes():
    wire = Wire(POLL)
    device = _device(convert({"port": "x", "cards": ["00"]}, Options), None, wire, lambda status: None)
    assert refreshed(device, wire, len(ACK)).lstrip(b"\xff") == ACK


def test_with_a_key_nothing_is_done_in_clear():
    wire = Wire(POLL)
    device = _device(convert({"port": "x", "cards": ["00"]}, Options), bytes(16), wire, lambda status: None)
    assert ACK not in refreshed(device, wire, len(ACK))
    assert not device.is_sc_active()


def test_a_poll_with_one_flipped_bit_is_not_answered():
    wire = Wire(POLL[:-1] + bytes([POLL[-1] ^ 1]))
    device = _device(convert({"port": "x", "cards": ["00"]}, Options), None, wire, lambda status: None)
    until_s = time.monotonic() + 0.3
    while time.monotonic() < until_s:
        device.refresh()
        time.sleep(0.01)
    assert ACK not in wire.said


# As libosdp sends it; FF is a mark byte outside the CRC.
def test_the_emulated_controller_asks_first_who_is_at_address_65(door, tmp_path):
    library = pytest.importorskip("osdp_sys")
    wire = Wire()
    reader = {
        "name": "r", "address": 0x65, "flags": 0, "scbk": None, "channel": wire,
        "version": 1, "model": 1, "vendor_code": 0, "serial_number": 0, "firmware_version": 0,
    }  # fmt: skip
    assert refreshed(library.ControlPanel([reader]), wire, 10) == bytes.fromhex("FF 53 65 09 00 04 61 00 D9 7A")
