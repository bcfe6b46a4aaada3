"""Deterministic CBOR (RFC 8949 section 4.2), read strictly: one item has one encoding, or it is refused.

The bytes are walked before the decoder sees them, so that tags (dates, patterns, huge numbers, shared references) and
lengths that the message does not hold never reach it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import cbor2

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
# Additional information 24..27 announces an argument of 1, 2, 4, 8 bytes; a smaller value must use a shorter form.
_ARGUMENT_BYTES: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_SMALLEST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_SIMPLE: Final = frozenset({20, 21, 22})  # false, true, null
_FLOATS: Final = frozenset({25, 26, 27})


class CborError(ValueError):
    """The bytes are not one item of deterministic CBOR without tags."""


def dumps(value: object) -> bytes:
    """Deterministic CBOR of `value`."""
    return cbor2.dumps(value, canonical=True)


def loads(data: bytes, max_depth: int) -> object:
    """The one item that `data` is. Containers may nest `max_depth` deep. Raises CborError."""
    if _item(data, 0, max_depth) != len(data):
        raise CborError("bytes follow the CBOR item")
    try:
        value: object = cbor2.loads(data, max_depth=max_depth + 1, allow_duplicate_keys=False, allow_indefinite=False)
    except (cbor2.CBORError, ValueError) as error:
        raise CborError(f"not valid CBOR: {type(error).__name__}") from None
    return value


def _item(data: bytes, start: int, depth: int) -> int:
    """Where the item that begins at `start` ends."""
    major, info, argument, position = _head(data, start)
    if major in (_UNSIGNED, _NEGATIVE):
        return position
    if major in (_BYTES, _TEXT):
        return _skip(data, position, argument)
    if major in (_ARRAY, _MAP):
        return _container(data, position, argument, depth, is_map=major == _MAP)
    if major == _TAG:
        raise CborError(f"tag {argument} is not allowed here")
    if info not in _SIMPLE and info not in _FLOATS:
        raise CborError(f"simple value {argument} is not allowed here")
    return position


def _head(data: bytes, start: int) -> tuple[int, int, int, int]:
    """Major type, additional information, argument, and where the head ends."""
    if start >= len(data):
        raise CborError("the CBOR item is cut short")
    major, info = data[start] >> 5, data[start] & 31
    if info < 24:
        return major, info, info, start + 1
    if info not in _ARGUMENT_BYTES:
        raise CborError("endless and reserved lengths are not allowed")
    end = _skip(data, start + 1, _ARGUMENT_BYTES[info])
    argument = int.from_bytes(data[start + 1 : end])
    # The argument of a float is its bits, not a number that could be written shorter.
    if argument < _SMALLEST[info] and not (major == 7 and info in _FLOATS):
        raise CborError("a number or length is not in its shortest form")
    return major, info, argument, end


def _skip(data: bytes, position: int, count: int) -> int:
    if count > len(data) - position:
        raise CborError("the CBOR item is cut short")
    return position + count


def _container(data: bytes, position: int, count: int, depth: int, *, is_map: bool) -> int:
    if depth == 0:
        raise CborError("containers nest too deeply")
    keys: list[bytes] = []
    for _ in range(count):
        if is_map:
            key_start, position = position, _key(data, position)
            keys.append(data[key_start:position])
        position = _item(data, position, depth - 1)
    _check_order(keys)
    return position


def _key(data: bytes, position: int) -> int:
    """Keys are numbers or text: then no two of them can be equal in one language and different in another."""
    if position < len(data) and data[position] >> 5 not in (_UNSIGNED, _NEGATIVE, _TEXT):
        raise CborError("a map key is neither an integer nor text")
    return _item(data, position, 0)


def _check_order(keys: list[bytes]) -> None:
    """Ascending without repeats, in either order that RFC 8949 allows (4.2.1 by bytes, 4.2.3 by length first)."""
    by_bytes = all(left < right for left, right in pairwise(keys))
    by_length = all((len(left), left) < (len(right), right) for left, right in pairwise(keys))
    if not (by_bytes or by_length):
        raise CborError("map keys are repeated or not in order")
