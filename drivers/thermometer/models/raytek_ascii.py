"""Raytek and Fluke pyrometers that speak ASCII: asked `?T`, they answer `!T36.5`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, Final

import msgspec

from drivers.profile import Profile
from drivers.thermometer.model import Model
from drivers.thermometer.options import ThermometerOptions
from drivers.thermometer.round import RoundCodec, agreed_c
from drivers.thermometer.scan import Frame

_END: Final = b"\r"
# What a two-wire line brings while its direction turns: neither is a letter of this protocol.
_TURNING_NOISE: Final = b"\x00\xff"
_UNPRINTABLE: Final = re.compile(rb"[^ -~]")
_LINE_ENDS: Final = re.compile(rb"[\r\n]")
_NUMBER: Final = re.compile(rb"[+-]?\d{1,4}(\.\d{1,3})?")
# In place of a number while the device can't measure, such as EHHH for too hot: said by the manuals, not listed.
_FAIL_SAFE: Final = re.compile(rb"E[A-Z]{1,5}")
_UNIT: Final = b"U"
_OBJECT: Final = b"T"
_AMBIENT: Final = b"I"
# Every temperature twice, and the unit each time: it is a setting that somebody may change at any moment.
_ROUND: Final = (_UNIT, _OBJECT, _AMBIENT, _OBJECT, _AMBIENT)
# A line of a burst, whole or torn: values behind their letters, without the mark of an answer.
_BURST_LINE: Final = re.compile(rb"[^!*#][ -~]*[A-Z][+-]?\d[ -~]*")


def asking(letter: bytes, box: int | None = None, head: int | None = None) -> bytes:
    """Ask for one value, of that box and head where there are several."""
    return _address(box) + b"?" + _digit(head) + letter + _END


def setting(name: bytes, value: bytes, box: int | None = None, head: int | None = None) -> bytes:
    """Set one value. Devices keep it in memory that wears out."""
    return _address(box) + _digit(head) + name + b"=" + value + _END


def _address(box: int | None) -> bytes:
    return b"" if box is None else f"{box:03d}".encode()


def _digit(head: int | None) -> bytes:
    return b"" if head is None else f"{head}".encode()


def leave_burst(box: int | None = None) -> bytes:
    """Any character stops a burst for some seconds, in which the device takes the order to answer questions."""
    return _END + setting(b"V", b"P", box)


def questions(box: int | None = None, head: int | None = None) -> tuple[bytes, ...]:
    """The round that makes one reading. The unit belongs to the box."""
    return tuple(asking(letter, box, None if letter == _UNIT else head) for letter in _ROUND)


class Codec(RoundCodec[bytes]):
    """Reads object and ambient in C, whatever unit the device shows.

    A device without an ambient value answers that question with an error: then there is none. A fail-safe text in
    place of the object is a reading without a value, marked `out_of_range`; it is never a number.
    """

    # Eight heads with several values each make a long line of a burst.
    buffer_cap_bytes: ClassVar[int] = 512

    def __init__(self, box: int | None = None, head: int | None = None) -> None:
        super().__init__(questions(box, head))
        self._box, self._head = _address(box), _digit(head)
        self._leave = leave_burst(box)
        self._bursts = False
        self._overlong = False

    def feed(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        *whole, rest = _LINE_ENDS.split(data)
        for part in whole:
            frames += self._end_line(part)
        self._hold(rest)
        return frames

    def end_burst(self) -> list[Frame]:
        """A line without its end is none."""
        if self._buffer:
            self._refuse()
        self.forget()
        self._overlong = False
        return []

    def remedy(self) -> bytes:
        return self._leave if self._bursts else b""

    def _hold(self, part: bytes) -> None:
        if not self._buffer:
            part = part.lstrip(_TURNING_NOISE)
        if self._overlong or len(self._buffer) + len(part) > self.buffer_cap_bytes:
            self._overlong = True
            self.counters.resync_bytes += len(self._buffer) + len(part)
            self._buffer.clear()
        else:
            self._buffer += part

    def _end_line(self, part: bytes) -> list[Frame]:
        self._hold(part)
        line = bytes(self._buffer).strip(_TURNING_NOISE)
        overlong, self._overlong = self._overlong, False
        self._buffer.clear()
        if overlong:
            self._refuse()
            return []
        return self._line(line) if line else []

    def _line(self, line: bytes) -> list[Frame]:
        # An adapter may give back what was sent; an event comes unasked and says nothing about the question.
        if line + _END == self._awaited or line.startswith(b"#"):
            return []
        if line.startswith(b"*"):
            return self._error(line)
        answer = self._answer(line)
        if answer is None:
            # An answer that comes late needs no remedy.
            self._bursts = self._bursts or (b"!" not in line and _BURST_LINE.fullmatch(line) is not None)
            self.counters.resync_bytes += len(line)
            self._refuse()
            return []
        self._bursts = False
        return self._accept(answer, line)

    def _error(self, line: bytes) -> list[Frame]:
        letter = self._letter()
        if letter == _AMBIENT:
            return self._accept(b"", line)
        if letter:
            said = _UNPRINTABLE.sub(b".", line[:40]).decode()
            self.note = f"?{letter.decode()} refused: {said}"
            self._refuse()
        return []

    def _answer(self, line: bytes) -> bytes | None:
        """What stands behind the awaited letter; None if the line answers another question, or none."""
        letter = self._letter()
        head = b"" if letter == _UNIT else self._head
        match = re.fullmatch(re.escape(self._box) + b"(!?)" + head + letter + rb"([!-~]+)", line) if letter else None
        # Manuals print answers of a numbered box with and without the mark of an answer.
        if match is None or not (match[1] or self._box):
            return None
        value = match[2]
        if letter == _UNIT:
            return value if value in (b"C", b"F") else None
        return value if _NUMBER.fullmatch(value) or _FAIL_SAFE.fullmatch(value) else None

    def _letter(self) -> bytes:
        return self._awaited[-2:-1]

    def _frame(self, answers: Sequence[bytes], raw: bytes) -> Frame | None:
        unit, *values = answers
        objects = [_celsius(value, unit) for value in values[0::2]]
        ambients = [_celsius(value, unit) for value in values[1::2]]
        ambient_c = _both(ambients)
        if objects == [None, None]:
            return Frame(None, ambient_c, None, "surface", raw, ("out_of_range",))
        object_c = _both(objects)
        if object_c is None or (ambient_c is None and ambients != [None, None]):
            return None
        self.note = ""
        return Frame(object_c, ambient_c, None, "surface", raw)


def _celsius(value: bytes, unit: bytes) -> float | None:
    if not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    return (number - 32) / 1.8 if unit == b"F" else number


def _both(values_c: Sequence[float | None]) -> float | None:
    first_c, second_c = values_c
    return None if first_c is None or second_c is None else agreed_c(first_c, second_c)


class Options(ThermometerOptions, frozen=True, kw_only=True):
    """`box`: number of the communication box on an RS-485 line; `head`: which of its heads. Neither: the only one.

    These devices send tenths of a degree: a person who stands still may give equal answers for long.
    """

    box: Annotated[int, msgspec.Meta(ge=1, le=32)] | None = None
    head: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = None
    stuck_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0


PROFILE: Final = Profile(
    name="raytek_ascii",
    kind="thermometer",
    hardware="Raytek and Fluke MI3, CI, MID, Marathon, Endurance",
    wire="RS-232 or RS-485, ASCII",
    gives=("object", "ambient"),
    sources="A",
    sure="questions, answers, addressing from the makers' manuals and public code; the fail-safe texts are not listed",
    bauds=(9600, 38400, 115200),
    traps=(
        "its answers have no checksum: every temperature is asked for twice, and the two must agree",
        "peak, valley and average hold must be off in the device: it would tell of somebody who left",
        "outside its range it answers with a text: out_of_range, never a number",
        "an industrial head whose range begins above the empty lane's temperature marks every reading out_of_range",
        "a device in burst mode is switched to answering questions, which it keeps in memory",
    ),
)


def model(options: Options) -> Model:
    """As addressed."""
    return Model(
        name=PROFILE.name,
        bauds=PROFILE.bauds,
        codec=partial(Codec, options.box, options.head),
        asks=questions(options.box, options.head),
        # Long enough for some lines of a burst: a question would end them, and then nobody could tell.
        listen_s=0.25,
        answer_s=0.2,
        poll_s=0.2,
        streams=False,
        period_s=0.4,
        # Of all heads together; each says by itself when it is beyond its own.
        object_range_c=(-50.0, 3000.0),
        ambient_range_c=(-20.0, 250.0),
        mode_commands={},
        has_ambient=True,
        has_body=False,
        is_round=True,
        burst_gap_s=0.1,
        one_at_a_time=True,
    )
