"""Follows one line of records from row to row, as a disk holds them, and says in plain words what does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from checkpoint.records import HEADER_VERSION, Header, Sealed, decode_header, head_of, payload_digest

# Of what is wrong with one epoch this much is kept word by word; the rest is counted.
MOST_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong at a record's number; number 0 is the epoch itself."""

    number: int
    why: str

    def __str__(self) -> str:
        return f"record {self.number}: {self.why}" if self.number else self.why


@dataclass(slots=True)
class Findings:
    """What was found, in order of numbers: the first ones word by word, and how many there are."""

    kept: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, found: Iterable[Finding]) -> None:
        for finding in found:
            self.count += 1
            if len(self.kept) < MOST_FINDINGS:
                self.kept.append(finding)

    def sorted(self) -> tuple[Finding, ...]:
        """The lowest number first."""
        return tuple(sorted(self.kept, key=lambda finding: finding.number))


class Walk:
    """One line of one epoch. `row` takes its records in number order; what is said to be missing is skipped."""

    def __init__(self, gate: str, epoch: bytes, first: int = 1, head_before: bytes | None = None) -> None:
        """`head_before` is the head at `first` - 1; None where it is not known."""
        self.gate = gate
        self.epoch = epoch
        self.next = first
        self.head = head_before

    def skip(self, last: int, head: bytes) -> None:
        """Up to `last` nothing is held, and the head there is known."""
        self.next, self.head = last + 1, head

    def row(self, number: int, raw: bytes, sealed: Sealed | None) -> list[Finding]:
        """What is wrong with this record; `sealed` is None when payload and salt were purged."""
        found = list(self._place(number))
        try:
            header = decode_header(raw)
        except msgspec.DecodeError as error:
            found.append(Finding(number, f"its header can't be read ({error})"))
        else:
            found += self._content(number, header, sealed)
        self.next, self.head = number + 1, head_of(raw)
        return found

    def _place(self, number: int) -> Iterator[Finding]:
        if number > self.next:
            yield Finding(self.next, missing(self.next, number - 1))
            self.head = None
        elif number < self.next:
            yield Finding(number, "stands where no record should be")
            self.head = None

    def _content(self, number: int, header: Header, sealed: Sealed | None) -> Iterator[Finding]:
        if header.version != HEADER_VERSION:
            yield Finding(number, f"its header has the unknown version {header.version}")
        if (header.gate, header.epoch, header.number) != (self.gate, self.epoch, number):
            yield Finding(number, f"its header is that of {header.gate}/{header.epoch.hex()}/{header.number}")
        if self.head is not None and header.prev != self.head:
            yield Finding(number, "does not follow from the record before it: one of the two was changed")
        if sealed is not None and payload_digest(sealed) != header.payload_digest:
            yield Finding(number, "its payload or salt was changed: they don't match the digest in its header")


def missing(first: int, last: int) -> str:
    """Words for numbers that are not there."""
    return "is missing" if first == last else f"is missing, with all up to {last}"
