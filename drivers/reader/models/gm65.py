"""GM65, GM861 and GM6x two-dimensional barcode modules, and other scanners that send codes as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from drivers.profile import Profile
from drivers.reader.events import ReaderOptions
from drivers.reader.gm65_codec import Acknowledged, Codec
from drivers.reader.gm65_talk import READ_BAUD, Gm65Talk
from drivers.reader.serial_reader import SerialReader

PROFILE: Final = Profile(
    name="gm65",
    kind="reader",
    hardware="GM65, GM861 and GM6x barcode modules; with ask = false any scanner that sends lines of text",
    wire="UART, TTL level, or USB as a serial port",
    gives=("code",),
    sources="A",
    sure="commands and acknowledge published in seven public drivers; the answer to the question for its baud, with"
    " which it is watched, is inferred from the acknowledge",
    bauds=(9600, 115200),
    traps=(
        'set the module to end each code with CR, or say end = "silence"',
        "set it to plain output: converted to GBK or Unicode a pass is no longer a pass",
        "shipped as a keyboard (USB HID) it has no port: scan the set-up code for a serial port, or use hid_wedge",
        "whether it reads by itself or on command is set by its set-up codes; this driver saves nothing in the module",
        "what a scanner sends has no checksum of its own: only the signature in a pass tells a damaged one",
    ),
)


class Options(ReaderOptions, frozen=True):
    """`ask`: it is asked once a second whether it is there; false for scanners that answer no commands.

    `trigger`: who starts a reading, the scanner (continuous or sensing) or the driver's command. `end`: what ends a
    code, CR or LF, or silence for a fifth of a second, which can't tell a whole code from the first half of one.
    """

    port: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    baud: Literal[9600, 115200, 57600, 38400, 19200, 4800] = 9600
    ask: bool = True
    trigger: Literal["scanner", "command"] = "scanner"
    end: Literal["line", "silence"] = "line"


def connect(options: Options, clock: Callable[[], float]) -> SerialReader:
    name = f"gm65 {options.port}"
    talk = Gm65Talk(name, options.baud, options.ask, options.trigger == "command", options.end == "silence")
    return SerialReader(options.port, options.baud, name, talk, clock)


class _Recogniser:
    """An answer with its CRC, to the question for the two bytes that say its speed."""

    questions = (READ_BAUD,)

    def __init__(self) -> None:
        self._codec = Codec()
        self._sure = False

    def feed(self, data: bytes) -> bool:
        heard = self._codec.feed(data)
        self._sure = self._sure or any(isinstance(one, Acknowledged) and len(one.data) == 2 for one in heard)
        return self._sure


def recognise() -> _Recogniser:
    """Known only when it may be asked: a line of text could be anybody's."""
    return _Recogniser()
