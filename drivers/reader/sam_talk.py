"""The talk with an identity card reader: is there a card, select it, read it, and wait until it is lifted. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from drivers.reader.events import DocumentSeen
from drivers.reader.id_card import UnreadableCardError, card_text, parse_card
from drivers.reader.once import Once
from drivers.reader.sam_frames import FAULTS, FOUND, LONGEST_FRAME, NO_CARD, OK, Answer, Codec, command
from drivers.reader.serial_reader import Patience

_LOG = logging.getLogger(__name__)

STATUS: Final = command(0x11, 0xFF)
FIND: Final = command(0x20, 0x01)
SELECT: Final = command(0x20, 0x02)
READ: Final = command(0x30, 0x01)
# An answer bears no name of its question, so it is known by what it brings: this many bytes of data.
_SELECTED_BYTES: Final = 8
_SHORTEST_READ_BYTES: Final = 260
# These are states of the module and not of a card: it answers, and can read nothing.
_BROKEN: Final = (0x60, 0x66)

_STATUS_EVERY_S: Final = 3.0
# From the last answer to the moment at which the module counts as gone; it is asked again meanwhile, since a byte may
# get lost.
_GONE_AFTER_S: Final = 2.0
_AGAIN_S: Final = 0.45
# Between the card and the module a reading takes its time; after this silence nothing more will come.
_READ_SILENCE_S: Final = 1.5
# At the edge of the field a card is found, lost and found again: it was lifted when it was missed for longer than two
# polls, and what finding and reading it takes besides.
_POLLS_TO_LIFT: Final = 2
_FOUND_AND_READ_S: Final = 0.7
_BITS_PER_BYTE: Final = 10


class SamTalk:
    """Asks every `poll_s` for a card; gives each document once per laying on.

    A card that is found again is read again, whether the module wants it lifted first or not: it may be the next
    person's.
    `name` is for the log, where a refused document is noted without anything that stands on it.
    """

    def __init__(self, name: str, baud: int, poll_s: float) -> None:
        self._name = name
        self._poll_s = poll_s
        self._reading_s = poll_s + LONGEST_FRAME * _BITS_PER_BYTE / baud
        self._once = Once(_POLLS_TO_LIFT * poll_s + _FOUND_AND_READ_S)
        self._codec = Codec()
        self.forget(0.0)

    @property
    def next_at_s(self) -> float:
        """When something is to be asked, or given up."""
        return min(self._ask_at_s, self._patience.over_at_s)

    def forget(self, now_s: float) -> None:
        """Begin anew with the question whether the module works."""
        self._codec.forget()
        self._patience = Patience(_GONE_AFTER_S - self._poll_s)
        self._broken: str | None = None
        self._next = STATUS
        self._asked = b""
        self._ask_at_s = self._status_at_s = now_s

    def say(self, now_s: float) -> bytes:
        """The next question when its time has come. One that is not answered gives way to it."""
        if now_s < self._ask_at_s:
            return b""
        # One question at a time: what is still on the line answers none that counts.
        self._codec.forget()
        self._asked, self._next = self._next, FIND
        reading = self._asked == READ
        self._patience.asked(now_s, self._reading_s if reading else 0.0)
        self._ask_at_s = now_s + (_READ_SILENCE_S if reading else _AGAIN_S)
        if self._asked == STATUS:
            self._status_at_s = now_s + _STATUS_EVERY_S
        return self._asked

    def feed(self, data: bytes, now_s: float) -> Sequence[DocumentSeen]:
        """Take what came; a document, if one was read."""
        if data and self._asked == READ:
            self._ask_at_s = now_s + _READ_SILENCE_S
        return [seen for answer in self._codec.feed(data) if (seen := self._take(answer, now_s)) is not None]

    def lost(self, now_s: float) -> str | None:
        """Why the module counts as gone."""
        if self._patience.is_over(now_s):
            return f"no sound answer for {_GONE_AFTER_S} s; is it plugged in, and does it speak at this baud?"
        return self._broken

    def _take(self, answer: Answer, now_s: float) -> DocumentSeen | None:
        if answer.status in _BROKEN:
            self._broken = f"it answers that {FAULTS[answer.status]}"
        asked = self._asked
        if not _fits(asked, answer):
            return None
        self._patience.answered()
        self._asked = b""
        if asked == READ and answer.status == OK:
            self._look_later(now_s)
            return self._document(answer.data, now_s)
        further = {(STATUS, OK): FIND, (FIND, FOUND): SELECT, (SELECT, OK): READ}.get((asked, answer.status))
        if further is None:
            self._look_later(now_s)
        else:
            self._next, self._ask_at_s = further, now_s
        return None

    def _look_later(self, now_s: float) -> None:
        self._next = STATUS if now_s >= self._status_at_s else FIND
        self._ask_at_s = now_s + self._poll_s

    def _document(self, data: bytes, now_s: float) -> DocumentSeen | None:
        try:
            card = parse_card(card_text(data))
        except UnreadableCardError as error:
            if self._once.is_new(str(error), now_s):
                _LOG.warning("%s: a document was refused: %s", self._name, error)
            return None
        if not self._once.is_new(card.number, now_s):
            return None
        return DocumentSeen(int(now_s * 1000), card.number, card.name, card.expires)


def _fits(asked: bytes, answer: Answer) -> bool:
    """Whether this can be the answer to that question, and not a late one to the question before."""
    if asked == STATUS:
        return answer.status == OK and not answer.data
    if asked == FIND:
        return answer.status != OK
    if asked == SELECT:
        return answer.status not in (OK, FOUND, NO_CARD) or (answer.status, len(answer.data)) == (OK, _SELECTED_BYTES)
    if asked == READ:
        return answer.status not in (OK, FOUND, NO_CARD) or (
            answer.status == OK and len(answer.data) >= _SHORTEST_READ_BYTES
        )
    return False
