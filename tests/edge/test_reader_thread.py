"""A reader's thread: what it hands on, how it meets a reader that comes and goes, and how it is given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import pytest
import structlog.testing

from drivers.errors import DeviceGoneError, OptionError
from drivers.reader import CardSeen, CodeScanned, DocumentSeen, PlateSeen, ReaderEvent
from edge import facts
from edge.core import FaultOver, FaultSeen, Item, LaneFact
from edge.reader_ear import ReaderEar, reader_gives
from edge.reader_thread import ReaderThread
from firmware_config.schema import Device
from tests.waiting import wait_for

DOWN = LaneFact("in", facts.ReaderDown("left", "scanner_gone"))
UP = LaneFact("in", facts.ReaderUp("left"))


class Desk:
    """Readers by the dozen: each `connect` gives a fresh one that says what is put into `said`."""

    def __init__(self) -> None:
        self.said: SimpleQueue[ReaderEvent | Exception] = SimpleQueue()
        self.away = False
        self.tries: list[float] = []
        self.open = 0
        self.hangs = threading.Event()
        self.released = threading.Event()
        self.waits = False
        self.severed = 0

    def connect(self) -> DeskReader:
        self.tries.append(time.monotonic())
        if self.away:
            raise DeviceGoneError("left", "no such port")
        self.open += 1
        return DeskReader(self)


class DeskReader:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._closed = False

    def read(self, timeout_s: float) -> ReaderEvent | None:
        if self._desk.hangs.is_set():
            self._desk.waits = True
            self._desk.released.wait(30)
            raise DeviceGoneError("left", "severed")
        try:
            said = self._desk.said.get(timeout=min(timeout_s, 0.05))
        except Empty:
            return None
        if isinstance(said, Exception):
            raise said
        return said

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._desk.open -= 1

    def sever(self) -> None:
        self._desk.severed += 1


class Heard:
    """A running thread at a desk, and what came of it."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.items: list[Item] = []
        self.ear = ReaderEar("in", "left", ("code",), self.items.append)
        self.thread = ReaderThread("in", "left", self.desk.connect, self.ear, left_s=0)

    def faults(self) -> list[str]:
        return [type(item).__name__ for item in self.items if isinstance(item, FaultSeen | FaultOver)]

    def wait_for_item(self, item: Item) -> None:
        wait_for(lambda: item in self.items, f"{item} in {self.items}", 5)


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    yield heard
    heard.desk.released.set()
    heard.thread.stop()
    assert heard.desk.open == 0


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (CodeScanned(5, b"GK1:X"), facts.Scanned(b"GK1:X")),
        (CardSeen(5, "em4100", bytes(5)), facts.CardRead("em4100", bytes(5))),
        (DocumentSeen(5, "11010519491231002X", "王小明", "20300101"),
         facts.DocumentRead("11010519491231002X", "20300101", "明")),
        (PlateSeen(5, "赣A12345", 90, "approach"), facts.PlateSeen("赣A12345")),
    ],
)  # fmt: skip
def test_every_event_becomes_its_fact_and_of_a_name_the_last_sign_alone_goes_on(
    heard: Heard, event: ReaderEvent, fact: facts.Fact
) -> None:
    heard.thread.start()
    heard.desk.said.put(event)
    heard.wait_for_item(LaneFact("in", fact))
    assert heard.items.index(UP) < heard.items.index(LaneFact("in", fact))
    assert not any(sign in repr(heard.items) for sign in "王小明")


def test_a_card_that_lies_there_when_its_reader_is_opened_is_nobodys(heard: Heard) -> None:
    heard.thread = ReaderThread("in", "left", heard.desk.connect, heard.ear, left_s=60)
    heard.desk.said.put(CardSeen(5, "em4100", bytes(5)))
    heard.desk.said.put(CodeScanned(6, b"GK1:X"))
    heard.thread.start()
    heard.wait_for_item(LaneFact("in", facts.Scanned(b"GK1:X")))
    assert LaneFact("in", facts.CardRead("em4100", bytes(5))) not in heard.items


