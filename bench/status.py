"""A status list of 1,000,000 passes at a gate: how long it takes to take in, what it weighs, and one look into it."""

from __future__ import annotations

import random
import time
import tracemalloc
from typing import Final

from bench.figures import spread_ms
from checkpoint.passes import Pass
from checkpoint.status_list import CutOff, StatusBook, encode_status, make_status, status_from_content

_PASSES: Final = 1_000_000
_REVOKED: Final = 50_000
_HERE: Final = ("garden", "gardens-1", "gardens")


def run(rounds: int = 30, looks: int = 20_000) -> dict[str, float]:
    """Milliseconds to load, bytes on the wire and in memory, microseconds a look; 5 % of the passes revoked."""
    draw = random.Random(1)
    values = {draw.randrange(_PASSES): 1 for _ in range(_REVOKED)}
    content = encode_status(make_status(values, _PASSES, 0, (CutOff("household", b"home", 0),)))
    times = [1000 * _load_s(content) for _ in range(rounds)]
    kept, peak = _weight(content)
    return {
        "passes": _PASSES,
        "revoked": len(values),
        "content_bytes": len(content),
        "kept_bytes": kept,
        "peak_bytes": peak,
        **{f"load_{name}": value for name, value in spread_ms(times).items()},
        "look_us": _look_us(content, looks),
    }


def _load_s(content: bytes) -> float:
    begun_s = time.perf_counter()
    status_from_content(content)
    return time.perf_counter() - begun_s


def _weight(content: bytes) -> tuple[int, int]:
    tracemalloc.start()
    status = status_from_content(content)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (kept if status.size else 0), peak


def _look_us(content: bytes, looks: int) -> float:
    book = StatusBook({"gardens": status_from_content(content)})
    held = Pass(
        format="GK1", key_id=b"key1", pass_id=bytes(8), subject=bytes(8), pass_class="resident", scope=("garden",),
        not_before_s=0, expires_s=1, household=b"home", status_index=_PASSES // 2,
    )  # fmt: skip
    begun_s = time.perf_counter()
    for _ in range(looks):
        book.lookup(held, _HERE)
    return round((time.perf_counter() - begun_s) / looks * 1e6, 2)
