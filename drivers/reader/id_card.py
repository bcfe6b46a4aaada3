"""The text of a second-generation identity card: 256 bytes of UTF-16LE in fixed places, checked before believed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final

_TEXT_BYTES: Final = 256
# (offset, length) in bytes within the text.
_NAME: Final = (0, 30)
_BIRTH: Final = (36, 16)
_NUMBER: Final = (122, 36)
_VALID_FROM: Final = (188, 16)
_VALID_TO: Final = (204, 16)
# Here cards of other layouts bear a letter; the citizen's card has a space or nothing.
_KIND: Final = (248, 2)
_KINDS: Final = {"I": "a foreigner's residence card", "J": "a residence permit of Hong Kong, Macao or Taiwan"}
_FOR_EVER: Final = "长期"

# GB 11643-1999: region, birth, sequence, check character by ISO 7064 MOD 11-2.
_CITIZEN: Final = re.compile(r"(\d\d)\d{4}(\d{8})\d{3}[\dX]", re.ASCII)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS: Final = "10X98765432"
_FIRST_YEAR: Final = 1850
# GB/T 2260: the first two digits name a province; 81 to 83 are residents of Hong Kong, Macao and Taiwan.
_PROVINCES: Final = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91")


class UnreadableCardError(ValueError):
    """The card's text is not one that this driver understands; the reason never repeats what stands on the card."""


@dataclass(frozen=True, slots=True)
class IdCard:
    """What a gate needs of a card. `expires` YYYYMMDD, empty: never."""

    number: str = field(repr=False)
    name: str = field(repr=False)
    expires: str


def card_text(data: bytes) -> bytes:
    """The 256 bytes of text in the answer to "read text and picture", with or without fingerprint.

    Two lengths stand first, or three, and then that many bytes of text, picture and fingerprint. The picture goes no
    further than here. Raises UnreadableCardError.
    """
    for lengths in (2, 3):
        head = 2 * lengths
        sizes = [int.from_bytes(data[place : place + 2], "big") for place in range(0, head, 2)]
        if len(data) == head + sum(sizes) and sizes[0] == _TEXT_BYTES:
            return data[head : head + _TEXT_BYTES]
    raise UnreadableCardError(f"its answer of {len(data)} bytes is not laid out as text, picture and fingerprint")


def parse_card(text: bytes) -> IdCard:
    """The card, if everything that can be checked on it is right. Raises UnreadableCardError."""
    if len(text) != _TEXT_BYTES:
        raise UnreadableCardError(f"its text has {len(text)} bytes, not {_TEXT_BYTES}")
    kind = _field(text, _KIND)
    if kind:
        raise UnreadableCardError(f"it is {_KINDS.get(kind, 'a document of a kind that is not known')}; not supported")
    number = _checked_number(_field(text, _NUMBER), _field(text, _BIRTH))
    name = _field(text, _NAME)
    if not name or "\ufffd" in name:
        raise UnreadableCardError("its name is empty or no text")
    return IdCard(number, name, _expires(_field(text, _VALID_FROM), _field(text, _VALID_TO)))


def check_character(first17: str) -> str:
    """What stands after 17 digits (GB 11643-1999)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def _field(text: bytes, place: tuple[int, int]) -> str:
    start, length = place
    return text[start : start + length].decode("utf-16-le", "replace").strip(" \0")


def _checked_number(number: str, birth: str) -> str:
    parts = _CITIZEN.fullmatch(number)
    if parts is None:
        raise UnreadableCardError("its number is not 17 digits and a digit or X")
    if _PROVINCES.fullmatch(parts[1]) is None:
        raise UnreadableCardError("its number begins with no province")
    if check_character(number[:17]) != number[17]:
        raise UnreadableCardError("the last character of its number does not fit the others")
    if parts[2] != birth or _day(birth).year < _FIRST_YEAR:
        raise UnreadableCardError("the day of birth is not the one in its number")
    return number


def _expires(valid_from: str, valid_to: str) -> str:
    begins = _day(valid_from)
    if valid_to == _FOR_EVER:
        return ""
    if _day(valid_to) < begins:
        raise UnreadableCardError("it ends before it begins")
    return valid_to


def _day(digits: str) -> date:
    if re.fullmatch(r"\d{8}", digits, re.ASCII) is None:
        raise UnreadableCardError("one of its dates is not 8 digits")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError as error:
        raise UnreadableCardError("one of its dates is no day of the calendar") from error
