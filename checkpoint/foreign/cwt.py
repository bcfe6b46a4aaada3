"""A signed CBOR web token (RFC 8392) of another system: whose it is, since when, until when, and what it claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from checkpoint.foreign import algorithms, loose_cbor, sign1
from checkpoint.foreign.keys import Clock, ForeignFormat, ForeignKey, ForeignKeys, LoadedKey
from checkpoint.passes import ForeignClaims, Presented

Table = dict[int | str | bytes, object]
# What a format makes of a token whose signature holds; raises ProfileError or IssuerError.
Profile = Callable[[Table, ForeignKey], dict[str, object]]

_ISSUER, _EXPIRES, _NOT_BEFORE, _ISSUED = 1, 4, 5, 6
_LATEST_S: Final = 2**40
_DIGEST_BYTES: Final = 16
_MAX_ISSUER: Final = 200
# A message that names no key is tried with so many, and no more: each costs up to half a millisecond, and a stranger
# may show ten such codes a second. Systems that name no key have one or two.
_MOST_TRIED: Final = 16


class ProfileError(ValueError):
    """The signature holds, but what it stands under breaks the format's rules."""


class IssuerError(ValueError):
    """The key may not sign this."""


def read_token(form: ForeignFormat, message: bytes, keys: ForeignKeys, clock: Clock, profile: Profile) -> Presented:
    """What the message is at this time. The first step that fails gives the reason."""
    try:
        token = sign1.parse(message)
    except sign1.Sign1Error as error:
        return Presented(form, None, "pass_malformed", str(error))
    if token.algorithm not in algorithms.KNOWN:
        return Presented(form, None, "pass_malformed", f"algorithm {token.algorithm} is not read here")
    if not token.signature:
        return Presented(form, None, "unsigned", "the signature is empty")
    candidates = keys.candidates(form, token.kid)
    if not candidates:
        name = "it names no key, and none" if token.kid is None else f"key id {token.kid.hex()}: none"
        return Presented(form, None, "key_unknown", f"{name} is in the list for {form}")
    signer = _signer(token, candidates)
    if isinstance(signer, str):
        return Presented(form, None, "pass_forged", signer)
    try:
        table = claims_table(token.payload)
        held = _held(form, token, table, signer, profile)
    except ProfileError as error:
        return Presented(form, None, "pass_profile", str(error))
    except IssuerError as error:
        return Presented(form, None, "issuer_not_allowed", str(error))
    return judged(held, signer.entry, clock)


def _signer(token: sign1.Sign1, candidates: Sequence[LoadedKey]) -> LoadedKey | str:
    """The key that signed it, else what is wrong."""
    agreeing = [key for key in candidates if algorithms.fits(key.public, token.algorithm)]
    if not agreeing:
        kinds = ", ".join(algorithms.name_of(key.public) for key in candidates)
        return f"its header names algorithm {token.algorithm}, the key is {kinds}"
    found = next(
        (key for key in agreeing[:_MOST_TRIED] if algorithms.holds(key.public, token.to_be_signed, token.signature)),
        None,
    )
    return found or "signed by none of the keys with its id"


def claims_table(payload: bytes) -> Table:
    """The claims of a token. Raises ProfileError."""
    try:
        table = loose_cbor.loads(payload)
    except loose_cbor.LooseCborError as error:
        raise ProfileError(f"claims: {error}") from None
    if not isinstance(table, dict):
        raise ProfileError("the payload is not a map of claims")
    return table


def _held(form: str, token: sign1.Sign1, table: Table, signer: LoadedKey, profile: Profile) -> ForeignClaims:
    begins = _NOT_BEFORE if _NOT_BEFORE in table else _ISSUED
    return ForeignClaims(
        kind=form,
        issuer=signer.entry.issuer or issuer_of(table),
        digest=digest_of(signer, token.signature),
        not_before_s=_seconds(table.get(begins), "issued at (6)" if begins == _ISSUED else "not before (5)"),
        expires_s=_seconds(table.get(_EXPIRES), "expires (4)"),
        claims=profile(table, signer.entry),
    )


def digest_of(signer: LoadedKey, signature: bytes) -> bytes:
    """All that is kept of a pass: SHA-256, cut to 128 bits, of what no stranger can change in its signature."""
    return sha256(algorithms.unchangeable_part(signer.public, signature)).digest()[:_DIGEST_BYTES]


def issuer_of(table: Table) -> str:
    """The issuer that the token names, "" if none."""
    issuer = table.get(_ISSUER, "")
    if not isinstance(issuer, str) or len(issuer) > _MAX_ISSUER:
        raise ProfileError("the issuer (1) is not a short text")
    return issuer


def _seconds(value: object, name: str) -> int | None:
    """Whole seconds UTC of a number, a float or a date as text; None stays None."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ProfileError(f"{name} is text, but no time") from None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST_S:
        raise ProfileError(f"{name} is no time in seconds")
    return int(value)


def judged(held: ForeignClaims, key: ForeignKey, clock: Clock) -> Presented:
    """By its times, and by the key's; a pass that is over says so before its old key does."""
    if held.expires_s is not None and clock.now_s >= held.expires_s + clock.after_s:
        return _by_clock(held, "pass_expired", f"it ended at {held.expires_s}")
    if held.not_before_s is not None and clock.now_s < held.not_before_s - clock.before_s:
        return _by_clock(held, "pass_not_yet", f"it begins at {held.not_before_s}")
    if not key.current(clock.now_s):
        return _by_clock(held, "issuer_not_allowed", f"its key counts from {key.not_before_s} to {key.not_after_s}")
    return Presented(held.kind, None, "foreign_valid", foreign=held)


def _by_clock(held: ForeignClaims, reason: str, detail: str) -> Presented:
    return Presented(held.kind, None, reason, detail, by_clock=True, foreign=held)
