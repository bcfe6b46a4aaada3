"""Readers of the second-generation identity card with a SAM_V security module on a serial port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from drivers.profile import Profile
from drivers.reader.events import ReaderOptions
from drivers.reader.sam_frames import Codec
from drivers.reader.sam_talk import STATUS, SamTalk
from drivers.reader.serial_reader import SerialReader

PROFILE: Final = Profile(
    name="sam_idcard",
    kind="reader",
    hardware="second-generation ID card readers with a SAM_V module and a serial port (also behind a USB adapter)",
    wire="RS-232 or UART behind an adapter",
    gives=("document",),
    sources="A",
    sure="frames published on five protocol pages and in six public drivers; the text's layout likewise",
    bauds=(115200, 57600, 38400, 19200, 9600),
    traps=(
        "readers that speak USB without a serial adapter need their maker's library: buy the serial kind",
        "most modules find a card again only after it was lifted; this was not tried on a real one",
        "residence permits of foreigners (I) and of Hong Kong, Macao and Taiwan (J) are laid out otherwise: refused",
        "only licensed readers have the security module; an NFC reader can't read what is on the card",
        "the picture is compressed for a library of the card's makers, and dropped",
    ),
)


class Options(ReaderOptions, frozen=True):
    """`poll_ms`: time between two looks for a card."""

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    baud: Literal[115200, 57600, 38400, 19200, 9600] = 115200
    poll_ms: Annotated[int, msgspec.Meta(ge=300, le=1000)] = 400


def connect(options: Options, clock: Callable[[], float]) -> SerialReader:
    name = f"sam_idcard {options.port}"
    return SerialReader(options.port, options.baud, name, SamTalk(name, options.baud, options.poll_ms / 1000), clock)


class _Recogniser:
    """A sound frame behind this preamble of five bytes is no accident."""

    questions = (STATUS,)

    def __init__(self) -> None:
        self._codec = Codec()
        self._sure = False

    def feed(self, data: bytes) -> bool:
        self._sure = self._sure or bool(self._codec.feed(data))
        return self._sure


def recognise() -> _Recogniser:
    """Known by any sound answer."""
    return _Recogniser()
