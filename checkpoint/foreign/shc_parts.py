"""A health card in several codes: they come one by one, in any order, and make one text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from checkpoint.foreign.shc import MAX_CHARACTERS, PREFIX

_PART: Final = re.compile(rb"shc:/([0-9]{1,2})/([0-9]{1,2})/([0-9]+)")
# The largest real cards came in three.
MOST_PARTS: Final = 12


class Parts:
    """The parts of the one card that is being shown. Hold one per place where codes are shown.

    A card that is whole stays so: each of its parts, shown again, is that card.
    """

    def __init__(self) -> None:
        self._of = 0
        self._digits: dict[int, bytes] = {}

    def take(self, payload: bytes) -> bytes:
        """The text to read: the whole card once all of its parts were shown, else `payload` as it is.

        A part that contradicts those before it begins another card. What is kept never grows over the longest card.
        """
        part = _PART.fullmatch(payload) if len(payload) <= MAX_CHARACTERS else None
        if part is None:
            return payload
        number, of, digits = int(part[1]), int(part[2]), part[3]
        if not 1 <= number <= of <= MOST_PARTS:
            return payload
        if of != self._of or self._digits.get(number, digits) != digits:
            self.forget()
        self._of = of
        self._digits[number] = digits
        if sum(map(len, self._digits.values())) > MAX_CHARACTERS:
            self.forget()
            return payload
        if len(self._digits) < of:
            return payload
        return PREFIX + b"".join(self._digits[at] for at in range(1, of + 1))

    def take_all(self, payloads: Sequence[bytes]) -> tuple[bytes, ...]:
        """The texts to read of codes that were seen together; a lone part only if there is nothing else."""
        texts = list(dict.fromkeys(self.take(payload) for payload in payloads))
        return tuple(text for text in texts if not _PART.fullmatch(text)) or tuple(texts[-1:])

    def forget(self) -> None:
        """Somebody else stands there now."""
        self._of = 0
        self._digits = {}
