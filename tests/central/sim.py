"""A gate on paper: makes records, batches, heartbeats and copies as the wire has them, and keeps what it wrote."""

from __future__ import annotations

import copy
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose, wire
from checkpoint.chain import Link, link
from checkpoint.grid import parse_tree
from checkpoint.records import (
    ZERO_HEAD,
    Cleared,
    ClockSet,
    Fault,
    Header,
    Opened,
    OutcomeOf,
    Payload,
    Sealed,
    Verdict,
    Where,
    encode_header,
    encode_payload,
    payload_digest,
)

START_MS = 1_788_000_000_000
TREE = """
version = 3
[[grid]]
id = "wuhan"
level = "city"
name_zh = "武汉市"
name_en = "Wuhan"
[[grid]]
id = "wuchang"
level = "district"
name_zh = "武昌区"
name_en = "Wuchang"
parent = "wuhan"
[[grid]]
id = "luojia"
level = "subdistrict"
name_zh = "珞珈山街道"
name_en = "Luojiashan"
parent = "wuchang"
[[grid]]
id = "donghu"
level = "community"
name_zh = "东湖社区"
name_en = "Donghu"
parent = "luojia"
[[grid]]
id = "donghu-7"
level = "grid"
name_zh = "东湖第七网格"
name_en = "Donghu grid 7"
parent = "donghu"
[[grid]]
id = "donghu-8"
level = "grid"
name_zh = "东湖第八网格"
name_en = "Donghu grid 8"
parent = "donghu"
[[site]]
id = "east"
grid = "donghu-7"
unit = "unit-1"
sector = "housing"
name_zh = "东苑小区"
name_en = "East Court"
"""
PATH = "wuhan/wuchang/luojia/donghu/donghu-7"
WHERE = Where("east", "in-1", "in", "person")


def tree():
    return parse_tree(TREE).newest


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


def passage_id(number: int) -> bytes:
    return b"\x01\x99" + number.to_bytes(14, "big")


def verdict(value: str = "allow", reason: str = "all_ok", *, call: str = "") -> Verdict:
    return Verdict(
        1, WHERE, value, reason, "resident", (), None, (), "everyday", 1, "normal", "guard", (), None, call
    )  # fmt: skip


def outcome(value: str = "passed", reason: str = "") -> OutcomeOf:
    return OutcomeOf(1, WHERE, value, "resident", reason, 1, None)


def fault(name: str = "thermometer_silent") -> Fault:
    return Fault(1, name, "thermometer", "in-1", "no frame for 5 s", 2)


class Record:
    """One record as the gate holds it."""

    def __init__(self, raw: bytes, sealed: Sealed) -> None:
        self.link: Link = link(raw)
        self.sealed = sealed

    @property
    def number(self) -> int:
        return self.link.header.number

    @property
    def head(self) -> bytes:
        return self.link.head


