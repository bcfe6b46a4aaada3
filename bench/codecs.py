"""Every codec of a serial device against its line: how many times faster than the line bytes are taken, good or bad."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

from tests.drivers.behaviour.codecs import CodecUnderTest, every_codec
from tests.drivers.behaviour.streams import streams

# One start bit, eight data bits, one stop bit.
_BITS_PER_BYTE: Final = 10
_BYTES: Final = 60_000
# What a serial port hands over at once.
_PIECE: Final = 256


def run(rounds: int = 5) -> dict[str, Any]:
    """For each codec and kind of stream: bytes a second (median of the rounds), and that over its fastest line."""
    found = {one.name: _of_one(one, rounds) for one in every_codec()}
    worst = min(found, key=lambda name: found[name]["worst_times_line"])
    return {"worst": worst, "worst_times_line": found[worst]["worst_times_line"], "codecs": found}


def _of_one(one: CodecUnderTest, rounds: int) -> dict[str, Any]:
    line_bytes_per_s = one.fastest_baud / _BITS_PER_BYTE
    speeds = {kind: statistics.median(_bytes_per_s(one, data) for _ in range(rounds)) for kind, data in _inputs(one)}
    times = {kind: round(speed / line_bytes_per_s) for kind, speed in speeds.items()}
    return {"baud": one.fastest_baud, "times_line": times, "worst_times_line": min(times.values())}


def _inputs(one: CodecUnderTest) -> Iterator[tuple[str, bytes]]:
    """Good frames; noise of all bytes; spoiled frames; and what makes a codec begin again at every byte."""
    clean = b"".join(one.frames)
    yield "clean", clean * (_BYTES // len(clean) + 1)
    yield "random", random.Random(1).randbytes(_BYTES)
    spoiled = b"".join(stream for stream in streams(1, 4000, one.frames))
    yield "spoiled", spoiled[: 2 * _BYTES]
    for length in (1, 2, 4):
        head = one.frames[0][:length]
        yield f"heads_{length}", head * (_BYTES // length)


def _bytes_per_s(one: CodecUnderTest, data: bytes) -> float:
    codec = one.make()
    begun_s = time.perf_counter()
    for turn, start in enumerate(range(0, len(data), _PIECE)):
        one.ask(codec, turn)
        codec.feed(data[start : start + _PIECE])
    return len(data) / (time.perf_counter() - begun_s)
