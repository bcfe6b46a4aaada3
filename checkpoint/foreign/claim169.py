"""MOSIP claim 169: an identity in a signed token, base45 and zlib as in `HC1:`, but without any prefix."""

from __future__ import annotations

from typing import Final

from base45 import b45decode

from checkpoint.foreign import sign1
from checkpoint.foreign.cwt import ProfileError, Table, claims_table, read_token
from checkpoint.foreign.inflate import InflateError, inflate, looks_compressed
from checkpoint.foreign.keys import Clock, ForeignFormat, ForeignKey, ForeignKeys
from checkpoint.foreign.plain import plain
from checkpoint.passes import Presented

FORMAT: Final[ForeignFormat] = "CLAIM169"
MAX_CHARACTERS: Final = 8000
_IDENTITY: Final = 169
# Three characters of base45 are two bytes: the header of a zlib stream.
_HEAD_CHARACTERS: Final = 3
_ALPHABET: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
# What a gate has no business with is left out: photo (16 to 18) and the biometrics from 50 on are never kept.
_NAMES: Final = {
    1: "id", 2: "version", 3: "language", 4: "fullName", 5: "firstName", 6: "middleName", 7: "lastName",
    8: "dateOfBirth", 9: "gender", 10: "address", 11: "email", 12: "phone", 13: "nationality", 14: "maritalStatus",
    15: "guardian", 19: "secondaryFullName", 20: "secondaryLanguage", 21: "locationCode", 22: "legalStatus",
    23: "countryOfIssuance",
}  # fmt: skip


def looks_like(payload: bytes) -> bool:
    """Whether a text without a known prefix can be one: base45 all through, and a zlib stream at its start."""
    head = payload[:_HEAD_CHARACTERS]
    if len(head) < _HEAD_CHARACTERS or not _ALPHABET.issuperset(payload):
        return False
    try:
        return looks_compressed(b45decode(head))
    except ValueError:
        return False


def message_of(payload: bytes) -> bytes:
    """The signed message in the text. Raises ValueError."""
    return inflate(b45decode(payload))


def read(payload: bytes, keys: ForeignKeys, clock: Clock) -> Presented:
    """What this text is at this time; its length has been looked at."""
    try:
        message = message_of(payload)
    except (InflateError, ValueError) as error:
        return Presented(FORMAT, None, "pass_malformed", str(error))
    return read_token(FORMAT, message, keys, clock, _profile)


def identity_of(message: bytes) -> dict[str, object]:
    """What the message says, **whoever signed it or nobody**: for looking into a code, never for a verdict.

    Raises ValueError.
    """
    return _identity(claims_table(sign1.parse(message).payload))


def _profile(table: Table, _: ForeignKey) -> dict[str, object]:
    return _identity(table)


def _identity(table: Table) -> dict[str, object]:
    identity = table.get(_IDENTITY)
    if not isinstance(identity, dict):
        raise ProfileError("no identity (claim 169)")
    return {name: plain(identity[key]) for key, name in _NAMES.items() if key in identity}
