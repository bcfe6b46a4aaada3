"""Names, keys, places and payloads of the simulation, and messages that are wrong on purpose."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose, records, wire
from checkpoint.grid import Tree, parse_tree
from checkpoint.records import Note, Outcome, OutcomeOf, Sealed, Verdict, VerdictName, Where

GATES: Final = ("gate-1", "gate-2")
GRID: Final = "east-1"
SITE: Final = "court"
VERDICTS: Final[tuple[tuple[VerdictName, str], ...]] = (
    ("allow", "all_ok"), ("deny", "pass_expired"), ("escalate", "fever"),
)  # fmt: skip
OUTCOMES: Final[tuple[Outcome, ...]] = ("passed", "turned_back", "opened_unconfirmed")
START_MS: Final = 1_790_000_000_000
DAY_MS: Final = 86_400_000
_WHERE: Final = Where(SITE, "in-1", "in", "person")
_TREE: Final = """
version = 3
[[grid]]
id = "town"
level = "city"
name_zh = "镇"
name_en = "Town"
[[grid]]
id = "east"
level = "district"
name_zh = "东区"
name_en = "East"
parent = "town"
[[grid]]
id = "river"
level = "subdistrict"
name_zh = "河街道"
name_en = "River"
parent = "east"
[[grid]]
id = "bridge"
level = "community"
name_zh = "桥社区"
name_en = "Bridge"
parent = "river"
[[grid]]
id = "east-1"
level = "grid"
name_zh = "桥第一网格"
name_en = "Bridge grid 1"
parent = "bridge"
[[site]]
id = "court"
grid = "east-1"
unit = "unit-1"
sector = "housing"
name_zh = "院"
name_en = "Court"
"""


@lru_cache
def tree() -> Tree:
    return parse_tree(_TREE).newest


@lru_cache
def key_of(name: str) -> Ed25519PrivateKey:
    """The same name always has the same key."""
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


COLLECTOR_KEY: Final = key_of("collector")
KNOWN_KEYS: Final = {cose.key_id(cose.public_bytes(COLLECTOR_KEY)): COLLECTOR_KEY.public_key()}


def passage_id(number: int) -> bytes:
    return b"\x01\x99" + number.to_bytes(14, "big")


def verdict(value: VerdictName, reason: str) -> Verdict:
    return Verdict(1, _WHERE, value, reason, "resident", (), None, (), "everyday", 1, "normal", "guard", (), None, "")


def outcome(value: Outcome) -> OutcomeOf:
    return OutcomeOf(1, _WHERE, value, "resident", "", 1, None)


def note(size: int = 0) -> Note:
    return Note(1, "test", {"text": "x" * size} if size else {})


def forgery(genuine: wire.Answer, b: int) -> bytes:
    """An answer that must change no watermark."""
    match b % 5:
        case 0:
            return wire.pack_answer(key_of("stranger"), genuine)
        case 1:
            return wire.pack_answer(COLLECTOR_KEY, msgspec.structs.replace(genuine, gate="gate-9"))
        case 2:
            return wire.pack_answer(COLLECTOR_KEY, msgspec.structs.replace(genuine, echo_nonce=b"\xff" * 8))
        case 3:
            return wire.pack_answer(COLLECTOR_KEY, msgspec.structs.replace(genuine, stored_through=1_000_000))
        case _:
            return wire.pack_answer(COLLECTOR_KEY, genuine)[:-1]


def tampered(gate: str, batch: wire.Batch, b: int) -> list[tuple[str, bytes]]:
    """(topic's gate, message) of one way to change a batch."""
    change = msgspec.structs.replace
    match b % 6:
        case 0:
            stripped = tuple(Sealed(seal.salt, b"\x91\x01") for seal in batch.sealed)
            return [(gate, wire.pack_batch(change(batch, sealed=stripped)))]
        case 1:
            last = records.decode_header(bytes(batch.headers[-1]))
            head = wire.SignedHead(gate, batch.epoch, last.number, records.head_of(bytes(batch.headers[-1])))
            return [(gate, wire.pack_batch(change(batch, signed_head=wire.sign_head(key_of("thief"), head))))]
        case 2:
            return [(other, wire.pack_batch(batch)) for other in (*GATES, "gate-9") if other != gate]
        case 3:
            first = records.decode_header(bytes(batch.headers[0]))
            changed = msgspec.Raw(records.encode_header(change(first, at=first.at + 1)))
            return [(gate, wire.pack_batch(change(batch, headers=(changed, *batch.headers[1:]))))]
        case 4:
            return [(gate, _rewritten(gate, batch))]
        case _:
            return [(gate, wire.pack_batch(batch)[:-1])]


def _rewritten(gate: str, batch: wire.Batch) -> bytes:
    """Signed by a thief's own key throughout, with the last record changed: chain and digests hold, nothing else."""
    change = msgspec.structs.replace
    sealed = (*batch.sealed[:-1], Sealed(batch.sealed[-1].salt, records.encode_payload(note(9))))
    last = records.decode_header(bytes(batch.headers[-1]))
    raw = records.encode_header(change(last, payload_digest=records.payload_digest(sealed[-1]), kind="note"))
    signed = wire.sign_head(key_of("thief"), wire.SignedHead(gate, batch.epoch, last.number, records.head_of(raw)))
    headers = (*batch.headers[:-1], msgspec.Raw(raw))
    return wire.pack_batch(change(batch, headers=headers, sealed=sealed, signed_head=signed))
