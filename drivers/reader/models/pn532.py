"""Readers of 13.56 MHz cards with the PN532 on a serial line (HSU): the UIDs of ISO 14443 type A cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from drivers.profile import Profile
from drivers.reader.events import ReaderOptions
from drivers.reader.pn532_frames import WAKE, Codec
from drivers.reader.pn532_talk import FIRMWARE, Pn532Talk
from drivers.reader.serial_reader import SerialReader

PROFILE: Final = Profile(
    name="pn532",
    kind="reader",
    hardware="PN532 boards with their switches set to HSU (Elechouse V3 and its like) behind a 3.3 V serial adapter",
    wire="UART (HSU), 115200 baud",
    gives=("card",),
    sources="A",
    sure="the maker's user manual and published frames; the firmware and no-card answers of the tests are computed",
    bauds=(115200,),
    traps=(
        "a UID is not secret: cards that copy one are sold; policy `[pass] card` says what it is worth",
        "phones, and some bank cards, give another UID each time (it begins with 08): those can't be given to a pass",
        "boards are delivered with their switches set to I2C or SPI: set them to HSU",
        "whether a card that stays is found at each look was not tried on a real board; short pauses are bridged",
        "identity cards (type B) and 125 kHz cards are not seen",
    ),
)

# Known by the answer to GetFirmwareVersion (UM0701-02 7.2.2), whose first byte is the chip.
_FIRMWARE_ANSWER: Final = 0x03
_CHIP: Final = 0x32


class Options(ReaderOptions, frozen=True):
    """`port`: a stable path, such as one under /dev/serial/by-id. `poll_ms`: time between two looks for a card."""

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    baud: Annotated[int, msgspec.Meta(ge=9600, le=921_600)] = 115200
    poll_ms: Annotated[int, msgspec.Meta(ge=50, le=1000)] = 200


def connect(options: Options, clock: Callable[[], float]) -> SerialReader:
    talk = Pn532Talk(options.poll_ms / 1000)
    return SerialReader(options.port, options.baud, f"pn532 {options.port}", talk, clock)


class _Recogniser:
    """Known by its name."""

    questions = (WAKE + FIRMWARE,)

    def __init__(self) -> None:
        self._codec = Codec()
        self._sure = False

    def feed(self, data: bytes) -> bool:
        for frame in self._codec.feed(data):
            self._sure = self._sure or (frame.code == _FIRMWARE_ANSWER and frame.data[:1] == bytes((_CHIP,)))
        return self._sure


def recognise() -> _Recogniser:
    """Asks for the chip's firmware, which changes nothing in it."""
    return _Recogniser()