def test_a_reader_that_goes_is_one_fault_and_its_return_ends_it(heard: Heard) -> None:
    heard.thread.start()
    heard.wait_for_item(UP)
    heard.desk.away = True
    heard.desk.said.put(DeviceGoneError("left", "the cable is out"))
    heard.wait_for_item(DOWN)
    wait_for(lambda: len(heard.desk.tries) >= 5, "more tries", 5)
    assert [item.detail for item in heard.items if isinstance(item, FaultSeen)] == ["left: the cable is out"]
    heard.desk.away = False
    began_s = time.monotonic()
    wait_for(lambda: heard.items[-1] == FaultOver("reader-left", "in", "scanner_gone"), "its return", 5)
    assert time.monotonic() - began_s < 2.0
    pauses = [later - earlier for earlier, later in zip(heard.desk.tries[1:], heard.desk.tries[2:], strict=False)]
    assert all(0.05 < pause < 1.5 for pause in pauses), pauses


def test_a_reader_that_was_never_there_is_a_fault(heard: Heard) -> None:
    heard.desk.away = True
    heard.thread.start()
    heard.wait_for_item(DOWN)
    assert UP not in heard.items


@pytest.mark.parametrize("error", [OptionError("no"), RuntimeError("a driver's mistake"), OSError("odd")])
def test_no_error_of_a_driver_ends_reading_for_good(heard: Heard, error: Exception) -> None:
    heard.thread.start()
    heard.wait_for_item(UP)
    heard.desk.said.put(error)
    heard.wait_for_item(DOWN)
    heard.desk.said.put(CodeScanned(5, b"again"))
    heard.wait_for_item(LaneFact("in", facts.Scanned(b"again")))
    assert heard.faults() == ["FaultOver", "FaultSeen", "FaultOver"]


def test_what_a_drivers_mistake_says_is_in_no_log_and_no_record(heard: Heard) -> None:
    with structlog.testing.capture_logs() as lines:
        heard.thread.start()
        heard.wait_for_item(UP)
        heard.desk.said.put(ValueError("11010519491231002X is no date"))
        heard.wait_for_item(DOWN)
    (line,) = lines
    assert line["error"] == "ValueError"
    assert "reader_thread.py" in line["at"][0]
    assert "110105" not in repr(lines) + repr(heard.items)


def test_a_hung_thread_loses_its_reader_and_says_nothing_more(heard: Heard) -> None:
    heard.thread.start()
    heard.wait_for_item(UP)
    heard.desk.hangs.set()
    wait_for(lambda: heard.desk.waits, "the hang", 5)
    before = list(heard.items)
    heard.thread.abandon()
    heard.desk.released.set()
    heard.desk.hangs.clear()
    wait_for(lambda: heard.desk.open == 0, "that it lets go", 5)
    assert heard.desk.severed == 1
    assert heard.items == before
    old, heard.thread = heard.thread, heard.thread.fresh()
    heard.thread.start()
    heard.desk.said.put(CodeScanned(5, b"fresh"))
    heard.wait_for_item(LaneFact("in", facts.Scanned(b"fresh")))
    assert heard.thread.heart is not old.heart


def test_stopping_before_the_start_and_twice_is_nothing(heard: Heard) -> None:
    heard.thread.stop()
    heard.thread.stop()
    assert heard.items == []


@pytest.mark.parametrize(
    ("driver", "gives"),
    [("gm65", ("code",)), ("rdm6300", ("card",)), ("sam_idcard", ("document",)), ("hikvision", ("plate",))],
)
def test_what_a_lane_gets_from_a_reader_is_what_its_driver_says(driver: str, gives: tuple[str, ...]) -> None:
    assert reader_gives(Device(driver)) == gives


def test_a_reader_that_says_more_than_hands_can_do_is_heard_at_the_pace_of_hands() -> None:
    items: list[Item] = []
    ear = ReaderEar("in", "left", ("code",), items.append)
    for mono_ms in range(5000):
        ear.said(CodeScanned(mono_ms, b"%d" % mono_ms))
    assert 80 <= len(items) <= 120
    ear.said(CodeScanned(9000, b"after it"))
    assert items[-1] == LaneFact("in", facts.Scanned(b"after it"))
