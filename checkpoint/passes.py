"""The pass: what a person carries, as claims that a signature stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PassClass = Literal["resident", "visitor", "vehicle", "worker", "courier", "emergency"]
CLASS_BY_NUMBER: Final[dict[int, PassClass]] = {
    1: "resident",
    2: "visitor",
    3: "vehicle",
    4: "worker",
    5: "courier",
    6: "emergency",
}


@dataclass(frozen=True, slots=True)
class Travel:
    """What the issuer states: `regions` (GB/T 2260 codes) is all the holder was in for 14 days up to that day.

    `attested_until_day` counts whole days since 1970-01-01 UTC.
    """

    attested_until_day: int
    regions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pass:
    """A verified pass. Times in whole seconds UTC; `scope` lists site or grid ids; `key_id` names the issuer's key."""

    format: str
    pass_id: bytes
    subject: bytes
    pass_class: PassClass
    scope: tuple[str, ...]
    not_before_s: int
    expires_s: int
    key_id: bytes
    household: bytes | None = None
    status_index: int | None = None
    travel: Travel | None = None
    document_digest: bytes | None = None
    plate: str | None = None
    device_key: bytes | None = None
    party_size: int = 1
