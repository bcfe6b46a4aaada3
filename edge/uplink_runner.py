"""The uplink's thread: joins the protocol core, the outbox's reading side and the broker's connection."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from checkpoint import topics
from edge.clock import Clock, Moment
from edge.mqtt import Acknowledged, Arrived, Connected, Disconnected, LinkFact, LinkSettings, LinkWord, MqttLink, Will
from edge.outbox_reader import OutboxReader
from edge.uplink import UplinkCore
from edge.uplink_values import Topic, UplinkEvent
from webscreen.heart import Heart

_log = structlog.get_logger(__name__)

# Facts that wait for the thread; a flood beyond it is dropped, and what mattered is asked for again. What would not be
# asked for again does not count: whether there is a connection.
_INBOX: Final = 1000
_IDLE_S: Final = 0.25
_AFTER_ERROR_S: Final = 1.0
_PURGE_MS: Final = 60_000
# A turn reads and sends a few batches; each statement may wait five seconds for a busy disk.
_LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class DocumentArrived:
    """A message on a document topic; an empty one says nothing."""

    topic: str
    data: bytes


@dataclass(frozen=True, slots=True)
class CommandArrived:
    """A message on this gate's command topic: nothing about it is verified yet."""

    data: bytes


@dataclass(frozen=True, slots=True)
class RetainedCommand:
    """A retained message on the command topic was refused: an old command must never act."""


@dataclass(frozen=True, slots=True)
class SiteHeard:
    """A message on a topic of the gate's site: nothing about it is verified yet."""

    topic: str
    data: bytes


Delivered = UplinkEvent | DocumentArrived | CommandArrived | RetainedCommand | SiteHeard


def subscriptions(gate: str, places: Sequence[str], site: str = "") -> tuple[str, ...]:
    """What a gate listens to. `places`: its own id, site id and grid ids, whose documents concern it. `site`: whose
    gates it hears; empty: none."""
    documents = [topic(place, "+") for place in places for topic in (topics.document, topics.staged)]
    others = (topics.seen(site, "+"),) if site else ()
    return (topics.watermark(gate), topics.command(gate), *documents, *others)


