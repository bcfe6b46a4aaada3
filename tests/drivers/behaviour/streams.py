"""Byte streams as bad lines, wrong devices and hostile people make them: random, and mutated from good frames."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_LONGEST_NOISE = 48


def streams(seed: int, count: int, frames: Sequence[bytes]) -> Iterator[bytes]:
    """`count` streams, the same for the same seed. A third is noise; the rest was good frames once."""
    rng = random.Random(seed)
    # Noise of the frames' own bytes gets further into a codec than noise of all bytes.
    alphabet = bytes(sorted({byte for frame in frames for byte in frame[:12]})) or bytes(range(256))
    for number in range(count):
        if number % 6 == 0:
            yield rng.randbytes(rng.randrange(_LONGEST_NOISE))
        elif number % 6 == 1:
            yield bytes(rng.choices(alphabet, k=rng.randrange(_LONGEST_NOISE)))
        else:
            yield _mutated(b"".join(rng.choices(frames, k=rng.randint(1, 3))), rng)


def _mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(changed) + 1) if changed else 0
        what = rng.randrange(6)
        if what == 0 and place < len(changed):
            del changed[place]
        elif what == 1 and place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
        elif what == 2:
            changed[place:place] = rng.randbytes(rng.randint(1, 4))
        elif what == 3:
            del changed[place:]
        elif what == 4:
            changed[place:place] = changed[: rng.randint(1, 8)]
        elif place < len(changed):
            changed[place] = rng.randrange(256)
    return bytes(changed)


def torn(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """The same bytes in pieces, as they arrive."""
    start = 0
    while start < len(data):
        end = start + rng.randint(1, 24)
        yield data[start:end]
        start = end
