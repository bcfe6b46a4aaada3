"""Good passes of every format, each with the way from its signed message to its code, and whoever reads it.

A format joins the mutation test and the fuzzer with one row here.
"""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cbor2
from base45 import b45encode
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from checkpoint.foreign import read_foreign
from checkpoint.foreign.algorithms import spki_of
from checkpoint.foreign.keys import ForeignKey, ForeignKeys
from checkpoint.formats import gk1, read_pass
from checkpoint.formats.gk1_profile import payload_of
from checkpoint.passes import Presented
from checkpoint.trust import TrustList
from tests.checkpoint.pass_samples import KEY, KID, NOW_S, STRANGER, claims, entry
from tests.checkpoint.variant_samples import PHONE_PUBLIC, STEPS, code_of, device_code, parts, step_code

# A second issuer that is trusted as well: its key id is known, its key is another.
COLLEAGUE: Final = Ed25519PrivateKey.from_private_bytes(bytes([13]) * 32)
COLLEAGUE_ID: Final = b"COLL"
TRUST: Final = TrustList([entry(), entry(kid=COLLEAGUE_ID, public=COLLEAGUE.public_key().public_bytes_raw())])
# Numbers, and signatures by RFC 6979: the samples are the same each time.
_HEALTH: Final = ec.derive_private_key(4711, ec.SECP256R1())
_HEALTH_STRANGER: Final = ec.derive_private_key(4712, ec.SECP256R1())
_ED_KID: Final = b"id169kid"
_ISSUER: Final = "https://health.example.org"
FOREIGN: Final = ForeignKeys(
    (
        ForeignKey(KID, spki_of(_HEALTH.public_key()), formats=("HC1",)),
        ForeignKey(COLLEAGUE_ID, spki_of(COLLEAGUE.public_key()), formats=("HC1",)),
        ForeignKey(_ED_KID, spki_of(KEY.public_key()), formats=("CLAIM169",)),
        ForeignKey(COLLEAGUE_ID, spki_of(COLLEAGUE.public_key()), formats=("CLAIM169",)),
        ForeignKey(b"health-card-key", spki_of(_HEALTH.public_key()), _ISSUER, ("SHC",)),
    )
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One good code. `wrap` makes a code of any signed message; `inflates`: the message travels compressed.

    `sign(payload, headers, stranger)`: a COSE_Sign1 with these protected headers; None for formats that are not COSE.
    `enclose` makes a code of any bytes in place of the compressed message.
    """

    name: str
    text: bytes
    message: bytes
    wrap: Callable[[bytes], bytes]
    read: Callable[[bytes], Presented]
    accepted: str = "pass_valid"
    payload: bytes = b""
    headers: tuple[tuple[int, object], ...] = ()
    sign: Callable[[bytes, Any, bool], bytes] | None = None
    enclose: Callable[[bytes], bytes] | None = None


def native(text: bytes) -> Presented:
    """As a gate reads it that holds every key and secret."""
    return read_pass(text, TRUST, NOW_S, here=("site-a", "grid-1"), steps=STEPS)


def foreign(text: bytes) -> Presented:
    return read_foreign(text, FOREIGN, NOW_S)


def _b45(data: bytes) -> bytes:
    return bytes(b45encode(data))


def _es256(key: ec.EllipticCurvePrivateKey, words: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(words, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32) + s.to_bytes(32)


def cose_of(payload: bytes, headers: object, signer: Callable[[bytes], bytes]) -> bytes:
    """A COSE_Sign1 with whatever protected headers, signed rightly over them."""
    protected = cbor2.dumps(headers, canonical=True) if isinstance(headers, dict) else bytes(headers)  # type: ignore[call-overload]
    words = cbor2.dumps(["Signature1", protected, b"", payload])
    return cbor2.dumps([protected, {}, payload, signer(words)], canonical=True)


def _by_ed25519(payload: bytes, headers: Any, stranger: bool) -> bytes:
    return cose_of(payload, headers, (STRANGER if stranger else KEY).sign)


def _by_es256(payload: bytes, headers: Any, stranger: bool) -> bytes:
    key = _HEALTH_STRANGER if stranger else _HEALTH
    return cose_of(payload, headers, lambda words: _es256(key, words))


def _native_sample(name: str, code: bytes, shown: Callable[[bytes], bytes], payload: bytes) -> Sample:
    message = _by_ed25519(payload, {1: -19, 4: KID}, False)
    return Sample(
        name, code, message, shown, native, payload=payload, headers=((1, -19), (4, KID)), sign=_by_ed25519
    )  # fmt: skip


def _inside(prefix: bytes, code: bytes) -> Callable[[bytes], bytes]:
    """The same step and proof around another signed message."""
    _, step, proof = parts(code)
    return lambda message: code_of([message, step, proof], prefix)


def _plain(message: bytes) -> bytes:
    return b"GK1:" + _b45(message)


def _hc1_of(data: bytes) -> bytes:
    return b"HC1:" + _b45(data)


def _shc_of(jws: bytes) -> bytes:
    return b"shc:/" + b"".join(b"%02d" % (code - 45) for code in jws)


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def raw_deflate(data: bytes) -> bytes:
    """As health cards want it: RFC 1951 without a header."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _card(packed: bytes) -> bytes:
    """A health card, signed rightly, around whatever compressed content."""
    head = _base64url(json.dumps({"zip": "DEF", "alg": "ES256", "kid": "health-card-key"}).encode())
    words = head + b"." + _base64url(packed)
    return words + b"." + _base64url(_es256(_HEALTH, words))


def _health(name: str, kid: bytes, content: object, sign: Any, alg: int, encloses: Callable[[bytes], bytes]) -> Sample:
    payload = cbor2.dumps(content, canonical=True)
    headers = {1: alg, 4: kid}
    message = sign(payload, headers, False)

    def wrap(message: bytes) -> bytes:
        return encloses(zlib.compress(message, 9))

    return Sample(
        name, wrap(message), message, wrap, foreign, "foreign_valid", payload, tuple(headers.items()), sign, encloses
    )


def _native_samples() -> list[Sample]:
    plain, named = claims(status_index=7, household=b"hh01"), claims(device_key=PHONE_PUBLIC)
    minted = claims(expires_s=NOW_S + 300)
    step, device = step_code(), device_code()
    return [
        _native_sample("GK1", gk1.issue(plain, KEY).encode(), _plain, payload_of(plain)),
        _native_sample("GK1 minted", gk1.issue(minted, KEY).encode(), _plain, payload_of(minted)),
        _native_sample("GK1T", step, _inside(b"GK1T:", step), payload_of(claims())),
        _native_sample("GK1K", device, _inside(b"GK1K:", device), payload_of(named)),
    ]


def _foreign_samples() -> list[Sample]:
    entry = {"tg": "840539006", "dn": 2, "sd": 2, "dt": "2020-02-01", "co": "AT", "is": "office", "ci": "URN:1"}
    certificate = {"ver": "1.3.0", "nam": {"fnt": "MUSTER", "gnt": "EVA"}, "dob": "1990-01-01", "v": [entry]}
    token = {1: "AT", 4: NOW_S + 86_400, 6: NOW_S, -260: {1: certificate}}
    card = {
        "iss": _ISSUER,
        "nbf": NOW_S,
        "vc": {"type": ["https://smarthealth.cards#health-card"], "credentialSubject": {"fhirVersion": "4.0.1"}},
    }
    jws = _card(raw_deflate(json.dumps(card).encode()))
    identity = {1: "office", 4: NOW_S + 86_400, 5: NOW_S, 169: {1: "id-1", 4: "Eva Muster"}}
    return [
        _health("HC1", KID, token, _by_es256, -7, _hc1_of),
        _health("CLAIM169", _ED_KID, identity, _by_ed25519, -8, _b45),
        Sample("SHC", _shc_of(jws), jws, _shc_of, foreign, "foreign_valid", enclose=lambda data: _shc_of(_card(data))),
    ]


SAMPLES: Final = (*_native_samples(), *_foreign_samples())
