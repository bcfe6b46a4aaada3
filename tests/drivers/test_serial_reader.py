"""What all readers on a serial port share: the driver's frame, the emulator's host, and counting once."""

import time
from pathlib import Path
from typing import ClassVar

import pytest

from drivers.emulators.reader import ReaderDevice, SerialReaderEmulator
from drivers.errors import DeviceGoneError, OptionError
from drivers.reader.events import CodeScanned
from drivers.reader.once import Once
from drivers.reader.serial_reader import Patience, SerialReader
from tests.waiting import wait_for

LIMIT_S = 5.0


class Echo(ReaderDevice):
    """Answers what it hears, and says `text` once unasked."""

    name = "echo"
    words: ClassVar = {"text": str, "count": int}

    def __init__(self) -> None:
        self.unasked: list[bytes] = []

    def set(self, **what) -> None:
        self.unasked.append(what["text"].encode())

    def wrong_type(self) -> bytes:
        return b"?"

    def hear(self, data: bytes, now_s: float) -> list[bytes]:
        return [data]

    def due(self, now_s: float) -> list[bytes]:
        said, self.unasked = self.unasked, []
        return said


class Greeting:
    """Asks once; everything that comes is a code. `owing` makes it count the device as gone."""

    def __init__(self, question: bytes = b"", owing: str | None = None) -> None:
        self._question = question
        self._owing = owing
        self.forgot_at_s: list[float] = []
        self.next_at_s = float("inf")

    def say(self, now_s: float) -> bytes:
        said, self._question = self._question, b""
        return said

    def feed(self, data: bytes, now_s: float) -> list[CodeScanned]:
        return [CodeScanned(int(now_s * 1000), data)] if data else []

    def lost(self, now_s: float) -> str | None:
        return self._owing

    def forget(self, now_s: float) -> None:
        self.forgot_at_s.append(now_s)


@pytest.fixture
def link(tmp_path) -> Path:
    return tmp_path / "reader"


def emulated(link: Path, **settings) -> SerialReaderEmulator:
    return SerialReaderEmulator(link, 115200, Echo(), **{"split": "whole", **settings})


def opened(link: Path, talk: Greeting, clock=time.monotonic) -> SerialReader:
    return SerialReader(str(link), 115200, "echo", talk, clock)


def heard(reader: SerialReader, count: int) -> bytes:
    text = b""
    until_s = time.monotonic() + LIMIT_S
    while len(text) < count and time.monotonic() < until_s:
        event = reader.read(0.2)
        text += event.text if event is not None else b""
    return text


def test_a_question_goes_out_and_its_answer_is_an_event(link):
    with emulated(link):
        reader = opened(link, Greeting(b"hello"))
        assert heard(reader, 5) == b"hello"
        reader.close()


@pytest.mark.parametrize("split", ["torn", "whole", "bytes"])
def test_what_the_device_says_unasked_comes_however_the_line_tears_it(link, split):
    with emulated(link, split=split) as device:
        reader = opened(link, Greeting())
        device.set(text="unasked and rather long")
        assert heard(reader, 23) == b"unasked and rather long"
        reader.close()


def test_a_talk_that_counts_the_device_as_gone_ends_the_read_with_its_reason(link):
    with emulated(link):
        reader = opened(link, Greeting(owing="no answer for 2 s"))
        with pytest.raises(DeviceGoneError, match="echo: no answer for 2 s"):
            reader.read(LIMIT_S)
        reader.close()


def test_what_waited_while_nobody_read_is_thrown_away(link):
    now_s = [100.0]
    with emulated(link) as device:
        talk = Greeting()
        reader = opened(link, talk, lambda: now_s[0])
        assert reader.read(0) is None
        device.set(text="shown to nobody")
        wait_for(lambda: reader._port._serial.in_waiting == 15, "the text in the port")
        now_s[0] += 1.5
        assert reader.read(0) is None
        assert talk.forgot_at_s == [100.0, 101.5]
        device.set(text="shown now")
        wait_for(lambda: reader._port._serial.in_waiting == 9, "the new text in the port")
        assert reader.read(0).text == b"shown now"
        reader.close()


def test_an_unplugged_device_is_gone_and_back_under_its_link(link):
    with emulated(link) as device:
        reader = opened(link, Greeting())
        before = device.path
        device.unplug()
        with pytest.raises(DeviceGoneError):
            reader.read(LIMIT_S)
        reader.close()
        wait_for(lambda: not link.exists(), "the link to go")
        device.set(text="said without a cable")
        wait_for(lambda: not device.device.unasked, "the words to be lost")
        device.replug()
        wait_for(link.exists, "the link")
        again = opened(link, Greeting(b"here"))
        assert heard(again, 4) == b"here"
        again.close()
        assert device.path.startswith("/dev/pts/")
        assert before.startswith("/dev/pts/")


@pytest.mark.parametrize(
    ("change", "word"),
    [({"colour": 1}, "colour"), ({"text": 7}, "text = 7"), ({"fault": "fire"}, "'fire'"), ({"count": "1"}, "count")],
)
def test_the_emulator_names_what_it_does_not_know(link, change, word):
    device = emulated(link)
    with pytest.raises(OptionError, match=word):
        device.set(**change)


@pytest.mark.parametrize("fault", ["silence", "dropped_byte", "flipped_bit", "garbage", "noise_ff", "wrong_type"])
def test_a_fault_changes_what_goes_out_and_ends_with_none(link, fault):
    with emulated(link, fault_every=1) as device:
        reader = opened(link, Greeting())
        device.set(fault=fault)
        device.set(text="twelve bytes")
        wait_for(lambda: not device.device.unasked and not device._pending, "the words to be sent")
        spoilt = b""
        while (event := reader.read(0.05)) is not None:
            spoilt += event.text
        assert spoilt != b"twelve bytes"
        assert (spoilt == b"") == (fault == "silence")
        device.set(fault=None)
        device.set(text="as it should be")
        assert heard(reader, 15) == b"as it should be"
        reader.close()


def test_half_a_frame_comes_once_and_then_nothing(link):
    with emulated(link) as device:
        reader = opened(link, Greeting())
        device.set(fault="half_frame_then_silence")
        for _ in range(3):
            device.set(text="0123456789")
            wait_for(lambda: not device.device.unasked and not device._pending, "the words to be sent")
        assert heard(reader, 5) == b"01234"
        assert reader.read(0.1) is None
        reader.close()


def test_patience_runs_from_the_first_question_and_ends_with_an_answer():
    patience = Patience(2.0)
    assert patience.over_at_s == float("inf")
    assert not patience.owes
    patience.asked(10.0)
    patience.asked(11.5)
    assert patience.owes
    assert not patience.is_over(11.9)
    assert patience.is_over(12.0)
    patience.answered()
    assert not patience.is_over(99.0)
    patience.asked(20.0, extra_s=1.0)
    assert not patience.is_over(22.9)
    assert patience.is_over(23.0)


def test_once_is_once_per_showing():
    once = Once(2.0)
    assert once.is_new(b"a", 0.0)
    assert not once.is_new(b"a", 1.9)
    # Each sight prolongs the showing.
    assert not once.is_new(b"a", 3.8)
    assert once.is_new(b"b", 3.9)
    assert once.is_new(b"a", 4.0)
    assert once.is_new(b"a", 6.0)
    assert b"a" not in vars(once).values()
