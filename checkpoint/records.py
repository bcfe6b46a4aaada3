"""The record: a frozen header that is chained and kept for ever, and a sealed payload that can be purged.

Wire form: MessagePack arrays in field order (contract of both ends; golden bytes pin it).
Every payload starts with its own version, so that an older collector can store what it can't read yet.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal, TypeVar

import msgspec

HEADER_VERSION: Final = 1
ZERO_HEAD: Final = bytes(32)
EPOCH_BYTES: Final = 8
SALT_BYTES: Final = 16

Clock = Literal["trusted", "untrusted"]
Kind = Literal[
    "opened", "verdict", "outcome", "override", "fault", "cleared", "clock", "document", "command",
    "egress", "note", "reconstructed", "closed",
]  # fmt: skip
Outcome = Literal[
    "passed", "opened_unconfirmed", "turned_back", "abandoned", "admitted_by_guard", "refused_by_guard",
    "egress", "fire",
]  # fmt: skip
VerdictName = Literal["allow", "deny", "escalate"]
Direction = Literal["in", "out"]
LaneKind = Literal["person", "vehicle"]


class Header(msgspec.Struct, array_like=True, frozen=True):
    """What is hashed into the chain. `at` in ms UTC by the gate's clock; `mono_ms` by the boot named `boot_id`."""

    version: int
    gate: str
    epoch: bytes
    number: int
    kind: Kind
    at: int
    boot_id: bytes
    mono_ms: int
    clock: Clock
    passage: bytes | None
    grid: str
    tree_version: int
    prev: bytes
    payload_digest: bytes


class Opened(msgspec.Struct, array_like=True, frozen=True):
    """First record of an epoch: what came before it on this disk, and why it was opened."""

    version: int
    previous_epoch: bytes | None
    previous_last: int
    previous_head: bytes
    software: str
    reason: str


class Where(msgspec.Struct, array_like=True, frozen=True):
    """Place and kind of a passage: the keys under which it is counted."""

    site: str
    lane: str
    direction: Direction
    lane_kind: LaneKind


class CheckResult(msgspec.Struct, array_like=True, frozen=True):
    """One check: its mode, what came of it (`ok`, `failed`, `missing`, `not_obtained`, `skipped`), code, value."""

    check: str
    mode: str
    result: str
    reason: str
    value: float | str | None
    limit: float | str | None


class PassFacts(msgspec.Struct, array_like=True, frozen=True):
    """What a record keeps of a pass: no name, no number, no code text."""

    pass_id: bytes
    subject: bytes
    pass_class: str
    household: bytes | None
    key_id: bytes
    party_size: int


class ReadingKept(msgspec.Struct, array_like=True, frozen=True):
    """One judged measurement at one site of the body; raw values are always kept. `quality`: marks, or `ok`."""

    body_site: str
    object_c: float | None
    ambient_c: float | None
    body_c: float | None
    judged_c: float | None
    level_c: float | None
    excess_c: float | None
    quality: tuple[str, ...]
    manual: bool


