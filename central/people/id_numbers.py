"""Identity numbers: checked, then known only by a keyed hash and never in the clear."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date
from pathlib import Path
from typing import Final

from central.people.secret_files import kept_secret
from checkpoint.document_digest import document_digest, normal_number

_KEY_FILE: Final = "registry.key"
_PURPOSE: Final = b"guankou person 1"
# GB 11643-1999: region, date of birth, sequence, check character by ISO 7064 MOD 11-2.
_CITIZEN: Final = re.compile(r"[1-9]\d{5}(\d{8})\d{3}[\dX]", re.ASCII)
_WEIGHTS: Final = tuple(2**power % 11 for power in range(17, 0, -1))
_CHECK_CHARACTERS: Final = "10X98765432"
_FIRST_YEAR: Final = 1850
# Passports and travel permits: no check character that all of them share.
_OTHER: Final = re.compile(r"(?=.*\d)[A-Z0-9]{6,14}", re.ASCII)


class IdNumberError(ValueError):
    """It can't be an identity number; the text says why and never repeats the number."""


def check_character(first17: str) -> str:
    """What stands after 17 digits, by ISO 7064 MOD 11-2 (GB 11643-1999, 4.4)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def checked_number(text: str, today: date) -> str:
    """The number in its normal form: 18 characters with a right check character, or a passport or permit number.

    Raises IdNumberError.
    """
    number = normal_number(text)
    if number.isdigit() and number.isascii() and len(number) == 15:
        raise IdNumberError("15 digits are the old form; use the 18 characters that the card of today bears")
    citizen = _CITIZEN.fullmatch(number)
    if citizen is None:
        if len(number) <= 14 and _OTHER.fullmatch(number):
            return number
        raise IdNumberError(
            f"{len(number)} characters are neither an ID number (17 digits and a digit or X) nor a passport or permit"
            " number (6 to 14 capitals and digits)"
        )
    _check_birth(citizen[1], today)
    if check_character(number[:17]) != number[17]:
        raise IdNumberError("its last character does not fit the others: a digit is wrong or two are swapped")
    return number


def shortened(number: str) -> str:
    """What may be shown of a number: how long it is and its last character."""
    return f"{'*' * max(len(number) - 1, 0)}{number[-1:]}"


def registry_key(keys_dir: Path) -> bytes:
    """The key of the hashes, made at its first use. Raises KeyFileError."""
    return kept_secret(keys_dir / _KEY_FILE)


def number_mac(key: bytes, number: str) -> bytes:
    """By which the same person is known again: HMAC-SHA256 of a checked number."""
    return hmac.digest(key, _PURPOSE + number.encode(), hashlib.sha256)


def digest_in_pass(number: str, pass_id: bytes) -> bytes:
    """The 16 bytes that a gate compares with the document it is shown."""
    return document_digest(number, pass_id)


def _check_birth(text: str, today: date) -> None:
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise IdNumberError("its date of birth (digits 7 to 14) is no date") from None
    if born.year < _FIRST_YEAR or born > today:
        raise IdNumberError("its date of birth (digits 7 to 14) is no date on which a living person was born")
