"""Publishes after the commit what a transaction marked: due topics, then passages; repeats what was not confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from central.aggregate import FIGURE_VERDICT
from central.backup import RESTORED
from central.cases import LATE_MS
from central.lines import MAIN
from central.picture import Picture, take_picture
from central.publish import escalation, open_topics, summary
from central.registry import UNREGISTERED, Registry, is_under
from central.restored import held_back
from central.store.base import CaseRow, Due, GateRow, Mark, RecordRow
from central.store.sqlite import SqliteStore
from checkpoint import topics
from checkpoint.cloudevents import passage_event
from checkpoint.records import OutcomeOf, Verdict, decode_header, decode_payload

SUMMARY_PREFIX: Final = f"{topics.PREFIX}/summary/"
ESCALATION_PREFIX: Final = f"{topics.PREFIX}/escalation/"
_PASSAGE_CURSOR: Final = "passage"
# No topic is published more often than this.
_PAUSE_MS: Final = 500
_TOPICS_A_TICK: Final = 200
_PASSAGES_A_TICK: Final = 100


class Outgoing(Protocol):
    """Where messages go. A token's `wait` says whether the broker took that message."""

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> Callable[[], bool]: ...


class Publisher:
    """One thread's work; `tick` does what is due and returns how much that was."""

    def __init__(
        self, store: SqliteStore, registry: Registry, out: Outgoing, now_ms: Callable[[], int], source: str
    ) -> None:
        self._store = store
        self._registry = registry
        self._out = out
        self._now_ms = now_ms
        self._source = source
        self._sent_ms: dict[str, int] = {}
        self._hour_ms = 0
        # When this store was put back from a backup; 0 for never.
        self._restored_ms = store.cursor(RESTORED)
        self._held: set[str] = set()

    def reconcile(self, retained: Iterable[str]) -> None:
        """At start: everything is published anew, and what the broker still retains without cause is emptied."""
        picture = take_picture(self._store, self._registry, self._now_ms())
        wanted = {*self._summary_topics(), *open_topics(picture), *self._documents()}
        # A summary of an area that is no more, or an escalation that was closed meanwhile, is due as an empty one.
        stale = {topic for topic in retained if topic.startswith((SUMMARY_PREFIX, ESCALATION_PREFIX))}
        with self._store.transaction():
            self._store.touch(sorted(wanted | stale))
            # Also grids that the tree does not name.
            self._store.touch_published(SUMMARY_PREFIX)

    def tick(self) -> int:
        """Publish what is due. Returns the number of messages that the broker confirmed."""
        return self._topics() + self._passages()

    def _topics(self) -> int:
        now_ms = self._now_ms()
        # Cases that are held back stay due, and must not take the place of others.
        due = [
            item
            for item in self._store.due(_TOPICS_A_TICK + len(self._held))
            if now_ms - self._sent_ms.get(item.topic, 0) >= _PAUSE_MS
        ]
        self._new_hour(now_ms)
        if not due:
            return 0
        picture = take_picture(self._store, self._registry, now_ms)
        due = self._ripe(picture, due, now_ms)
        cases, documents = open_topics(picture), self._documents()
        with self._store.transaction():
            versions = {item.topic: self._store.begin_publish(item.topic, now_ms) for item in due}
        waiting = []
        for item in due:
            payload = documents.get(item.topic)
            if payload is None:
                payload = self._payload(picture, cases, item.topic, versions[item.topic])
            self._sent_ms[item.topic] = now_ms
            waiting.append((item, not payload, self._out.publish(item.topic, payload, retain=True)))
        return self._confirm(waiting)

    def _ripe(self, picture: Picture, due: list[Due], now_ms: int) -> list[Due]:
        """Without what a store that was put back from a backup can't know yet."""
        if not self._restored_ms:
            return due
        cases = [item.topic for item in due if item.topic.startswith(ESCALATION_PREFIX)]
        self._held = held_back(self._store, picture, cases, self._restored_ms)
        self._sent_ms |= dict.fromkeys(self._held, now_ms)
        return [item for item in due if item.topic not in self._held]

    def _payload(self, picture: Picture, cases: dict[str, tuple[GateRow, CaseRow]], topic: str, version: int) -> bytes:
        """Empty for an escalation that is not open, and for an area that is no more: that ends its retained message."""
        if topic in cases:
            return msgspec.json.encode(escalation(picture, *cases[topic]))
        path = topic.removeprefix(SUMMARY_PREFIX)
        if topic.startswith(SUMMARY_PREFIX) and (path in picture.names or is_under(path, UNREGISTERED)):
            return msgspec.json.encode(summary(picture, path, version))
        return b""

    def _confirm(self, waiting: list[tuple[Due, bool, Callable[[], bool]]]) -> int:
        done = [(item, emptied) for item, emptied, confirmed in waiting if confirmed()]
        with self._store.transaction():
            for item, emptied in done:
                self._store.end_publish(item.topic, item.changed, emptied=emptied)
        return len(done)

    def _new_hour(self, now_ms: int) -> None:
        """A summary shows today and the last hours: it changes with the hour even when nothing comes."""
        hour_ms = now_ms - now_ms % 3_600_000
        if self._hour_ms and hour_ms != self._hour_ms:
            with self._store.transaction():
                self._store.touch(self._summary_topics())
        self._hour_ms = hour_ms

    def _documents(self) -> dict[str, bytes]:
        return {topics.document(scope, kind): data for scope, kind, _, data in self._store.documents()}

    def _summary_topics(self) -> list[str]:
        return sorted(topics.summary(path) for path in self._registry.names())

    # Passages

    def _passages(self) -> int:
        position = self._store.cursor(_PASSAGE_CURSOR)
        rows = self._store.records_after(position, "outcome", _PASSAGES_A_TICK)
        waiting = [(row, self._announce(row)) for row in rows]
        confirmed = 0
        for row, sent in waiting:
            if sent is not None and not sent():
                break
            confirmed += sent is not None
            position = row.id
        if rows:
            with self._store.transaction():
                self._store.move_cursor(_PASSAGE_CURSOR, position)
        return confirmed

    def _announce(self, row: RecordRow) -> Callable[[], bool] | None:
        """Publish one outcome that counts; None when there is nothing to say."""
        sealed = self._store.sealed(row.id)
        if row.mark != Mark.COUNTED or sealed is None:
            return None
        header = decode_header(row.header)
        outcome = decode_payload(row.kind, sealed[1])
        if not isinstance(outcome, OutcomeOf):
            return None
        path = self._registry.path_of(header.grid)
        happened_ms = row.at if row.corrected_ms is None else row.corrected_ms
        late = row.received_ms - happened_ms > LATE_MS or self._store.is_rescued(row.id)
        # It may have been told before the restore.
        late = late or happened_ms <= self._restored_ms
        verdict = self._verdict_of(row)
        event = passage_event(header, outcome, verdict, grid_path=path, source=self._source, late=late,
                              corrected_ms=row.corrected_ms)  # fmt: skip
        if row.side != MAIN:
            # A fork's other line repeats numbers: its records are no repeats of those on the main line.
            event["id"] += f"/{row.head.hex()[:16]}"
        return self._out.publish(topics.passage(path), msgspec.json.encode(event), retain=False)

    def _verdict_of(self, row: RecordRow) -> Verdict | None:
        passage = decode_header(row.header).passage
        found = self._store.counted_record(row.epoch_id, passage, FIGURE_VERDICT) if passage else None
        sealed = self._store.sealed(found) if found is not None else None
        verdict = decode_payload("verdict", sealed[1]) if sealed else None
        return verdict if isinstance(verdict, Verdict) else None
