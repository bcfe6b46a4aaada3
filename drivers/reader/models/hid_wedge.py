"""Scanners that type what they read as a keyboard does (USB HID "wedge"), taken from everybody else by a grab."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from drivers.profile import Profile
from drivers.reader.events import CodeScanned, ReaderEvent, ReaderOptions
from drivers.reader.input_device import InputDevice
from drivers.reader.once import Once
from drivers.reader.wedge_keys import EVENT_BYTES, LONGEST_TEXT, Codec

_LOG = logging.getLogger(__name__)

# The kernel hands over whole events only, if there is room for one.
_READ_BYTES: Final = 64 * EVENT_BYTES
# A USB keyboard reports every 8 ms at the slowest, and a scanner presses keys without a pause. People do not.
_QUIET_S: Final = 0.5
_SAME_SHOWING_S: Final = 2.0
# If nobody read for this long, what waits is a thing of the past.
_BACKLOG_S: Final = 1.0

PROFILE: Final = Profile(
    name="hid_wedge",
    kind="reader",
    hardware="barcode scanners that are a USB keyboard, as Honeywell, Newland and most others are shipped",
    wire="USB HID, a device under /dev/input",
    gives=("code",),
    sources="B",
    sure="events and key codes are those of the Linux kernel; that scanners press the keys of a US keyboard and end"
    " with Enter is common knowledge; run with made-up events only, and never with a grab on a real device",
    traps=(
        "name it by /dev/input/by-id/...-event-kbd, and never the guard's own keyboard: it would type no more",
        "set the scanner to the US keyboard and to end with Enter (CR)",
        "not to Alt-code or Ctrl-code output: a line with such keys is dropped",
        "the gate's user needs the group input",
        "many can be set to a serial port by a set-up code: then gm65 with ask = false is the better driver",
        "that it has died, though plugged in, can't be noticed: nothing can be asked of a keyboard",
    ),
)


class Options(ReaderOptions, frozen=True):
    """`port`: the device under /dev/input/by-id. `grab` false leaves what is typed to the screen as well."""

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    grab: bool = True


class HidWedge:
    """An open scanner. One thread reads; any may close or sever."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self._name = f"hid_wedge {options.port}"
        self._clock = clock
        self._codec = Codec()
        self._once = Once(_SAME_SHOWING_S)
        self._ready: deque[CodeScanned] = deque()
        self._device = InputDevice(options.port, self._name, options.grab)
        self._heard_at_s = self._read_ended_at_s = clock()

    def read(self, timeout_s: float) -> ReaderEvent | None:
        """The next code, or None if none came in time. Raises DeviceGoneError when unplugged."""
        deadline_s = self._clock() + timeout_s
        self._forget_backlog()
        try:
            while not self._ready:
                self._hear(self._device.read(_READ_BYTES, self._wait_s(deadline_s)))
                if self._clock() >= deadline_s and not self._ready:
                    return None
            return self._ready.popleft()
        finally:
            self._read_ended_at_s = self._clock()

    def close(self) -> None:
        """Let the scanner go. May be called twice."""
        self._device.close()

    def sever(self) -> None:
        """Take the scanner from a thread that hangs in it; never waits."""
        self._device.sever()

    def _wait_s(self, deadline_s: float) -> float:
        until_s = min(deadline_s, self._heard_at_s + _QUIET_S) if self._codec.waiting_bytes else deadline_s
        return max(0.0, until_s - self._clock())

    def _hear(self, data: bytes) -> None:
        now_s = self._clock()
        dropped = self._codec.dropped
        if data:
            self._heard_at_s = now_s
            for text in self._codec.feed(data):
                if self._once.is_new(text, now_s):
                    self._ready.append(CodeScanned(int(now_s * 1000), text))
        elif self._codec.waiting_bytes and now_s >= self._heard_at_s + _QUIET_S:
            self._codec.quiet()
        if self._codec.dropped > dropped:
            _LOG.warning(
                "%s: keys without Enter, over %s of them, or keys that type no character: dropped",
                self._name,
                LONGEST_TEXT,
            )

    def _forget_backlog(self) -> None:
        if self._clock() - self._read_ended_at_s > _BACKLOG_S:
            while self._device.read(_READ_BYTES, 0):
                pass
            self._codec.forget()
            self._ready.clear()


def connect(options: Options, clock: Callable[[], float]) -> HidWedge:
    return HidWedge(options, clock)