class UplinkRunner:
    """Owns `core` and `reader`: nobody else may touch them once it runs. `deliver` is called in its thread."""

    def __init__(
        self,
        gate: str,
        core: UplinkCore,
        reader: OutboxReader,
        link: LinkSettings,
        listen: Sequence[str],
        clock: Clock,
        deliver: Callable[[Delivered], None],
    ) -> None:
        self._gate = gate
        self._core = core
        self._reader = reader
        self._clock = clock
        self._deliver = deliver
        self._link_settings, self._listen = link, listen
        self.heart = Heart("uplink", _LIMIT_S)
        self._inbox: queue.Queue[LinkFact | Callable[[], None]] = queue.Queue()
        # Taken out of the inbox. One that fails on a disk must not take those behind it with it.
        self._taken: deque[LinkFact | Callable[[], None]] = deque()
        # Part -> text, replaced whole. Told once and needed in every heartbeat, so it never waits in a line.
        self._versions: dict[str, str] = {}
        self._telling = threading.Lock()
        self._woken = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._connected_mono_ms: int | None = None
        self._word: LinkWord = "connecting"
        # The broker's last word about each topic of questions. Alarm copies are sent once: a word about one may be the
        # last for long.
        self._acknowledged: dict[Topic, LinkWord] = {"records": "ok", "state": "ok"}
        self._handed: dict[int, Topic] = {}
        self._purged_mono_ms = 0
        self._topics = {
            "records": topics.records(gate),
            "alarm": topics.alarm(gate),
            "state": topics.state(gate),
        }
        self._link = self._new_link()
        self.depth = 0
        """Records that the collector does not have yet, as of the last turn."""

    def start(self) -> None:
        self._thread.start()
        self._link.start()

    def stop(self) -> None:
        """End both threads; what is not sent stays in the outbox."""
        self._link.stop()
        self._stopping.set()
        self.wake()
        self._thread.join()

    @property
    def link_hearts(self) -> tuple[Heart, ...]:
        """Of the threads behind the connection, as they are now."""
        return self._link.hearts

    def replace_link(self) -> None:
        """Give the connection's hung threads up and begin a new connection, from the supervisor's thread."""
        self._link.abandon()
        self._post(Disconnected("connecting", "a thread of the connection hung"))
        self._link = self._new_link()
        self._link.start()

    # From any thread

    def wake(self) -> None:
        """A record has been added."""
        if not self._woken:
            self._woken = True
            self._post(self._nothing)

    def copy(self, epoch: bytes, number: int) -> None:
        """Send a copy of this record on the alarm topic at once."""
        self._post(lambda: self._core.alarm(epoch, number))

    def complete(self, at_ms: int, epoch: bytes, number: int) -> None:
        """No record of an earlier time than `at_ms` will follow (epoch, number)."""
        self._post(lambda: self._core.complete(at_ms, epoch, number))

    def version(self, part: str, text: str) -> None:
        """What is in force of `part`, for every heartbeat from the next on."""
        with self._telling:
            self._versions = {**self._versions, part: text}

    def faults(self, names: tuple[str, ...]) -> None:
        """The faults that stand now, for the next heartbeat."""
        self._post(lambda: self._core.faults(names))

    def say(self, topic: str, data: bytes) -> None:
        """Publish one message now, not retained; without a connection it is dropped."""
        self._post(lambda: self._say(topic, data))

    @property
    def connected(self) -> bool:
        """Whether the broker has let us in, as of the last turn."""
        return self._connected_mono_ms is not None

    def age_s(self, now: Moment) -> float | None:
        """Seconds since the collector's last answer that counted; None before the first."""
        age_ms = self._core.link_age_ms(now)
        return None if age_ms is None else age_ms / 1000

    def word(self, now: Moment) -> LinkWord:
        """One word for the screen. Only the collector's own answers make it `ok`, and never while the broker refuses
        a topic: a gate that may say hello and may not send its records is not well."""
        connected, said = self._connected_mono_ms, self._acknowledged
        if connected is None:
            return self._word
        if "broker_refused" in said.values():
            return "broker_refused"
        if self._core.answering(now):
            return "ok"
        # A new connection has as long for its first answer as an old one for its next.
        waited = now.mono_ms - connected > self._core.silent_after_ms
        return "collector_absent" if waited or "collector_absent" in said.values() else "connecting"

    # In the thread

    def _new_link(self) -> MqttLink:
        return MqttLink(self._link_settings, self._listen, self._will, self._post)

    def _will(self) -> Will:
        return self._topics["state"], self._core.will(self._clock.now())

    def _post(self, item: LinkFact | Callable[[], None]) -> None:
        if isinstance(item, Connected | Disconnected) or self._inbox.qsize() < _INBOX:
            self._inbox.put(item)

    def _say(self, topic: str, data: bytes) -> None:
        if self._connected_mono_ms is not None:
            self._link.publish(topic, data, False)

    def _nothing(self) -> None:
        """Only wakes the thread."""

    def _run(self) -> None:
        self.heart.begin()
        while not self._stopping.is_set():
            self.heart.beat()
            try:
                self._turn()
            except (sqlite3.Error, OSError) as error:
                _log.warning("uplink_disk_error", error=str(error))
                self._reader.close()
                self._stopping.wait(_AFTER_ERROR_S)
            except Exception:
                # The outermost loop of this thread: a mistake here must not end the uplink for good.
                _log.exception("uplink_turn_failed")
                self._stopping.wait(_AFTER_ERROR_S)
        self._reader.close()
        self.heart.end()

    def _turn(self) -> None:
        self._taken += self._waiting()
        while self._taken:
            self._take(self._taken.popleft())
        for part, text in self._versions.items():
            self._core.version(part, text)
        now = self._clock.now()
        if self._connected_mono_ms is not None:
            for message in self._core.due(now):
                if mid := self._link.publish(self._topics[message.topic], message.payload, message.retain):
                    self._handed[mid] = message.topic
        self._purge(now)
        self._core.watch(now)
        self.depth = self._core.depth
        for event in self._core.take_events():
            self._deliver(event)

    def _waiting(self) -> list[LinkFact | Callable[[], None]]:
        now = self._clock.now()
        wait_s = _IDLE_S if self._connected_mono_ms is None else min(_IDLE_S, self._core.wait_ms(now) / 1000)
        try:
            items = [self._inbox.get(timeout=wait_s)] if wait_s > 0 else []
            while not self._inbox.empty():
                items.append(self._inbox.get_nowait())
        except queue.Empty:
            items = []
        self._woken = False
        return items

    def _take(self, item: LinkFact | Callable[[], None]) -> None:
        match item:
            case Connected():
                self._connected_mono_ms = self._clock.now().mono_ms
                self._handed = {}
                self._core.on_connected()
                _log.info("broker_connected")
            case Disconnected(word, detail):
                self._connected_mono_ms, self._word = None, word
                _log.warning("broker_disconnected", word=word, detail=detail)
            case Acknowledged(mid, word):
                topic = self._handed.pop(mid, None)
                if topic in self._acknowledged:
                    self._acknowledged[topic] = word
            case Arrived():
                self._arrived(item)
            case _:
                item()

    def _arrived(self, message: Arrived) -> None:
        if message.topic == topics.watermark(self._gate):
            effect = self._core.answer(message.payload, self._clock.now())
            if effect in ("refused", "conflict"):
                _log.warning("answer_not_taken", effect=effect)
        elif message.topic == topics.command(self._gate):
            self._deliver(RetainedCommand() if message.retained else CommandArrived(message.payload))
        elif topics.from_site(message.topic) is not None:
            self._deliver(SiteHeard(message.topic, message.payload))
        else:
            self._deliver(DocumentArrived(message.topic, message.payload))

    def _purge(self, now: Moment) -> None:
        if now.mono_ms - self._purged_mono_ms >= _PURGE_MS and self._core.purge(now) == 0:
            self._purged_mono_ms = now.mono_ms
