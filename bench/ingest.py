"""How many records a second the collector's core takes, without a broker: valid batches into a SQLite file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.ingest import Ingest
from central.registry import Registry
from central.store.sqlite import SqliteStore
from checkpoint import cose, wire
from checkpoint.grid import Tree
from checkpoint.records import (
    ZERO_HEAD,
    Header,
    Kind,
    OutcomeOf,
    Payload,
    Sealed,
    Verdict,
    Where,
    encode_header,
    encode_payload,
    head_of,
    payload_digest,
)

_GATE = "bench"
_EPOCH = b"benchmrk"
_WHERE = Where("site", "in-1", "in", "person")


def run(records: int = 100_000, batch_records: int = 500) -> dict[str, float]:
    """Records per second of ingest alone; making the batches is not timed."""
    key = Ed25519PrivateKey.generate()
    batches = list(_batches(key, records, batch_records))
    with TemporaryDirectory() as folder, closing(SqliteStore(Path(folder) / "central.db")) as store:
        store.enrol(_GATE, cose.public_bytes(key), "grid", "site", 0)
        registry = Registry(Tree(1, {}, {}))
        ingest = Ingest(store, Ed25519PrivateKey.generate(), registry, lambda: int(time.time() * 1000))
        begin = time.perf_counter()
        stored = 0
        for data in batches:
            answers = ingest.batch(_GATE, data)
            stored = answers[0].stored_through
            ingest.sign(answers[0])
        seconds = time.perf_counter() - begin
    if stored != records:
        raise RuntimeError(f"{stored} of {records} records were stored")
    return {"records": records, "seconds": round(seconds, 3), "records_per_s": round(records / seconds)}


def _batches(key: Ed25519PrivateKey, records: int, size: int) -> Iterator[bytes]:
    now_ms = int(time.time() * 1000) - records * 10
    prev = ZERO_HEAD
    for first in range(1, records + 1, size):
        headers, sealed = [], []
        for number in range(first, min(first + size, records + 1)):
            kind, payload = _payload(number)
            seal = Sealed(number.to_bytes(16, "big"), encode_payload(payload))
            passage = ((number + 1) // 2).to_bytes(16, "big")
            raw = encode_header(
                Header(
                    1, _GATE, _EPOCH, number, kind, now_ms + number * 10, b"boot", number * 10, "trusted", passage,
                    "grid", 1, prev, payload_digest(seal),
                )
            )  # fmt: skip
            prev = head_of(raw)
            headers.append(msgspec.Raw(raw))
            sealed.append(seal)
        signed = wire.sign_head(key, wire.SignedHead(_GATE, _EPOCH, first + len(headers) - 1, prev))
        yield wire.pack_batch(
            wire.Batch(1, _GATE, _EPOCH, first, first.to_bytes(8, "big"), tuple(headers), tuple(sealed), signed)
        )


def _payload(number: int) -> tuple[Kind, Payload]:
    if number % 2 == 0:
        return "outcome", OutcomeOf(1, _WHERE, "passed", "resident", "", 1, b"passpass")
    allowed = number % 40 != 1
    return "verdict", Verdict(
        1, _WHERE, "allow" if allowed else "deny", "all_ok" if allowed else "pass_expired", "resident", (), None, (),
        "everyday", 1, "normal", "guard", (), None, "",
    )  # fmt: skip


if __name__ == "__main__":
    click.echo(run())
