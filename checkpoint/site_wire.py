"""What the gates of one site say to each other: crossings, and what each knows so that others can fill it up.

Bytes in, values out. A message is signed by the gate that sends it, and worth as much as that gate: gates of one site
believe each other, also about third ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint import cose, topics, wire
from checkpoint.records import BAD_BYTES
from checkpoint.site_rules import Crossing

SEEN_PURPOSE: Final = "guankou seen 1"
VERSION: Final = 1
MAX_CROSSINGS: Final = 200
MAX_STRETCHES: Final = 96
MAX_BYTES: Final = 64 * 1024
MAX_GATES: Final = 1000
_PUBLIC_BYTES: Final = 32

# Hours since 1970; up to the year 9999.
_Hour = Annotated[int, msgspec.Meta(ge=0, le=70_389_600)]
_Word = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class SiteError(ValueError):
    """The message or the list of gates can't be taken; nothing changes by it."""


class Stretch(msgspec.Struct, array_like=True, frozen=True):
    """What the sender knows of `hours` hours (1, or the 24 of a day in UTC) from `first_hour` on, hours since 1970.

    `count` crossings; `digest` is the exclusive or, over all of them, of the first 8 bytes of SHA-256 of each one's
    bytes as it travels, without the highest bit.
    """

    first_hour: _Hour
    hours: Literal[1, 24]
    count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    digest: _Word


class Seen(msgspec.Struct, array_like=True, frozen=True):
    """One message. `at` ms UTC by the sender. No `stretches`: it only tells, and asks for nothing."""

    version: int
    site: str
    gate: str
    at: int
    crossings: Annotated[tuple[Crossing, ...], msgspec.Meta(max_length=MAX_CROSSINGS)]
    stretches: Annotated[tuple[Stretch, ...], msgspec.Meta(max_length=MAX_STRETCHES)]


_encode = msgspec.msgpack.Encoder().encode
_seen_decoder = msgspec.msgpack.Decoder(Seen)
_gates_decoder = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


def digest_of(crossing: Crossing) -> int:
    """What one crossing adds to the digest of its hour."""
    return int.from_bytes(sha256(_encode(crossing)).digest()[:8]) & ((1 << 63) - 1)


def pack_seen(key: Ed25519PrivateKey, seen: Seen) -> bytes:
    return wire.compress(cose.sign(key, _encode(seen), SEEN_PURPOSE))


def unpack_seen(data: bytes, topic: str, site: str, keys: Mapping[str, Ed25519PublicKey]) -> Seen:
    """A message from `topic` of this `site`, signed by the gate that the topic names. `keys` by gate. Raises SiteError.

    Whether it is too old is for the reader to judge, who has a clock.
    """
    source = topics.from_site(topic)
    if source is None or source[0] != site:
        raise SiteError(f"topic {topic[:80]!r} is not of site {site!r}")
    gate = source[1]
    key = keys.get(gate)
    if key is None:
        raise SiteError(f"gate {gate!r} is not on the list of this site's gates: publish the document of kind 'gates'")
    seen = _decoded(_verified(data, key))
    if (seen.version, seen.site, seen.gate) != (VERSION, site, gate):
        raise SiteError(f"version {seen.version} from {seen.gate[:32]!r} of {seen.site[:32]!r} came on {topic}")
    return seen


def _verified(data: bytes, key: Ed25519PublicKey) -> bytes:
    if len(data) > MAX_BYTES:
        raise SiteError(f"message of {len(data)} bytes; the limit is {MAX_BYTES}")
    try:
        message = wire.expand(data)
        if len(message) > MAX_BYTES:
            raise SiteError(f"message expands to {len(message)} bytes; the limit is {MAX_BYTES}")
        return cose.verify(message, {cose.key_id(cose.public_bytes(key)): key}, SEEN_PURPOSE)
    except (wire.WireError, cose.CoseError) as error:
        raise SiteError(str(error)) from None


def _decoded(payload: bytes) -> Seen:
    try:
        return _seen_decoder.decode(payload)
    except BAD_BYTES as error:
        raise SiteError(f"not a Seen: {error}") from None


# The content of a document of kind `gates`: who belongs to a site, by its gates' own keys.


def encode_gates(gates: Mapping[str, bytes]) -> bytes:
    """Gate id -> 32 raw bytes of its public key, as content of a document. The same gates give the same bytes."""
    return _encode(sorted(gates.items()))


def gates_from_content(content: bytes) -> dict[str, Ed25519PublicKey]:
    """Gate id -> key. Raises SiteError."""
    try:
        rows = _gates_decoder.decode(content)
    except BAD_BYTES as error:
        raise SiteError(f"list of gates is malformed: {error}") from None
    if len(rows) > MAX_GATES:
        raise SiteError(f"a site has at most {MAX_GATES} gates, this one {len(rows)}")
    gates: dict[str, Ed25519PublicKey] = {}
    for gate, public in rows:
        if not topics.is_slug(gate) or gate in gates:
            raise SiteError(f"gate {gate[:40]!r} is no gate id, or is listed twice")
        if len(public) != _PUBLIC_BYTES:
            raise SiteError(f"the key of gate {gate!r} has {len(public)} bytes: an Ed25519 public key has 32")
        gates[gate] = Ed25519PublicKey.from_public_bytes(public)
    return gates
