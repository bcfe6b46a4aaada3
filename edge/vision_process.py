"""The process that looks: camera and decoders, apart from the gate, because strangers' codes reach native code here.

Runs as `python -m edge.vision_process`; takes one Start message on standard input, writes messages to standard output,
and ends when standard input is closed, so that it never outlives the gate.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import zlib
from collections import deque
from typing import TYPE_CHECKING, Final

from edge.child_process import die_with_parent, limit_memory
from edge.vision_messages import (
    Alive,
    CameraFault,
    CameraOk,
    LookForMask,
    MessageReader,
    Seen,
    Start,
    bounded,
    frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.camera.grabber import GrabbingCamera
    from drivers.camera.health import Health, Look
    from drivers.decoder.decoder import Decoder
    from drivers.decoder.watch import Sight, Watch
    from drivers.protocols import Frame
    from edge.mask_eye import MaskEye
    from edge.vision_messages import Message

_READ_S: Final = 0.25
_HEARTBEAT_MS: Final = 900
# No more than 16 frames a second are looked at: more would cost more and find nothing sooner.
_LEAST_PERIOD_MS: Final = 60
_FPS_WINDOW: Final = 30


class Lookout:
    """Turns frames into messages. No device, no clock: frames and times are handed in."""

    def __init__(
        self, lane: str, watch: Watch, decoder: Decoder, health: Health, mask_eye: MaskEye | None = None
    ) -> None:
        self._lane = lane
        self._mask_eye = mask_eye
        self._watch = watch
        self._decoder = decoder
        self._health = health
        self._said_fault: str | None = "not yet seen"
        self._said_codes = False
        self._said_ms = -_HEARTBEAT_MS
        self._said_seen_ms = -_HEARTBEAT_MS
        self._times: deque[int] = deque(maxlen=_FPS_WINDOW)

    def step(self, newest: Frame | None, now_ms: int, detail: str = "") -> list[Message]:
        """What there is to say, given the newest frame or that there was none; `detail` is the device's complaint."""
        sight = None if newest is None else self._watch.see(newest.image)
        if newest is not None and sight is not None:
            self._times.append(newest.mono_ms)
            self._health.seen(_look(sight, newest.mono_ms))
        messages = self._camera_news(newest is not None, now_ms, detail)
        if newest is not None and sight is not None:
            messages += self._code_news(sight, newest)
            if self._mask_eye is not None and not self._health.still():
                self._mask_eye.offer(newest, sight.small)
        if self._mask_eye is not None:
            messages += self._mask_eye.news()
        if not messages and now_ms - self._said_ms >= _HEARTBEAT_MS:
            messages = [Alive(self._lane)]
        if messages:
            self._said_ms = now_ms
        return messages

    def _camera_news(self, came: bool, now_ms: int, detail: str) -> list[Message]:
        fault = self._health.fault(now_ms)
        if fault == self._said_fault or (fault is None and not came):
            return []
        self._said_fault = fault
        if fault is None:
            return [CameraOk(self._lane)]
        news: list[Message] = [CameraFault(self._lane, fault, detail)]
        if fault == "camera_missing" and self._said_codes:
            self._said_codes = False
            news.append(self._seen((), False, now_ms, 0))
        return news

    def _code_news(self, sight: Sight, newest: Frame) -> list[Message]:
        payloads = tuple(code.payload for code in sight.decoded.codes) if sight.decoded else ()
        left = self._said_codes and not sight.in_view
        if payloads or left:
            self._said_codes = bool(payloads)
        elif newest.mono_ms - self._said_seen_ms < _HEARTBEAT_MS or self._said_codes:
            return []
        self._said_seen_ms = newest.mono_ms
        return [self._seen(payloads, sight.moving, newest.mono_ms, newest.number)]

    def _seen(self, payloads: tuple[bytes, ...], moving: bool, mono_ms: int, number: int) -> Seen:
        codes, cut = bounded(payloads)
        failures = self._decoder.failures.total()
        return Seen(self._lane, mono_ms, codes, moving, number, self._fps(), cut, failures, self._health.still())

    def _fps(self) -> float:
        if len(self._times) < 2 or self._times[-1] == self._times[0]:
            return 0.0
        return round((len(self._times) - 1) * 1000 / (self._times[-1] - self._times[0]), 1)


def main() -> None:
    """The whole life of the process."""
    die_with_parent()
    say = _own_output()
    reader = MessageReader()
    start = _read_start(reader)
    say(frame(Alive(start.lane)))
    limit_memory(start.memory_mib)
    eye = _mask_eye(start)
    threading.Thread(target=_take_orders, args=(reader, eye), name="input", daemon=True).start()
    # Only now the native libraries: the watchdog already knows that the process is there, and the limit holds for them.
    from drivers.camera import check_options, open_camera
    from drivers.camera.health import Health
    from drivers.decoder.decoder import Decoder
    from drivers.decoder.watch import Watch

    limits = check_options(start.driver, start.options)
    decoder = Decoder()
    lookout = Lookout(start.lane, Watch(decoder), decoder, Health(limits, _mono_ms()), eye)
    _look_for_ever(open_camera(start.driver, start.options, colour=eye is not None), lookout, say)


def _look_for_ever(camera: GrabbingCamera, lookout: Lookout, say: Callable[[bytes], None]) -> None:
    from drivers.errors import DeviceGoneError

    while True:
        began_ms = _mono_ms()
        newest, detail = None, ""
        try:
            newest = camera.read(_READ_S)
        except DeviceGoneError as gone:
            detail = gone.why
        for message in lookout.step(newest, _mono_ms(), detail):
            say(frame(message))
        # The period counts from the read, not from the end of the work: a slow frame needs no rest after it.
        time.sleep(max(0, began_ms + _LEAST_PERIOD_MS - _mono_ms()) / 1000)


def _look(sight: Sight, mono_ms: int) -> Look:
    from drivers.camera.health import Look

    mean, deviation = float(sight.small.mean()), float(sight.small.std())
    return Look(mono_ms, mean, deviation, zlib.crc32(sight.small.tobytes()))


def _mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _own_output() -> Callable[[bytes], None]:
    # Native libraries print warnings: what they write to the standard output must not end up between messages.
    pipe = os.dup(1)
    os.dup2(2, 1)

    def say(data: bytes) -> None:
        while data:
            data = data[os.write(pipe, data) :]

    return say


def _mask_eye(start: Start) -> MaskEye | None:
    if start.mask is None:
        return None
    from edge.mask_eye import MaskEye

    eye = MaskEye(start.lane, start.mask)
    eye.start()
    return eye


def _read_start(reader: MessageReader) -> Start:
    while data := os.read(0, 65536):
        for message in reader.feed(data):
            if isinstance(message, Start):
                return message
    sys.exit(0)


def _take_orders(reader: MessageReader, eye: MaskEye | None) -> None:
    """The gate's words, until it closes its end: then there is nobody to look for."""
    while data := os.read(0, 65536):
        for message in reader.feed(data):
            if isinstance(message, LookForMask) and eye is not None:
                eye.want(message.on)
    os._exit(0)


if __name__ == "__main__":
    main()
