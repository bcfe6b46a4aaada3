"""The native pass `GK1:`: base45 of an Ed25519-signed COSE_Sign1 whose payload is a map of claims (CWT, RFC 8392).

A pass is signed with an empty `external_aad`, so that any CWT tool can check it. What marks it as a pass is the
private claim -70001; everything else that is signed here has a non-empty purpose and can never be taken for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from base45 import b45decode, b45encode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import cose
from checkpoint.formats.gk1_profile import ProfileError, claims_from, payload_of
from checkpoint.passes import Claims, Pass, Presented
from checkpoint.trust import TrustEntry, TrustList

FORMAT: Final = "GK1"
PREFIX: Final = "GK1:"
MAX_CHARACTERS: Final = 560
_PURPOSE = ""


class IssueError(ValueError):
    """These claims can't be made into a pass that a gate would accept; the text says which and why."""


def issue(claims: Claims, key: Ed25519PrivateKey) -> str:
    """The text of a pass. Raises IssueError instead of giving out what a gate would refuse for its form."""
    payload = payload_of(claims)
    try:
        claims_from(payload)
    except ProfileError as error:
        raise IssueError(f"no pass was issued: {error}") from None
    text = PREFIX + str(b45encode(cose.sign(key, payload, _PURPOSE)), "ascii")
    if len(text) > MAX_CHARACTERS:
        raise IssueError(
            f"the pass would have {len(text)} characters, at most {MAX_CHARACTERS}: shorten its scope or travel list"
        )
    return text


def read(
    payload: bytes,
    trust: TrustList,
    now_s: int,
    *,
    leeway_before_s: int = 60,
    leeway_after_s: int = 0,
    here: Sequence[str] = (),
) -> Presented:
    """What this text is at `now_s`; each step has one reason, and the first that fails decides.

    Leeways in seconds: how early before "not before" and how late after "expires" the pass still counts. `here`: ids of
    the place where it is shown, narrowest first; see TrustEntry.may_sign. Prefix and length have been looked at.
    """
    try:
        message = cose.parse(b45decode(payload[len(PREFIX) :]))
    except ValueError as error:
        return Presented(FORMAT, None, "pass_malformed", str(error))
    candidates = trust.candidates(message.kid)
    if not candidates:
        return Presented(FORMAT, None, "key_unknown", f"key id {message.kid.hex()} is not in the trust list")
    entries = [entry for key, entry in candidates if cose.signature_holds(message, key, _PURPOSE)]
    if not entries:
        return Presented(FORMAT, None, "pass_forged", f"not signed by key {message.kid.hex()}")
    try:
        held = _pass(claims_from(message.payload), message.kid)
    except ProfileError as error:
        return Presented(FORMAT, None, "pass_profile", str(error))
    return _issuer_refuses(held, entries, now_s, here) or _by_time(held, now_s, leeway_before_s, leeway_after_s)


def _pass(claims: Claims, kid: bytes) -> Pass:
    return Pass(format=FORMAT, key_id=kid, **{field.name: getattr(claims, field.name) for field in fields(Claims)})


def _issuer_refuses(held: Pass, entries: list[TrustEntry], now_s: int, here: Sequence[str]) -> Presented | None:
    rightful = [entry for entry in entries if entry.may_sign(held, here)]
    if not rightful:
        detail = f"{entries[0].issuer!r} may not give passes of class {held.pass_class} for {', '.join(held.scope)}"
        return Presented(FORMAT, held, "issuer_not_allowed", detail)
    if not any(entry.current(now_s * 1000) for entry in rightful):
        detail = f"the key of {rightful[0].issuer!r} is not in use at this time"
        return Presented(FORMAT, held, "issuer_not_allowed", detail, by_clock=True)
    return None


def _by_time(held: Pass, now_s: int, leeway_before_s: int, leeway_after_s: int) -> Presented:
    if now_s < held.not_before_s - leeway_before_s:
        return Presented(FORMAT, held, "pass_not_yet", f"valid from {held.not_before_s}, now {now_s}", by_clock=True)
    # RFC 8392 section 3.1.4 with RFC 7519 section 4.1.4: not accepted on or after "expires".
    if now_s >= held.expires_s + leeway_after_s:
        return Presented(FORMAT, held, "pass_expired", f"valid until {held.expires_s}, now {now_s}", by_clock=True)
    return Presented(FORMAT, held, "pass_valid", variant="rotating" if held.rotates else "static")
