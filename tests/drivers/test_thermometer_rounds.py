"""A round of questions for one reading: their order, what a lost answer does, and when the line rests."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Callable, Iterator

import pytest

from drivers.thermometer import model_of
from drivers.thermometer.baud_probe import BaudProbe
from drivers.thermometer.dialogue import Dialogue
from drivers.thermometer.driver import SerialThermometer
from drivers.thermometer.model import Model
from drivers.thermometer.models import optris_ct, raytek_ascii
from drivers.thermometer.round import agreed_c

LIMIT_S = 5.0
RAYTEK = raytek_ascii.questions()
ANSWERS = {b"?U\r": b"!UC\r\n", b"?T\r": b"!T36.5\r\n", b"?I\r": b"!I21.3\r\n"}


def model(name: str = "raytek_ascii", **options: object) -> Model:
    return model_of(name, {"port": "x", **options})[0]


def dialogue(name: str = "raytek_ascii") -> Dialogue:
    return Dialogue(model(name), model(name).poll_s, now_s=0.0)


def ask(talk: Dialogue) -> tuple[float, bytes]:
    """The next question at the time it is due."""
    at_s = talk.next_ask_at_s
    question = talk.question(at_s)
    assert question is not None
    return at_s, question


def test_the_questions_of_a_round_follow_each_answer_at_once_and_the_next_round_the_poll() -> None:
    talk = dialogue()
    asked = []
    for _ in range(2 * len(RAYTEK)):
        at_s, question = ask(talk)
        asked.append((round(at_s, 3), question))
        talk.answered(at_s + 0.01)
    first_s = asked[0][0]
    paces = [0.0, 0.01, 0.02, 0.03, 0.04, 0.2, 0.21, 0.22, 0.23, 0.24]
    assert asked == [(round(first_s + pace, 3), one) for pace, one in zip(paces, RAYTEK * 2, strict=True)]


def test_a_question_without_an_answer_begins_the_round_again() -> None:
    talk = dialogue()
    for _ in range(3):
        at_s, question = ask(talk)
        talk.answered(at_s + 0.01)
    _, question = ask(talk)
    assert question == RAYTEK[3]
    _, question = ask(talk)
    assert question == RAYTEK[0]


def test_a_device_that_never_answers_is_asked_ever_less_often_and_always_the_first_question() -> None:
    talk = dialogue("optris_ct")
    asked = []
    while talk.next_ask_at_s < 20.0:
        asked.append(ask(talk)[1])
    assert set(asked) == {optris_ct.questions("ct", "actual", None)[0]}
    assert 8 <= len(asked) <= 20


def test_a_baud_at_which_answers_come_is_kept_for_a_whole_reading() -> None:
    probe = BaudProbe((9600, 115200), now_s=0.0)
    probe.hopeful(0.9)
    assert probe.change(1.8) is None
    assert probe.change(1.9) == 115200
    probe.found()
    probe.hopeful(2.0)
    assert probe.change(1e9) is None


@pytest.mark.parametrize(
    ("first_c", "second_c", "agreed"),
    [(36.4, 36.4, 36.4), (36.4, 36.7, 36.55), (36.7, 36.4, 36.55), (36.4, 36.71, None), (36.71, 36.4, None)],
)
def test_two_answers_agree_up_to_three_tenths(first_c: float, second_c: float, agreed: float | None) -> None:
    assert agreed_c(first_c, second_c) == agreed


class Device:
    """A device of the test's own on a pseudo-terminal: `answer` is called with all that was heard at once."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.heard: list[tuple[float, bytes]] = []
        self.said_at_s = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        self.said_at_s = time.monotonic()
        os.write(self._master, data)

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _run(self) -> None:
        while not self._done.wait(0.001):
            try:
                heard = os.read(self._master, 64)
            except BlockingIOError:
                continue
            self.heard.append((time.monotonic() - self.said_at_s, heard))
            answer = self._answer(heard)
            if answer:
                self.say(answer)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    one = Device(request.param)
    yield one
    one.close()


def opened(device: Device, name: str, **options: object) -> SerialThermometer:
    return SerialThermometer(*model_of(name, {"port": device.path, "baud": 9600, **options}))


@pytest.mark.parametrize("device", [lambda heard: ANSWERS.get(heard, b"")], indirect=True)
def test_a_round_goes_over_the_line_question_by_question(device: Device) -> None:
    thermometer = opened(device, "raytek_ascii")
    reading = thermometer.read(LIMIT_S)
    thermometer.close()
    assert reading is not None
    assert (reading.object_c, reading.ambient_c) == (36.5, 21.3)
    assert tuple(heard for _, heard in device.heard[:5]) == RAYTEK


@pytest.mark.parametrize("device", [lambda heard: ANSWERS.get(heard, b"")], indirect=True)
def test_what_waits_in_the_port_is_never_taken_for_the_answer_to_a_question(device: Device) -> None:
    ahead_s = 0.0
    checked = model_of("raytek_ascii", {"port": device.path, "baud": 9600})
    thermometer = SerialThermometer(*checked, lambda: time.monotonic() + ahead_s)
    assert thermometer.read(0.0) is None
    device.say(b"!UF\r\n")
    ahead_s = 0.5
    reading = thermometer.read(LIMIT_S)
    thermometer.close()
    assert reading is not None
    assert reading.object_c == 36.5
    # Taken for an answer, it would have been one more.
    assert (thermometer.counters.good, thermometer.counters.resync_bytes) == (5, 0)


def slowly(_heard: bytes) -> bytes:
    """A device that takes longer than the time between two questions: the next is due as soon as it has answered."""
    time.sleep(0.06)
    return bytes.fromhex("01 03 10 0A 13 0B FB" + " 00" * 12 + " 61 42")


@pytest.mark.parametrize("device", [slowly], indirect=True)
def test_a_modbus_line_is_quiet_before_each_question(device: Device) -> None:
    """3.5 characters at 2400 baud are 16 ms."""
    thermometer = opened(device, "modbus_ir", map="mq485a", baud=2400, poll_ms=50)
    readings = [thermometer.read(LIMIT_S) for _ in range(6)]
    thermometer.close()
    assert None not in readings
    assert min(after_s for after_s, _ in device.heard[1:]) >= 0.016


@pytest.mark.parametrize("device", [lambda _heard: b""], indirect=True)
def test_a_line_that_is_never_quiet_is_asked_all_the_same(device: Device) -> None:
    thermometer = opened(device, "modbus_ir", map="mq485a", poll_ms=50)
    until_s = time.monotonic() + LIMIT_S
    while len(device.heard) < 2 and time.monotonic() < until_s:
        device.say(b"\x55")
        thermometer.read(0.002)
    thermometer.close()
    assert len(device.heard) >= 2


@pytest.mark.parametrize("device", [lambda _heard: b""], indirect=True)
def test_an_order_that_helps_is_not_sent_over_and_over(device: Device) -> None:
    thermometer = opened(device, "raytek_ascii")
    until_s = time.monotonic() + 1.2
    while time.monotonic() < until_s:
        device.say(b"UC T36.5 I21.3\r\n")
        thermometer.read(0.05)
    thermometer.close()
    heard = b"".join(heard for _, heard in device.heard)
    assert heard.count(b"V=P") == 1
