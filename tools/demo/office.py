"""The office that issues the demo's passes, good and bad."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from base45 import b45decode, b45encode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint.document_digest import document_digest
from checkpoint.formats import gk1
from checkpoint.passes import Claims, PassClass

_DAY_S = 86_400


class Office:
    """Issues passes with the collector's issuer key; every call is a new person."""

    def __init__(self, issuer: Ed25519PrivateKey) -> None:
        self._issuer = issuer
        self._stranger = Ed25519PrivateKey.generate()

    def resident(self, *, site: str = "garden", party: int = 1) -> bytes:
        return self._issue("resident", site, 30 * _DAY_S, party=party)

    def worker(self, *, site: str = "garden", document: str = "") -> bytes:
        """`document`: the number of the identity document that this pass is bound to."""
        claims = self._claims("worker", site, 7 * _DAY_S, 60, 1)
        digest = document_digest(document, claims.pass_id) if document else None
        return gk1.issue(replace(claims, document_digest=digest), self._issuer).encode()

    def vehicle(self, plate: str, *, site: str = "garden") -> bytes:
        claims = self._claims("vehicle", site, 7 * _DAY_S, 60, 1)
        return gk1.issue(replace(claims, plate=plate), self._issuer).encode()

    def visitor(self, *, site: str = "garden", expired: bool = False) -> bytes:
        return self._issue("visitor", site, 3600, age_s=2 * 3600 if expired else 60)

    def by_stranger(self) -> bytes:
        """Rightly made, by a key that nobody trusts."""
        return self._issue("resident", "garden", _DAY_S, key=self._stranger)

    def forged(self) -> bytes:
        """A real pass with one bit of its subject turned: everything reads well, but the signature no longer holds."""
        claims = self._claims("resident", "garden", _DAY_S, 60, 1)
        signed = bytearray(b45decode(gk1.issue(claims, self._issuer).removeprefix(gk1.PREFIX)))
        signed[signed.index(claims.subject)] ^= 1
        return gk1.PREFIX.encode() + bytes(b45encode(bytes(signed)))

    def _claims(self, pass_class: PassClass, site: str, valid_s: int, age_s: int, party: int) -> Claims:
        start_s = int(time.time()) - age_s
        return Claims(
            pass_id=os.urandom(8),
            subject=os.urandom(8),
            pass_class=pass_class,
            scope=(site,),
            not_before_s=start_s,
            expires_s=start_s + valid_s,
            household=os.urandom(4) if pass_class == "resident" else None,
            party_size=party,
        )

    def _issue(
        self,
        pass_class: PassClass,
        site: str,
        valid_s: int,
        *,
        age_s: int = 60,
        party: int = 1,
        key: Ed25519PrivateKey | None = None,
    ) -> bytes:
        claims = self._claims(pass_class, site, valid_s, age_s, party)
        return gk1.issue(claims, key or self._issuer).encode()
