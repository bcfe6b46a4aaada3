"""Reading a code at the gate: every format, good and hostile; status lists are in `status`."""

from __future__ import annotations

import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import cbor2
from base45 import b45encode

from bench.figures import spread_ms
from checkpoint.formats import MAX_CHARACTERS, read_pass
from tests.checkpoint.mutation_samples import FOREIGN, SAMPLES, TRUST
from tests.checkpoint.pass_samples import NOW_S
from tests.checkpoint.variant_samples import STEPS


def run(samples: int = 400) -> dict[str, Any]:
    """Milliseconds per code, good and hostile; KiB that the most demanding one held."""
    hostile = _hostile()
    # One after the other in turn, so that a slow second on this machine falls on all of them alike.
    good = _timed({sample.name: sample.text for sample in SAMPLES}, samples)
    bad = _timed(hostile, samples // 4)
    return {
        "good": good,
        "hostile": bad,
        "worst_p99_ms": max(row["p99_ms"] for row in (*good.values(), *bad.values())),
        "most_memory_kib": round(max(map(_held_kib, (*(s.text for s in SAMPLES), *hostile.values()))), 1),
    }


def _read(text: bytes) -> None:
    read_pass(text, TRUST, NOW_S, here=("site-a", "grid-1"), steps=STEPS, foreign=FOREIGN)


def _timed(texts: dict[str, bytes], rounds: int) -> dict[str, dict[str, float]]:
    times: dict[str, list[float]] = {name: [] for name in texts}
    for _ in range(rounds):
        for name, text in texts.items():
            times[name].append(_ms(lambda text=text: _read(text)))  # type: ignore[misc]
    return {name: spread_ms(taken) for name, taken in times.items()}


def _ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def _hostile() -> dict[str, bytes]:
    """Codes that cost a reader most: as long as allowed, compressed a thousandfold, nested or repeated."""
    bomb = zlib.compress(bytes(2 << 20), 9)
    packed = {sample.name: sample.enclose(bomb) for sample in SAMPLES if sample.enclose and sample.name != "SHC"}
    nested = cbor2.dumps([b"\x81" * 160, {}, b"\xa1" * 100, bytes(64)])
    # Read before any signature is looked at; dates take longest of all items.
    many = zlib.compress(b"\x99\x7f\xf0" + b"\xc1\x00" * 0x7FF0)
    pieces = zlib.compress(b"\x84\x5f" + b"\x40" * 65_000 + b"\xff")
    return {
        **{f"{name} of 2 MiB": text for name, text in packed.items()},
        "HC1 of 32,752 dates": b"HC1:" + b45encode(many),
        "HC1 of 65,000 pieces": b"HC1:" + b45encode(pieces),
        "GK1 nested": b"GK1:" + b45encode(nested),
        "longest unknown": b"A" * MAX_CHARACTERS,
        "longest SHC": b"shc:/" + b"5" * (MAX_CHARACTERS - 5),
        "a megabyte": b"GK1:" + b"A" * (1 << 20),
    }


def _held_kib(text: bytes) -> float:
    """The most that reading this text held beyond what was held before, in Python's own objects."""
    _read(text)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        _read(text)
        return (tracemalloc.get_traced_memory()[1] - before) / 1024
    finally:
        tracemalloc.stop()
