"""What readers said of whoever stands there, beside the pass: an identity document, number plates. In no record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from checkpoint.document_check import document_fact, is_number
from checkpoint.passes import Pass, Presented
from checkpoint.policy_schema import CheckName, Rule
from checkpoint.vehicle import vehicle_fact
from checkpoint.verdict import CheckFact
from checkpoint.verdict_pass import document_settles
from checkpoint.watch import WatchList
from edge.clock import Moment
from edge.facts import DocumentRead
from edge.lane_readers import Readers
from edge.world import LaneSettings, World

# A reader that loses its cable for a moment and is back within this time has missed nothing.
GRACE_MS: Final = 2000


@dataclass(slots=True)
class Brought:
    """`document`: the one read last. `plates`: those of this presence, shared by its attempts.

    `early`: it was read before the pass was shown. One that does not fit may be of whoever was there before.
    `vouched`: the guard has looked at it, and typed no number.
    """

    plates: list[str] = field(default_factory=list, repr=False)
    document: DocumentRead | None = field(default=None, repr=False)
    early: bool = False
    vouched: bool = False
    # A digest costs milliseconds, and facts are asked for many times a second.
    _judged: tuple[DocumentRead, bytes, date | None, CheckFact] | None = field(default=None, repr=False)
    _hashed: tuple[DocumentRead, WatchList, bytes] | None = field(default=None, repr=False)

    def read(self, document: DocumentRead, *, early: bool) -> None:
        self.document, self.early = document, early

    def document_fact(self, holder: Pass, today: date | None) -> CheckFact | None:
        """The document against this pass; None: none was read."""
        read, known = self.document, self._judged
        if read is None:
            return None
        if known is None or known[0] is not read or known[1:3] != (holder.pass_id, today):
            fact = document_fact(read.number, read.expires, holder, today)
            self._judged = known = (read, holder.pass_id, today, fact)
        return known[3]

    def watched(self, listed: WatchList) -> bytes | None:
        """What stands for the document's number on this watch list; None: none was read."""
        read, known = self.document, self._hashed
        if read is None or not is_number(read.number):
            return None
        if known is None or known[0] is not read or known[1] is not listed:
            self._hashed = known = (read, listed, listed.document_value(read.number))
        return known[2]


def facts_of(
    brought: Brought, holder: Pass | None, settings: LaneSettings, world: World, readers: Readers, now: Moment
) -> dict[CheckName, tuple[CheckFact, ...]]:
    """Answers to the checks `document` and `vehicle`, as far as readers of this lane can give any."""
    if holder is None:
        return {}
    document = _document(brought, holder, settings, world, readers, now)
    vehicle = _vehicle(brought, holder, readers, now)
    facts: dict[CheckName, tuple[CheckFact, ...]] = {}
    if document is not None:
        facts["document"] = (document,)
    if vehicle is not None:
        facts["vehicle"] = (vehicle,)
    return facts


def awaited(
    brought: Brought,
    presented: Presented | None,
    rule: Rule,
    settings: LaneSettings,
    world: World,
    readers: Readers,
    now: Moment,
) -> tuple[CheckName, ...]:
    """Checks that are asked for and may still be answered: somebody is still to lay down a document, or be read."""
    holder = presented.pass_ if presented else None
    if presented is None or holder is None:
        return ()
    facts = facts_of(brought, holder, settings, world, readers, now)
    settles = settings.where.direction == "in" and document_settles(world.policy, presented)
    asked: dict[CheckName, bool] = {
        "document": rule.mode_of("document") != "off" or settles,
        "vehicle": rule.mode_of("vehicle") != "off",
    }
    answers: dict[CheckName, bool] = {
        "document": readers.has("document")
        and _may_come(facts.get("document"), holder.document_digest is not None, early=brought.early),
        "vehicle": readers.has("plate") and _may_come(facts.get("vehicle"), bool(holder.plate)),
    }
    ordered = [*rule.checks, *(check for check in asked if check not in rule.checks)]
    return tuple(check for check in ordered if asked.get(check) and answers[check])


def _may_come(facts: tuple[CheckFact, ...] | None, is_bound: bool, early: bool = False) -> bool:
    # A plate that does not fit may be a misreading; the camera gets the time to read it again. So does whoever shows a
    # pass where a stranger's document was read before.
    again = ("document_unreadable", "plate_unread", "plate_mismatch", *(("document_mismatch",) if early else ()))
    return is_bound and (not facts or facts[0].reason in again)


def _document(
    brought: Brought, holder: Pass, settings: LaneSettings, world: World, readers: Readers, now: Moment
) -> CheckFact | None:
    untrusted_ms = world.clock_untrusted_since_ms
    today = datetime.fromtimestamp(now.at_ms / 1000, UTC).astimezone(settings.zone).date()
    fact = brought.document_fact(holder, today if untrusted_ms is None else None)
    if fact is None and brought.vouched:
        return CheckFact("ok", "document_seen", manual=True)
    if fact is None:
        return _broken("document_unchecked", readers.away_ms("document", now.mono_ms))
    if fact.reason == "document_undated" and untrusted_ms is not None:
        return CheckFact("not_obtained", fact.reason, for_s=(now.mono_ms - untrusted_ms) / 1000)
    return fact


def _vehicle(brought: Brought, holder: Pass, readers: Readers, now: Moment) -> CheckFact | None:
    if not readers.has("plate"):
        return None
    fact = vehicle_fact(brought.plates, holder.plate)
    if fact.reason != "plate_unread":
        return fact
    return _broken("vehicle_unchecked", readers.away_ms("plate", now.mono_ms)) or fact


def _broken(reason: str, away_ms: int | None) -> CheckFact | None:
    if away_ms is None or away_ms < GRACE_MS:
        return None
    return CheckFact("not_obtained", reason, for_s=away_ms / 1000)
