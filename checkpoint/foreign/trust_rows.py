"""Foreign keys in the content of a document of kind `trust`, beside the native issuers of the same scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from checkpoint.foreign.algorithms import KeyFormError
from checkpoint.foreign.keys import FORMATS, NO_KEYS, USAGES, ForeignFormat, ForeignKey, ForeignKeys, Usage
from checkpoint.records import BAD_BYTES
from checkpoint.trust import FOREIGN_MARK, TrustEntry, TrustError, encode_trust, foreign_parts

MAX_KEYS: Final = 20_000
_MAX_KID_BYTES: Final = 128
_LATEST_S: Final = 2**40


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """One foreign key as it is signed; times in seconds UTC."""

    kid: bytes
    public: bytes
    issuer: str
    formats: tuple[ForeignFormat, ...]
    usages: tuple[Usage, ...]
    not_before_s: int
    not_after_s: int


_rows_decoder = msgspec.msgpack.Decoder(tuple[_Row, ...])


def encode_foreign(keys: Iterable[ForeignKey], native: Sequence[TrustEntry] = ()) -> bytes:
    """The content `["foreign", rows, native rows]`: one document per scope may carry both."""
    rows = [
        _Row(key.kid, key.public, key.issuer, key.formats, key.usages, key.not_before_s, key.not_after_s)
        for key in keys
    ]
    return msgspec.msgpack.encode([FOREIGN_MARK, rows, msgspec.Raw(encode_trust(native))])


def foreign_from_content(content: bytes) -> ForeignKeys:
    """The foreign keys in the content of a document of kind `trust`, none in a native list. Raises TrustError."""
    parts = foreign_parts(content)
    if parts is None:
        return NO_KEYS
    try:
        rows = _rows_decoder.decode(parts[0])
    except BAD_BYTES as error:
        raise TrustError(f"foreign keys are malformed: {error}") from None
    if len(rows) > MAX_KEYS:
        raise TrustError(f"{len(rows)} foreign keys: at most {MAX_KEYS}, split them by scope")
    try:
        return ForeignKeys(tuple(_key(row, f"foreign key {number}") for number, row in enumerate(rows, 1)))
    except KeyFormError as error:
        raise TrustError(f"foreign keys: {error}") from None


def _key(row: _Row, name: str) -> ForeignKey:
    if not 1 <= len(row.kid) <= _MAX_KID_BYTES:
        raise TrustError(f"{name}: a key id has 1 to {_MAX_KID_BYTES} bytes, this one {len(row.kid)}")
    if not row.formats:
        raise TrustError(f"{name}: names no format: use some of {', '.join(FORMATS)}")
    if not 0 <= row.not_before_s < row.not_after_s <= _LATEST_S:
        raise TrustError(f"{name}: valid {row.not_before_s} to {row.not_after_s}: give seconds UTC, start before end")
    usages = tuple(usage for usage in USAGES if usage in row.usages)
    return ForeignKey(row.kid, row.public, row.issuer, row.formats, usages, row.not_before_s, row.not_after_s)
