"""Documents that come down: waiting until the time is known, judged, put in force, and put on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from checkpoint.records import Kind, Note, Payload
from edge.downlink import (
    DocumentFact,
    DocumentInstalled,
    DocumentRefused,
    Downlink,
    GatesInstalled,
    PolicyInstalled,
    StatusInstalled,
    TrustInstalled,
)
from edge.rosters import Rosters
from edge.rulebook import Rulebook
from edge.site_link import SiteLink

# Kinds times scopes of one place are fewer.
_MOST_WAITING: Final = 64


class DocumentDesk:
    """In the core's thread alone. `record` appends a record that concerns no passage."""

    def __init__(
        self,
        downlink: Downlink,
        rulebook: Rulebook,
        rosters: Rosters,
        site: SiteLink,
        record: Callable[[Kind, Payload], None],
    ) -> None:
        self._downlink = downlink
        self._rulebook = rulebook
        self._rosters = rosters
        self._site = site
        self._record = record
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

    def put_on_record(self, facts: Iterable[DocumentFact]) -> None:
        """What is taken, and what is refused and why."""
        for fact in facts:
            if isinstance(fact, DocumentRefused):
                refused = {"name": fact.name, "why": fact.why[:200]}
                self._record("note", Note(1, "document_refused", refused))
            else:
                document = fact.document
                what = {"kind": document.kind, "scope": document.scope, "version": str(document.version)}
                self._record("document", Note(1, "document_installed", what))

    def _take(self, facts: Sequence[DocumentFact]) -> Sequence[DocumentFact]:
        """Put in force what this version understands."""
        for fact in facts:
            if isinstance(fact, PolicyInstalled | TrustInstalled | StatusInstalled):
                self._rulebook.take(fact)
            elif isinstance(fact, GatesInstalled):
                self._site.gates(fact.gates)
            elif isinstance(fact, DocumentInstalled) and fact.document.kind == "roster":
                self._rulebook.steps = self._rosters.take(fact.document)
                self._rulebook.cards = self._rosters.cards
        self._rulebook.torn = self._downlink.torn("policy")
        self._rulebook.torn_lists = self._downlink.torn("trust") | self._downlink.torn("status")
        return facts
