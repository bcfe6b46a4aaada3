"""Decompression that strangers can't abuse: bounded output, one whole stream, nothing after it."""

from __future__ import annotations

import zlib
from typing import Final

# The largest genuine certificates have about 5 kB.
MAX_BYTES: Final = 64 * 1024
ZLIB: Final = zlib.MAX_WBITS
# RFC 1951 without a header, as JWS "zip": "DEF" wants it.
RAW: Final = -zlib.MAX_WBITS
_HEADER_BYTES: Final = 2


class InflateError(ValueError):
    """The bytes are not one whole compressed stream within the limit."""


def inflate(data: bytes, wbits: int = ZLIB, limit: int = MAX_BYTES) -> bytes:
    """The content of one stream of at most `limit` bytes. Raises InflateError."""
    stream = zlib.decompressobj(wbits)
    try:
        content = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise InflateError(f"not a compressed stream: {error}") from None
    if len(content) > limit:
        raise InflateError(f"more than {limit} bytes when decompressed")
    if not stream.eof:
        raise InflateError("the compressed stream is cut short")
    if stream.unused_data:
        raise InflateError("bytes follow the compressed stream")
    return content


def looks_compressed(data: bytes) -> bool:
    """Whether a zlib header stands at the start (RFC 1950 section 2.2: method 8, check bits)."""
    return len(data) >= _HEADER_BYTES and data[0] & 15 == 8 and int.from_bytes(data[:_HEADER_BYTES]) % 31 == 0
