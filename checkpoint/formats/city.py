"""Codes of city systems: web addresses whose token only their own server can read. Recognised by host, not judged.

Nothing in such a code can be verified offline, and its colour on a phone is a picture that anybody can draw. What is
read here is only which system it is of, and the token to ask that system about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

PREFIX: Final = "CITY:"
MAX_CHARACTERS: Final = 512
_MAX_FIELDS: Final = 16
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_.~-]{4,128}")
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class CitySystem:
    """One system. `hosts`: exact names. `token_key`: key of the query with the token; "": the last part of the path."""

    name: str
    hosts: tuple[str, ...]
    token_key: str = ""

    @property
    def format(self) -> str:
        """Its name in records and policies."""
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class CityCode:
    """A code of `system`. `token` is what its server is asked about: the holder's secret, never recorded or logged."""

    system: CitySystem
    token: str

    def __repr__(self) -> str:
        return f"CityCode({self.system.name}, token hidden)"


def recognise(payload: bytes, systems: Sequence[CitySystem]) -> CityCode | CitySystem | None:
    """The code in a text; its system alone where the address is of that system but holds no usable token; else None."""
    if len(payload) > MAX_CHARACTERS or not payload.isascii():
        return None
    text = payload.decode("ascii")
    if not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    # A name before an @ is how a foreign address is dressed as a known one.
    if parts.scheme not in ("https", "http") or "@" in parts.netloc or port not in (None, 80, 443):
        return None
    system = next((system for system in systems if host in system.hosts), None)
    if system is None:
        return None
    token = _from_query(parts.query, system.token_key) if system.token_key else parts.path.rsplit("/", 1)[-1]
    plain = _plain(token)
    return system if plain is None else CityCode(system, plain)


def _from_query(query: str, key: str) -> str:
    """The one value of this key; empty if there is none or more than one."""
    try:
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return ""
    values = [value for name, value in pairs if name == key]
    return values[0] if len(values) == 1 else ""


def _plain(token: str) -> str | None:
    """The token with its escapes undone: these systems escape `/`, `=` and `+` once more for their own server."""
    if _ESCAPE.search(token):
        token = unquote(token, errors="replace")
    return token if _TOKEN.fullmatch(token) else None
