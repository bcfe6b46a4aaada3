"""Issuers of other systems, made for tests: their keys, and passes as they would sign them, right or wrong."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
from base45 import b45encode
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwk

from checkpoint.foreign.algorithms import spki_of
from checkpoint.foreign.keys import ForeignKey, ForeignKeys

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey
NOW_S = 1_625_000_000
DAY_S = 86_400
KID = bytes(range(8))
EC_KEY = ec.derive_private_key(1234567, ec.SECP256R1())
P384_KEY = ec.derive_private_key(7654321, ec.SECP384R1())
ED_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
STRANGER = ec.derive_private_key(99, ec.SECP256R1())
CERTIFICATE: dict[str, Any] = {
    "ver": "1.3.0",
    "nam": {"fn": "Li", "fnt": "LI"},
    "dob": "1970-01-01",
    "v": [{"tg": "840539006", "dn": 2, "sd": 2, "dt": "2021-05-01", "ci": "URN:UVCI:01:XX:1"}],
}
ISSUER = "https://cards.example/issuer"


def key_of(private: PrivateKey, kid: bytes | None = KID, **settings: Any) -> ForeignKey:
    public = spki_of(private.public_key())
    return ForeignKey(KID if kid is None else kid, public, settings.pop("issuer", ""), **settings)


KEYS = ForeignKeys((key_of(EC_KEY),))


def sign(private: PrivateKey, signed: bytes) -> bytes:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        size = (private.key_size + 7) // 8
        form = hashes.SHA256() if size == 32 else hashes.SHA384()
        r, s = decode_dss_signature(private.sign(signed, ec.ECDSA(form)))
        return r.to_bytes(size) + s.to_bytes(size)
    if isinstance(private, Ed25519PrivateKey):
        return private.sign(signed)
    return private.sign(signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def token(
    payload: bytes,
    private: PrivateKey = EC_KEY,
    *,
    protected: dict[Any, Any] | None = None,
    unprotected: dict[Any, Any] | None = None,
    signature: bytes | None = None,
    tags: tuple[int, ...] = (18,),
) -> bytes:
    """A COSE_Sign1 with these headers; by default ES256 and the usual key id, both protected."""
    head = {1: -7, 4: KID} if protected is None else protected
    inside = cbor2.dumps(head) if head else b""
    made = sign(private, cbor2.dumps(["Signature1", inside, b"", payload])) if signature is None else signature
    message: Any = [inside, unprotected or {}, payload, made]
    for tag in tags:
        message = cbor2.CBORTag(tag, message)
    return cbor2.dumps(message)


def hc1_payload(changes: dict[Any, Any] | None = None, certificate: Any = None) -> bytes:
    """Claims of a health certificate; a change to None takes a claim away."""
    claims = {
        1: "XX",
        4: NOW_S + DAY_S,
        6: NOW_S - DAY_S,
        -260: {1: CERTIFICATE if certificate is None else certificate},
    }
    table = {**claims, **(changes or {})}
    return cbor2.dumps({key: value for key, value in table.items() if value is not None})


def hc1(message: bytes) -> bytes:
    return b"HC1:" + b45encode(zlib.compress(message))


def claim169(message: bytes) -> bytes:
    return b45encode(zlib.compress(message))


def certificate_der(
    private: ec.EllipticCurvePrivateKey, oids: tuple[str, ...] = (), odd: tuple[str, bytes] | None = None
) -> bytes:
    """A signer's certificate that may state what `oids` name; `odd`: an extension and its bytes, right or wrong."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "XX")])
    begins = datetime.fromtimestamp(NOW_S, UTC) - timedelta(days=30)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=60))
    )
    if oids:
        usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids])
        builder = builder.add_extension(usage, critical=False)
    if odd:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier(odd[0]), odd[1]), critical=False
        )
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


# -- Health cards ------------------------------------------------------------------------------------------------------

SHC_JWK = jwk.ECKey.import_key(EC_KEY.public_key())
SHC_KID = SHC_JWK.thumbprint()
SHC_KEYS = ForeignKeys((key_of(EC_KEY, SHC_KID.encode(), issuer=ISSUER),))
CARD: dict[str, Any] = {
    "iss": ISSUER,
    "nbf": NOW_S - DAY_S + 0.5,
    "vc": {
        "type": ["https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization"],
        "credentialSubject": {"fhirVersion": "4.0.1", "fhirBundle": {"resourceType": "Bundle", "entry": []}},
    },
}


def base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def jws(
    card: Any = None,
    private: ec.EllipticCurvePrivateKey = EC_KEY,
    header: dict[str, Any] | None = None,
    body: bytes | None = None,
    signature: bytes | None = None,
) -> bytes:
    """A compact JWS; `body` instead of the compressed card, `signature` instead of the right one."""
    head = {"zip": "DEF", "alg": "ES256", "kid": SHC_KID} if header is None else header
    if body is None:
        body = raw_deflate(json.dumps(CARD if card is None else card).encode())
    signed = base64url(json.dumps(head).encode()) + b"." + base64url(body)
    return signed + b"." + base64url(sign(private, signed) if signature is None else signature)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def digits(text: bytes) -> bytes:
    return b"".join(b"%02d" % (byte - 45) for byte in text)


def shc(text: bytes) -> bytes:
    return b"shc:/" + digits(text)


def shc_parts(text: bytes, count: int) -> list[bytes]:
    size = -(-len(text) // count)
    return [b"shc:/%d/%d/" % (at + 1, count) + digits(text[at * size : (at + 1) * size]) for at in range(count)]
