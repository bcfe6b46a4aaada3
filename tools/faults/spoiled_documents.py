"""Documents that no gate may put in force: made from those that are, each with what is wrong with it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.keys import load_key
from checkpoint import cbor, topics, wire
from checkpoint.documents import Document, open_document, pack_document
from tools.faults.holders import LIST_SCOPE, signed
from tools.faults.lab import Lab, now_ms

LIST_TOPIC: Final = topics.document(LIST_SCOPE, "status")
POLICY: Final = ("policy", "nanchang")
_DAY_MS: Final = 86_400_000


def spoiled_documents(lab: Lab, older: bytes) -> Iterator[tuple[str, str, bytes]]:
    """(what, topic, message): each would end a check, let somebody in, or stop a gate, if it were taken."""
    keys = lab.town.folder / "central" / "keys"
    stranger, collector = Ed25519PrivateKey.generate(), load_key(keys, "collector")
    topic_of_policy = topics.document(POLICY[1], POLICY[0])
    for what, topic, genuine in (
        ("status", LIST_TOPIC, signed(lab)),
        ("policy", topic_of_policy, signed(lab, *POLICY)),
    ):
        now = open_document(genuine)
        newer = msgspec.structs.replace(now, version=now.version + 100)
        over = msgspec.structs.replace(newer, not_before=now_ms() - 2 * _DAY_MS, not_after=now_ms() - _DAY_MS)
        yield f"{what} cut short", topic, genuine[: lab.chance.randrange(1, len(genuine))]
        yield f"{what} with a bit turned", topic, _turned(genuine, lab)
        yield f"{what} by a stranger", topic, pack_document(stranger, newer)
        yield f"{what} past its end", topic, pack_document(collector, over)
        yield f"{what} under a version in use", topic, pack_document(collector, _with(now, _empty(what)))
        yield f"{what} with content that is none", topic, pack_document(collector, _with(newer, b"\x00"))
    newer = msgspec.structs.replace(open_document(signed(lab)), version=1000)
    yield "older", LIST_TOPIC, older
    yield "policy in the place of a list", LIST_TOPIC, signed(lab, *POLICY)
    yield "of another place", LIST_TOPIC, pack_document(collector, msgspec.structs.replace(newer, scope="elsewhere"))
    yield "a bomb inside", LIST_TOPIC, pack_document(collector, _with(newer, _bomb()))
    yield "a bomb outside", LIST_TOPIC, wire.compress(bytes(64 << 20))
    yield "too big", LIST_TOPIC, lab.chance.randbytes(wire.MAX_MESSAGE_BYTES + 1)
    yield "one byte", LIST_TOPIC, b"\x00"


def _with(document: Document, content: bytes) -> Document:
    return msgspec.structs.replace(document, content=content)


def _empty(what: str) -> bytes:
    """A list without passes; a policy without rules."""
    if what == "status":
        return cbor.dumps({1: 2, 2: zlib.compress(b""), 3: 0, 4: 0, 5: []})
    return b'id = "empty"\nversion = 9\n'


def _bomb() -> bytes:
    """64 MiB that say they are a list of four passes."""
    return cbor.dumps({1: 2, 2: zlib.compress(bytes(64 << 20), 9), 3: 4, 4: 0, 5: []})


def _turned(genuine: bytes, lab: Lab) -> bytes:
    raw = bytearray(wire.expand(genuine))
    raw[lab.chance.randrange(len(raw))] ^= 1 << lab.chance.randrange(8)
    return wire.compress(bytes(raw))
