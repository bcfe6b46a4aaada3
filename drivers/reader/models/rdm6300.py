"""Readers of 125 kHz cards (EM4100) that send a card's number over and over while it lies there: RDM6300 and others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal

import msgspec

from drivers.profile import Profile
from drivers.reader.em4100 import Codec
from drivers.reader.events import CardSeen, ReaderOptions
from drivers.reader.once import Once
from drivers.reader.serial_reader import SerialReader

PROFILE: Final = Profile(
    name="rdm6300",
    kind="reader",
    hardware="RDM6300 and RDM630 boards, and 125 kHz readers with a serial port that send EM4100 numbers as they do",
    wire="UART 5 V behind an adapter, or RS-232",
    gives=("card",),
    sources="A",
    sure="both published frames of three sources, and one of the binary form that some makers' readers send",
    bauds=(9600,),
    traps=(
        "the number is not secret: a copy of a card costs a few coins; policy `[pass] card` says what it is worth",
        "the reader only sends: one that lost its power while its adapter has some looks like one without a card",
        "the printed number is the lower four of five bytes: readers that give three only (Wiegand 26) don't match it",
        "other 125 kHz cards (HID Prox, T5577 in another mode) say nothing here",
        "its output has 5 V: an adapter or board of 3.3 V needs a divider",
    ),
)

# A card that lies there is sent every 50 to 70 ms; a frame may be lost to noise, and a hand trembles.
_GONE_AFTER_S: Final = 1.0


class Options(ReaderOptions, frozen=True):
    """`port`: a stable path, such as one under /dev/serial/by-id."""

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 9600


def connect(options: Options, clock: Callable[[], float]) -> SerialReader:
    return SerialReader(options.port, options.baud, f"rdm6300 {options.port}", CardTalk(), clock)


class CardTalk:
    """Only listens. One event per laying on: a card counts again after it was away for a second."""

    next_at_s = float("inf")

    def __init__(self) -> None:
        self._codec = Codec()
        self._once = Once(_GONE_AFTER_S)

    def say(self, now_s: float) -> bytes:
        """Nothing: the reader takes no commands."""
        return b""

    def feed(self, data: bytes, now_s: float) -> Sequence[CardSeen]:
        """Take what came; a card that was not lying there before."""
        numbers = [number for number in self._codec.feed(data) if self._once.is_new(number, now_s)]
        return [CardSeen(int(now_s * 1000), "em4100", number) for number in numbers]

    def lost(self, now_s: float) -> str | None:
        """Never by silence: that is what no card sounds like."""
        return None

    def forget(self, now_s: float) -> None:
        """Drop half a frame of another time."""
        self._codec.forget()


class _Recogniser:
    """Known by one sound frame, so only while a card lies there."""

    questions: tuple[bytes, ...] = ()

    def __init__(self) -> None:
        self._codec = Codec()
        self._sure = False

    def feed(self, data: bytes) -> bool:
        self._sure = bool(self._codec.feed(data)) or self._sure
        return self._sure


def recognise() -> _Recogniser:
    """Whoever searches lays a card on the reader meanwhile."""
    return _Recogniser()
