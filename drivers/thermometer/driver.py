"""A thermometer on a serial port: the port, the codec and the questions put together."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from drivers.protocols import Reading
from drivers.serial_port import SerialPort
from drivers.thermometer.baud_probe import BaudProbe
from drivers.thermometer.capture import Capture
from drivers.thermometer.dialogue import Dialogue
from drivers.thermometer.mode_habit import ModeHabit
from drivers.thermometer.model import Model
from drivers.thermometer.options import ThermometerOptions, asked_mode
from drivers.thermometer.quality import QualityJudge
from drivers.thermometer.scan import Counters, Frame

Clock = Callable[[], float]

_READ_BYTES: Final = 256
# A frame under way is given this long before the next question.
_FRAME_LEFT_S: Final = 1.0
# If nobody read for this long, what waits in the port is a thing of the past and not a reading.
_BACKLOG_S: Final = 1.0
# The module keeps its mode in memory that wears out: do not set it over and over.
_MODE_AGAIN_S: Final = 5.0
# Nor tell one again and again to stop what it goes on doing.
_REMEDY_AGAIN_S: Final = 5.0
# A module that is silent for this long may have made way for another one, while its adapter stayed in its socket.
_OTHER_MODULE_S: Final = 10.0


class SerialThermometer:
    """An open thermometer. `first_baud` is tried before the others of the model.

    One thread reads; any may close. `silent_for_ms` and `is_stale` tell how old the newest good frame is.
    Raises DeviceGoneError when the port cannot be opened, and from `read` when it has gone.
    """

    def __init__(
        self,
        model: Model,
        options: ThermometerOptions,
        clock: Clock = time.monotonic,
        first_baud: int | None = None,
    ) -> None:
        now_s = clock()
        self.model = model
        self._clock = clock
        self._probe = BaudProbe(_bauds(model, options, first_baud), now_s)
        self._mode = asked_mode(model, options)
        self._codec = model.codec()
        poll_s = model.poll_s if options.poll_ms is None else options.poll_ms / 1000
        self._period_s = max(model.period_s, poll_s)
        self._dialogue = Dialogue(model, poll_s, now_s)
        self._judge = QualityJudge(model, self._mode, options.stuck_after, options.stuck_after_s)
        self._ready: deque[Reading] = deque()
        self._heard_at_s = self._good_at_s = self._read_ended_at_s = now_s
        self._mode_at_s = now_s
        self._remedy_not_before_s = now_s
        self._habit = ModeHabit()
        self._begun = False
        self._port = SerialPort(options.port, self._probe.baud, f"thermometer {model.name}")
        self._capture = self._open_capture(options.capture)

    @property
    def counters(self) -> Counters:
        """What the codec has met since opening."""
        return self._codec.counters

    @property
    def note(self) -> str:
        """What the device answered in place of values, in words; empty if nothing."""
        return self._codec.note

    @property
    def found_baud(self) -> int | None:
        """The baud at which a good frame came; None before the first."""
        return self._probe.found_baud

    @property
    def silent_for_ms(self) -> int:
        """Time since the last good frame, or since opening."""
        return int((self._clock() - self._good_at_s) * 1000)

    @property
    def is_stale(self) -> bool:
        """Silent for more than three periods: the last value says nothing about now."""
        return self.silent_for_ms > 3000 * self._period_s

    def read(self, timeout_s: float) -> Reading | None:
        """The next reading, or None if none came in time. Raises DeviceGoneError when unplugged."""
        deadline_s = self._clock() + timeout_s
        self._forget_backlog()
        try:
            while not self._ready:
                self._speak(self._clock())
                self._hear(self._port.read(_READ_BYTES, self._wait_s(deadline_s)))
                if self._clock() >= deadline_s and not self._ready:
                    return None
            return self._ready.popleft()
        finally:
            self._read_ended_at_s = self._clock()

    def close(self) -> None:
        """Release the port. May be called twice."""
        self._port.close()
        self._capture.close()

    def sever(self) -> None:
        """Take the port from a thread that hangs in it; from any thread, without waiting."""
        self._port.sever()

    def _open_capture(self, path: str | None) -> Capture:
        try:
            return Capture(path)
        except ValueError:
            self._port.close()
            raise

    def _forget_backlog(self) -> None:
        now_s = self._clock()
        if now_s - self._read_ended_at_s > _BACKLOG_S:
            self._port.flush_input()
            self._codec.forget()
            self._ready.clear()
            self._heard_at_s = now_s

    def _wait_s(self, deadline_s: float) -> float:
        until_s = min(deadline_s, self._ask_at_s(), self._probe.next_change_at_s)
        if self._codec.waiting_bytes:
            until_s = min(until_s, self._heard_at_s + self.model.burst_gap_s)
        return max(0.0, until_s - self._clock())

    def _ask_at_s(self) -> float:
        """In the middle of a frame a question can wait, but not for ever: noise may look like a frame's beginning."""
        due_s = self._dialogue.next_ask_at_s
        quiet_s = math.inf if self._codec.waiting_bytes else self._heard_at_s + self.model.gap_s
        return max(due_s, min(quiet_s, due_s + _FRAME_LEFT_S))

    def _speak(self, now_s: float) -> None:
        if now_s - self._good_at_s > _OTHER_MODULE_S:
            self._probe.search_again(now_s)
        baud = self._probe.change(now_s)
        if baud is not None:
            self._port.set_baud(baud)
            self._begun = False
        if not self._begun:
            self._begun = True
            if self.model.opening:
                self._port.write(self.model.opening)
            self._send_mode(now_s)
            self._dialogue.restart(now_s)
        if now_s < self._ask_at_s():
            return
        if self._mode is not None and self._habit.wants_mode(now_s, self._dialogue.unanswered):
            self._send_mode(now_s)
            self._dialogue.restart(now_s)
            return
        if self._sends_remedy(now_s):
            return
        question = self._dialogue.question(now_s)
        if question is not None:
            self._ask(question)

    def _sends_remedy(self, now_s: float) -> bool:
        if now_s < self._remedy_not_before_s:
            return False
        remedy = self._codec.remedy()
        if not remedy:
            return False
        self._remedy_not_before_s = now_s + _REMEDY_AGAIN_S
        self._port.write(remedy)
        self._dialogue.restart(now_s)
        return True

    def _ask(self, question: bytes) -> None:
        if self.model.one_at_a_time:
            self._port.flush_input()
            self._codec.forget()
        self._codec.asked(question)
        self._port.write(question)

    def _send_mode(self, now_s: float) -> None:
        self._mode_at_s = now_s
        if self._mode is not None:
            self._habit.told(now_s)
            self._port.write(self.model.mode_commands[self._mode])

    def _hear(self, data: bytes) -> None:
        now_s = self._clock()
        good_before = self._codec.counters.good
        if data:
            self._heard_at_s = now_s
            self._capture.keep(data)
            frames = self._codec.feed(data)
        elif self._codec.waiting_bytes and now_s - self._heard_at_s >= self.model.burst_gap_s:
            frames = self._codec.end_burst()
        else:
            return
        for frame in frames:
            self._take(frame, self._heard_at_s)
        if not frames and self._codec.counters.good > good_before:
            self._probe.hopeful(now_s)
            self._dialogue.answered(self._heard_at_s)

    def _take(self, frame: Frame, at_s: float) -> None:
        self._good_at_s = at_s
        self._probe.found()
        self._dialogue.answered(at_s)
        self._habit.answered()
        marks = self._judge.marks(frame, at_s)
        if "mode_mismatch" in marks and at_s - self._mode_at_s >= _MODE_AGAIN_S:
            self._send_mode(at_s)
        self._ready.append(_reading(self.model, frame, marks, at_s))


def _reading(model: Model, frame: Frame, marks: tuple[str, ...], at_s: float) -> Reading:
    return Reading(
        mono_ms=int(at_s * 1000),
        model=model.name,
        mode=frame.mode,
        object_c=frame.object_c,
        ambient_c=frame.ambient_c,
        body_c=frame.body_c,
        distance_mm=None,
        quality=marks,
        raw=frame.raw,
    )


def _bauds(model: Model, options: ThermometerOptions, first_baud: int | None) -> tuple[int, ...]:
    """The bauds to try, in order."""
    if options.baud is not None:
        return (options.baud,)
    if first_baud is None:
        return model.bauds
    return (first_baud, *(baud for baud in model.bauds if baud != first_baud))
