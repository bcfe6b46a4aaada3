"""The digest of an identity document's number in a pass: what a gate compares with the document that it is shown."""

from __future__ import annotations

from typing import Final

from argon2.low_level import Type, hash_secret_raw

# RFC 9106 section 3.1. There is no key: the salt differs from pass to pass, and the cost is what makes a search slow.
# Small, because a gate computes it while somebody waits; whoever holds a pass holds its owner's confidence anyway.
_PASSES: Final = 2
_MEMORY_KIB: Final = 8 * 1024
_LANES: Final = 1
_BYTES: Final = 16
_SALT_BYTES: Final = 8


def document_digest(number: str, pass_id: bytes) -> bytes:
    """Argon2id of a document number as it is printed, without spaces and in capitals; salt is the 8 bytes pass id."""
    if len(pass_id) != _SALT_BYTES:
        raise ValueError(f"a pass id has {_SALT_BYTES} bytes, this one {len(pass_id)}")
    return hash_secret_raw(
        normal_number(number).encode(), pass_id, _PASSES, _MEMORY_KIB, _LANES, _BYTES, Type.ID, version=19
    )


def normal_number(number: str) -> str:
    """Without spaces and hyphens, in capitals: two readings of one document give one text."""
    return "".join(number.split()).replace("-", "").upper()
