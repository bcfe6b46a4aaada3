"""The gate's three messages, packed and signed: batch, hello, alarm copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import wire
from checkpoint.wire import CompleteThrough
from edge.clock import Moment
from edge.outbox_reader import EpochState, HeldRecord


class Packer:
    """Who speaks: gate id, its key, the boot it runs in, and the versions it reports."""

    def __init__(self, gate: str, key: Ed25519PrivateKey, boot_id: bytes, versions: Mapping[str, str]) -> None:
        self._gate = gate
        self._key = key
        self._boot_id = boot_id
        self.versions = dict(versions)
        self.complete: CompleteThrough | None = None
        self.faults: tuple[str, ...] = ()

    def batch(self, epoch: bytes, nonce: bytes, run: Sequence[HeldRecord]) -> bytes:
        """The records of `run`, which is not empty, under one signature."""
        head = wire.SignedHead(self._gate, epoch, run[-1].number, run[-1].head)
        batch = wire.Batch(
            version=1,
            gate=self._gate,
            epoch=epoch,
            first=run[0].number,
            nonce=nonce,
            headers=tuple(msgspec.Raw(record.raw) for record in run),
            sealed=tuple(record.sealed for record in run),
            signed_head=wire.sign_head(self._key, head),
        )
        return wire.pack_batch(batch)

    def hello(
        self, page: Sequence[EpochState], now: Moment, nonce: bytes, number: int, pages: int, depth: int
    ) -> bytes:
        """Page `number` of `pages`: a heartbeat, and a question about the epochs on it."""
        return self._signed_hello(page, now, True, nonce, number, pages, depth)

    def will(self, now: Moment) -> bytes:
        """What the broker says for a gate that is gone: offline, asking nothing."""
        return self._signed_hello((), now, False, b"", 0, 1, 0)

    def alarm(self, record: HeldRecord) -> bytes:
        copy = wire.AlarmCopy(1, self._gate, msgspec.Raw(record.raw), record.sealed)
        return wire.pack_alarm(self._key, copy)

    def _signed_hello(
        self, page: Sequence[EpochState], now: Moment, online: bool, nonce: bytes, number: int, pages: int, depth: int
    ) -> bytes:
        hello = wire.Hello(
            version=1,
            gate=self._gate,
            at=now.at_ms,
            clock="trusted" if now.trusted else "untrusted",
            boot_id=self._boot_id,
            online=online,
            nonce=nonce,
            page=number,
            pages=pages,
            epochs=tuple(_row(state) for state in page),
            complete_through=self.complete,
            outbox_depth=depth,
            faults=self.faults,
            versions=self.versions,
        )
        return wire.pack_hello(self._key, hello)


def _row(state: EpochState) -> wire.EpochRow:
    return wire.EpochRow(state.epoch, state.floor, state.head_before_floor, state.last, state.head, state.parent)
