"""Passes for those who do not live here: a visitor whom a resident expects, and somebody who just stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from central.config import Config
from central.people.credentials import Credential, PeopleError, credential_of
from central.people.issuing import issue_to, tell_gates
from central.people.links import digest_of, new_token
from central.people.minting import check_usable
from central.people.registering import Entry, add_person, checked_entry
from central.store.sqlite import SqliteStore
from checkpoint.passes import PassClass

# Who may expect visitors.
_HOSTS: Final[frozenset[PassClass]] = frozenset({"resident", "worker"})
_VISITOR: Final[PassClass] = "visitor"
MAX_INVITED: Final = 10
DEFAULT_VISIT_S: Final = 4 * 3600


@dataclass(frozen=True, slots=True)
class Visit:
    """Whom a host expects, and for how long. `uses` 1: one entry; None: as often as they like while it is valid."""

    name: str
    lifetime_s: int = DEFAULT_VISIT_S
    party_size: int = 1
    plate: str = ""
    phone: str = ""
    uses: int | None = 1
    not_before_s: int | None = None


def may_invite(held: Credential) -> bool:
    """Whether holders of such a pass may expect visitors."""
    return held.claims.pass_class in _HOSTS


def invite_visitor(
    config: Config, store: SqliteStore, host: Credential, visit: Visit, now_s: int
) -> tuple[Credential, str]:
    """A visitor's pass for the host's home, and the token of its link. Opens a transaction of its own.

    Raises RefusedError where the host's own pass does not count, FieldError, PeopleError, IssueError.
    """
    if not may_invite(host):
        raise PeopleError(f"a {host.claims.pass_class} pass can't invite visitors; a resident or worker can")
    entry = Entry(
        site=host.site,
        pass_class=_VISITOR,
        unit_label=host.unit_label,
        name=visit.name,
        phone=visit.phone,
        plate=visit.plate,
        party_size=visit.party_size,
    )
    with store.transaction():
        # Read again: the office may have revoked the pass since.
        check_usable(store, credential_of(store, host.pass_id), now_s)
        if len(store.invited(host.pass_id, now_s)) >= MAX_INVITED:
            raise PeopleError(f"{MAX_INVITED} visitors are expected already; wait until one of these passes is over")
        made = _visitor(config, store, entry, visit, now_s, host.pass_id)
        tell_gates(config, store, made[0], now_s * 1000)
    return made


def walk_up(config: Config, store: SqliteStore, entry: Entry, now_s: int, lifetime_s: int) -> Credential:
    """A pass for one entry, for somebody who came without one. Opens a transaction of its own.

    Raises FieldError, PeopleError, IssueError.
    """
    checked = checked_entry(entry, now_s)
    with store.transaction():
        person = add_person(config, store, checked, now_s * 1000)
        made = issue_to(config, store, person, now_s, lifetime_s=lifetime_s, carrier="paper", uses=1)
        tell_gates(config, store, made, now_s * 1000)
    return made


def _visitor(
    config: Config, store: SqliteStore, entry: Entry, visit: Visit, now_s: int, host: bytes
) -> tuple[Credential, str]:
    token = new_token()
    person = add_person(config, store, checked_entry(entry, now_s), now_s * 1000)
    made = issue_to(
        config,
        store,
        person,
        now_s,
        lifetime_s=visit.lifetime_s,
        not_before_s=visit.not_before_s,
        uses=visit.uses,
        link_digest=digest_of(token),
        invited_by=host,
    )
    return made, token
