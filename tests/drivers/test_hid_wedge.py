"""The scanner that types: key codes as the kernel lists them, lines of events, and the device layer on a FIFO.

What is not run here is the grab on a real input device: no such device can be made without the kernel's uinput.
"""

import logging
import os
import string
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.reader import SerialReaderEmulator
from drivers.emulators.readers import hid_wedge as emulator
from drivers.emulators.readers.hid_wedge import event, key, typed
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import check_options, open_reader
from drivers.reader.input_device import EVIOCGRAB, InputDevice
from drivers.reader.wedge_keys import EVENT_BYTES, LONGEST_TEXT, PLAIN, SHIFTED, Codec
from tests.waiting import wait_for

ENTER, A, LEFT_SHIFT, RIGHT_SHIFT, LEFT_CTRL, CAPS_LOCK, F1 = 28, 30, 42, 54, 29, 58, 59
ON_A_US_KEYBOARD = string.ascii_letters + string.digits + string.punctuation + " \t"

# What a keyboard key types plain and with shift, by the kernel's name for it.
SIGNS = {
    "MINUS": "-_", "EQUAL": "=+", "LEFTBRACE": "[{", "RIGHTBRACE": "]}", "SEMICOLON": ";:", "APOSTROPHE": "'\"",
    "GRAVE": "`~", "BACKSLASH": "\\|", "COMMA": ",<", "DOT": ".>", "SLASH": "/?", "SPACE": "  ", "TAB": "\t\t",
    "KPASTERISK": "**", "KPMINUS": "--", "KPPLUS": "++", "KPDOT": "..", "KPSLASH": "//",
}  # fmt: skip


def lines(data: bytes, piece: int = 10_000) -> list[bytes]:
    codec = Codec()
    return [line for start in range(0, len(data), piece) for line in codec.feed(data[start : start + piece])]


def test_every_key_types_what_its_name_in_the_kernel_says():
    ecodes = pytest.importorskip("evdev").ecodes
    for code, char in PLAIN.items():
        name = ecodes.KEY[code].removeprefix("KEY_")
        expected = SIGNS.get(name) or (name.lower() + name if len(name) == 1 and name.isalpha() else None)
        if expected is None:
            # The digits' row has signs above the digits; those of the number pad have none.
            digit = name.removeprefix("KP")
            expected = digit + (digit if name != digit else ")!@#$%^&*("[int(digit)])
        assert char + SHIFTED[code] == expected, name


def test_the_table_has_every_character_of_a_us_keyboard():
    assert set(ON_A_US_KEYBOARD) <= set(PLAIN.values()) | set(SHIFTED.values())


def test_the_numbers_of_the_kernel_interface_are_what_its_headers_make_them():
    assert struct.calcsize("l") * 2 + 8 == EVENT_BYTES
    # _IOW('E', 0x90, int)
    assert 1 << 30 | 4 << 16 | ord("E") << 8 | 0x90 == EVIOCGRAB


@pytest.mark.parametrize("piece", [1, 7, EVENT_BYTES, 10_000])
def test_a_line_is_what_was_typed_before_enter(piece):
    assert lines(typed("GK1:6BF$%*+-./ ok") + typed("2nd"), piece) == [b"GK1:6BF$%*+-./ ok", b"2nd"]


@given(st.lists(st.text(ON_A_US_KEYBOARD, min_size=1, max_size=30), max_size=4), st.integers(1, 200))
def test_whatever_a_us_keyboard_can_type_comes_through_in_pieces(texts, piece):
    assert lines(b"".join(map(typed, texts)), piece) == [text.encode() for text in texts]


@pytest.mark.parametrize("shift", [LEFT_SHIFT, RIGHT_SHIFT])
def test_shift_counts_while_it_is_held_and_no_longer(shift):
    data = key(A, True) + key(shift, True) + key(A, True) + key(A, False) + key(A, True) + key(shift, False)
    assert lines(data + key(A, True) + key(ENTER, True)) == [b"aAAa"]


def test_both_shifts_held_one_let_go_is_still_shift():
    data = key(LEFT_SHIFT, True) + key(RIGHT_SHIFT, True) + key(LEFT_SHIFT, False) + key(A, True) + key(ENTER, True)
    assert lines(data) == [b"A"]


def test_caps_lock_turns_letters_over_until_it_is_pressed_again():
    caps = key(CAPS_LOCK, True) + key(CAPS_LOCK, False)
    assert lines(caps + typed("aB1") + caps + typed("aB1")) == [b"Ab1", b"aB1"]


def test_a_key_that_is_held_types_once():
    repeated = event(1, A, 1) + event(1, A, 2) * 20 + event(1, A, 0)
    assert lines(repeated + key(ENTER, True)) == [b"a"]


def test_enter_alone_is_nothing():
    assert lines((key(ENTER, True) + key(ENTER, False)) * 3) == []


@pytest.mark.parametrize(
    "inside",
    [
        key(F1, True) + key(F1, False),
        key(LEFT_CTRL, True) + key(A, True) + key(LEFT_CTRL, False),
        # The kernel's queue overflowed (SYN_DROPPED).
        event(0, 3, 0),
        # No event: more than a second of microseconds.
        struct.pack("@llHHi", 1, 1_000_000, 1, A, 1),
        struct.pack("@llHHi", 1, 1, 0x0101, A, 1),
    ],
)
def test_a_line_in_which_something_is_wrong_is_dropped_whole_and_the_next_is_good(inside):
    codec = Codec()
    half = typed("half")[: -len(key(ENTER, True) + key(ENTER, False))]
    assert codec.feed(half + inside + typed("way")) == []
    assert codec.dropped == 1
    assert codec.feed(typed("next")) == [b"next"]


