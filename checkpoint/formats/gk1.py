"""The native pass `GK1:`: base45 of an Ed25519-signed COSE_Sign1 whose payload is a map of claims (CWT, RFC 8392).

A pass is signed with an empty `external_aad`, so that any CWT tool can check it. What marks it as a pass is the
private claim -70001; everything else that is signed here has a non-empty purpose and can never be taken for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Final, NamedTuple

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


class Terms(NamedTuple):
    """By what a pass is judged: whose keys count, when, and where.

    Leeways in seconds: how early before "not before" and how late after "expires" a pass still counts. `here`: ids of
    the place where it is shown, narrowest first; see TrustEntry.may_sign.
    """

    trust: TrustList
    now_s: int
    leeway_before_s: int = 60
    leeway_after_s: int = 0
    here: Sequence[str] = ()


def read(payload: bytes, terms: Terms) -> Presented:
    """What this text is; each step has one reason, and the first that fails decides.

    Prefix and length have been looked at.
    """
    try:
        signed = b45decode(payload[len(PREFIX) :])
    except ValueError as error:
        return Presented(FORMAT, None, "pass_malformed", str(error))
    return unproved(read_signed(signed, terms))


def unproved(presented: Presented) -> Presented:
    """The same without any proof that it is shown now; `presented` as `read_signed` gives it."""
    held = presented.pass_
    # Never printed, so what was shown without the phone's proof or a fresh minting is a picture of it.
    if held and held.device_key and not held.rotates and (presented.valid or presented.by_clock):
        detail = "the pass names a phone's key and came without its proof"
        return replace(presented, reason="device_proof_missing", detail=detail, by_clock=False)
    return presented


def read_signed(signed: bytes, terms: Terms) -> Presented:
    """What the signed message in a pass is, whatever text it came in. Refusals by the clock come after all others."""
    try:
        message = cose.parse(signed)
    except ValueError as error:
        return Presented(FORMAT, None, "pass_malformed", str(error))
    candidates = terms.trust.candidates(message.kid)
    if not candidates:
        return Presented(FORMAT, None, "key_unknown", f"key id {message.kid.hex()} is not in the trust list")
    entries = [entry for key, entry in candidates if cose.signature_holds(message, key, _PURPOSE)]
    if not entries:
        return Presented(FORMAT, None, "pass_forged", f"not signed by key {message.kid.hex()}")
    try:
        held = _pass(claims_from(message.payload), message.kid)
    except ProfileError as error:
        return Presented(FORMAT, None, "pass_profile", str(error))
    return _issuer_refuses(held, entries, terms) or _by_time(held, terms)


def _pass(claims: Claims, kid: bytes) -> Pass:
    return Pass(format=FORMAT, key_id=kid, **{field.name: getattr(claims, field.name) for field in fields(Claims)})


def _issuer_refuses(held: Pass, entries: list[TrustEntry], terms: Terms) -> Presented | None:
    rightful = [entry for entry in entries if entry.may_sign(held, terms.here)]
    if not rightful:
        detail = f"{entries[0].issuer!r} may not give passes of class {held.pass_class} for {', '.join(held.scope)}"
        return Presented(FORMAT, held, "issuer_not_allowed", detail)
    if not any(entry.current(terms.now_s * 1000) for entry in rightful):
        detail = f"the key of {rightful[0].issuer!r} is not in use at this time"
        return Presented(FORMAT, held, "issuer_not_allowed", detail, by_clock=True)
    return None


def _by_time(held: Pass, terms: Terms) -> Presented:
    now_s = terms.now_s
    if now_s < held.not_before_s - terms.leeway_before_s:
        return Presented(FORMAT, held, "pass_not_yet", f"valid from {held.not_before_s}, now {now_s}", by_clock=True)
    # RFC 8392 section 3.1.4 with RFC 7519 section 4.1.4: not accepted on or after "expires".
    if now_s >= held.expires_s + terms.leeway_after_s:
        return Presented(FORMAT, held, "pass_expired", f"valid until {held.expires_s}, now {now_s}", by_clock=True)
    return Presented(FORMAT, held, "pass_valid", variant="rotating" if held.rotates else "static")