class Gate:
    """A gate's disk and key. `clone()` copies both; `reopen()` begins a new epoch, as every opening does."""

    def __init__(self, name: str = "gate-1", grid: str = "donghu-7") -> None:
        self.name = name
        self.grid = grid
        self.key = key_of(name)
        self.public = cose.public_bytes(self.key)
        self.epochs: list[bytes] = []
        self.records: dict[bytes, list[Record]] = {}
        self.floors: dict[bytes, int] = {}
        self.at_ms = START_MS
        self.mono_ms = 1000
        self.boot_id = b"boot-1"
        self.clock = "trusted"
        self._nonces = 0
        self._epochs_made = 0

    def clone(self) -> Gate:
        return copy.deepcopy(self, {id(self.key): self.key})

    def reopen(self, seed: str = "") -> bytes:
        parent = self._tail()
        self._epochs_made += 1
        epoch = sha256(f"{self.name}/{self._epochs_made}/{seed}".encode()).digest()[:8]
        self.epochs.append(epoch)
        self.records[epoch] = []
        self.floors[epoch] = 1
        previous, last, head = parent or (None, 0, ZERO_HEAD)
        self.append("opened", Opened(1, previous, last, head, "test", "start"))
        return epoch

    def append(
        self,
        kind: str,
        payload: Payload,
        passage: bytes | None = None,
        *,
        at_ms: int | None = None,
        raw: bytes | None = None,
    ) -> Record:
        epoch = self.epochs[-1]
        held = self.records[epoch]
        number = len(held) + 1
        parent = self._tail()
        self.mono_ms += 10
        self.at_ms += 10
        salt = sha256(f"{self.name}{epoch.hex()}{number}{self.mono_ms}".encode()).digest()[:16]
        sealed = Sealed(salt, encode_payload(payload) if raw is None else raw)
        header = Header(
            1, self.name, epoch, number, kind, self.at_ms if at_ms is None else at_ms, self.boot_id, self.mono_ms,
            self.clock, passage, self.grid, 3, parent[2] if parent else ZERO_HEAD, payload_digest(sealed),
        )  # fmt: skip
        record = Record(encode_header(header), sealed)
        held.append(record)
        return record

    def passage(self, number: int, value: str = "allow", then: str = "passed", reason: str = "all_ok") -> None:
        self.append("verdict", verdict(value, reason), passage_id(number))
        self.append("outcome", outcome(then), passage_id(number))

    def clear(self, record: Record) -> Record:
        return self.append("cleared", Cleared(1, "x", "d", "in-1", record.link.header.epoch, record.number))

    def set_clock(self, offset_ms: int) -> Record:
        return self.append("clock", ClockSet(1, self.boot_id, offset_ms, "ntp"))

    def nonce(self) -> bytes:
        self._nonces += 1
        return self._nonces.to_bytes(8, "big")

    def batch(self, first: int, last: int, epoch: bytes | None = None, *, sealed: list[Sealed] | None = None) -> bytes:
        epoch = epoch or self.epochs[-1]
        return self.pack(epoch, self.records[epoch][first - 1 : last], sealed)

    def pack(self, epoch: bytes, run: list[Record], sealed: list[Sealed] | None = None) -> bytes:
        head = wire.SignedHead(self.name, epoch, run[-1].number, run[-1].head)
        return wire.pack_batch(
            wire.Batch(
                1, self.name, epoch, run[0].number, self.nonce(), tuple(msgspec.Raw(item.link.raw) for item in run),
                tuple(sealed or [item.sealed for item in run]), wire.sign_head(self.key, head),
            )
        )  # fmt: skip

    def all(self) -> list[bytes]:
        """Every record in one batch an epoch, oldest epoch first."""
        return [self.batch(1, len(self.records[epoch]), epoch) for epoch in self.epochs]

    def hello(
        self, *, complete: tuple[int, bytes, int] | None = None, online: bool = True, at_ms: int | None = None
    ) -> bytes:
        rows = tuple(self.row(epoch) for epoch in reversed(self.epochs))
        return wire.pack_hello(
            self.key,
            wire.Hello(
                1, self.name, self.at_ms if at_ms is None else at_ms, self.clock, self.boot_id, online,
                self.nonce() if online else b"", 0, 1, rows if online else (),
                wire.CompleteThrough(*complete) if complete else None, 3, ("thermometer_silent",),
                {"software": "0.1.0", "policy": "everyday 4"},
            ),
        )  # fmt: skip

    def row(self, epoch: bytes) -> wire.EpochRow:
        held, floor = self.records[epoch], self.floors[epoch]
        before = held[floor - 2].head if floor > 1 else ZERO_HEAD
        last = held[-1].head if held else ZERO_HEAD
        first = held[0].link.header.prev if held else ZERO_HEAD
        parent = self._parent(epoch, first)
        return wire.EpochRow(epoch, floor, before, len(held), last, parent)

    def copy_of(self, record: Record) -> bytes:
        return wire.pack_alarm(self.key, wire.AlarmCopy(1, self.name, msgspec.Raw(record.link.raw), record.sealed))

    def _parent(self, epoch: bytes, head: bytes) -> tuple[bytes, int, bytes] | None:
        for other in self.epochs:
            for record in self.records[other]:
                if record.head == head:
                    return (other, record.number, head)
        return None

    def _tail(self) -> tuple[bytes, int, bytes] | None:
        for epoch in reversed(self.epochs):
            if self.records[epoch]:
                last = self.records[epoch][-1]
                return (epoch, last.number, last.head)
        return None
