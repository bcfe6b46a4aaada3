"""Texts of codes, as a camera may read them off a stranger's phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import cbor2

from checkpoint import cbor
from checkpoint.foreign import loose_cbor
from checkpoint.foreign.shc_parts import Parts
from checkpoint.formats import read_pass
from checkpoint.formats.city import CityCode, CitySystem, recognise
from checkpoint.formats.gk1_profile import ProfileError, claims_from, payload_of
from checkpoint.passes import Presented
from checkpoint.reasons import ALL
from fuzz.wrong import must
from tests.checkpoint.mutation_samples import FOREIGN, SAMPLES, TRUST, Sample, raw_deflate
from tests.checkpoint.pass_samples import NOW_S
from tests.checkpoint.variant_samples import STEPS, device_code, step_code

_HERE: Final = ("site-a", "grid-1")
_NAMED: Final = {sample.name: sample for sample in SAMPLES}
_SIGNED: Final = tuple(sample for sample in SAMPLES if sample.sign)
# Nobody can sign but the issuers: whatever is taken must be one of these.
_KNOWN_PASSES: Final = [sample.read(sample.text).pass_ for sample in SAMPLES]
_KNOWN_FOREIGN: Final = [held.digest for sample in SAMPLES if (held := sample.read(sample.text).foreign)]
_CITIES: Final = (
    CitySystem("nanchang", ("elecard.example.org",), "unionCode"),
    CitySystem("shanghai", ("s.example.org",)),
)


def read(text: bytes) -> Presented:
    """As a gate reads it that holds every key and secret."""
    return read_pass(text, TRUST, NOW_S, here=_HERE, steps=STEPS, foreign=FOREIGN)


def shown(data: bytes) -> None:
    """Any text: it never raises, has a reason of the table, and is never a pass that nobody issued."""
    presented = read(data)
    _check(presented)
    if presented.pass_ is not None:
        must(presented.pass_ in _KNOWN_PASSES, presented)
    if presented.foreign is not None:
        must(presented.foreign.digest in _KNOWN_FOREIGN, presented)
    Parts().take(data)


def shown_seeds() -> Iterator[bytes]:
    yield from (sample.text for sample in SAMPLES)
    for off in (-20_160, -3, 2, 60_000):
        yield step_code(off + NOW_S // 30)
        yield device_code(off + NOW_S // 30)
    yield from (b"", b"GK1:", b"shc:/1/2/5676", b"https://elecard.example.org/c?unionCode=abcd")


def signed(data: bytes) -> None:
    """Any payload under a good signature of each kind: an issuer's mistake must not stop a gate."""
    for sample in _SIGNED:
        _check(sample.read(_of_payload(sample, data)))
    _check(_NAMED["SHC"].read(_card(data)))
    try:
        claims = claims_from(data)
    except ProfileError:
        return
    # What was read can be issued again and says the same.
    must(claims_from(payload_of(claims)) == claims)


def signed_seeds() -> Iterator[bytes]:
    yield from (sample.payload for sample in _SIGNED)
    yield json.dumps({"iss": "https://health.example.org", "nbf": NOW_S, "vc": {"type": ["x"]}}).encode()


def _of_payload(sample: Sample, payload: bytes) -> bytes:
    if sample.sign is None:
        raise ValueError(f"{sample.name} is not made of a payload and headers")
    return sample.wrap(sample.sign(payload, dict(sample.headers), False))


def _card(content: bytes) -> bytes:
    enclose = _NAMED["SHC"].enclose
    if enclose is None:
        raise ValueError("health cards travel compressed")
    return enclose(raw_deflate(content))


def _check(presented: Presented) -> None:
    must(presented.reason in ALL, presented)
    must(len(presented.detail) < 500, presented)
    must(presented.valid == (presented.reason == "pass_valid"))
    must(not presented.valid or presented.pass_ is not None, presented)
    must((presented.reason == "foreign_valid") <= (presented.foreign is not None), presented)


def city(data: bytes) -> None:
    """Any address: a token is one that may be asked about, and its system is one of those that were given."""
    match recognise(data, _CITIES):
        case CityCode() as code:
            must(code.system in _CITIES)
            must(code.token.isascii() and code.token.isprintable(), code.token)
            must(len(code.token) <= 512, code.token)
            must(repr(code) == f"CityCode({code.system.name}, token hidden)")
        case found:
            must(found is None or found in _CITIES)


def city_seeds() -> Iterator[bytes]:
    yield b"https://elecard.example.org/elecard/card.html?unionCode=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIzNDU2Nzg="
    yield b"https://elecard.example.org/card.html?a=b&unionCode=ab%252Fcd%253D&c"
    yield b"https://s.example.org/0123456789abcdef"
    yield b"http://user@s.example.org:80/a#b"


def cbor_items(data: bytes) -> None:
    """Any bytes: one item has one meaning, here and in the library, and comes back as the same item."""
    try:
        value = cbor.loads(data, 8)
    except cbor.CborError:
        value = None
    else:
        must(repr(value) == repr(cbor2.loads(data)), data)
        must(repr(cbor.loads(cbor.dumps(value), 8)) == repr(cbor.loads(cbor.dumps(cbor2.loads(data)), 8)))
    try:
        loose = loose_cbor.loads(data)
    except loose_cbor.LooseCborError:
        return
    # What is strict is also loose, and means the same to both.
    must(value is None or repr(loose) == repr(value), data)


def cbor_seeds() -> Iterator[bytes]:
    values: list[object] = [0, -1, 2**32, 1.5, "text", b"bytes", [1, [2]], {1: "a", -1: b"b"}, {"a": {}}, None, True]
    yield from (cbor.dumps(value) for value in values)
    yield b"\xbf\x61a\x9f\x01\xff\xff"
    yield from (sample.message for sample in SAMPLES)
