"""What somebody was given: a pass as the store knows it, found by its id or by the secret in its link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from central.people.links import digest_of, new_token
from central.store.issued import Issued
from central.store.people import Application, Person
from central.store.sqlite import SqliteStore
from checkpoint.formats.gk1_profile import claims_from
from checkpoint.passes import Claims

Refusal = Literal["pass_revoked", "pass_suspended", "pass_expired", "pass_not_yet"]


class PeopleError(ValueError):
    """It can't be done with these people or passes; the text names the thing and the remedy."""


class RefusedError(PeopleError):
    """The pass no longer counts, or not yet; `reason` is the code that a gate would show."""

    def __init__(self, reason: Refusal, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Credential:
    """A pass and whose it is. `claims` hold no device key: that is added for the variant that needs it."""

    issued: Issued
    claims: Claims
    person: Person | None
    unit_label: str

    @property
    def pass_id(self) -> bytes:
        return self.issued.pass_id

    @property
    def site(self) -> str:
        return self.claims.scope[0]

    @property
    def name(self) -> str:
        """What the holder is called here; may be empty."""
        return self.person.name if self.person else ""


def credential_by_link(store: SqliteStore, token: str) -> Credential | None:
    """Whose link this is; None for a text that is no token, and for a token that is unknown or was replaced."""
    digest = digest_of(token)
    issued = store.issued_by_link(digest) if digest else None
    return credential(store, issued) if issued else None


def application_by_link(store: SqliteStore, token: str) -> Application | None:
    """The application that this link was given for; once confirmed, the same link leads to the pass."""
    digest = digest_of(token)
    return store.application_by_link(digest) if digest else None


def credential_of(store: SqliteStore, pass_id: bytes) -> Credential:
    """Raises PeopleError for a pass that was never issued here."""
    issued = store.issued(pass_id)
    if issued is None:
        raise PeopleError(f"pass {pass_id.hex()} was not issued here; `people list` shows the passes")
    return credential(store, issued)


def credential(store: SqliteStore, issued: Issued) -> Credential:
    """A stored pass with its holder."""
    person = store.person(issued.person) if issued.person is not None else None
    home = store.household(issued.household) if issued.household else None
    return Credential(issued, claims_from(issued.claims), person, home.unit_label if home else "")


def new_link(store: SqliteStore, pass_id: bytes) -> str:
    """A new token for a pass; the link that was given before leads nowhere from now on. Raises PeopleError."""
    token = new_token()
    with store.transaction():
        credential_of(store, pass_id)
        store.set_link(pass_id, digest_of(token))
    return token
