"""What is kept of a code that is no pass: a keyed hash, so that the same code is known again and nothing else is."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
_SHOWN_DIGITS: Final = 16


class Blind:
    """HMAC-SHA256 (RFC 2104) under a secret of this gate, cut to 64 bits. The payload can't be found from it by trying,
    and two gates can't compare what they saw.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __call__(self, payload: bytes) -> str:
        return "hmac:" + hmac.new(self._secret, payload, sha256).hexdigest()[:_SHOWN_DIGITS]
