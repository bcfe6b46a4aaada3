"""Signatures: COSE_Sign1 (RFC 9052) with Ed25519 (alg -19, RFC 9864), each bound to one purpose.

The purpose is the `external_aad`, so a signature made for one thing is refused everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALG_ED25519 = -19
_HEADER_ALG = 1
_HEADER_KID = 4
KID_BYTES = 4
SIGNATURE_BYTES = 64
# A message of four parts with one map in it never nests deeper than this.
_MAX_DEPTH = 4


class CoseError(ValueError):
    """The message is not a COSE_Sign1 of our profile, or its signature does not hold."""


class UnknownKeyError(CoseError):
    """The key id is not in the list that was given."""

    def __init__(self, kid: bytes) -> None:
        super().__init__(f"key id {kid.hex()} is unknown")
        self.kid = kid


class SignatureError(CoseError):
    """The key is known, the signature is not its own."""


def key_id(public: bytes) -> bytes:
    """First four bytes of SHA-256 of the 32 raw public key bytes."""
    return sha256(public).digest()[:KID_BYTES]


def public_bytes(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """The 32 raw bytes of the public half."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()


def sign(key: Ed25519PrivateKey, payload: bytes, purpose: str) -> bytes:
    """An untagged COSE_Sign1 over `payload`, deterministic CBOR."""
    protected = cbor2.dumps({_HEADER_ALG: ALG_ED25519, _HEADER_KID: key_id(public_bytes(key))}, canonical=True)
    signature = key.sign(_to_be_signed(protected, payload, purpose))
    return cbor2.dumps([protected, {}, payload, signature], canonical=True)


def verify(message: bytes, keys: Mapping[bytes, Ed25519PublicKey], purpose: str) -> bytes:
    """The payload of a message signed for `purpose` by one of `keys` (key id -> key). Raises CoseError."""
    protected, kid, payload, signature = parse(message)
    key = keys.get(kid)
    if key is None:
        raise UnknownKeyError(kid)
    try:
        key.verify(signature, _to_be_signed(protected, payload, purpose))
    except InvalidSignature:
        raise SignatureError(f"signature by key {kid.hex()} does not hold for {purpose!r}") from None
    return payload


def parse(message: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Protected header bytes, key id, payload and signature of a message whose shape is right; nothing is verified."""
    parts = loads_strict(message, _MAX_DEPTH)
    match parts:
        case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature] if not unprotected:
            pass
        case _:
            raise CoseError("not an untagged COSE_Sign1 with an empty unprotected header")
    header = loads_strict(protected, _MAX_DEPTH)
    match header:
        case {1: int() as alg, 4: bytes() as kid, **more} if alg == ALG_ED25519 and not more and len(kid) == KID_BYTES:
            pass
        case _:
            raise CoseError("protected header must hold exactly alg -19 and a key id of 4 bytes")
    if len(signature) != SIGNATURE_BYTES:
        raise CoseError(f"an Ed25519 signature has {SIGNATURE_BYTES} bytes, this one {len(signature)}")
    return protected, kid, payload, signature


def loads_strict(data: bytes, max_depth: int) -> object:
    """One CBOR item and nothing after it; duplicate keys, endless items, deep nesting raise CoseError."""
    decoder = cbor2.CBORDecoder(BytesIO(data), max_depth=max_depth, allow_duplicate_keys=False, allow_indefinite=False)
    try:
        value: object = decoder.decode()
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise CoseError(f"not valid CBOR: {type(error).__name__}") from None
    try:
        decoder.read(1)
    except cbor2.CBORDecodeEOF:
        return value
    raise CoseError("bytes follow the CBOR item")


def _to_be_signed(protected: bytes, payload: bytes, purpose: str) -> bytes:
    # RFC 9052 section 4.4, Sig_structure.
    return cbor2.dumps(["Signature1", protected, purpose.encode(), payload], canonical=True)
