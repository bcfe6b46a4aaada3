"""The trust list: whose signature on a pass counts, for which classes of pass, for which places, from when to when."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from checkpoint import cose
from checkpoint.instants import instant_ms
from checkpoint.passes import CLASS_BY_NUMBER, NUMBER_BY_CLASS, Claims, PassClass
from checkpoint.records import BAD_BYTES
from checkpoint.topics import is_slug

_PUBLIC_BYTES: Final = 32
_MAX_KID_BYTES: Final = 32
# Year 10000: an end that is left out in a hand-written file.
_NO_END_MS: Final = 253_402_300_800_000
# A time below this (1973) in a signed list was meant in seconds.
EARLIEST_END_MS: Final = 10**11
# A native list is an array of arrays; a content that starts with this word holds foreign keys beside it.
FOREIGN_MARK: Final = "foreign"


class TrustError(ValueError):
    """The trust list can't be used as it is; the text says which entry and why."""


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """One issuer's key. No class allows nothing; no scope allows every place. Times in ms UTC, the end excluded."""

    kid: bytes
    public: bytes
    issuer: str
    classes: frozenset[PassClass]
    scopes: tuple[str, ...]
    not_before_ms: int
    not_after_ms: int

    def current(self, now_ms: int) -> bool:
        """Whether the key may be used at this time."""
        return self.not_before_ms <= now_ms < self.not_after_ms

    def may_sign(self, claims: Claims, here: Sequence[str] = ()) -> bool:
        """Whether the issuer may give this class of pass for this scope, whatever the time.

        `here` lists the ids of one place, narrowest first (site, its grid, and all above it). With it, only the parts
        of the scope that are about this place are judged, and a wider allowed scope covers a narrower one. Without it,
        every part must be allowed by its own name.
        """
        if claims.pass_class not in self.classes:
            return False
        return all(covers(self.scopes, part, here) for part in claims.scope if not here or part in here)


def covers(allowed: Collection[str], wanted: str, here: Sequence[str] = ()) -> bool:
    """Whether `wanted` is one of `allowed`, or lies in one by `here` (ids, narrowest first). None allowed: all."""
    if not allowed or wanted in allowed:
        return True
    return wanted in here and not set(here[here.index(wanted) :]).isdisjoint(allowed)


class TrustList:
    """The entries by key id. Several keys may share one id; all of them are tried."""

    def __init__(self, entries: Iterable[TrustEntry]) -> None:
        self.entries: Final = tuple(entries)
        by_kid: dict[bytes, list[tuple[Ed25519PublicKey, TrustEntry]]] = {}
        for entry in self.entries:
            by_kid.setdefault(entry.kid, []).append((_public_key(entry), entry))
        self._by_kid: Final[Mapping[bytes, list[tuple[Ed25519PublicKey, TrustEntry]]]] = by_kid

    def candidates(self, kid: bytes) -> Sequence[tuple[Ed25519PublicKey, TrustEntry]]:
        """Keys, with what they may sign, that carry this key id."""
        return self._by_kid.get(kid, ())


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """One entry as it is signed: classes by number, times in ms UTC."""

    kid: bytes
    public: bytes
    issuer: str
    classes: tuple[int, ...]
    scopes: tuple[str, ...]
    not_before: int
    not_after: int


_rows_decoder = msgspec.msgpack.Decoder(tuple[_Row, ...])
_parts_decoder = msgspec.msgpack.Decoder(tuple[msgspec.Raw, ...])


def encode_trust(entries: Iterable[TrustEntry]) -> bytes:
    """The content of a document of kind `trust`."""
    rows = [
        _Row(
            entry.kid,
            entry.public,
            entry.issuer,
            tuple(sorted(NUMBER_BY_CLASS[name] for name in entry.classes)),
            entry.scopes,
            entry.not_before_ms,
            entry.not_after_ms,
        )
        for entry in entries
    ]
    return msgspec.msgpack.encode(rows)


def foreign_parts(content: bytes) -> tuple[bytes, bytes] | None:
    """Foreign keys and native list of a content `["foreign", keys, list]`; None: it is a native list alone.

    Raises TrustError.
    """
    try:
        parts = _parts_decoder.decode(content)
        if not parts or msgspec.msgpack.decode(parts[0]) != FOREIGN_MARK:
            return None
    except BAD_BYTES:
        # The reader of native lists says what is wrong.
        return None
    if len(parts) != 3:
        raise TrustError(f"a trust list with foreign keys has 3 parts, this one {len(parts)}")
    return bytes(parts[1]), bytes(parts[2])


