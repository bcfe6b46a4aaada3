"""What a phone shows: the kept pass, signed as it was issued, or one that is minted for the next minutes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.config import Config
from central.keys import load_key
from central.people.credentials import Credential, RefusedError
from central.revocation import standing
from central.store.sqlite import SqliteStore
from checkpoint.formats import gk1
from checkpoint.passes import ROTATING_LIFETIME_S, Arrival
from checkpoint.status_list import REVOKED, SUSPENDED

MINTED_LIFETIME_S: Final = 300


def issuer_key(config: Config) -> Ed25519PrivateKey:
    """The key that signs passes now. Raises KeyFileError."""
    return load_key(config.keys_dir, "issuer")


def held_text(config: Config, held: Credential, *, device: bool = False) -> str:
    """The pass as it is kept for long, on paper or in a phone; `device`: with the phone's key in it.

    Two calls under one issuer key give the same text. Raises IssueError, KeyFileError.
    """
    claims = replace(held.claims, device_key=held.issued.device_key) if device else held.claims
    return gk1.issue(claims, issuer_key(config))


def mint(
    config: Config,
    store: SqliteStore,
    held: Credential,
    now_s: int,
    lifetime_s: int = MINTED_LIFETIME_S,
    *,
    arrival: Arrival | None = None,
) -> str:
    """The pass for the next minutes: same id and claims, but it ends before a picture of it could be of use.

    `arrival`: what the place code said that the holder scanned. Raises RefusedError, IssueError, KeyFileError.
    """
    check_usable(store, held, now_s)
    lifetime_s = min(lifetime_s, ROTATING_LIFETIME_S)
    expires_s = min(now_s + lifetime_s, held.claims.expires_s)
    return gk1.issue(replace(held.claims, not_before_s=now_s, expires_s=expires_s, arrival=arrival), issuer_key(config))


def check_usable(store: SqliteStore, held: Credential, now_s: int) -> None:
    """Raises RefusedError for a pass that is over, not yet valid, revoked, suspended, or cut off with many others.

    A minted pass begins now: no gate could see that a cut-off ended the pass behind it, so it is seen here.
    """
    now = standing(store, held.issued)
    if now == REVOKED:
        raise RefusedError("pass_revoked", f"pass {held.pass_id.hex()} no longer counts; ask the property office")
    if now == SUSPENDED:
        raise RefusedError("pass_suspended", f"pass {held.pass_id.hex()} is suspended; ask the property office")
    if now_s >= held.claims.expires_s:
        raise RefusedError("pass_expired", f"pass {held.pass_id.hex()} is over; ask the property office to renew it")
    if now_s < held.claims.not_before_s:
        raise RefusedError("pass_not_yet", f"pass {held.pass_id.hex()} is not valid yet")