def test_a_line_over_the_limit_is_dropped_and_little_is_held():
    codec = Codec()
    assert codec.feed(key(A, True) * LONGEST_TEXT + key(ENTER, True)) == [b"a" * LONGEST_TEXT]
    for _ in range(10):
        assert codec.feed(key(A, True) * 2000) == []
        assert codec.waiting_bytes <= LONGEST_TEXT
    assert codec.feed(key(ENTER, True) + typed("next")) == [b"next"]


def test_silence_ends_a_line_without_enter_and_puts_a_torn_event_right():
    codec = Codec()
    codec.feed(typed("left alone")[:-100])
    assert codec.waiting_bytes
    codec.quiet()
    assert (codec.waiting_bytes, codec.dropped) == (0, 1)
    assert codec.feed(typed("next")) == [b"next"]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([typed("aB"), key(LEFT_SHIFT, True), event(0, 3, 0)])))
def test_whatever_comes_lines_are_printable_and_little_is_held(pieces):
    codec = Codec()
    for piece in pieces:
        for line in codec.feed(piece):
            assert set(line.decode()) <= set(ON_A_US_KEYBOARD)
        assert codec.waiting_bytes <= LONGEST_TEXT + EVENT_BYTES


# ---- the device layer


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "event-kbd"
    os.mkfifo(path)
    # Open for both, so that the driver's end never sees an end of file.
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    yield path, descriptor
    os.close(descriptor)


def test_events_of_a_fifo_are_codes(fifo):
    path, descriptor = fifo
    reader = open_reader("hid_wedge", {"port": str(path), "grab": False})
    assert reader.read(0) is None
    os.write(descriptor, typed("FIRST"))
    assert reader.read(5).text == b"FIRST"
    os.write(descriptor, typed("FIRST") + typed("SECOND"))
    assert reader.read(5).text == b"SECOND"
    reader.close()
    reader.close()
    with pytest.raises(DeviceGoneError, match="was closed"):
        reader.read(0)


def test_what_was_typed_while_nobody_read_is_thrown_away(fifo):
    path, descriptor = fifo
    now_s = [50.0]
    reader = open_reader("hid_wedge", {"port": str(path), "grab": False}, lambda: now_s[0])
    os.write(descriptor, typed("PAST") * 10 + typed("PAST")[:60])
    now_s[0] += 1.5
    assert reader.read(0) is None
    os.write(descriptor, typed("NOW"))
    assert reader.read(0.5).text == b"NOW"
    reader.close()


def test_a_half_typed_line_is_dropped_with_a_note_that_does_not_show_it(fifo, caplog):
    path, descriptor = fifo
    reader = open_reader("hid_wedge", {"port": str(path), "grab": False})
    os.write(descriptor, typed("SECRET")[:-200])
    with caplog.at_level(logging.WARNING):
        assert reader.read(0.6) is None
    assert "dropped" in caplog.text
    assert "SECRET" not in caplog.text
    os.write(descriptor, typed("WHOLE"))
    assert reader.read(5).text == b"WHOLE"
    reader.close()


def test_what_is_no_input_device_can_not_be_grabbed_and_is_named(fifo):
    path, _ = fifo
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(DeviceGoneError, match=f"cannot take {path}.*is it an input device"):
        open_reader("hid_wedge", {"port": str(path)})
    with pytest.raises(DeviceGoneError, match=r"cannot open .*group input"):
        open_reader("hid_wedge", {"port": f"{path}-not-there"})
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("how", ["close", "sever"])
def test_a_read_under_way_ends_when_another_thread_closes_or_severs(fifo, how):
    path, _ = fifo
    device = InputDevice(str(path), "scanner", grab=False)
    ended: list[str] = []

    def read() -> None:
        try:
            device.read(100, 60.0)
        except DeviceGoneError as error:
            ended.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    wait_for(device._lock.locked, "the read to begin")
    getattr(device, how)()
    thread.join(10)
    assert ended == [f"scanner: {path} was closed"]
    device.close()
    device.sever()


def test_a_scanner_is_unplugged_and_back_under_its_link(tmp_path):
    with emulator.emulate(tmp_path, 1) as device:
        reader = open_reader("hid_wedge", device.options)
        device.set(text="GK1:" + "0123456789ABCDEF $%*+-./:" * 10)
        assert reader.read(5).text == b"GK1:" + b"0123456789ABCDEF $%*+-./:" * 10
        device.unplug()
        with pytest.raises(DeviceGoneError):
            reader.read(3)
        reader.close()
        device.replug()
        wait_for((tmp_path / "hid_wedge").exists, "the link")
        reader = open_reader("hid_wedge", device.options)
        device.set(text="BACK")
        assert reader.read(3).text == b"BACK"
        reader.close()


@pytest.mark.parametrize("fault", ["dropped_byte", "flipped_bit", "garbage", "half_frame_then_silence", "wrong_type"])
def test_after_a_fault_the_next_good_line_comes(tmp_path, fault):
    with SerialReaderEmulator(tmp_path / "s", 921600, emulator.Device(), fault_every=1) as device:
        reader = open_reader("hid_wedge", {**device.options, "grab": False})
        device.set(fault=fault)
        device.set(text="SPOILT")
        reader.read(0.6)
        device.set(fault=None)
        device.set(text="GOOD")
        assert reader.read(5).text == b"GOOD"
        reader.close()


def test_the_emulator_refuses_a_character_without_a_key(tmp_path):
    with pytest.raises(OptionError, match="no key for '门'"):
        emulator.emulate(tmp_path, 1).set(text="门")


@pytest.mark.parametrize(("options", "word"), [({"port": "x", "grab": "yes"}, "grab"), ({}, "port")])
def test_options_that_do_not_fit_are_named(options, word):
    with pytest.raises(OptionError, match=word):
        check_options("hid_wedge", options)
