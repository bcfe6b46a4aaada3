"""Documents that come down: waiting until the time is known, judged, put in force, and put on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoint import seal, topics
from checkpoint.records import Kind, Note, Payload
from edge.document_states import DocumentStates
from edge.downlink import (
    DocumentFact,
    DocumentInstalled,
    DocumentRefused,
    Downlink,
    GatesInstalled,
    OrderInstalled,
    PolicyInstalled,
    RegionsInstalled,
    StatusInstalled,
    TrustInstalled,
)
from edge.orders import RefusedOrder
from edge.rosters import Rosters
from edge.rulebook import Rulebook
from edge.site_link import SiteLink
from edge.watch_lists import WatchLists

# Kinds times scopes of one place are fewer.
_MOST_WAITING: Final = 64


class DocumentDesk:
    """In the core's thread alone. `key`: the gate's own, for which lists are sealed. `record` appends a record that
    concerns no passage."""

    def __init__(
        self,
        downlink: Downlink,
        rulebook: Rulebook,
        key: Ed25519PrivateKey,
        site: SiteLink,
        record: Callable[[Kind, Payload], None],
    ) -> None:
        self._downlink = downlink
        self._states = DocumentStates(downlink)
        self._rulebook = rulebook
        self._rosters = Rosters(seal.sealing_key(key))
        self._watch_lists = WatchLists(seal.sealing_key(key))
        self._site = site
        self._record = record
        self._told_orders: dict[str, RefusedOrder] = {}
        # By topic: those that came before the time was known.
        self._waiting: dict[str, bytes] = {}

    def load(self) -> Sequence[DocumentFact]:
        """Put in force what is on the disk; gives what was refused, to be recorded when that can be done."""
        return [fact for fact in self._take(self._downlink.load()) if isinstance(fact, DocumentRefused)]

    def arrived(self, topic: str, data: bytes) -> None:
        """A document came. One that comes while nobody knows what time it is waits until somebody does."""
        self._waiting.pop(topic, None)
        self._waiting[topic] = data
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def take_waiting(self, known_ms: int | None) -> None:
        """`known_ms`: the time, None while nobody knows it."""
        if known_ms is None or not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        for topic, data in waiting.items():
            self.put_on_record(self._take(self._downlink.arrived(topic, data, known_ms // 1000)))

    def promote(self, now_s: int) -> None:
        """Put in force what waited for its own time, or for a disk that takes it."""
        self.put_on_record(self._take(self._downlink.promote(now_s)))

    def news(self) -> dict[str, str]:
        """What the next heartbeat has to say of policies: part -> text."""
        self._note_orders()
        return self._states.news()

    def _note_orders(self) -> None:
        """Put on record which local orders are not followed, and why; each once."""
        refused = dict(self._rulebook.orders.refused)
        if refused == self._told_orders:
            return
        for scope, one in self._told_orders.items():
            if refused.get(scope) != one:
                self._states.no_longer_refused(scope, one.version)
        new = {scope: one for scope, one in refused.items() if self._told_orders.get(scope) != one}
        self._told_orders = refused
        facts = [DocumentRefused(topics.document(scope, "policy"), one.why, one.version) for scope, one in new.items()]
        self._states.take(facts)
        self.put_on_record(facts)

    def put_on_record(self, facts: Iterable[DocumentFact]) -> None:
        """What is taken, and what is refused and why."""
        for fact in facts:
            if isinstance(fact, DocumentRefused):
                refused = {"name": fact.name, "why": fact.why[:200], "version": str(fact.version)}
                self._record("note", Note(1, "document_refused", refused))
            else:
                document = fact.document
                what = {"kind": document.kind, "scope": document.scope, "version": str(document.version)}
                self._record("document", Note(1, "document_installed", what))

    def _take(self, facts: Sequence[DocumentFact]) -> Sequence[DocumentFact]:
        """Put in force what this version understands."""
        self._states.take(facts)
        for fact in facts:
            if isinstance(fact, PolicyInstalled | OrderInstalled | TrustInstalled | StatusInstalled | RegionsInstalled):
                self._rulebook.take(fact)
            elif isinstance(fact, GatesInstalled):
                self._site.gates(fact.gates)
            elif isinstance(fact, DocumentInstalled) and fact.document.kind == "roster":
                self._rulebook.steps = self._rosters.take(fact.document)
                self._rulebook.cards = self._rosters.cards
            elif isinstance(fact, DocumentInstalled) and fact.document.kind == "watch":
                self._rulebook.watch = self._watch_lists.take(fact.document)
        self._rulebook.torn = self._downlink.torn("policy")
        self._rulebook.torn_lists = self._downlink.torn("trust") | self._downlink.torn("status")
        self._rulebook.torn_regions = self._downlink.torn("regions")
        return facts