class Verdict(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `verdict`: the decision with everything that led to it."""

    version: int
    where: Where
    verdict: VerdictName
    reason: str
    pass_class: str
    checks: tuple[CheckResult, ...]
    pass_facts: PassFacts | None
    readings: tuple[ReadingKept, ...]
    policy: str
    policy_version: int
    zone_level: str
    attendance: str
    tags: tuple[str, ...]
    retest_of: bytes | None
    call: str
    drill: bool = False
    # Passage of the vehicle that this person sat in, where everybody in it is asked.
    of_vehicle: bytes | None = None


class OutcomeOf(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `outcome`: what really happened. `reason` names an unusual ending, `crossings` counts the beam."""

    version: int
    where: Where
    outcome: Outcome
    pass_class: str
    reason: str
    crossings: int
    pass_id: bytes | None
    drill: bool = False


class Override(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `override`: a person decided instead. Committed before the barrier moves."""

    version: int
    where: Where
    act: Literal["admit", "refuse", "open"]
    reason: str
    by: str
    pass_class: str
    drill: bool = False


class Egress(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `egress`: the way out was freed by a button or the fire input, at once; this is written afterwards."""

    version: int
    where: Where
    cause: Literal["exit_button", "fire"]
    opened_mono_ms: int


class Fault(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `fault`. `name` is a reason code, `device` the part, `priority` 1 (highest) to 4."""

    version: int
    name: str
    device: str
    lane: str
    detail: str
    priority: int


class Cleared(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `cleared`: the alarm of record (`epoch`, `number`) is over."""

    version: int
    name: str
    device: str
    lane: str
    epoch: bytes
    number: int


class ClockSet(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `clock`: true time = `at` + `offset_ms` for records of `boot_id` that were marked untrusted."""

    version: int
    boot_id: bytes
    offset_ms: int
    source: str


class Note(msgspec.Struct, array_like=True, frozen=True):
    """Payload of `note`, `document`, `command`, `reconstructed` and `closed`: a code and its facts as text."""

    version: int
    code: str
    facts: dict[str, str]


Payload = Opened | Verdict | OutcomeOf | Override | Egress | Fault | Cleared | ClockSet | Note

# Kind -> payload type; the version each kind is written in today is 1.
PAYLOADS: Final[dict[str, type[Payload]]] = {
    "opened": Opened, "verdict": Verdict, "outcome": OutcomeOf, "override": Override, "egress": Egress,
    "fault": Fault, "cleared": Cleared, "clock": ClockSet,
    "document": Note, "command": Note, "note": Note, "reconstructed": Note, "closed": Note,
}  # fmt: skip
PAYLOAD_VERSION: Final = 1
# A record of a drill is of this version. A program that knows no drills stores it unread, and counts it nowhere.
DRILL_VERSION: Final = 2
_NEWEST: Final = dict.fromkeys(("verdict", "outcome", "override"), DRILL_VERSION)

# What msgspec raises for bytes that are not what was asked for: its own error (a ValueError), a UnicodeDecodeError for
# text that is not UTF-8 (a ValueError too), RecursionError for deep nesting, TypeError for a map key that can't be one.
BAD_BYTES: Final = (ValueError, RecursionError, TypeError)

_T = TypeVar("_T")

_encoder = msgspec.msgpack.Encoder()
_any_decoder = msgspec.msgpack.Decoder(object)
_header_decoder = msgspec.msgpack.Decoder(Header)
_payload_decoders = {kind: msgspec.msgpack.Decoder(form) for kind, form in PAYLOADS.items()}


class Sealed(msgspec.Struct, array_like=True, frozen=True):
    """Salt and payload bytes: purged together, so that what stays proves nothing about the person."""

    salt: bytes
    payload: bytes


def encode_header(header: Header) -> bytes:
    return _encoder.encode(header)


def decode_header(data: bytes) -> Header:
    """Raises msgspec.DecodeError (or ValidationError, its child) when the bytes are no header of version 1.

    A header has one encoding: two byte strings with two heads must never mean the same record.
    """
    header: Header = _decode(_header_decoder, data)
    if _encoder.encode(header) != data:
        raise msgspec.DecodeError("header is not in its one encoding")
    return header


def encode_payload(payload: Payload) -> bytes:
    """Its bytes. Fields at the end that say nothing are left out, so that a record is written as it always was."""
    defaults = payload.__struct_defaults__
    if not defaults:
        return _encoder.encode(payload)
    fields = list(msgspec.structs.astuple(payload))
    for default in reversed(defaults):
        if fields[-1] != default:
            break
        fields.pop()
    return _encoder.encode(fields)


def decode_payload(kind: str, data: bytes) -> Payload | None:
    """The payload, or None when its version is newer than this program. Raises msgspec.DecodeError when malformed."""
    fields = _decode(_any_decoder, data)
    if not isinstance(fields, list) or not fields or not isinstance(fields[0], int):
        raise msgspec.DecodeError(f"payload of kind {kind!r} does not start with its version")
    if fields[0] > max(PAYLOAD_VERSION, _NEWEST.get(kind, 0)):
        return None
    return _decode(_payload_decoders[kind], data)


def _decode(decoder: msgspec.msgpack.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except BAD_BYTES as error:
        raise msgspec.DecodeError(str(error)) from None


def payload_digest(sealed: Sealed) -> bytes:
    """SHA-256(salt + payload)."""
    return sha256(sealed.salt + sealed.payload).digest()


def head_of(header_bytes: bytes) -> bytes:
    """The hash that stands for this record and all before it: SHA-256(header bytes)."""
    return sha256(header_bytes).digest()
