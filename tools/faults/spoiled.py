"""Messages that no collector may take: made from genuine ones with a seed, each with what is wrong with it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from checkpoint import topics, wire

_MOST_BYTES: Final = 300_000
_EACH: Final = 6

Kind = Literal["records", "alarm", "state"]
_KINDS: Final[tuple[Kind, ...]] = ("records", "alarm", "state")


@dataclass(frozen=True, slots=True)
class Spoiled:
    """One message. `kind`: on which of the gate's topics."""

    what: str
    kind: Kind
    payload: bytes

    def topic(self, gate: str) -> str:
        return {"records": topics.records, "alarm": topics.alarm, "state": topics.state}[self.kind](gate)


def spoiled(genuine: bytes, others: bytes, hello: bytes, chance: random.Random) -> list[Spoiled]:
    """From a genuine batch and hello of the gate itself and a batch of another gate, for all its topics, shuffled."""
    made = [Spoiled(what, kind, payload) for kind in _KINDS for what, payload in _made(genuine, others, chance)]
    made += [Spoiled("hello with one bit turned", "state", _bit_turned(hello, chance)) for _ in range(_EACH)]
    made += [Spoiled("hello as an alarm", "alarm", hello), Spoiled("batch as it was, elsewhere", "state", genuine)]
    chance.shuffle(made)
    return made


def _made(genuine: bytes, others: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    for _ in range(_EACH):
        yield "random bytes", chance.randbytes(chance.randrange(1, 4000))
        yield "cut short", genuine[: chance.randrange(1, len(genuine))]
        yield "one bit turned", _turned(genuine, chance)
    yield "of another gate", others
    yield "of another version", wire.pack_batch(msgspec.structs.replace(wire.unpack_batch(genuine), version=2))
    yield "another schema", wire.compress(msgspec.msgpack.encode({"gate": "gate-1", "records": [1, 2, 3]}))
    yield "too large", chance.randbytes(_MOST_BYTES)
    yield "bomb", wire.compress(bytes(64 * 1024 * 1024))
    yield "one byte", b"\x00"


def _turned(genuine: bytes, chance: random.Random) -> bytes:
    """Of the batch itself, not of its compressed form, whose last bits may mean nothing; behind the nonce, which is
    the asker's own and not signed."""
    batch = wire.unpack_batch(genuine)
    headers = list(batch.headers)
    at = chance.randrange(len(headers))
    raw = bytearray(bytes(headers[at]))
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    headers[at] = msgspec.Raw(bytes(raw))
    return wire.pack_batch(msgspec.structs.replace(batch, headers=tuple(headers)))


def _bit_turned(signed: bytes, chance: random.Random) -> bytes:
    raw = bytearray(wire.expand(signed))
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return wire.compress(bytes(raw))
