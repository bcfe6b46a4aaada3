"""Plate cameras that push: a small HTTP listener for Hikvision's alerts and for plain JSON."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from drivers.errors import DeviceGoneError, OptionError
from drivers.profile import Profile
from drivers.reader.alerts import STALE_S, AlertFilter
from drivers.reader.events import PlateSeen, ReaderOptions
from drivers.reader.http_stream import secret_from
from drivers.reader.plate_requests import PushGuard
from drivers.reader.plates import Direction, Plates
from drivers.reader.push_listener import MOST_CONNECTIONS, PushListener

# A camera that is watched has to be heard before it counts as there; until then the port is open most of the time.
_FIRST_WORD_S: Final = 3.0
# How often slow connections, and a silent camera, are looked for.
_SLICE_S: Final = 0.25
# 96 bits in base64: nobody guesses that.
_SHORTEST_TOKEN: Final = 16

PROFILE: Final = Profile(
    name="plate_push",
    kind="reader",
    hardware="cameras and recognisers that push plates over HTTP: Hikvision's HTTP listening, or plain JSON",
    wire="Ethernet, HTTP: the camera calls the gate",
    gives=("plate",),
    sources="B",
    sure="the maker's guide and public code; the plain JSON is our own",
    traps=(
        "a silent camera can't be told from an empty road: set silence_s if it sends heartbeats",
        "many cameras can't send a header: put the token at the end of the path in their menu",
        "the line is not encrypted: give cameras a network of their own",
        "one listener for one camera; a second one needs another port",
        "a printed plate is read like a real one: a plate proves nothing by itself",
    ),
    example={"address": "192.0.2.1", "token_file": "/etc/guankou/plate-push.token"},
)


class Options(ReaderOptions, frozen=True):
    """`address` of this gate in the cameras' network. Who pushes proves it by `token_file`, or user and password.

    `silence_s`: after so long without anything from the camera it counts as gone, until it pushes again; 0: never.
    """

    address: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f.:]{3,45}$")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8091
    token_file: Annotated[str, msgspec.Meta(max_length=200)] = ""
    user: Annotated[str, msgspec.Meta(pattern=r"^[^:\x00-\x1f]{0,64}$")] = ""
    password_file: Annotated[str, msgspec.Meta(max_length=200)] = ""
    confidence_min: Annotated[int, msgspec.Meta(ge=0, le=100)] = 80
    repeat_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 10.0
    direction: Literal["any", "approach", "leave"] = "any"
    silence_s: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0

    def __post_init__(self) -> None:
        if not self.token_file and not (self.user and self.password_file):
            raise ValueError("whoever reaches this port could push plates: set token_file, or user and password_file")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file are set both, or neither")


class PlatePushReader:
    """A listener that is open. One thread reads, and serves the cameras while it does."""

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self._name = f"plate_push {options.address}:{options.port}"
        self._options = options
        self._clock = clock
        wanted: Direction = "" if options.direction == "any" else options.direction
        self._filter = AlertFilter(Plates(options.confidence_min, round(options.repeat_s * 1000), wanted))
        self._pending: deque[PlateSeen] = deque()
        self._heard_s = self._read_s = clock()
        self._has_spoken = False
        self.listener = PushListener(options.address, options.port, _guard_of(options), self._name, clock)

    def read(self, timeout_s: float) -> PlateSeen | None:
        """The next plate that counts, or None if none came in time. Raises DeviceGoneError."""
        until_s = time.monotonic() + timeout_s
        self._forget_old()
        while not self._pending:
            left_s = until_s - time.monotonic()
            self._serve(min(max(0.0, left_s), _SLICE_S))
            self._check_silence()
            if left_s <= 0:
                break
        self._read_s = self._clock()
        return self._pending.popleft() if self._pending else None

    def close(self) -> None:
        self.listener.close()

    def sever(self) -> None:
        self.listener.sever()

    def await_camera(self) -> None:
        """Until it has pushed anything. Raises DeviceGoneError, with the port free again, if that takes too long."""
        until_s = time.monotonic() + _FIRST_WORD_S
        while not self._has_spoken and time.monotonic() < until_s:
            self._serve(_SLICE_S)
        if not self._has_spoken:
            self.close()
            raise DeviceGoneError(self._name, "the camera pushes nothing: is it on, and are address and token right?")
        self._read_s = self._clock()

    def _forget_old(self) -> None:
        """What came while nobody read is answered, and no news."""
        if self._clock() - self._read_s > STALE_S:
            self._pending.clear()
            # A connection is taken in one round and heard in the next.
            for _ in range(2 * MOST_CONNECTIONS):
                if self.listener.serve(0):
                    self._heard_s = self._clock()
            self.listener.outdate()

    def _serve(self, timeout_s: float) -> None:
        for alert in self.listener.serve(timeout_s):
            self._heard_s, self._has_spoken = self._clock(), True
            event = self._filter.take(alert, round(self._heard_s * 1000))
            if event:
                self._pending.append(event)

    def _check_silence(self) -> None:
        silent_s = self._clock() - self._heard_s
        if self._options.silence_s and silent_s > self._options.silence_s:
            raise DeviceGoneError(self._name, f"the camera has pushed nothing for {silent_s:.1f} s")


def _guard_of(options: Options) -> PushGuard:
    token = secret_from(options.token_file, "token_file") if options.token_file else ""
    if options.token_file and (len(token) < _SHORTEST_TOKEN or not token.isascii() or "/" in token):
        raise OptionError(
            f"token_file = {options.token_file!r}: a token has {_SHORTEST_TOKEN} or more plain characters and no '/'; "
            "`head -c 18 /dev/urandom | base64 | tr +/ -_` makes one"
        )
    password = secret_from(options.password_file, "password_file") if options.password_file else ""
    return PushGuard(token, options.user, password)


def connect(options: Options, clock: Callable[[], float]) -> PlatePushReader:
    reader = PlatePushReader(options, clock)
    if options.silence_s:
        reader.await_camera()
    return reader
