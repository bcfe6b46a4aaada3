"""COSE_Sign1 (RFC 9052) as health certificates carry it: tagged or not, headers protected or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from checkpoint import cbor
from checkpoint.foreign import loose_cbor
from checkpoint.foreign.loose_cbor import LooseCborError

_ALGORITHM, _CRITICAL, _KID = 1, 2, 4
# COSE_Sign1, CWT around it; one certificate in the field carries both.
_TAGS: Final = frozenset({18, 61})
_MAX_TAGS: Final = 2
_MAX_KID_BYTES: Final = 128
_MAX_SIGNATURE_BYTES: Final = 1024


class Sign1Error(ValueError):
    """The message is no COSE_Sign1 that is read here; the text says why."""


@dataclass(frozen=True, slots=True)
class Sign1:
    """The parts of a message; nothing is verified. `kid` is None if no header names a key."""

    algorithm: int
    kid: bytes | None
    payload: bytes
    signature: bytes
    to_be_signed: bytes


def parse(data: bytes) -> Sign1:
    """The parts of a message. Of a header that is in both maps the protected one counts. Raises Sign1Error."""
    try:
        parts = loose_cbor.loads(loose_cbor.without_tags(data, _TAGS, _MAX_TAGS), max_depth=4)
    except LooseCborError as error:
        raise Sign1Error(str(error)) from None
    match parts:
        case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature]:
            pass
        case _:
            raise Sign1Error("not a COSE_Sign1: an array of protected header, header, payload and signature")
    if len(signature) > _MAX_SIGNATURE_BYTES:
        raise Sign1Error(f"a signature of {len(signature)} bytes")
    inside = _protected(protected)
    if _CRITICAL in inside or _CRITICAL in unprotected:
        raise Sign1Error("a header that is called critical is not known here")
    headers = {**unprotected, **inside}
    # RFC 9052 section 4.4: an empty map is signed as an empty string, however it was written.
    body = protected if inside else b""
    return Sign1(_algorithm(headers), _kid(headers), payload, signature, cbor.dumps(["Signature1", body, b"", payload]))


def _protected(protected: bytes) -> dict[object, object]:
    if not protected:
        return {}
    try:
        headers = loose_cbor.loads(protected, max_depth=4)
    except LooseCborError as error:
        raise Sign1Error(f"protected header: {error}") from None
    if not isinstance(headers, dict):
        raise Sign1Error("the protected header is no map")
    return headers


def _algorithm(headers: dict[object, object]) -> int:
    algorithm = headers.get(_ALGORITHM)
    if isinstance(algorithm, bool) or not isinstance(algorithm, int):
        raise Sign1Error("no header names the algorithm by its number")
    return algorithm


def _kid(headers: dict[object, object]) -> bytes | None:
    if _KID not in headers:
        return None
    kid = headers[_KID]
    if not isinstance(kid, bytes) or not 1 <= len(kid) <= _MAX_KID_BYTES:
        raise Sign1Error(f"a key id is 1 to {_MAX_KID_BYTES} bytes")
    return kid
