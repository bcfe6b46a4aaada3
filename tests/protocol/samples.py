"""Payloads that gates write here, and messages that are wrong on purpose."""

from __future__ import annotations

import msgspec

from checkpoint import records, wire
from checkpoint.records import OutcomeOf, Sealed, Verdict
from tests.central.sim import WHERE, key_of
from tests.protocol.computers import COLLECTOR_KEY

GATES = ("gate-1", "gate-2")
VERDICTS = (("allow", "all_ok"), ("deny", "pass_expired"), ("escalate", "fever"))
OUTCOMES = ("passed", "turned_back", "opened_unconfirmed")


def verdict(value: str, reason: str) -> Verdict:
    return Verdict(1, WHERE, value, reason, "resident", (), None, (), "everyday", 1, "normal", "guard", (), None, "")


def outcome(value: str) -> OutcomeOf:
    return OutcomeOf(1, WHERE, value, "resident", "", 1, None)


def forgery(genuine: wire.Answer, b: int) -> bytes:
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
    match b % 5:
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
        case _:
            return [(gate, wire.pack_batch(batch)[:-1])]
