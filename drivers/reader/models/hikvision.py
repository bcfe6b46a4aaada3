"""Hikvision plate cameras over ISAPI: the stream of their alerts, of which the sure plates are kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from drivers.errors import DeviceGoneError
from drivers.profile import Profile
from drivers.reader.alerts import STALE_S, AlertFilter, AlertStream
from drivers.reader.events import PlateSeen, ReaderOptions
from drivers.reader.http_stream import HttpStream, secret_from
from drivers.reader.multipart import boundary_of
from drivers.reader.plates import Direction, Plates

_PATH: Final = "/ISAPI/Event/notification/alertStream"
# A wait that ends just after the camera's time is over, and not just before.
_SOON_S: Final = 0.01
# What a camera could not get rid of while nobody read follows without a pause, and for no longer than this.
_QUIET_S: Final = 0.25
_CATCH_UP_S: Final = 1.0

PROFILE: Final = Profile(
    name="hikvision",
    kind="reader",
    hardware="Hikvision number plate cameras with ISAPI (iDS-TCM, DS-TCG and others), and recorders in front of them",
    wire="Ethernet, HTTP: ISAPI alertStream with digest authentication",
    gives=("plate",),
    sources="B",
    sure="the maker's guide and public code; the events of the tests are composed after them",
    traps=(
        "the namespace of the XML differs between generations of firmware, and some send JSON: all are read",
        "heartbeats are alerts with eventState inactive; some newer firmware sends none: then set silence_s = 0",
        "some firmware repeats an alert every second while a vehicle stands there: repeat_s",
        "three or more wrong passwords lock the account for half an hour: a refused one is tried once a minute",
        "Notify Surveillance Center must be ticked for the plate event, or the stream has none",
        "a printed plate is read like a real one: a plate proves nothing by itself",
    ),
    example={"host": "192.0.2.64", "user": "gate", "password_file": "/etc/guankou/plate-camera.secret"},
)


class Options(ReaderOptions, frozen=True):
    """`host`: an address, because a name is looked up for seconds while the network is away.

    `direction`: plates that go the other way are dropped. `channel`: of a recorder with several cameras, 0: any.
    `silence_s`: after so long without any alert, heartbeats included, the camera counts as gone; 0: never.
    """

    host: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f.:]{3,45}$")]
    user: Annotated[str, msgspec.Meta(pattern=r"^[^:\x00-\x1f]{1,64}$")]
    password_file: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 80
    channel: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    confidence_min: Annotated[int, msgspec.Meta(ge=0, le=100)] = 80
    repeat_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 10.0
    direction: Literal["any", "approach", "leave"] = "any"
    silence_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0


class HikvisionReader:
    """An open stream. One thread reads it."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self._name = f"hikvision {options.host}:{options.port}"
        self._options = options
        self._clock = clock
        password = secret_from(options.password_file, "password_file")
        self._stream = HttpStream(options.host, options.port, _PATH, options.user, password, self._name, clock)
        boundary = boundary_of(self._stream.head.get("content-type"))
        if boundary is None:
            self._stream.close()
            raise DeviceGoneError(self._name, f"{_PATH} is no multipart stream: is this a camera with ISAPI?")
        self._alerts = AlertStream(boundary)
        wanted: Direction = "" if options.direction == "any" else options.direction
        plates = Plates(options.confidence_min, round(options.repeat_s * 1000), wanted)
        self._filter = AlertFilter(plates, options.channel)
        self._pending: deque[PlateSeen] = deque()
        self._heard_s = self._read_s = clock()

    def read(self, timeout_s: float) -> PlateSeen | None:
        """The next plate that counts, or None if none came in time. Raises DeviceGoneError."""
        until_s = time.monotonic() + timeout_s
        self._forget_old()
        while not self._pending:
            left_s = until_s - time.monotonic()
            self._take(self._stream.read(min(left_s, self._patience_s())))
            if left_s <= 0:
                break
        self._read_s = self._clock()
        return self._pending.popleft() if self._pending else None

    def close(self) -> None:
        self._stream.close()

    def sever(self) -> None:
        self._stream.sever()

    def _forget_old(self) -> None:
        """What came while nobody read is no news, nor is what the camera kept back because nobody took it."""
        if self._clock() - self._read_s > STALE_S:
            self._pending.clear()
            until_s = time.monotonic() + _CATCH_UP_S
            while data := self._stream.read(_QUIET_S):
                self._heard_s = self._clock()
                self._alerts.feed(data)
                if time.monotonic() > until_s:
                    raise DeviceGoneError(self._name, "what it said while nobody read does not come to an end")

    def _take(self, data: bytes) -> None:
        for alert in self._alerts.feed(data) if data else ():
            self._heard_s = self._clock()
            event = self._filter.take(alert, round(self._heard_s * 1000))
            if event:
                self._pending.append(event)

    def _patience_s(self) -> float:
        """For how long nothing may come now before the camera counts as gone."""
        longest_s = self._options.silence_s or float("inf")
        silent_s = self._clock() - self._heard_s
        if silent_s > longest_s:
            raise DeviceGoneError(self._name, f"no alert and no heartbeat for {silent_s:.1f} s")
        return longest_s - silent_s + _SOON_S


def connect(options: Options, clock: Callable[[], float]) -> HikvisionReader:
    return HikvisionReader(options, clock)
