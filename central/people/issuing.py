"""Gives passes to people, renews them, and ties them to a phone's own key."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from central.config import Config
from central.people.credentials import Credential, PeopleError, RefusedError, credential, credential_of
from central.people.minting import check_usable, issuer_key
from central.people.places import list_scope
from central.revocation import free_index, save_if_grown, save_status, standing
from central.store.issued import Carrier, CutoffRow, Issued
from central.store.people import Person
from central.store.sqlite import SqliteStore
from checkpoint.formats import gk1, gk1_variants
from checkpoint.formats.gk1_profile import payload_of
from checkpoint.passes import LONGEST_LIFETIME_S, Claims, PassClass, Travel
from checkpoint.status_list import REVOKED, VALID

PASS_ID_BYTES: Final = 8
_SUBJECT_BYTES: Final = 8
_DEVICE_KEY_BYTES: Final = 32


def new_pass_id() -> bytes:
    return secrets.token_bytes(PASS_ID_BYTES)


def new_subject() -> bytes:
    """A pseudonym: random, so that nothing about the person can be computed from it."""
    return secrets.token_bytes(_SUBJECT_BYTES)


def issue_to(
    config: Config,
    store: SqliteStore,
    person: Person,
    now_s: int,
    *,
    lifetime_s: int | None = None,
    not_before_s: int | None = None,
    carrier: Carrier = "phone",
    travel: Travel | None = None,
    uses: int | None = None,
    link_digest: bytes | None = None,
    invited_by: bytes | None = None,
    scope: str | None = None,
) -> Credential:
    """Give a stored person the pass that was prepared for them; call it inside a transaction.

    Lifetime: the longest of the class if none is given. `scope`: of the status list, looked up if not given.

    Raises PeopleError, IssueError, RegistryError, KeyFileError.
    """
    if store.issued(person.pass_id) is not None:
        raise PeopleError(
            f"person {person.no} has pass {person.pass_id.hex()} already: `pass renew` it, or `pass issue --again`"
        )
    scope = scope or list_scope(config, person.site)
    start_s = now_s if not_before_s is None else not_before_s
    claims = Claims(
        pass_id=person.pass_id,
        subject=person.subject,
        pass_class=person.pass_class,
        scope=(person.site,),
        not_before_s=start_s,
        expires_s=start_s + _lifetime(person.pass_class, lifetime_s),
        household=person.household,
        status_index=free_index(store, scope),
        travel=travel,
        document_digest=person.document_digest,
        plate=person.plate or None,
        party_size=person.party_size,
        uses=uses,
    )
    _check(config, claims)
    row = _row(claims, person.no, scope, carrier, now_s)
    row = replace(row, link_digest=link_digest, invited_by=invited_by)
    store.save_issued(row)
    return credential(store, row)


def tell_gates(config: Config, store: SqliteStore, made: Credential, now_ms: int) -> int | None:
    """After the last of the passes that a transaction issues, inside it: a new status list where the last one has no
    place for them; its version. Gates would find no status for a pass without."""
    scope = made.issued.list_scope
    return None if scope is None else save_if_grown(config, store, scope, now_ms)


def renew(
    config: Config, store: SqliteStore, held: Credential, now_s: int, lifetime_s: int | None = None
) -> Credential:
    """The same pass for longer, from now on: id, subject and status index stay; unit, plate, party and class as the
    register has them by now. Call it inside a transaction. Raises RefusedError for a revoked pass, IssueError.
    """
    if held.issued.status == REVOKED:
        raise RefusedError("pass_revoked", f"pass {held.pass_id.hex()} was revoked; issue a new one with --again")
    claims, issued, person = held.claims, held.issued, held.person
    if person is None and issued.person is not None:
        raise PeopleError(f"pass {held.pass_id.hex()} ended long ago and its holder is forgotten; register them again")
    if person is not None and person.pass_id == held.pass_id:
        claims = replace(
            claims,
            pass_class=person.pass_class,
            household=person.household,
            plate=person.plate or None,
            party_size=person.party_size,
            document_digest=person.document_digest,
        )
        issued = replace(issued, pass_class=person.pass_class, household=person.household)
    expires_s = now_s + _lifetime(claims.pass_class, lifetime_s)
    return _change(config, store, held, replace(claims, not_before_s=now_s, expires_s=expires_s), issued)


def carry_over(config: Config, store: SqliteStore, person: Person, now_s: int) -> bool:
    """Bring unit, plate and party of a changed person into the pass that they have: id, times and index stay. Call it
    inside a transaction. Returns whether it takes a renewal instead: the class differs, whose passes may live for
    another time, or a cut-off of the new unit would end the pass. One that is over, or that a cut-off ends already,
    stays as it is: that is for somebody to decide, and `renew` takes over what the register says.

    Raises PeopleError, KeyFileError.
    """
    issued = store.issued(person.pass_id)
    if issued is None or issued.expires_s <= now_s:
        return False
    held = credential(store, issued)
    claims = replace(held.claims, household=person.household, plate=person.plate or None, party_size=person.party_size)
    moved = replace(issued, household=person.household)
    same_class = person.pass_class == claims.pass_class
    if (same_class and (claims, moved) == (held.claims, issued)) or _cut_off(store, issued):
        return False
    if not same_class or _cut_off(store, moved):
        return issued.status != REVOKED
    try:
        _change(config, store, held, claims, moved)
    except gk1.IssueError as error:
        raise PeopleError(f"pass {held.pass_id.hex()} of person {person.no}: {error}") from None
    return False


def _cut_off(store: SqliteStore, issued: Issued) -> bool:
    """Whatever its status. Minted passes begin when they are minted: in another household, a pass that was cut off with
    the one before would come to life."""
    return standing(store, replace(issued, status=VALID)) != VALID


def replace_pass(store: SqliteStore, person: Person, document_digest: bytes | None, pass_id: bytes) -> Person:
    """Prepare a person for a new pass under another id, when the old one was lost or revoked.

    The ID number is asked for again (`document_digest`, made for this `pass_id`), because nobody here knows it. Raises
    PeopleError while the old pass may still be used.
    """
    old = store.issued(person.pass_id)
    if old is not None and old.status != REVOKED:
        raise PeopleError(f"pass {old.pass_id.hex()} is still valid; revoke it first")
    changed = replace(person, pass_id=pass_id, document_digest=document_digest)
    store.replace_person(changed)
    return changed


def set_device_key(config: Config, store: SqliteStore, held: Credential, device_key: bytes, now_ms: int) -> Credential:
    """Tie a pass to the key of a phone (Ed25519, 32 bytes). Opens a transaction of its own.

    Another phone's key takes the place of the old one: what the old phone holds, and every printed copy, is cut off by
    the pass's id, and the gates are told. Raises PeopleError, RefusedError, IssueError.
    """
    if len(device_key) != _DEVICE_KEY_BYTES:
        raise PeopleError(f"a device key has {_DEVICE_KEY_BYTES} bytes, this one {len(device_key)}")
    now_s = now_ms // 1000
    with store.transaction():
        # Read again: the office may have revoked the pass or given another link since.
        held = credential_of(store, held.pass_id)
        check_usable(store, held, now_s)
        if held.issued.device_key == device_key:
            return held
        issued, scope = replace(held.issued, device_key=device_key), held.issued.list_scope
        if held.issued.device_key is None or scope is None:
            return _change(config, store, held, held.claims, issued)
        store.save_cutoff(CutoffRow(scope, "pass", held.pass_id, now_s, now_ms, "another phone"))
        save_status(config, store, scope, now_ms)
        return _change(config, store, held, replace(held.claims, not_before_s=now_s), issued)


def _change(config: Config, store: SqliteStore, held: Credential, claims: Claims, issued: Issued) -> Credential:
    _check(config, replace(claims, device_key=issued.device_key))
    row = replace(issued, not_before_s=claims.not_before_s, expires_s=claims.expires_s, claims=payload_of(claims))
    store.save_issued(row)
    return replace(held, issued=row, claims=claims)


def _lifetime(pass_class: PassClass, lifetime_s: int | None) -> int:
    return LONGEST_LIFETIME_S[pass_class] if lifetime_s is None else lifetime_s


def _check(config: Config, claims: Claims) -> None:
    """Refuse here what a gate would refuse, also in the form that a phone gives it. Raises IssueError, KeyFileError."""
    gk1_variants.check_length(gk1.issue(claims, issuer_key(config)), device=claims.device_key is not None)


def _row(claims: Claims, person: int, scope: str, carrier: Carrier, now_s: int) -> Issued:
    return Issued(
        pass_id=claims.pass_id,
        person=person,
        subject=claims.subject,
        pass_class=claims.pass_class,
        household=claims.household,
        list_scope=scope,
        status_index=claims.status_index,
        status=VALID,
        status_why="",
        status_ms=now_s * 1000,
        not_before_s=claims.not_before_s,
        expires_s=claims.expires_s,
        claims=payload_of(claims),
        link_digest=None,
        device_key=None,
        variant=carrier,
        issued_ms=now_s * 1000,
    )
