"""Signature algorithms of other systems. The key decides which one it is; the header may only agree."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey

# COSE numbers: RFC 9053 and, for those that name their curve, RFC 9864.
_ES256, _ES384, _ES512 = -7, -35, -36
_BY_CURVE: Final[dict[str, tuple[str, frozenset[int]]]] = {
    "secp256r1": ("P-256", frozenset({_ES256, -9})),
    "secp384r1": ("P-384", frozenset({_ES384, -51})),
    "secp521r1": ("P-521", frozenset({_ES512, -52})),
}
_EDDSA: Final = frozenset({-8, -19})
_PS256: Final = -37
# RFC 8230 section 2: the salt is as long as the hash.
_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
_CURVE_HASH: Final[dict[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
KNOWN: Final = frozenset({_PS256}) | _EDDSA | frozenset().union(*(numbers for _, numbers in _BY_CURVE.values()))
_RSA_BITS: Final = range(2048, 8193)


class KeyFormError(ValueError):
    """A key of a kind or size that no pass may be signed with."""


def checked_key(key: object) -> PublicKey:
    """The key itself if it is of a kind and size that is taken. Raises KeyFormError."""
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _BY_CURVE:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
        return key
    raise KeyFormError("keys are Ed25519, P-256, P-384, P-521, or RSA of 2048 to 8192 bits; this one is none of them")


def load_key(spki: bytes) -> PublicKey:
    """The key in a DER SubjectPublicKeyInfo. Raises KeyFormError."""
    try:
        return checked_key(serialization.load_der_public_key(spki))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFormError(f"not a public key: {error}") from None


def spki_of(key: PublicKey) -> bytes:
    """The key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def name_of(key: PublicKey) -> str:
    """What kind of key it is, for people."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _BY_CURVE[key.curve.name][0]
    return "Ed25519" if isinstance(key, Ed25519PublicKey) else f"RSA {key.key_size}"


def fits(key: PublicKey, algorithm: int) -> bool:
    """Whether a header that names this COSE algorithm agrees with the key."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return algorithm in _BY_CURVE[key.curve.name][1]
    return algorithm in _EDDSA if isinstance(key, Ed25519PublicKey) else algorithm == _PS256


def holds(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Whether `key` made this signature, by the one algorithm that the key allows. Never raises for bad bytes."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            # RFC 9053 section 2.1: r and s, each as long as the curve's order, not DER.
            if len(signature) != 2 * ((key.key_size + 7) // 8):
                return False
            pair = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            key.verify(pair, signed, ec.ECDSA(_CURVE_HASH[key.curve.name]))
        elif isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            key.verify(signature, signed, _PSS, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def unchangeable_part(key: PublicKey, signature: bytes) -> bytes:
    """The part of a signature that a stranger can't replace: of ECDSA only r, for (r, -s) holds as well."""
    return signature[: len(signature) // 2] if isinstance(key, ec.EllipticCurvePublicKey) else signature
