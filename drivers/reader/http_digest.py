"""HTTP digest authentication (RFC 7616), the client's half: the password itself never goes over the line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

# Strongest first. A camera's older firmware knows MD5 alone, and that without `qop` (RFC 2069).
_HASHES: Final[Mapping[str, Callable[[bytes], str]]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
_PARAMETER: Final = re.compile(r'([A-Za-z0-9-]{1,20})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
# The longest challenge that is looked at: a camera's has some 150 characters.
_MAX_CHALLENGE: Final = 2048


class Challenge:
    """One `WWW-Authenticate: Digest ...` that can be answered."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self.algorithm = parameters.get("algorithm", "MD5").upper()
        self.nonce = parameters["nonce"]
        # True: the password was right, and the nonce only too old.
        self.stale = parameters.get("stale", "").lower() == "true"

    def answer(self, user: str, password: str, method: str, path: str, cnonce: str) -> str:
        """The value of the `Authorization` header for one request. `cnonce`: random, and new for each."""
        parameters, digest = self._parameters, _HASHES[self.algorithm]
        realm = parameters["realm"]
        secret = digest(f"{user}:{realm}:{password}".encode())
        asked = digest(f"{method}:{path}".encode())
        with_qop = "auth" in _qops(parameters)
        middle = f"{self.nonce}:00000001:{cnonce}:auth" if with_qop else self.nonce
        fields = [
            f'username="{_quoted(user)}"',
            f'realm="{_quoted(realm)}"',
            f'nonce="{_quoted(self.nonce)}"',
            f'uri="{path}"',
            f"algorithm={self.algorithm}",
            f'response="{digest(f"{secret}:{middle}:{asked}".encode())}"',
        ]
        fields += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"'] if with_qop else []
        fields += [f'opaque="{_quoted(parameters["opaque"])}"'] if "opaque" in parameters else []
        return "Digest " + ", ".join(fields)


def best_challenge(headers: Iterable[str]) -> Challenge | None:
    """The strongest challenge among the `WWW-Authenticate` headers that can be answered; None: there is none."""
    found = [challenge for header in headers if (challenge := _challenge(header))]
    order = list(_HASHES)
    return min(found, key=lambda challenge: order.index(challenge.algorithm), default=None)


def _challenge(header: str) -> Challenge | None:
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "digest" or len(rest) > _MAX_CHALLENGE:
        return None
    parameters = {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(rest)
    }
    if not {"realm", "nonce"} <= parameters.keys():
        return None
    is_known = parameters.get("algorithm", "MD5").upper() in _HASHES
    # With `qop` given, but without `auth` in it, the body would have to be hashed as well.
    return Challenge(parameters) if is_known and ("qop" not in parameters or "auth" in _qops(parameters)) else None


def _qops(parameters: Mapping[str, str]) -> list[str]:
    return [one.strip().lower() for one in parameters.get("qop", "").split(",")]


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
