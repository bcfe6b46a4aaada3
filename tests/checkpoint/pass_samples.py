"""Keys, claims and a trust list that several tests share."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose
from checkpoint.passes import CLASS_BY_NUMBER, Claims
from checkpoint.trust import TrustEntry, TrustList

NOW_S = 1_581_292_800
KEY = Ed25519PrivateKey.from_private_bytes(bytes([11]) * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([12]) * 32)
KID = cose.key_id(cose.public_bytes(KEY))
DAY_S = 86_400


def entry(**changes: object) -> TrustEntry:
    fields: dict[str, object] = {
        "kid": KID,
        "public": cose.public_bytes(KEY),
        "issuer": "office",
        "classes": frozenset(CLASS_BY_NUMBER.values()),
        "scopes": (),
        "not_before_ms": (NOW_S - DAY_S) * 1000,
        "not_after_ms": (NOW_S + 400 * DAY_S) * 1000,
        **changes,
    }
    return TrustEntry(**fields)  # type: ignore[arg-type]


def claims(**changes: object) -> Claims:
    fields: dict[str, object] = {
        "pass_id": b"pass-id1",
        "subject": b"subject1",
        "pass_class": "resident",
        "scope": ("site-a",),
        "not_before_s": NOW_S,
        "expires_s": NOW_S + DAY_S,
        **changes,
    }
    return Claims(**fields)  # type: ignore[arg-type]


TRUST = TrustList([entry()])
