"""`shc:/` SMART health cards: a compact JWS (RFC 7515) with ES256, written as pairs of digits."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from importlib import import_module
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from checkpoint.foreign.cwt import IssuerError, ProfileError, digest_of, judged
from checkpoint.foreign.inflate import RAW, InflateError, inflate
from checkpoint.foreign.keys import Clock, ForeignFormat, ForeignKeys, LoadedKey
from checkpoint.passes import ForeignClaims, Presented

FORMAT: Final[ForeignFormat] = "SHC"
PREFIX: Final = b"shc:/"
MAX_CHARACTERS: Final = 8000
_DIGITS: Final = re.compile(rb"(?:[0-9]{2})+")
_PART: Final = re.compile(rb"shc:/([0-9]{1,2})/([0-9]{1,2})/([0-9]+)")
# Each pair of digits is an ASCII character less 45, the code of "-".
_OFFSET: Final = 45
_JWS: Final = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_CARD_TYPE: Final = "https://smarthealth.cards#health-card"
_LATEST_S: Final = 2**40
_MAX_KID: Final = 128
_MAX_DEPTH: Final = 32
_MISSING: Final = "needs the package joserfc: install guankou[foreign]"


class _Malformed(ValueError):
    """Not a card by its outer form."""


def read(payload: bytes, keys: ForeignKeys, clock: Clock) -> Presented:
    """What this text is at this time; prefix and length have been looked at."""
    part = _PART.fullmatch(payload)
    if part and int(part[2]) > 1:
        return Presented(FORMAT, None, "pass_incomplete", f"part {int(part[1])} of {int(part[2])}")
    try:
        jws = _jws(part[3] if part else payload[len(PREFIX) :])
        header = _object(_base64(jws[1]), _Malformed)
        kid = _kid(header)
    except _Malformed as error:
        return Presented(FORMAT, None, "pass_malformed", str(error))
    candidates = keys.candidates(FORMAT, kid.encode())
    if not candidates:
        return Presented(FORMAT, None, "key_unknown", f"key id {kid[:60]!r} is not in the list for {FORMAT}")
    try:
        signer = next((key for key in candidates if _signed(jws[0], key)), None)
    except ImportError:
        return Presented(FORMAT, None, "format_not_enabled", _MISSING)
    if signer is None:
        return Presented(FORMAT, None, "pass_forged", f"not signed by key {kid[:60]!r}")
    try:
        held = _held(header, jws, signer)
    except ProfileError as error:
        return Presented(FORMAT, None, "pass_profile", str(error))
    except IssuerError as error:
        return Presented(FORMAT, None, "issuer_not_allowed", str(error))
    return judged(held, signer.entry, clock)


def _jws(digits: bytes) -> re.Match[bytes]:
    if not _DIGITS.fullmatch(digits):
        raise _Malformed("a card is written in pairs of digits")
    codes = [int(digits[at : at + 2]) + _OFFSET for at in range(0, len(digits), 2)]
    found = _JWS.fullmatch(bytes(codes)) if max(codes) < 128 else None
    if found is None:
        raise _Malformed("the digits spell no compact JWS")
    return found


def _base64(text: bytes) -> bytes:
    try:
        return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        raise _Malformed("a part of the JWS is not base64url") from None


def _kid(header: dict[str, Any]) -> str:
    if header.get("alg") != "ES256":
        raise _Malformed(f"cards are signed with ES256, this one says {str(header.get('alg'))[:20]!r}")
    if "crit" in header:
        raise _Malformed("a header that is called critical is not known here")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 1 <= len(kid) <= _MAX_KID:
        raise _Malformed("the header names no key")
    return kid


def _signed(jws: bytes, key: LoadedKey) -> bool:
    if not isinstance(key.public, ec.EllipticCurvePublicKey) or key.public.curve.name != "secp256r1":
        return False
    jose_jws, jwk = import_module("joserfc.jws"), import_module("joserfc.jwk")
    # "zip" is registered for encryption only; health cards use it for signatures, and the strict check refuses it.
    registry = jose_jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    try:
        jose_jws.deserialize_compact(jws, jwk.ECKey.import_key(key.public), registry=registry)
    except (import_module("joserfc.errors").JoseError, ValueError):
        return False
    return True


def _held(header: dict[str, Any], jws: re.Match[bytes], signer: LoadedKey) -> ForeignClaims:
    if header.get("zip") != "DEF":
        raise ProfileError('the header does not say "zip": "DEF"')
    try:
        card = _object(inflate(_base64(jws[2]), RAW), ProfileError)
    except InflateError as error:
        raise ProfileError(str(error)) from None
    credential = card.get("vc")
    if not isinstance(credential, dict) or not isinstance(credential.get("credentialSubject"), dict):
        raise ProfileError('no credential ("vc") in it')
    types = credential.get("type")
    if not isinstance(types, list) or _CARD_TYPE not in types:
        raise ProfileError("the credential is no health card")
    return ForeignClaims(
        kind=FORMAT,
        issuer=_issuer(card, signer),
        digest=digest_of(signer, _base64(jws[3])),
        not_before_s=_seconds(card, "nbf"),
        expires_s=_seconds(card, "exp") if "exp" in card else None,
        claims=credential,
    )


def _issuer(card: dict[str, Any], signer: LoadedKey) -> str:
    """The address that the card names. Keys are published under it, so that it must be written exactly so."""
    issuer = card.get("iss")
    if not isinstance(issuer, str) or not issuer.startswith("https://") or issuer.endswith("/"):
        raise ProfileError("the issuer must be an https address without a slash at its end")
    if signer.entry.issuer.startswith("https://") and issuer != signer.entry.issuer:
        raise IssuerError(f"the key is that of {signer.entry.issuer}, the card names {issuer[:100]}")
    return issuer


def _seconds(card: dict[str, Any], name: str) -> int:
    value = card.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST_S:
        raise ProfileError(f"{name!r} is no time in seconds")
    return int(value)


def _object(data: bytes, error: type[ValueError]) -> dict[str, Any]:
    """A JSON object without repeated names, in plain UTF-8, nested within reason."""
    try:
        table = json.loads(data.decode(), object_pairs_hook=_unrepeated, parse_constant=_refuse)
    except (ValueError, RecursionError) as cause:
        raise error(f"not JSON that is read here: {cause}"[:200]) from None
    if not isinstance(table, dict) or _deep(table, _MAX_DEPTH):
        raise error(f"not a JSON object of at most {_MAX_DEPTH} levels")
    return table


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name is repeated")
    return table


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _deep(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_deep(item, levels - 1) for item in inner)
