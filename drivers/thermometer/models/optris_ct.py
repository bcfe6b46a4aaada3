"""Optris CT, CTlaser and CSlaser: one byte asks, two bytes answer, without a tag or a checksum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from drivers.errors import OptionError
from drivers.profile import Profile
from drivers.thermometer.model import Model, Range
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.optris_words import (
    ACTUAL,
    ANSWER_BYTES,
    BOX_OR_TARGET,
    BURST_HEAD,
    EMISSIVITY,
    HEAD,
    PROCESS,
    RAW_FACTORS,
    RAW_TEMPERATURES,
    START_BURST,
    STOP_BURST,
    addressed,
    burst_values,
    define_burst,
)
from drivers.thermometer.round import RoundCodec, agreed_c
from drivers.thermometer.scan import Frame, FrameScanner

# So many burst heads between questions, and the device streams by itself.
_BURST_HEADS: Final = 2
# Process, actual, head, box, emissivity, transmissivity: the burst that is printed in public drivers.
BURST_ITEMS: Final = (1, 4, 2, 3, 5, 6)


def questions(head: Literal["ct", "cslaser"], value: Literal["actual", "process"], address: int | None) -> list[bytes]:
    """The round that makes one reading: a constant first, then every temperature twice."""
    if head == "cslaser":
        commands = [EMISSIVITY, BOX_OR_TARGET, BOX_OR_TARGET]
    else:
        target = ACTUAL if value == "actual" else PROCESS
        commands = [EMISSIVITY, target, HEAD, target, HEAD]
    return [addressed(command, address) for command in commands]


class Codec(RoundCodec[int]):
    """Reads the object, and where there is one the head's own temperature.

    An answer is exactly two bytes with silence behind them. One byte too few or too many shifts whatever comes after
    it, and a late answer stands for another question: so the emissivity, which stays, must come as in the round before.
    """

    buffer_cap_bytes: ClassVar[int] = ANSWER_BYTES

    def __init__(self, asks: Sequence[bytes], address: int | None = None) -> None:
        super().__init__(asks)
        self._stop = addressed(STOP_BURST, address)
        self._constant: int | None = None
        self._last_byte = b""
        self._burst_heads = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Holds the answer until the line is silent. What follows it is no answer, and makes it none."""
        self._count_burst_heads(data)
        if not self._awaited or len(self._buffer) + len(data) > ANSWER_BYTES:
            self.counters.resync_bytes += len(self._buffer) + len(data)
            self._buffer.clear()
            if data:
                self._refuse()
            return []
        self._buffer += data
        return []

    def end_burst(self) -> list[Frame]:
        """The line is silent: two bytes, and no more, are an answer."""
        if len(self._buffer) != ANSWER_BYTES:
            self.forget()
            self._refuse()
            return []
        raw = bytes(self._buffer)
        self._buffer.clear()
        return self._answer(int.from_bytes(raw, "big"), raw)

    def remedy(self) -> bytes:
        return self._stop if self._burst_heads >= _BURST_HEADS else b""

    def _answer(self, number: int, raw: bytes) -> list[Frame]:
        is_constant = self._awaited == self._questions[0]
        if number not in (RAW_FACTORS if is_constant else RAW_TEMPERATURES):
            self.counters.resync_bytes += len(raw)
            self.counters.wrong_type += 1
            self._refuse()
            return []
        self._burst_heads = 0
        return self._accept(number, raw)

    def _frame(self, answers: Sequence[int], raw: bytes) -> Frame | None:
        constant, *values = answers
        before, self._constant = self._constant, constant
        temperatures = [(value - 1000) / 10 for value in values]
        if len(temperatures) == 2:
            object_c, ambient_c = agreed_c(*temperatures), None
        else:
            object_c, ambient_c = agreed_c(*temperatures[0::2]), agreed_c(*temperatures[1::2])
            if ambient_c is None:
                return None
        if object_c is None or constant != before:
            return None
        return Frame(object_c, ambient_c, None, "surface", raw)

    def _count_burst_heads(self, data: bytes) -> None:
        seen = self._last_byte + data
        self._burst_heads += seen.count(BURST_HEAD)
        # The second half of a head that was counted is not the first half of another.
        self._last_byte = b"" if seen.endswith(BURST_HEAD) else seen[-1:]


