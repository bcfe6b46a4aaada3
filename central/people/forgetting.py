"""Retention of the register: forgets people whose passes have all ended, and applications that are over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from central.store.issued import Issued
from central.store.sqlite import SqliteStore
from checkpoint.formats.gk1_profile import ProfileError, claims_from, payload_of

_PEOPLE_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many of each; no word of whom."""

    people: int = 0
    passes: int = 0
    applications: int = 0

    def __bool__(self) -> bool:
        return bool(self.people or self.applications)


def forget(store: SqliteStore, before_ms: int) -> Forgotten:
    """Forget whose last pass ended before `before_ms`, and applications decided, or left undecided, before then.

    Pass ids, pseudonyms, times, status and the place on the list stay: what was revoked stays so, and nobody else gets
    their index. At most 500 people a call. Opens a transaction of its own, if there is anything to do.
    """
    if not store.people_over(before_ms, 1) and not store.applications_over(before_ms):
        return Forgotten()
    passes = 0
    with store.transaction():
        # Asked again: somebody may have been given a new pass meanwhile.
        people = store.people_over(before_ms, _PEOPLE_AT_ONCE)
        for no in people:
            for row in store.issued_to(no):
                store.save_issued(_bare(row))
                store.drop_cards_of(row.pass_id)
                passes += 1
            store.drop_person(no)
        applications = store.applications_over(before_ms)
        store.empty_applications(before_ms)
    return Forgotten(len(people), passes, applications)


def _bare(row: Issued) -> Issued:
    """A pass of nobody: without plate, travel, document digest, link, phone's key and what was said of it."""
    try:
        claims = claims_from(row.claims)
        kept = payload_of(replace(claims, plate=None, travel=None, document_digest=None, party_size=1))
    except ProfileError:
        # Issued under rules of another time: nobody needs to read it any more.
        kept = b""
    return replace(row, claims=kept, link_digest=None, device_key=None, status_why="")
