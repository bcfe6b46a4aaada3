"""Records joined by hashes: append to a chain, and find the first record that does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checkpoint.records import ZERO_HEAD, Header, Sealed, decode_header, head_of, payload_digest


class ChainError(ValueError):
    """The record at `number` does not follow from the one before it."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"record {number}: {why}")
        self.number = number
        self.why = why


@dataclass(frozen=True, slots=True)
class Link:
    """One record as it travels: header bytes, what they say, and the head they give."""

    raw: bytes
    header: Header
    head: bytes


def link(raw: bytes) -> Link:
    """Decode a header and hash it. Raises msgspec.DecodeError."""
    return Link(raw, decode_header(raw), head_of(raw))


def check_run(links: Sequence[Link], gate: str, epoch: bytes, first: int) -> None:
    """The run belongs to one gate and epoch, is numbered without gaps from `first`, and each names the one before."""
    for offset, item in enumerate(links):
        header, number = item.header, first + offset
        if header.version != 1:
            raise ChainError(number, f"header version {header.version} is unknown")
        if header.gate != gate or header.epoch != epoch:
            raise ChainError(number, f"belongs to {header.gate}/{header.epoch.hex()}, not to {gate}/{epoch.hex()}")
        if header.number != number:
            raise ChainError(number, f"is numbered {header.number}")
        if offset and header.prev != links[offset - 1].head:
            raise ChainError(number, "does not name the head of the record before it")


def check_sealed(links: Iterable[Link], sealed: Iterable[Sealed]) -> None:
    """Every payload is present and matches the digest in its header."""
    for item, seal in zip(links, sealed, strict=True):
        if payload_digest(seal) != item.header.payload_digest:
            raise ChainError(item.header.number, "payload does not match its digest")


def head_before(epoch_heads: dict[int, bytes], number: int) -> bytes | None:
    """The head at `number - 1`; number 0 has 32 zero bytes."""
    return ZERO_HEAD if number <= 1 else epoch_heads.get(number - 1)
