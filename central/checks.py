"""Whether a message is what its topic says: sender, signature, chain, digests. Pure; a refusal names its reason."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.store.base import GateRow
from checkpoint import topics, wire
from checkpoint.chain import Link, check_run, check_sealed, link
from checkpoint.records import EPOCH_BYTES, SALT_BYTES, Sealed

# SQLite's integers have 63 bits; a number near that limit is no number.
_LARGEST: Final = 2**62
_HASH_BYTES: Final = 32
_PASSAGE_BYTES: Final = 16
_MAX_BOOT_ID_BYTES: Final = 64


class RefusedError(ValueError):
    """The message gets no answer and never counts."""


@lru_cache(maxsize=4096)
def public_key(raw: bytes) -> Ed25519PublicKey:
    """The gate's key, ready to verify."""
    return Ed25519PublicKey.from_public_bytes(raw)


def checked_batch(gate: GateRow, data: bytes) -> tuple[wire.Batch, list[Link]]:
    """The batch and its records once all of it holds.

    Raises RefusedError, wire.WireError, cose.CoseError, chain.ChainError or msgspec.DecodeError.
    """
    batch = wire.unpack_batch(data)
    if batch.version != 1:
        raise RefusedError(f"batch version {batch.version} is unknown")
    _same_gate(gate, batch.gate)
    _sized(batch)
    links = [link(bytes(raw)) for raw in batch.headers]
    check_run(links, batch.gate, batch.epoch, batch.first)
    for item in links:
        check_bounds(item)
    signed = wire.verify_head(batch.signed_head, public_key(gate.public_key))
    last = links[-1]
    if (signed.gate, signed.epoch, signed.last, signed.head) != (
        batch.gate,
        batch.epoch,
        last.header.number,
        last.head,
    ):
        raise RefusedError("the signed head is not the head of this batch")
    check_sealed(links, batch.sealed)
    return batch, links


def checked_hello(gate: GateRow, data: bytes) -> wire.Hello:
    """The heartbeat once its sender and numbers hold. Raises as `checked_batch`."""
    hello = wire.unpack_hello(data, public_key(gate.public_key))
    if hello.version != 1:
        raise RefusedError(f"hello version {hello.version} is unknown")
    _same_gate(gate, hello.gate)
    if len(hello.nonce) not in (0, wire.NONCE_BYTES) or len(hello.epochs) > wire.EPOCHS_PER_PAGE:
        raise RefusedError(f"hello with a nonce of {len(hello.nonce)} bytes and {len(hello.epochs)} epochs")
    if (
        not 0 <= hello.at < _LARGEST
        or not 0 <= hello.outbox_depth < _LARGEST
        or len(hello.boot_id) > _MAX_BOOT_ID_BYTES
    ):
        raise RefusedError("hello with a time, depth or boot id out of bounds")
    for row in hello.epochs:
        _check_row(row)
    claim = hello.complete_through
    if claim and not (0 <= claim.at < _LARGEST and 0 <= claim.number < _LARGEST and len(claim.epoch) == EPOCH_BYTES):
        raise RefusedError("hello with a complete_through out of bounds")
    return hello


def checked_alarm(gate: GateRow, data: bytes) -> tuple[Link, Sealed]:
    """The copied record once sender and digest hold. Raises as `checked_batch`."""
    copy = wire.unpack_alarm(data, public_key(gate.public_key))
    if copy.version != 1:
        raise RefusedError(f"alarm version {copy.version} is unknown")
    _same_gate(gate, copy.gate)
    item = link(bytes(copy.header))
    check_run([item], gate.gate, item.header.epoch, item.header.number)
    check_bounds(item)
    check_sealed([item], [copy.sealed])
    return item, copy.sealed


def check_bounds(item: Link) -> None:
    """Every field of a header has the length and range that the store relies on. Raises RefusedError."""
    header = item.header
    if not (
        0 < header.number < _LARGEST
        and -_LARGEST < header.at < _LARGEST
        and 0 <= header.mono_ms < _LARGEST
        and len(header.epoch) == EPOCH_BYTES
        and len(header.prev) == _HASH_BYTES
        and len(header.payload_digest) == _HASH_BYTES
        and len(header.boot_id) <= _MAX_BOOT_ID_BYTES
        and (header.passage is None or len(header.passage) == _PASSAGE_BYTES)
    ):
        raise RefusedError(f"record {header.number}: a field of its header is out of bounds")
    if not topics.is_slug(header.grid):
        # It becomes part of a topic, and nothing can be published on one with a wildcard in it.
        raise RefusedError(f"record {header.number}: {header.grid[:40]!r} is no grid id")


def _check_row(row: wire.EpochRow) -> None:
    parent = row.parent
    if not (
        len(row.epoch) == EPOCH_BYTES
        and 1 <= row.floor <= row.last + 1 < _LARGEST
        and len(row.head) == _HASH_BYTES
        and len(row.head_before_floor) == _HASH_BYTES
        and (
            parent is None
            or (len(parent[0]) == EPOCH_BYTES and 0 <= parent[1] < _LARGEST and len(parent[2]) == _HASH_BYTES)
        )
    ):
        raise RefusedError(f"hello: epoch {row.epoch.hex()} with a field out of bounds")


def _same_gate(gate: GateRow, claimed: str) -> None:
    if claimed != gate.gate:
        raise RefusedError(f"topic of gate {gate.gate!r}, content of gate {claimed!r}")


def _sized(batch: wire.Batch) -> None:
    if len(batch.epoch) != EPOCH_BYTES or len(batch.nonce) != wire.NONCE_BYTES:
        raise RefusedError("batch with an epoch or nonce of the wrong length")
    if any(len(seal.salt) != SALT_BYTES for seal in batch.sealed):
        raise RefusedError(f"a salt has {SALT_BYTES} bytes")
