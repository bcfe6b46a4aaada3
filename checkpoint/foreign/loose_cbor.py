"""CBOR (RFC 8949) as other systems write it: any length form, dates, but no bombs, no repeats and no surprises.

What comes out are plain values: whole numbers, floats, text, bytes, lists, maps, booleans, None. A date keeps the text
or number that its tag stands on. Every other tag is refused, so that nothing is ever built from a stranger's bytes.
"""

from __future__ import annotations

import math
import struct
from typing import Final

MAX_DEPTH: Final = 16
# The largest genuine certificates hold some hundred items. A stranger's code of 140 characters may inflate to 64 kB of
# them, all read before any signature is looked at.
MAX_ITEMS: Final = 4096
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_ARGUMENT_BYTES: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOAT_FORM: Final = {25: ">e", 26: ">f", 27: ">d"}
_PLAIN: Final[dict[int, object]] = {20: False, 21: True, 22: None, 23: None}
_ENDLESS: Final = 31
_BREAK: Final = 0xFF
# Date and time as text or number (RFC 8949), full date as text (RFC 8943).
_DATE_TAGS: Final = frozenset({0, 1, 1004})


class LooseCborError(ValueError):
    """The bytes are not one item of CBOR that is read here."""


class _Counted(bytes):
    """The bytes of one item, and how many items may still be read from them."""

    left: int = MAX_ITEMS

    def take(self) -> None:
        """One more is read. Raises LooseCborError when they were too many."""
        self.left -= 1
        if self.left < 0:
            raise LooseCborError(f"more than {MAX_ITEMS} items")


def loads(data: bytes, max_depth: int = MAX_DEPTH) -> object:
    """The one item that `data` is. Containers and tags may nest `max_depth` deep. Raises LooseCborError."""
    value, end = _item(_Counted(data), 0, max_depth)
    if end != len(data):
        raise LooseCborError("bytes follow the CBOR item")
    return value


def without_tags(data: bytes, tags: frozenset[int], at_most: int) -> bytes:
    """`data` without the tags in front of it, if they are some of `tags`; no more than `at_most` are taken off."""
    for _ in range(at_most):
        if not data or data[0] >> 5 != _TAG:
            break
        _, _, number, end = _head(data, 0)
        if number not in tags:
            raise LooseCborError(f"tag {number} is not allowed here")
        data = data[end:]
    return data


def _item(data: _Counted, start: int, depth: int) -> tuple[object, int]:
    """The item that begins at `start`, and where it ends."""
    data.take()
    if depth < 0:
        raise LooseCborError("items nest too deeply")
    major, info, argument, position = _head(data, start)
    match major:
        case 0:
            return argument, position
        case 1:
            return -1 - argument, position
        case 2 | 3:
            return _string(data, position, major, None if info == _ENDLESS else argument)
        case 4:
            return _array(data, position, None if info == _ENDLESS else argument, depth)
        case 5:
            return _map(data, position, None if info == _ENDLESS else argument, depth)
        case 6:
            return _date(data, position, argument, depth)
        case _:
            return _simple(data, info, argument, position)


def _head(data: bytes, start: int) -> tuple[int, int, int, int]:
    """Major type, additional information, argument, and where the head ends."""
    if start >= len(data):
        raise LooseCborError("the CBOR item is cut short")
    major, info = data[start] >> 5, data[start] & 31
    if info < 24:
        return major, info, info, start + 1
    if info == _ENDLESS and major in (_BYTES, _TEXT, _ARRAY, _MAP):
        return major, info, 0, start + 1
    if info not in _ARGUMENT_BYTES:
        raise LooseCborError("a reserved length")
    end = start + 1 + _ARGUMENT_BYTES[info]
    if end > len(data):
        raise LooseCborError("the CBOR item is cut short")
    return major, info, int.from_bytes(data[start + 1 : end]), end


def _string(data: _Counted, position: int, major: int, size: int | None) -> tuple[bytes | str, int]:
    raw, end = _chunks(data, position, major) if size is None else _slice(data, position, size)
    if major == _BYTES:
        return raw, end
    try:
        return raw.decode(), end
    except UnicodeDecodeError:
        raise LooseCborError("text that is not UTF-8") from None


def _slice(data: bytes, position: int, size: int) -> tuple[bytes, int]:
    if size > len(data) - position:
        raise LooseCborError("the CBOR item is cut short")
    return data[position : position + size], position + size


def _chunks(data: _Counted, position: int, major: int) -> tuple[bytes, int]:
    parts = []
    while not _broken(data, position):
        data.take()
        chunk_major, info, size, position = _head(data, position)
        if chunk_major != major or info == _ENDLESS:
            raise LooseCborError("a string of pieces holds something else")
        part, position = _slice(data, position, size)
        parts.append(part)
    return b"".join(parts), position + 1


def _array(data: _Counted, position: int, count: int | None, depth: int) -> tuple[list[object], int]:
    items: list[object] = []
    while not _broken(data, position) if count is None else len(items) < count:
        item, position = _item(data, position, depth - 1)
        items.append(item)
    return items, position + (count is None)


def _map(data: _Counted, position: int, count: int | None, depth: int) -> tuple[dict[int | str | bytes, object], int]:
    table: dict[int | str | bytes, object] = {}
    while not _broken(data, position) if count is None else len(table) < count:
        key, position = _item(data, position, 0)
        # Numbers, text and bytes only: `true` and 1.0 would be equal to 1.
        if isinstance(key, bool) or not isinstance(key, int | str | bytes):
            raise LooseCborError("a map key is neither a whole number nor text nor bytes")
        if key in table:
            raise LooseCborError("a map key is repeated")
        table[key], position = _item(data, position, depth - 1)
    return table, position + (count is None)


def _broken(data: bytes, position: int) -> bool:
    if position >= len(data):
        raise LooseCborError("the CBOR item is cut short")
    return data[position] == _BREAK


def _date(data: _Counted, position: int, tag: int, depth: int) -> tuple[object, int]:
    if tag not in _DATE_TAGS:
        raise LooseCborError(f"tag {tag} is not allowed here")
    value, end = _item(data, position, depth - 1)
    if not isinstance(value, str | int | float):
        raise LooseCborError("a date that is neither text nor number")
    return value, end


def _simple(data: bytes, info: int, argument: int, position: int) -> tuple[object, int]:
    if info in _FLOAT_FORM:
        (value,) = struct.unpack(_FLOAT_FORM[info], data[position - _ARGUMENT_BYTES[info] : position])
        if not math.isfinite(value):
            raise LooseCborError("a number that is not finite")
        return value, position
    if info not in _PLAIN:
        raise LooseCborError(f"simple value {argument} is not allowed here")
    return _PLAIN[info], position
