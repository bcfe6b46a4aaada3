"""Number plates of mainland China: what is one, in which form two readings are the same, and which readings count."""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict
from typing import Final, Literal

from drivers.reader.events import PlateSeen

Direction = Literal["approach", "leave", ""]

_PROVINCE: Final = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
# I and O are on no plate, because nobody could tell them from 1 and 0 (GA 36).
_LETTER: Final = "[A-HJ-NP-Z]"
_SIGN: Final = "[A-HJ-NP-Z0-9]"
# The letter of a new energy vehicle: A to E run on electricity alone, F to K do not.
_ENERGY: Final = "[A-HJK]"
_FORMS: Final = (
    f"{_PROVINCE}{_LETTER}{_SIGN}{{5}}",
    # Eight signs: small vehicles have the letter first (a second one may follow it), large ones last.
    f"{_PROVINCE}{_LETTER}{_ENERGY}{_SIGN}[0-9]{{4}}",
    f"{_PROVINCE}{_LETTER}[0-9]{{5}}{_ENERGY}",
    # Learner, police, consulate, vehicles of Hong Kong and Macao, trailer.
    f"{_PROVINCE}{_LETTER}{_SIGN}{{4}}[学警领港澳挂]",
    # Embassy, before and since 2018.
    "使[0-9]{6}",
    "[0-9]{6}使",
    # Fire and rescue.
    f"{_PROVINCE}[XS]{_SIGN}{{4}}应急",
    # Armed police, army.
    f"WJ{_PROVINCE}?{_SIGN}{{4,5}}",
    f"{_LETTER}{{2}}[0-9]{{5}}",
)
_PLATE: Final = re.compile("|".join(f"(?:{form})" for form in _FORMS))
# Cameras of some makers write the plate's colour before it. Black is also the short name of a province.
_COLOURS: Final = frozenset("蓝黄白黑绿")
# Nobody writes a plate in more signs than these, with whatever stands between them.
_LONGEST_TEXT: Final = 32
# As many vehicles pass a lane within the longest window.
_MOST_RECENT: Final = 64
_MOST_SURE: Final = 100


def is_plate(text: str) -> bool:
    """Whether `text`, in its normal form, can be a number plate. One misread sign can make another plate of it."""
    return _PLATE.fullmatch(text) is not None


def normal_plate(text: str) -> str:
    """Full-width signs plain, capitals, without spaces, dots and a colour before it. Whatever is too long is empty."""
    if len(text) > _LONGEST_TEXT:
        return ""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).upper())
    plain = "".join(sign for sign in plain if sign.isalnum())
    return plain[1:] if plain[:1] in _COLOURS and is_plate(plain[1:]) else plain


class Plates:
    """Which of a camera's readings count: plates, sure enough, of the right direction, once in a while.

    `confidence_min` in percent; a reading without a confidence is taken, because its camera never says one.
    `repeat_ms`: a plate that was given is not given again before. `wanted` direction: readings that say another one
    are dropped, those that say none are not.
    """

    def __init__(self, confidence_min: int, repeat_ms: int, wanted: Direction = "") -> None:
        self._confidence_min = confidence_min
        self._repeat_ms = repeat_ms
        self._wanted = wanted
        self._given_ms: OrderedDict[tuple[str, Direction], int] = OrderedDict()
        # Readings that were no plate, and plates that were not sure enough: what a set-up screen shows.
        self.no_plates = 0
        self.unsure = 0

    def take(self, text: str, confidence: int | None, direction: Direction, now_ms: int) -> PlateSeen | None:
        """The event, or None for a reading that does not count. `now_ms` by the clock of the events."""
        plate = normal_plate(text)
        if not is_plate(plate) or (confidence is not None and not 0 <= confidence <= _MOST_SURE):
            self.no_plates += 1
            return None
        if confidence is not None and confidence < self._confidence_min:
            self.unsure += 1
            return None
        if self._wanted and direction and direction != self._wanted:
            return None
        if self._is_repeat((plate, direction), now_ms):
            return None
        return PlateSeen(now_ms, plate, confidence, direction)

    def _is_repeat(self, key: tuple[str, Direction], now_ms: int) -> bool:
        given_ms = self._given_ms.get(key)
        if given_ms is not None and now_ms - given_ms < self._repeat_ms:
            return True
        self._given_ms.pop(key, None)
        self._given_ms[key] = now_ms
        if len(self._given_ms) > _MOST_RECENT:
            self._given_ms.popitem(last=False)
        return False
