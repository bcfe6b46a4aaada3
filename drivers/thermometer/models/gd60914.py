"""GD60914: one byte asks, seven characters answer, in tenths of a degree. Nothing else proves an answer."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from drivers.profile import Profile
from drivers.thermometer.model import Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.scan import Counters, Frame

Site = Literal["object", "forehead", "wrist"]

SINGLE_SHOT = b"\xa1"
QUESTIONS: Final[dict[Site, bytes]] = {"object": b"\xaa", "forehead": b"\xab", "wrist": b"\xac"}
CALIBRATE_35 = bytes.fromhex("A9 A2 01 0C 05")
CALIBRATE_42 = bytes.fromhex("A9 A2 01 0E 0D")
RESET_CALIBRATION = bytes.fromhex("A9 A2 01 06 02")

_LENGTH = 7
# How the seven are filled up is not known: by zeros, or by any of these.
_PADDING = b" \r\n\0"
_PLAUSIBLE_C = (-40.0, 125.0)
# From one answer to the next a fifth of a second later.
_MOST_CHANGE_TENTHS = 10
_UNANSWERED = 2


class Codec:
    """Takes exactly seven characters between a question and a silence, and believes a value that the next one repeats.

    Not a search for frames as elsewhere: with no head and no sum, a rest of one answer and the beginning of another
    would read as a number. At most eight bytes are held.
    """

    has_checksum: ClassVar[bool] = False
    buffer_cap_bytes: ClassVar[int] = _LENGTH + 1

    def __init__(self, site: Site = "object") -> None:
        self.counters = Counters()
        self.note = ""
        self._site: Site = site
        self._buffer = bytearray()
        self._waits = False
        self._unanswered = 0
        self._last_tenths: int | None = None

    @property
    def waiting_bytes(self) -> int:
        """How much of an answer is held; never above `buffer_cap_bytes`."""
        return len(self._buffer)

    def asked(self, question: bytes) -> None:
        """Only what comes after this can be an answer."""
        self.forget()
        if self._waits:
            self._unanswered += 1
            self._last_tenths = None
        self._waits = question in QUESTIONS.values()

    def feed(self, data: bytes) -> list[Frame]:
        """Nothing yet: whether the answer is complete shows only when the line falls silent."""
        room = self.buffer_cap_bytes - len(self._buffer) if self._waits else 0
        self._buffer += data[:room]
        self.counters.resync_bytes += len(data) - len(data[:room])
        return []

    def end_burst(self) -> list[Frame]:
        """The line fell silent: what is held is the answer, or nothing."""
        raw, self._buffer = bytes(self._buffer), bytearray()
        if not raw:
            return []
        self._waits = False
        tenths = _tenths(raw)
        if tenths is None:
            self.counters.wrong_type += 1
            self.counters.resync_bytes += len(raw)
            self._unanswered += 1
            self._last_tenths = None
            return []
        self.counters.good += 1
        self._unanswered = 0
        last, self._last_tenths = self._last_tenths, tenths
        if last is None or abs(tenths - last) > _MOST_CHANGE_TENTHS:
            return []
        return [self._frame(tenths / 10, raw)]

    def forget(self) -> None:
        """Drop what is held without looking at it."""
        self.counters.resync_bytes += len(self._buffer)
        self._buffer.clear()

    def remedy(self) -> bytes:
        """A device that restarted measures on and on until it is told to wait for questions."""
        return SINGLE_SHOT if self._unanswered >= _UNANSWERED else b""

    def _frame(self, celsius: float, raw: bytes) -> Frame:
        if self._site == "object":
            return Frame(celsius, None, None, "surface", raw)
        return Frame(None, None, celsius, "body", raw)


def _tenths(raw: bytes) -> int | None:
    """The number in an answer; None if it has another length, is no plain number, or no temperature."""
    digits = raw.strip(_PADDING)
    if len(raw) != _LENGTH or not digits.removeprefix(b"-").isdigit():
        return None
    tenths = int(digits)
    return tenths if _PLAUSIBLE_C[0] <= tenths / 10 <= _PLAUSIBLE_C[1] else None


class Options(ThermometerOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`site`: what the device is to make of it: the surface as it is, or a body temperature from forehead or wrist.

    It sends tenths of a degree: a person who stands still may give equal answers for long.
    """

    site: Site = "object"
    stuck_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0


PROFILE: Final = Profile(
    name="gd60914",
    kind="thermometer",
    hardware="GD60914",
    wire="UART, TTL level",
    gives=("object or body",),
    sources="C",
    sure="one public driver; how the seven characters are filled up is not known",
    bauds=(9600,),
    traps=(
        "answers have no checksum: a changed digit that stays within 1 C of the last answer can't be seen",
        "a noisy line leaves no reading at all, since only an answer with silence around it counts",
        "no ambient value; what forehead and wrist make of the surface is the maker's secret",
    ),
)


def model(options: Options) -> Model:
    """As the options make it."""
    return Model(
        name="gd60914",
        bauds=PROFILE.bauds,
        codec=partial(Codec, options.site),
        asks=(QUESTIONS[options.site],),
        listen_s=0.1,
        answer_s=0.5,
        poll_s=0.2,
        streams=False,
        period_s=0.2,
        object_range_c=_PLAUSIBLE_C,
        ambient_range_c=None,
        mode_commands={},
        has_ambient=False,
        has_body=options.site != "object",
        # Seven characters take 7 ms, and an adapter holds a byte for up to 16 ms.
        burst_gap_s=0.06,
        one_at_a_time=True,
        opening=SINGLE_SHOT,
    )
