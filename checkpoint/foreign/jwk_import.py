"""Keys out of a JSON Web Key Set (RFC 7517), as issuers of health cards and trust networks publish them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from checkpoint.foreign.algorithms import KeyFormError, PublicKey, checked_key, spki_of
from checkpoint.foreign.keys import FORMATS, ForeignFormat, ForeignKey
from checkpoint.trust import TrustError

_MAX_KID: Final = 128
_KID_BYTES: Final = range(4, 33)
_MISSING: Final = "a JWKS needs the package joserfc: install guankou[foreign]"


def keys_from_set(name: str, table: Mapping[str, Any]) -> tuple[list[ForeignKey], list[str]]:
    """The keys of a set, and what was wrong with the others.

    Beside `keys` the set may say `"issuer"`, the address that cards signed with them must name, and `"formats"`; a key
    may say both for itself. Raises TrustError without the library.
    """
    keys: list[ForeignKey] = []
    problems: list[str] = []
    for number, jwk in enumerate(table["keys"]):
        try:
            own = jwk if isinstance(jwk, dict) else {}
            keys += _keys_of({"issuer": table.get("issuer"), "formats": table.get("formats"), **own})
        except KeyFormError as error:
            problems.append(f"{name} keys[{number}]: {error}")
    return keys, problems


def _keys_of(jwk: Mapping[str, Any]) -> list[ForeignKey]:
    if jwk.get("use", "sig") != "sig":
        raise KeyFormError(f'"use" is {str(jwk["use"])[:20]!r}: not for signatures')
    key, thumbprint = _key(jwk)
    issuer = jwk.get("issuer") or ""
    if not isinstance(issuer, str) or len(issuer) > 200:
        raise KeyFormError('"issuer" is no short text')
    spki, formats = spki_of(key), _formats(jwk.get("formats"))
    return [ForeignKey(kid, spki, issuer, formats) for kid in _kids(jwk.get("kid", thumbprint))]


def _key(jwk: Mapping[str, Any]) -> tuple[PublicKey, str]:
    """The public half, whatever half was given, and its RFC 7638 thumbprint."""
    try:
        registry, errors = import_module("joserfc.jwk").JWKRegistry, import_module("joserfc.errors")
    except ImportError:
        raise TrustError(_MISSING) from None
    parameters = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    if parameters.get("kty") not in ("EC", "OKP", "RSA"):
        raise KeyFormError(f"key type {str(parameters.get('kty'))[:20]!r}: use EC, OKP or RSA")
    try:
        loaded = registry.import_key(parameters)
        return checked_key(loaded.public_key), loaded.thumbprint()
    except (errors.JoseError, ValueError, TypeError, LookupError) as error:
        raise KeyFormError(f"not a key that can be used: {error}"[:200]) from None


def _kids(kid: object) -> list[bytes]:
    """The id as cards write it, and as tokens do that carry the bytes behind its base64."""
    if not isinstance(kid, str) or not 1 <= len(kid.encode()) <= _MAX_KID:
        raise KeyFormError(f'"kid" must be text of 1 to {_MAX_KID} characters')
    bare = kid.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        return [kid.encode()]
    return [kid.encode(), raw] if len(raw) in _KID_BYTES else [kid.encode()]


def _formats(value: object) -> tuple[ForeignFormat, ...]:
    if value is None:
        return FORMATS
    named = value if isinstance(value, list) else []
    if not named or any(name not in FORMATS for name in named):
        raise KeyFormError(f'"formats" must list some of {", ".join(FORMATS)}')
    return tuple(form for form in FORMATS if form in named)
