"""Signatures: COSE_Sign1 (RFC 9052) with Ed25519 (alg -19, RFC 9864), each bound to one purpose.

The purpose is the `external_aad`, so a signature made for one thing is refused everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint import cbor

ALG_ED25519 = -19
_HEADER_ALG = 1
_HEADER_KID = 4
KID_BYTES = 4
SIGNATURE_BYTES = 64
# An array of four parts, one of them a map.
_MAX_DEPTH = 2


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


class Message(NamedTuple):
    """The parts of a COSE_Sign1 of our profile."""

    protected: bytes
    kid: bytes
    payload: bytes
    signature: bytes


def sign(key: Ed25519PrivateKey, payload: bytes, purpose: str) -> bytes:
    """An untagged COSE_Sign1 over `payload`, deterministic CBOR. An empty purpose gives an empty `external_aad`."""
    protected = _protected(key_id(public_bytes(key)))
    signature = key.sign(_to_be_signed(protected, payload, purpose))
    return cbor.dumps([protected, {}, payload, signature])


def verify(message: bytes, keys: Mapping[bytes, Ed25519PublicKey], purpose: str) -> bytes:
    """The payload of a message signed for `purpose` by one of `keys` (key id -> key). Raises CoseError."""
    parts = parse(message)
    key = keys.get(parts.kid)
    if key is None:
        raise UnknownKeyError(parts.kid)
    if not signature_holds(parts, key, purpose):
        raise SignatureError(f"signature by key {parts.kid.hex()} does not hold for {purpose!r}")
    return parts.payload


def signature_holds(message: Message, key: Ed25519PublicKey, purpose: str) -> bool:
    """Whether `key` signed this message for `purpose`. The key id in the message is not looked at."""
    try:
        key.verify(message.signature, _to_be_signed(message.protected, message.payload, purpose))
    except InvalidSignature:
        return False
    return True


def parse(message: bytes) -> Message:
    """The parts of a message whose shape is right; nothing is verified. Raises CoseError."""
    match loads_strict(message, _MAX_DEPTH):
        case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature] if not unprotected:
            pass
        case _:
            raise CoseError("not an untagged COSE_Sign1 with an empty unprotected header")
    kid = protected[-KID_BYTES:]
    # Exactly two headers in deterministic CBOR leave nothing free but the key id itself.
    if protected != _protected(kid):
        raise CoseError("protected header must hold exactly alg -19 and a key id of 4 bytes")
    if len(signature) != SIGNATURE_BYTES:
        raise CoseError(f"an Ed25519 signature has {SIGNATURE_BYTES} bytes, this one {len(signature)}")
    return Message(protected, kid, payload, signature)


def loads_strict(data: bytes, max_depth: int) -> object:
    """One item of deterministic CBOR, no tags, nothing after it. Raises CoseError."""
    try:
        return cbor.loads(data, max_depth)
    except cbor.CborError as error:
        raise CoseError(str(error)) from None


def _protected(kid: bytes) -> bytes:
    return cbor.dumps({_HEADER_ALG: ALG_ED25519, _HEADER_KID: kid})


def _to_be_signed(protected: bytes, payload: bytes, purpose: str) -> bytes:
    # RFC 9052 section 4.4, Sig_structure.
    return cbor.dumps(["Signature1", protected, purpose.encode(), payload])
