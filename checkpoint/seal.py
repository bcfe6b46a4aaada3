"""Sealing: bytes that one gate alone can read (X25519, RFC 7748; HKDF, RFC 5869; ChaCha20-Poly1305, RFC 8439).

A gate has one key file. Its sealing key is derived from it, and is for nothing but opening.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PUBLIC_BYTES: Final = 32
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32
_DERIVE: Final = b"guankou seal 1"
# Each message has a key of its own, used once: the nonce has nothing to tell apart.
_NONCE: Final = bytes(12)


class SealError(ValueError):
    """The bytes were not sealed for this key and purpose, or the key is none; the text says which."""


def sealing_key(key: Ed25519PrivateKey) -> X25519PrivateKey:
    """The key with which the owner of `key` opens what was sealed for it. The same one every time."""
    return X25519PrivateKey.from_private_bytes(_hkdf(key.private_bytes_raw(), None, _DERIVE))


def sealing_public(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes for which others seal; a gate reports them in its heartbeat, in hex, as version `seal`."""
    return sealing_key(key).public_key().public_bytes_raw()


def seal(plain: bytes, public: bytes, purpose: str) -> bytes:
    """`plain` for the holder of `public` (32 bytes), bound to a purpose. Never the same bytes twice.

    32 bytes of a fresh public key, then ciphertext and tag. Raises SealError if `public` is no usable key.
    """
    ephemeral = X25519PrivateKey.generate()
    sender = ephemeral.public_key().public_bytes_raw()
    cipher = _cipher(ephemeral, public, sender + public, purpose)
    return sender + cipher.encrypt(_NONCE, plain, purpose.encode())


def open_sealed(sealed: bytes, key: X25519PrivateKey, purpose: str) -> bytes:
    """What was sealed for this key and purpose. Raises SealError."""
    if len(sealed) < PUBLIC_BYTES + _TAG_BYTES:
        raise SealError(f"{len(sealed)} bytes are too few to be sealed")
    sender = sealed[:PUBLIC_BYTES]
    cipher = _cipher(key, sender, sender + key.public_key().public_bytes_raw(), purpose)
    try:
        return cipher.decrypt(_NONCE, sealed[PUBLIC_BYTES:], purpose.encode())
    except InvalidTag:
        raise SealError(f"not sealed for this key and for {purpose!r}, or damaged") from None


def _cipher(own: X25519PrivateKey, other: bytes, both: bytes, purpose: str) -> ChaCha20Poly1305:
    """`both`: the sender's and the receiver's public key, so that neither can be exchanged afterwards."""
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError:
        # RFC 7748 section 6.1: a key of small order makes every shared secret zero.
        raise SealError(f"{other.hex()[:64]} is no usable X25519 key: it has {PUBLIC_BYTES} bytes, not zero") from None
    return ChaCha20Poly1305(_hkdf(shared, both, purpose.encode()))


def _hkdf(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt, info).derive(secret)
