"""The issuers whose passes count: a file beside the keys, from which trust lists are made, and the change of a key.

A change has three steps, so that no gate ever meets a pass whose key it does not know: the next key is made and named
in a trust list; every gate gets that list; then passes are signed with it, while those of the old key live on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.keys import REGISTER, KeyFileError, load_key, load_key_file, write_secret
from central.store.sqlite import SqliteStore
from checkpoint import cose
from checkpoint.documents import open_document
from checkpoint.passes import LONGEST_LIFETIME_S
from checkpoint.trust import TrustEntry, TrustError, trust_from_content, trust_from_json

_NEXT: Final = "issuer-next.key"
_CURRENT: Final = "issuer.key"


class IssuerError(ValueError):
    """The issuers stay as they are; the message names the key and the remedy."""


def issuers(folder: Path) -> tuple[TrustEntry, ...]:
    """Every issuer that is registered in a folder of keys. Raises TrustError or KeyFileError."""
    file = folder / REGISTER
    if not file.exists():
        return ()
    try:
        return trust_from_json(file.read_bytes()).entries
    except (OSError, TrustError) as error:
        raise KeyFileError(f"{file}: {error}") from None


def register(folder: Path, entry: TrustEntry) -> None:
    """Add an issuer. Raises IssuerError for one that is there."""
    held = issuers(folder)
    if any(entry.public == other.public for other in held):
        raise IssuerError(f"key {entry.kid.hex()} is registered already: remove it first, or change {REGISTER}")
    if not entry.classes:
        raise IssuerError(f"key {entry.kid.hex()} may give no class of pass: name at least one")
    _write(folder, (*held, entry))


def remove(folder: Path, kid: bytes) -> TrustEntry:
    """No longer an issuer once the next trust list is out: also its passes that are in use. Raises IssuerError."""
    held = issuers(folder)
    gone = _of_kid(held, kid)
    _write(folder, [entry for entry in held if entry is not gone])
    return gone


def make_next(folder: Path) -> TrustEntry:
    """Make the issuer's next key, registered with the rights of the current one. Raises IssuerError, KeyFileError."""
    file = folder / _NEXT
    if file.exists():
        raise IssuerError(f"{file} exists: use it with `issuer switch`, or delete it and `issuer remove` its key")
    current = _of_kid(issuers(folder), cose.key_id(cose.public_bytes(load_key(folder, "issuer"))))
    key = Ed25519PrivateKey.generate()
    public = cose.public_bytes(key)
    # Registered first: a key file without its entry could be used before any gate knows it.
    entry = replace(current, kid=cose.key_id(public), public=public)
    register(folder, entry)
    write_secret(file, key.private_bytes_raw().hex() + "\n")
    return entry


@dataclass(frozen=True, slots=True)
class Switched:
    """The key that signs passes from now on, and until when passes of the old one count."""

    kid: bytes
    old_kid: bytes
    old_ends_ms: int


def switch(folder: Path, now_ms: int) -> Switched:
    """Sign passes with the next key. The old one is set aside, and counts as long as any pass that it has signed."""
    old, new = load_key(folder, "issuer"), load_key_file(folder / _NEXT)
    old_kid, new_kid = (cose.key_id(cose.public_bytes(key)) for key in (old, new))
    held = issuers(folder)
    before = _of_kid(held, old_kid)
    ends_ms = now_ms + max(LONGEST_LIFETIME_S[name] for name in before.classes) * 1000
    ending = replace(before, not_after_ms=min(before.not_after_ms, ends_ms))
    _of_kid(held, new_kid)
    # First: stopped after this, the change can be made again.
    _write(folder, [ending if entry is before else entry for entry in held])
    aside = folder / f"issuer-{old_kid.hex()}.key"
    aside.unlink(missing_ok=True)
    # At every moment there is a key to sign with.
    os.link(folder / _CURRENT, aside)
    os.replace(folder / _NEXT, folder / _CURRENT)
    return Switched(new_kid, old_kid, ending.not_after_ms)


def next_kid(folder: Path) -> bytes:
    """The id of the key that is made and not yet in use. Raises KeyFileError."""
    return cose.key_id(cose.public_bytes(load_key_file(folder / _NEXT)))


def not_told(store: SqliteStore, kid: bytes) -> list[str] | None:
    """Gates that were last heard before a trust list with this key was published; None if none was ever signed."""
    said_ms = _named_since_ms(store, kid)
    if said_ms is None:
        return None
    states = store.gate_states()
    heard = {gate.gate: (states[gate.no].seen_ms or 0) if gate.no in states else 0
             for gate in store.gates() if gate.revoked_ms is None}  # fmt: skip
    return sorted(gate for gate, seen_ms in heard.items() if seen_ms <= said_ms)


def _named_since_ms(store: SqliteStore, kid: bytes) -> int | None:
    """When the newest trust list that names this key was signed; the latest of those of several places."""
    times = []
    for _, at_ms, data in store.newest_documents("trust"):
        try:
            named = trust_from_content(open_document(data).content).candidates(kid)
        except TrustError:
            # A list of another form, for passes of other systems.
            continue
        if named:
            times.append(at_ms)
    return max(times, default=None)


def _of_kid(held: Iterable[TrustEntry], kid: bytes) -> TrustEntry:
    for entry in held:
        if entry.kid == kid:
            return entry
    raise IssuerError(f"key {kid.hex()} is not in {REGISTER}: `guankou-central issuer add` registers it")


def _write(folder: Path, entries: Iterable[TrustEntry]) -> None:
    """Whole or not at all."""
    rows = [
        {
            "kid": entry.kid.hex(),
            "public": entry.public.hex(),
            "issuer": entry.issuer,
            "classes": sorted(entry.classes),
            "scopes": list(entry.scopes),
            "not_before": entry.not_before_ms,
            "not_after": entry.not_after_ms,
        }
        for entry in entries
    ]
    fresh = folder / f"{REGISTER}.new"
    with fresh.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps({"keys": rows}, ensure_ascii=False, indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(folder / REGISTER)
