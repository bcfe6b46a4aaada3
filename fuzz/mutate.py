"""Mutation under the wrappings, where a bit flipped outside would only ever break the wrapping.

A mutator opens some of the layers, changes what is inside, and closes them again.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

import cbor2
from base45 import b45decode, b45encode

from checkpoint import wire

# Changes bytes to others of at most so many: the fuzzer's own mutation.
Change = Callable[[bytes, int], bytes]
# Largest that a layer may inflate to here.
_MOST = 1 << 20


def mutate_code(data: bytes, largest: int, seed: int, change: Change) -> bytes:
    """A code whose text, message, one part of the message, or one claim is changed."""
    chance = random.Random(seed)
    prefix, opened = _opened(data)
    if opened is None or chance.random() < 0.3:
        return change(data, largest)
    packed = _inflated(opened)
    if packed is not None and chance.random() < 0.8:
        return _closed(prefix, zlib.compress(_inside(packed, chance, change)), largest, data)
    return _closed(prefix, _inside(opened, chance, change), largest, data)


def mutate_compressed(data: bytes, largest: int, seed: int, change: Change) -> bytes:
    """A message whose outermost compression is left as it must be."""
    chance = random.Random(seed)
    if chance.random() < 0.3:
        return change(data, largest)
    try:
        inner = wire.expand(data)
    except wire.WireError:
        return change(data, largest)
    closed = wire.compress(_inside(inner, chance, change))
    return closed if len(closed) <= largest else change(data, largest)


def _opened(data: bytes) -> tuple[bytes, bytes | None]:
    head, colon, rest = data.partition(b":")
    prefix = head + colon if colon and len(head) <= 4 else b""
    try:
        return prefix, b45decode(rest if prefix else data)
    except ValueError:
        return prefix, None


def _inflated(data: bytes) -> bytes | None:
    stream = zlib.decompressobj()
    try:
        return stream.decompress(data, _MOST)
    except zlib.error:
        return None


def _closed(prefix: bytes, inner: bytes, largest: int, unchanged: bytes) -> bytes:
    text = prefix + bytes(b45encode(inner))
    return text if len(text) <= largest else unchanged


def _inside(data: bytes, chance: random.Random, change: Change) -> bytes:
    """These bytes changed; or, if they are a list in CBOR, with one of its parts changed."""
    if chance.random() < 0.5:
        return change(data, len(data) + 64)
    try:
        parts = cbor2.loads(data)
    except (cbor2.CBORError, ValueError):
        return change(data, len(data) + 64)
    if not isinstance(parts, list) or not parts:
        return change(data, len(data) + 64)
    at = chance.randrange(len(parts))
    parts[at] = _part(parts[at], chance, change)
    return cbor2.dumps(parts, canonical=True)


def _part(part: object, chance: random.Random, change: Change) -> object:
    match part:
        case bytes():
            return _inside(part, chance, change)
        case int():
            return part + chance.choice([-(2**33), -20_160, -3, -1, 1, 2, 60_000, 2**40, 2**64])
        case _:
            return chance.choice([None, 0, b"", {}, {1: -7}, [part]])
