"""Passes shown live: a phone that holds a week's pass key or a key of its own, and the secrets a gate holds."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import cbor2
from base45 import b45decode, b45encode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose
from checkpoint.formats import gk1, gk1_variants, read_pass
from checkpoint.passes import Presented
from checkpoint.steps import StepSecret, StepSecrets, step_at, week_at, week_of
from checkpoint.trust import TrustList
from tests.checkpoint.pass_samples import KEY, NOW_S, TRUST, claims

STEP = step_at(NOW_S)
WEEK = week_at(NOW_S)
PHONE = Ed25519PrivateKey.from_private_bytes(bytes([21]) * 32)
PHONE_PUBLIC = cose.public_bytes(PHONE)


def secret(scope: str = "site-a", week: int = WEEK) -> bytes:
    """Another one for each scope and week."""
    return sha256(f"{scope} {week}".encode()).digest()


def secrets(*scopes: str) -> StepSecrets:
    """Last, this and next week's of these scopes, as a gate holds them."""
    weeks = (WEEK - 1, WEEK, WEEK + 1)
    return StepSecrets(StepSecret(scope, week, secret(scope, week)) for scope in scopes for week in weeks)


STEPS = secrets("site-a")


def step_code(step: int = STEP, *, scope: str = "site-a", key: Ed25519PrivateKey = KEY, **changes: object) -> bytes:
    """What a phone with this pass shows at a step."""
    held = claims(**changes)
    phone = gk1_variants.pass_key(secret(scope, week_of(step)), held.pass_id)
    return gk1_variants.step_text(gk1.issue(held, key), held.pass_id, phone, step).encode()


def device_code(
    step: int = STEP, *, phone: Ed25519PrivateKey = PHONE, key: Ed25519PrivateKey = KEY, **changes: object
) -> bytes:
    """What the phone that owns `phone` shows at a step, with a pass that names PHONE."""
    text = gk1.issue(claims(**{"device_key": PHONE_PUBLIC, **changes}), key)
    return gk1_variants.device_text(text, phone, step).encode()


def read(text: bytes, now_s: int = NOW_S, trust: TrustList = TRUST, **settings: Any) -> Presented:
    return read_pass(text, trust, now_s, **{"steps": STEPS, **settings})


def parts(code: bytes) -> list[Any]:
    """[pass bytes, step, proof] of a code."""
    opened: list[Any] = cbor2.loads(b45decode(code[5:]))
    return opened


def code_of(value: object, prefix: bytes = b"GK1T:") -> bytes:
    return prefix + bytes(b45encode(cbor2.dumps(value, canonical=True)))
