"""The collector's rules about cases and counts taken out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from central import counting, intake
from central.cases import Cases
from central.counting import Counting
from central.intake import Intake
from central.lines import Lines
from central.store.base import EpochState
from central.store.sqlite import SqliteStore
from checkpoint.chain import Link
from checkpoint.records import Header, Payload, Sealed
from tools.faults.protocol.removing import Rules, into, swap

IN_CASES_AND_COUNTS: Final[Rules] = {}
_rule = into(IN_CASES_AND_COUNTS)


# What is told


@_rule("a fork within one epoch is told")
def _no_fork_inside() -> Iterator[None]:
    find = Intake._find_forks

    def outside(self: Intake, state: EpochState, placed: Lines, new: Any) -> None:
        placed.forks = []
        find(self, state, placed, new)

    with swap(Intake, "_find_forks", outside):
        yield


@_rule("a fork between epochs is told, the epoch before the record")
def _no_fork_first() -> Iterator[None]:
    with swap(SqliteStore, "parent_heads", lambda self, gate_no: {}):
        yield


@_rule("a fork between epochs is told, the record before the epoch")
def _no_fork_last() -> Iterator[None]:
    with swap(SqliteStore, "header_after", lambda self, gate_no, prev, epoch, number: None):
        yield


def _untold(origin: str) -> Callable[[], Iterator[None]]:
    def body() -> Iterator[None]:
        found = Cases.found

        def silent(self: Cases, name: str, epoch: bytes, number: int, detail: str) -> None:
            if name != origin:
                found(self, name, epoch, number, detail)

        with swap(Cases, "found", silent):
            yield

    return body


_rule("a rollback is told")(_untold("rollback"))
_rule("a gap is told")(_untold("gap"))


@_rule("a copy without a record is an orphan")
def _no_orphan() -> Iterator[None]:
    with swap(Intake, "_report_orphans", lambda self, row, state: None):
        yield


@_rule("the second of copy and record changes nothing")
def _open_twice() -> Iterator[None]:
    original, find = Cases.alarm, Cases._find

    def looked_in_vain(self: Cases, epoch: bytes, number: int, origin: str) -> None:
        find(self, epoch, number, origin)

    def alarm(self: Cases, header: Header, payload: Payload | None, corrected_ms: int | None) -> None:
        with swap(Cases, "_find", looked_in_vain):
            original(self, header, payload, corrected_ms)

    with swap(Cases, "alarm", alarm):
        yield


@_rule("a copy opens its case")
def _copy_is_silent() -> Iterator[None]:
    with swap(Intake, "copy", lambda self, link, sealed: None):
        yield


@_rule("a copy is never counted")
def _count_copies() -> Iterator[None]:
    copy = Intake.copy

    def counted(self: Intake, link: Link, sealed: Sealed) -> None:
        copy(self, link, sealed)
        payload = intake._readable(link.header, sealed.payload)
        entry = payload and self._countable(0, link.header, payload, link.header.at)
        if entry:
            self._counting.take([entry])
            self._counting.save()

    with swap(Intake, "copy", counted):
        yield


@_rule("a cleared before its alarm closes it")
def _cleared_lost() -> Iterator[None]:
    cleared = Cases.cleared

    def known_only(self: Cases, payload: Any, at_ms: int) -> None:
        if self._find(payload.epoch, payload.number, "gate") is not None:
            cleared(self, payload, at_ms)

    with swap(Cases, "cleared", known_only):
        yield


# Counts


@_rule("the smallest of a passage's records counts")
def _first_come() -> Iterator[None]:
    with swap(Counting, "_stays", lambda self, winner, row, header: True):
        yield


@_rule("a passage counts once")
def _count_all() -> Iterator[None]:
    with swap(SqliteStore, "counted", lambda self, gate_no, passages: {}):
        yield


@_rule("sums are corrected when a smaller record comes")
def _never_withdrawn() -> Iterator[None]:
    with swap(counting.Counting, "_withdraw", lambda self, loser, marks: None):
        yield
