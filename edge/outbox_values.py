"""What the outbox takes and gives: identity, stored record, open passage, and its errors."""

from __future__ import annotations

from dataclasses import dataclass

from checkpoint.records import Egress, Header, Override, Verdict


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes: gate id, grid id and the version of the registry's tree it was enrolled under."""

    gate: str
    grid: str
    tree_version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A record on disk: where, and the head that stands for it and all before it."""

    epoch: bytes
    number: int
    head: bytes
    header: Header


@dataclass(frozen=True, slots=True)
class OpenPassage:
    """A passage without an outcome: the record that began it."""

    passage: bytes
    epoch: bytes
    number: int
    header: Header
    payload: Verdict | Override | Egress


class OutboxError(Exception):
    """The outbox can't do what was asked; the message names the file, the cause and the remedy."""


class OutboxBusyError(OutboxError):
    """Another process writes to this outbox."""


class OutboxFailingError(OutboxError):
    """Nothing can be recorded now. `attempts` are records that were being written: they may yet prove to be on disk."""

    def __init__(self, message: str, attempts: tuple[Stored, ...] = ()) -> None:
        super().__init__(message)
        self.attempts = attempts


class OutboxFullError(OutboxFailingError):
    """The disk is full and the reserve is used up."""


class DamagedRecordError(OutboxError):
    """A record that was read back does not match its own digest or the head before it."""

    def __init__(self, epoch: bytes, number: int) -> None:
        super().__init__(
            f"record {epoch.hex()}/{number} is damaged on this disk; its epoch is set aside, keep the card"
        )
        self.epoch = epoch
        self.number = number
