"""What the outbox costs: one durable append at a time, reading back, and packing batches for the uplink."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint.records import CheckResult, PassFacts, ReadingKept, Verdict, Where
from edge.clock import SystemClock
from edge.outbox import Identity, Outbox
from edge.outbox_reader import OutboxReader
from edge.uplink_messages import Packer

_BATCH = 500
_BATCH_BYTES = 255 * 1024
_VERDICT = Verdict(
    version=1,
    where=Where("sunrise-garden", "in-1", "in", "person"),
    verdict="allow",
    reason="ok",
    pass_class="resident",
    checks=tuple(CheckResult(name, "enforce", "ok", "ok", 36.2, 37.3) for name in ("pass", "temperature", "mask")),
    pass_facts=PassFacts(bytes(8), bytes(8), "resident", bytes(4), bytes(4), 1),
    readings=(ReadingKept("forehead", 34.9, 12.0, None, 34.9, 34.7, 0.2, ("ok",), False),),
    policy="epidemic-medium",
    policy_version=3,
    zone_level="medium",
    attendance="guard",
    tags=(),
    retest_of=None,
    call="",
)


def run(records: int = 3000, repeats: int = 3) -> dict[str, float]:
    """Medians of several runs: appends a second and their times in ms (each is on disk when it returns), records read
    and packed a second, and beside it what the disk alone takes for a write of one page."""
    runs = [_once(records) for _ in range(repeats)]
    return {name: statistics.median(one[name] for one in runs) for name in runs[0]}


def _once(records: int) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        bare_s = statistics.median(durable_write_s(Path(folder) / "bare") for _ in range(records // 10))
        clock = SystemClock(bytes(16), lambda _at_ms, _mono_ms: True)
        outbox = Outbox.open(Path(folder) / "outbox.db", Identity("bench", "grid-1", 1), clock, "bench", "bench", 1)
        times_s = [_append(outbox, clock, number) for number in range(records)]
        packed_s, packed_bytes = _pack_all(outbox)
        outbox.close("bench over")
    ranked_ms = sorted(1000 * seconds for seconds in times_s)
    return {
        "records": records,
        "appends_per_s": round(records / sum(times_s)),
        "append_median_ms": round(statistics.median(ranked_ms), 3),
        "append_p99_ms": round(ranked_ms[int(records * 0.99)], 3),
        "append_max_ms": round(ranked_ms[-1], 3),
        "bare_write_median_ms": round(1000 * bare_s, 3),
        "packed_per_s": round(records / packed_s),
        "bytes_per_record_on_the_wire": round(packed_bytes / records),
    }


def durable_write_s(path: Path) -> float:
    """Seconds for 4 KiB at the end of a file, on the disk when it returns: the least that durable can cost here."""
    with path.open("ab", buffering=0) as file:
        begun_s = time.perf_counter()
        file.write(bytes(4096))
        os.fdatasync(file.fileno())
        return time.perf_counter() - begun_s


def _append(outbox: Outbox, clock: SystemClock, number: int) -> float:
    begun_s = time.perf_counter()
    outbox.append("verdict", _VERDICT, clock.now(), number.to_bytes(16))
    return time.perf_counter() - begun_s


def _pack_all(outbox: Outbox) -> tuple[float, int]:
    """Seconds and bytes for all records of the epoch, read, verified, signed and compressed."""
    packer = Packer("bench", Ed25519PrivateKey.generate(), bytes(16), {})
    reader = OutboxReader(outbox.path)
    begun_s, after, size = time.perf_counter(), 0, 0
    while run := reader.run(outbox.epoch, after, _BATCH, _BATCH_BYTES):
        size += len(packer.batch(outbox.epoch, bytes(8), run))
        after = run[-1].number
    seconds = time.perf_counter() - begun_s
    reader.close()
    return seconds, size