class BurstCodec(FrameScanner):
    """Reads burst frames of BURST_ITEMS, for a device that streams.

    A frame has no checksum either, and its head is not escaped. So all of it must be possible, its constants those of
    the frame before, and its temperatures must agree with that one's.
    """

    head: ClassVar[bytes] = BURST_HEAD
    has_checksum: ClassVar[bool] = False
    _LENGTH: ClassVar[int] = len(BURST_HEAD) + ANSWER_BYTES * len(BURST_ITEMS)

    def __init__(self, value: Literal["actual", "process"]) -> None:
        super().__init__()
        self._object = f"{value}_c"
        self._before: dict[str, float] = {}

    def is_sound(self, raw: bytes) -> bool:
        """Whether these could be values of this device."""
        return burst_values(raw, BURST_ITEMS) is not None

    def _wanted(self, head: bytearray) -> int:
        return self._LENGTH

    def _values(self, raw: bytes) -> Frame | None:
        now = burst_values(raw, BURST_ITEMS) or {}
        before, self._before = self._before, now
        constants = ("emissivity", "transmissivity")
        if not before or any(now[name] != before[name] for name in constants):
            return None
        object_c = agreed_c(before[self._object], now[self._object])
        ambient_c = agreed_c(before["head_c"], now["head_c"])
        if object_c is None or ambient_c is None:
            return None
        return Frame(object_c, ambient_c, None, "surface", raw)


class _Recogniser:
    """Knows a device that is asked by a whole round with its constant, and one that streams by its burst."""

    def __init__(self) -> None:
        self.questions: tuple[bytes, ...] = tuple(questions("ct", "actual", None))
        self._asked = Codec(self.questions)
        self._streaming = BurstCodec("actual")
        self._readings = 0

    def asked(self, question: bytes) -> None:
        """The answer before this question is over."""
        self._readings += len(self._asked.end_burst())
        self._asked.asked(question)

    def feed(self, data: bytes) -> bool:
        self._asked.feed(data)
        self._readings += len(self._streaming.feed(data))
        return self._readings > 0


def recognise() -> _Recogniser:
    """A CT or CTlaser that stands alone on its line."""
    return _Recogniser()


class Options(ThermometerOptions, frozen=True, kw_only=True):
    """`head`: `cslaser` for a CSlaser, which has fewer values. `address`: number of the device on an RS-485 line.

    `talk`: `poll` asks for each value; `burst` lets the device stream, which is faster, and proves less.
    `value`: `actual`, untouched by the hold and averaging set at the device; `process` for one that does not know it.
    These devices send tenths of a degree: a person who stands still may give equal answers for long.
    """

    head: Literal["ct", "cslaser"] = "ct"
    talk: Literal["poll", "burst"] = "poll"
    value: Literal["actual", "process"] = "actual"
    address: Annotated[int, msgspec.Meta(ge=1, le=79)] | None = None
    stuck_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0


# CT LT and CTlaser LT; their electronics tell of more, which no gate has to do with.
_OBJECT_C: Final[Range] = (-50.0, 975.0)
_HEAD_C: Final[Range] = (-20.0, 250.0)

PROFILE: Final = Profile(
    name="optris_ct",
    kind="thermometer",
    hardware="Optris CT, CTlaser, CSlaser; Micro-Epsilon thermoMETER CT is said to be the same",
    wire="USB, RS-232 or RS-485 of the electronics box",
    gives=("object", "ambient"),
    sources="A",
    sure="commands and scaling from four public drivers that agree; of the CSlaser from one",
    bauds=(9600, 115200),
    traps=(
        "its answers have neither a tag nor a checksum: every temperature is asked for twice, and a constant each time",
        "a change of the emissivity at the device costs two readings",
        "with value = process the hold and averaging of the device must be off: it would tell of somebody who left",
        "a CSlaser gives no ambient value",
        "a device in burst mode is told to stop it, unless talk = burst; whether it keeps that is not published",
    ),
)


def model(options: Options) -> Model:
    """With the values of that head. Raises OptionError for a burst of a CSlaser, whose items nobody has published."""
    if options.talk == "poll":
        return _polled(options)
    if options.head == "cslaser":
        raise OptionError(
            'thermometer driver "optris_ct": talk = "burst" is not known of head = "cslaser"; leave talk out'
        )
    return _streaming(options)


def _polled(options: Options) -> Model:
    asks = questions(options.head, options.value, options.address)
    return Model(
        name=PROFILE.name,
        bauds=PROFILE.bauds,
        codec=partial(Codec, asks, options.address),
        asks=tuple(asks),
        listen_s=0.05,
        answer_s=0.2,
        poll_s=0.25,
        streams=False,
        period_s=0.4,
        object_range_c=_OBJECT_C,
        ambient_range_c=None if options.head == "cslaser" else _HEAD_C,
        mode_commands={},
        has_ambient=options.head != "cslaser",
        has_body=False,
        is_round=True,
        # An adapter that hands over every 16 ms may part two bytes by as much.
        burst_gap_s=0.03,
        one_at_a_time=True,
    )


def _streaming(options: Options) -> Model:
    commands = (define_burst(BURST_ITEMS), START_BURST)
    return Model(
        name=PROFILE.name,
        bauds=PROFILE.bauds,
        codec=partial(BurstCodec, options.value),
        asks=(b"".join(addressed(command, options.address) for command in commands),),
        listen_s=0.3,
        answer_s=0.4,
        poll_s=0.4,
        streams=True,
        period_s=0.1,
        object_range_c=_OBJECT_C,
        ambient_range_c=_HEAD_C,
        mode_commands={},
        has_ambient=True,
        has_body=False,
    )
