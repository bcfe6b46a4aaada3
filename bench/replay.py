"""How long a policy takes to be tried on stored verdicts, which the collector's own core has taken in."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.ingest import Ingest
from central.registry import Registry
from central.replay import replay
from central.store.sqlite import SqliteStore
from checkpoint import cose, wire
from checkpoint.grid import Tree
from checkpoint.passes import Pass, PassClass, Presented
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Policy
from checkpoint.records import (
    ZERO_HEAD,
    Header,
    PassFacts,
    ReadingKept,
    Sealed,
    Verdict,
    Where,
    encode_header,
    encode_payload,
    head_of,
    payload_digest,
)
from checkpoint.verdict import CheckFact, GateState, decide

_GATE: Final = "bench"
_EPOCH: Final = b"benchmrk"
_BEGIN_MS: Final = 1_790_000_000_000
_POLICY: Final = """
id = "bench"
version = 1
title_zh = "测试"
title_en = "Bench"
authority = "nobody"
valid_from = 2020-01-01T00:00:00Z
valid_until = 2100-01-01T00:00:00Z
accept_weak_binding = true

[[rule]]
name = "pass and temperature"
checks = ["pass", "temperature"]
"""
# Asks more, sooner, and sets other limits: the slowest kind of change.
_CHANGED: Final = """
[[rule]]
name = "visitors are watched"
class = ["visitor", "courier"]
checks = ["pass", "temperature", "watch"]

[[rule]]
name = "pass and temperature"
checks = ["pass", "temperature"]
modes = { temperature = "warn" }

[temperature]
high_c = 0.9
"""
_STATE: Final = GateState(
    site="site", here=("site", "grid"), grids=("grid",), direction="in", lane_kind="person", attendance="guard",
    lists_age_s=40.0, policy_age_s=40.0, weak_binding=True,
)  # fmt: skip
_CLASSES: Final[tuple[PassClass, ...]] = ("resident", "resident", "resident", "visitor", "worker", "courier")


def run(records: int = 100_000, batch_records: int = 500) -> dict[str, float]:
    """Seconds by the clock and of the processor for all records: under other rules, and under other limits as well."""
    then = parse_policy(_POLICY.encode())
    sterner = parse_policy((_POLICY.partition("[[rule]]")[0] + _CHANGED).encode())
    plain = parse_policy((_POLICY.partition("[[rule]]")[0] + _CHANGED.partition("[temperature]")[0]).encode())
    key = Ed25519PrivateKey.generate()
    with TemporaryDirectory() as folder, closing(SqliteStore(Path(folder) / "central.db")) as store:
        store.enrol(_GATE, cose.public_bytes(key), "grid", "site", 0)
        registry = Registry(Tree(1, {}, {}))
        ingest = Ingest(store, Ed25519PrivateKey.generate(), registry, lambda: int(time.time() * 1000))
        for data in _batches(key, then, records, batch_records):
            ingest.batch(_GATE, data)
        figures: dict[str, float] = {"records": records}
        for name, new in (("rules", plain), ("rules_and_limits", sterner)):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            report = replay(store, registry, {("bench", 1): then}, new, 0, 2**42)
            figures[f"{name}_cpu_s"] = round(time.process_time() - begin_cpu, 3)
            figures[f"{name}_s"] = round(time.perf_counter() - begin, 3)
            figures |= {f"{name}_changed": report.changed, f"{name}_untold": report.untold}
            if report.records != records:
                raise RuntimeError(f"{report.records} of {records} verdicts were decided again")
    return figures


def _batches(key: Ed25519PrivateKey, policy: Policy, records: int, size: int) -> Iterator[bytes]:
    chance = random.Random(20)
    prev = ZERO_HEAD
    for first in range(1, records + 1, size):
        headers, sealed = [], []
        for number in range(first, min(first + size, records + 1)):
            seal = Sealed(number.to_bytes(16, "big"), encode_payload(_verdict(policy, chance)))
            raw = encode_header(
                Header(
                    1, _GATE, _EPOCH, number, "verdict", _BEGIN_MS + number * 6000, b"boot", number * 6000, "trusted",
                    number.to_bytes(16, "big"), "grid", 1, prev, payload_digest(seal),
                )
            )  # fmt: skip
            prev = head_of(raw)
            headers.append(msgspec.Raw(raw))
            sealed.append(seal)
        signed = wire.sign_head(key, wire.SignedHead(_GATE, _EPOCH, first + len(headers) - 1, prev))
        yield wire.pack_batch(
            wire.Batch(1, _GATE, _EPOCH, first, first.to_bytes(8, "big"), tuple(headers), tuple(sealed), signed)
        )


def _verdict(policy: Policy, chance: random.Random) -> Verdict:
    """Somebody comes: most with a good pass and a normal reading, each with their own numbers."""
    pass_class = chance.choice(_CLASSES)
    held = Pass(
        format="GK1", pass_id=chance.randbytes(8), subject=chance.randbytes(8), pass_class=pass_class,
        scope=("site",), not_before_s=0, expires_s=2**40, key_id=bytes(4), party_size=chance.choice((1, 1, 1, 1, 2)),
    )  # fmt: skip
    reason = chance.choices(("pass_valid", "pass_expired", "pass_forged"), (95, 4, 1))[0]
    presented = Presented("GK1", None if reason == "pass_forged" else held, reason, by_clock=reason == "pass_expired")
    readings, facts = [], []
    for _ in range(held.party_size if reason == "pass_valid" else 0):
        reading = round(chance.gauss(36.2, 0.25), 2)
        level = round(chance.gauss(36.2, 0.05), 2)
        fact = CheckFact("ok", "temperature_ok", reading, round(level + 0.8, 2))
        if reading >= level + 0.8:
            fact = CheckFact("failed", "fever", reading, fact.limit)
        facts.append(fact)
        excess = round(reading - level, 2)
        readings.append(ReadingKept("forehead", reading, 20.0, None, reading, level, excess, ("ok",), False))
    made = decide(presented, {"temperature": tuple(facts)} if facts else {}, policy, _STATE, _BEGIN_MS / 1000)
    kept = PassFacts(held.pass_id, held.subject, pass_class, None, held.key_id, held.party_size)
    return Verdict(
        1, Where("site", "in-1", "in", "person"), made.verdict, made.reason,
        pass_class if presented.pass_ else "none", made.results, kept if presented.pass_ else None, tuple(readings),
        policy.id, policy.version, made.zone_level, "guard", made.tags, made.retest_of, made.call,
    )  # fmt: skip


if __name__ == "__main__":
    click.echo(run())