def trust_from_content(content: bytes) -> TrustList:
    """The native list in the content of a document of kind `trust`. Raises TrustError."""
    parts = foreign_parts(content)
    try:
        rows = _rows_decoder.decode(parts[1] if parts else content)
    except BAD_BYTES as error:
        raise TrustError(f"content of the trust list is malformed: {error}") from None
    return TrustList(_entry(row, f"trust entry {number}") for number, row in enumerate(rows, 1))


def trust_from_json(text: str | bytes) -> TrustList:
    """The list in a file written by hand: `{"keys": [{"public": ..., "classes": [...], ...}]}`. Raises TrustError."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrustError(f"trust file is not JSON: {error}") from None
    keys = table.get("keys") if isinstance(table, dict) else None
    if not isinstance(keys, list):
        raise TrustError('trust file has no list "keys": write {"keys": [{"public": "...", "classes": ["resident"]}]}')
    return TrustList(_entry(_json_row(key, f"keys[{number}]"), f"keys[{number}]") for number, key in enumerate(keys))


def _entry(row: _Row, name: str) -> TrustEntry:
    if len(row.public) != _PUBLIC_BYTES:
        raise TrustError(f"{name}: a public key has {_PUBLIC_BYTES} bytes, this one {len(row.public)}")
    if not 1 <= len(row.kid) <= _MAX_KID_BYTES:
        raise TrustError(f"{name}: a key id has 1 to {_MAX_KID_BYTES} bytes, this one {len(row.kid)}")
    if unknown := [number for number in row.classes if number not in CLASS_BY_NUMBER]:
        raise TrustError(f"{name}: class {unknown[0]} is unknown: use one of {sorted(CLASS_BY_NUMBER)}")
    if bad := [scope for scope in row.scopes if not is_slug(scope)]:
        raise TrustError(f"{name}: scope {bad[0][:40]!r} is no id: use 1 to 32 of a-z, 0-9 and '-'")
    if row.not_after < EARLIEST_END_MS or row.not_after <= row.not_before:
        raise TrustError(f"{name}: valid {row.not_before} to {row.not_after}: give milliseconds UTC, start before end")
    classes = frozenset(CLASS_BY_NUMBER[number] for number in row.classes)
    return TrustEntry(row.kid, row.public, row.issuer, classes, row.scopes, row.not_before, row.not_after)


def _public_key(entry: TrustEntry) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(entry.public)
    except ValueError:
        raise TrustError(f"key {entry.kid.hex()} of {entry.issuer!r} is no Ed25519 public key") from None


def _json_row(key: object, name: str) -> _Row:
    if not isinstance(key, dict):
        raise TrustError(f"{name} is not a table")
    try:
        public = _key_bytes(key.get("public"))
        return _Row(
            kid=bytes.fromhex(key["kid"]) if key.get("kid") is not None else cose.key_id(public),
            public=public,
            issuer=str(key.get("issuer", "")),
            classes=tuple(_class_number(item) for item in _list(key, "classes")),
            scopes=tuple(str(item) for item in _list(key, "scopes")),
            not_before=instant_ms(key.get("not_before", 0), "not_before"),
            not_after=instant_ms(key.get("not_after", _NO_END_MS), "not_after"),
        )
    except (TypeError, ValueError) as error:
        raise TrustError(f"{name}: {error}") from None


def _key_bytes(text: object) -> bytes:
    """32 bytes written as 64 hex digits or as base64 (either alphabet, with or without padding)."""
    if not isinstance(text, str):
        raise TypeError('"public" is missing: give the public key as 64 hex digits or as base64')
    if len(text) == 2 * _PUBLIC_BYTES:
        return bytes.fromhex(text)
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _class_number(item: object) -> int:
    for number, name in CLASS_BY_NUMBER.items():
        if item in (number, name):
            return number
    raise ValueError(f"class {item!r} is unknown: use one of {', '.join(NUMBER_BY_CLASS)}")


def _list(key: Mapping[str, object], name: str) -> list[object]:
    value = key.get(name, [])
    if not isinstance(value, list):
        raise TypeError(f"{name} = {value!r} is not a list")
    return value
