"""What the uplink takes and gives: settings, keys, messages, events, and what it needs of the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoint import wire
from edge.outbox_reader import EpochState, HeldRecord

Topic = Literal["records", "alarm", "state"]
Effect = Literal["counted", "conflict", "ignored", "refused"]


@dataclass(frozen=True, slots=True)
class Settings:
    """`heartbeat_ms` between hellos; an unanswered batch is asked again after `reask_ms`, doubling to `reask_most_ms`.

    `window`: batches on their way at once, of `batch_records` at most. `ask_soon_ms`: least time between two hellos.
    """

    gate: str
    retain_days: int = 30
    heartbeat_ms: int = 10_000
    reask_ms: int = 10_000
    reask_most_ms: int = 300_000
    window: int = 8
    batch_records: int = wire.MAX_BATCH_RECORDS
    ask_soon_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Keys:
    """The gate's own key, and the collector's public keys by key id."""

    gate: Ed25519PrivateKey
    collector: Mapping[bytes, Ed25519PublicKey]


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish at QoS 1 on this gate's topic of that name."""

    topic: Topic
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The collector answers (again)."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """Three heartbeats went by without an answer that counts."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The collector holds another record under this number: the epoch is set aside and kept, newer ones go on."""

    epoch: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """A record no longer verifies on this disk: the epoch is set aside and kept, newer ones go on."""

    epoch: bytes
    number: int


@dataclass(frozen=True, slots=True)
class SignedTime:
    """The collector's time in an answer that counted."""

    at_ms: int


UplinkEvent = LinkUp | LinkDown | Conflict | Damaged | SignedTime


class Source(Protocol):
    """What the core needs of `OutboxReader`; see there."""

    def epochs(self) -> Sequence[EpochState]: ...
    def run(self, epoch: bytes, after: int, limit: int, max_bytes: int) -> Sequence[HeldRecord]: ...
    def head_at(self, epoch: bytes, number: int) -> bytes | None: ...
    def set_watermark(self, epoch: bytes, number: int) -> None: ...
    def set_aside(self, epoch: bytes) -> None: ...
    def purge(self, epoch: bytes, through: int, before_ms: int) -> int: ...
