"""`HC1:` health certificates: EU Digital COVID Certificate, and the certificates of WHO's trust network beside it."""

from __future__ import annotations

from typing import Final

from base45 import b45decode

from checkpoint.foreign.cwt import IssuerError, ProfileError, Table, read_token
from checkpoint.foreign.inflate import InflateError, inflate
from checkpoint.foreign.keys import USAGES, Clock, ForeignFormat, ForeignKey, ForeignKeys
from checkpoint.foreign.plain import plain
from checkpoint.passes import Presented

FORMAT: Final[ForeignFormat] = "HC1"
PREFIX: Final = b"HC1:"
MAX_CHARACTERS: Final = 4000
# Claim "hcert", and in it the certificate of the EU; other keys are certificates of other kinds.
_HCERT: Final = -260
_EU: Final = 1
_EXPIRES: Final = 4
_MAX_ENTRIES: Final = 16
# Number in a series of doses, and how many the series has.
_COUNTS: Final = ("dn", "sd")


def read(payload: bytes, keys: ForeignKeys, clock: Clock) -> Presented:
    """What this text is at this time; prefix and length have been looked at."""
    try:
        # Older issuers compressed at will; the format wants it, and nothing else is taken.
        message = inflate(b45decode(payload[len(PREFIX) :]))
    except (InflateError, ValueError) as error:
        return Presented(FORMAT, None, "pass_malformed", str(error))
    return read_token(FORMAT, message, keys, clock, _profile)


def _profile(table: Table, key: ForeignKey) -> dict[str, object]:
    hcert = table.get(_HCERT)
    if not isinstance(hcert, dict) or not hcert:
        raise ProfileError("no health certificate (claim -260)")
    if _EU not in hcert:
        return {"hcert": plain(hcert)}
    if _EXPIRES not in table:
        raise ProfileError("a health certificate without an end (4)")
    certificate = plain(hcert[_EU])
    if not isinstance(certificate, dict):
        raise ProfileError("the health certificate is no map")
    _check_form(certificate)
    _check_usage(certificate, key)
    return certificate


def _check_form(certificate: dict[str, object]) -> None:
    """What every version of the schema has: version, name, date of birth, and one statement or more."""
    for name, form in (("ver", str), ("nam", dict), ("dob", str)):
        if not isinstance(certificate.get(name), form):
            raise ProfileError(f"{name!r} is missing or not of its type")
    groups = [certificate[usage] for usage in USAGES if certificate.get(usage)]
    if not groups:
        raise ProfileError("no vaccination, test or recovery in it")
    for group in groups:
        if not isinstance(group, list) or len(group) > _MAX_ENTRIES:
            raise ProfileError(f"statements are a list of at most {_MAX_ENTRIES}")
        for entry in group:
            _check_counts(entry)


def _check_counts(entry: object) -> None:
    """Doses are whole numbers; some issuers write 2.0, and rules compare numbers."""
    if not isinstance(entry, dict):
        raise ProfileError("a statement is no map")
    for name in _COUNTS:
        value = entry.get(name)
        if isinstance(value, float):
            if not value.is_integer():
                raise ProfileError(f"{name!r} = {value}: doses are whole numbers")
            entry[name] = int(value)


def _check_usage(certificate: dict[str, object], key: ForeignKey) -> None:
    wrong = [usage for usage in USAGES if certificate.get(usage) and key.usages and usage not in key.usages]
    if wrong:
        raise IssuerError(f"the key may sign {', '.join(key.usages)} and signed {wrong[0]}")
