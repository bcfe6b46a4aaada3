"""Keys out of X.509 certificates and PEM files. Read when a list is made, never when somebody stands at the gate."""

from __future__ import annotations

import re
from base64 import b64decode
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from checkpoint import cose
from checkpoint.foreign.algorithms import KeyFormError, PublicKey, checked_key, load_key, spki_of
from checkpoint.foreign.keys import USAGES, ForeignFormat, ForeignKey, Usage

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]{1,65536})-----END \1-----")
# Key id of a document signer: the start of its certificate's SHA-256.
KID_BYTES: Final = 8
# What a document signer may state, in both spellings that were published.
_USAGE_BY_OID: Final[dict[str, Usage]] = {
    "1.3.6.1.4.1.1847.2021.1.1": "t",
    "1.3.6.1.4.1.1847.2021.1.2": "v",
    "1.3.6.1.4.1.1847.2021.1.3": "r",
    "1.3.6.1.4.1.0.1847.2021.1.1": "t",
    "1.3.6.1.4.1.0.1847.2021.1.2": "v",
    "1.3.6.1.4.1.0.1847.2021.1.3": "r",
}
# Health cards are signed by keys from a key set, never by certificates.
_BY_CERTIFICATE: Final[tuple[ForeignFormat, ...]] = ("HC1", "CLAIM169")
_NAMES: Final = (x509.NameOID.COUNTRY_NAME, x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME)


def keys_from_pem(name: str, data: bytes) -> tuple[list[ForeignKey], list[str]]:
    """The keys of all blocks of a PEM file, and what was wrong with the others."""
    keys: list[ForeignKey] = []
    problems: list[str] = []
    for number, block in enumerate(_BLOCK.finditer(data), 1):
        where = f"{name} block {number}"
        try:
            keys += _key_of_block(block[1], b64decode(b"".join(block[2].split()), validate=True), name)
        except (KeyFormError, ValueError) as error:
            problems.append(f"{where}: {error}")
    if not keys and not problems:
        problems.append(f"{name}: no PEM block: give certificates or public keys")
    return keys, problems


def keys_from_der(name: str, data: bytes) -> tuple[list[ForeignKey], list[str]]:
    """The key of one certificate in DER."""
    try:
        return [key_of_certificate(data)], []
    except KeyFormError as error:
        return [], [f"{name}: {error}"]


def _key_of_block(label: bytes, der: bytes, name: str) -> list[ForeignKey]:
    if label == b"CERTIFICATE":
        return [key_of_certificate(der)]
    if label == b"PUBLIC KEY":
        key = load_key(der)
        spki = spki_of(key)
        issuer = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        return [ForeignKey(kid, spki, issuer, _BY_CERTIFICATE) for kid in bare_kids(key, spki)]
    raise KeyFormError(f"{label.decode()!r} is neither a certificate nor a public key: take it out of the folder")


def bare_kids(key: PublicKey, spki: bytes) -> list[bytes]:
    """Ids of a key that comes without one: by its DER form, and for Ed25519 also as native passes name it."""
    kids = [sha256(spki).digest()[:KID_BYTES]]
    return [*kids, cose.key_id(key.public_bytes_raw())] if isinstance(key, Ed25519PublicKey) else kids


def key_of_certificate(der: bytes) -> ForeignKey:
    """The key of a document signer's certificate, within the certificate's own time. Raises KeyFormError."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = checked_key(certificate.public_key())
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, TypeError) as error:
        raise KeyFormError(f"not a certificate that can be used: {error}"[:200]) from None
    return ForeignKey(
        kid=sha256(der).digest()[:KID_BYTES],
        public=spki_of(key),
        issuer=_issuer(certificate),
        formats=_BY_CERTIFICATE,
        usages=_usages(certificate),
        not_before_s=max(0, int(begins.timestamp())),
        not_after_s=max(1, int(ends.timestamp())) + 1,
    )


def _issuer(certificate: x509.Certificate) -> str:
    try:
        values = [item.value for oid in _NAMES for item in certificate.subject.get_attributes_for_oid(oid)]
    except ValueError:
        return ""
    return ", ".join(str(value) for value in values[:3])[:100]


def _usages(certificate: x509.Certificate) -> tuple[Usage, ...]:
    """What it may state by its extended key usage; nothing said, nothing forbidden."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    # Some certificates in use have extensions that are encoded wrongly; their keys are good.
    except (ValueError, x509.ExtensionNotFound):
        return ()
    named = {_USAGE_BY_OID.get(oid.dotted_string) for oid in extension.value}
    return tuple(usage for usage in USAGES if usage in named)
