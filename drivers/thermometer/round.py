"""One reading out of a round of questions, for devices whose answers carry no checksum. No I/O: it is fed.

What a checksum would tell is told by the round: every temperature is asked for twice and both answers must agree. A
changed, lost or late answer breaks the round, and a broken round is no reading.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final, Generic, TypeVar

from drivers.thermometer.scan import Counters, Frame

_T = TypeVar("_T")

# Somebody who steps in front between the two moves a value by more, and then the next round tells.
_AGREE_C: Final = 0.3


def agreed_c(first_c: float, second_c: float) -> float | None:
    """The mean of two answers to one question; None if they do not agree."""
    return round((first_c + second_c) / 2, 2) if abs(first_c - second_c) <= _AGREE_C + 1e-9 else None


class RoundCodec(ABC, Generic[_T]):
    """Puts the answers to `questions` together, each of which it is told of by `asked` when it goes out.

    An answer that comes unasked, too late or in another form is refused, and its round with it. The first question
    occurs in no other place of the round. Never holds more than `buffer_cap_bytes` of an answer.
    """

    buffer_cap_bytes: ClassVar[int] = 64
    has_checksum: ClassVar[bool] = False

    def __init__(self, questions: Sequence[bytes]) -> None:
        self.counters = Counters()
        self.note = ""
        self._questions = tuple(questions)
        self._awaited = b""
        self._answers: list[_T] = []
        self._raw: list[bytes] = []
        self._buffer = bytearray()

    @property
    def waiting_bytes(self) -> int:
        """How much of an unfinished answer is held; never above `buffer_cap_bytes`."""
        return len(self._buffer)

    def asked(self, question: bytes) -> None:
        """`question` goes out now. Out of turn, it begins the round anew, or awaits nothing."""
        if question != self._questions[len(self._answers)]:
            self._begin_anew()
        self._awaited = question if question == self._questions[len(self._answers)] else b""

    def forget(self) -> None:
        """Drop what is held without looking at it."""
        self.counters.resync_bytes += len(self._buffer)
        self._buffer.clear()

    @abstractmethod
    def feed(self, data: bytes) -> list[Frame]:
        """The readings that `data` completes, oldest first. Never raises, whatever the bytes are."""

    @abstractmethod
    def end_burst(self) -> list[Frame]:
        """The line fell silent: what is held is all there will be."""

    @abstractmethod
    def remedy(self) -> bytes:
        """What brings a device that talks in another way back to answering; empty while there is no need."""

    @abstractmethod
    def _frame(self, answers: Sequence[_T], raw: bytes) -> Frame | None:
        """The reading in a whole round of sound answers; None if they contradict each other."""

    def _refuse(self) -> None:
        """Nothing more counts until the next question goes out, and that begins anew."""
        self._awaited = b""
        self._begin_anew()

    def _accept(self, answer: _T, raw: bytes) -> list[Frame]:
        self.counters.good += 1
        self._awaited = b""
        self._answers.append(answer)
        self._raw.append(raw)
        if len(self._answers) < len(self._questions):
            return []
        frame = self._frame(self._answers, b"".join(self._raw))
        self._begin_anew()
        if frame is None:
            self.counters.wrong_type += 1
            return []
        return [frame]

    def _begin_anew(self) -> None:
        self._answers = []
        self._raw = []
