"""The secret in a link to a pass: 128 random bits, of which the store keeps only the hash."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

_TOKEN_BYTES: Final = 16
# Base64 of 16 bytes without its padding.
TOKEN_CHARACTERS: Final = 22


def new_token() -> str:
    """A fresh token, as it stands in the link: 22 characters of the URL-safe base64 alphabet."""
    return urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode("ascii").rstrip("=")


def digest_of(token: str) -> bytes | None:
    """SHA-256 of the token's bytes; None for a text that no token has."""
    if len(token) != TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token + "==")
    except ValueError:
        return None
    # One token has one spelling: the last character's spare bits are zero, nothing outside the alphabet is skipped.
    if len(raw) != _TOKEN_BYTES or urlsafe_b64encode(raw).decode("ascii").rstrip("=") != token:
        return None
    return hashlib.sha256(raw).digest()


def link_to(base_url: str, token: str) -> str:
    """The resident's own URL. The token is in the fragment, which no browser sends to any server."""
    return f"{base_url.rstrip('/')}/#k={token}"
