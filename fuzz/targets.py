"""What is fuzzed: each target does with bytes what the program would do, and raises if that was wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fuzz import codes, messages
from fuzz.mutate import mutate_code, mutate_compressed

# (bytes, largest size, seed, plain mutation) -> other bytes.
Mutator = Callable[[bytes, int, int, Callable[[bytes, int], bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """`run` raises only if the program is wrong. `seeds` are made anew each time. `largest`: bytes of one input."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    largest: int
    mutate: Mutator | None = None


TARGETS: Final[dict[str, Target]] = {
    "codes": Target(codes.shown, codes.shown_seeds, 8192, mutate_code),
    "claims": Target(codes.signed, codes.signed_seeds, 4096),
    "city": Target(codes.city, codes.city_seeds, 1024),
    "cbor": Target(codes.cbor_items, codes.cbor_seeds, 4096),
    "documents": Target(messages.document, messages.document_seeds, 16_384, mutate_compressed),
    "contents": Target(messages.content, messages.content_seeds, 16_384),
    "status": Target(messages.status, messages.status_seeds, 16_384),
    "wire": Target(messages.wired, messages.wired_seeds, 16_384, mutate_compressed),
    "signed": Target(messages.signed, messages.signed_seeds, 16_384),
    "records": Target(messages.record, messages.record_seeds, 16_384),
}
