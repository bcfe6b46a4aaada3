"""Puts the collector together: network -> bounded inbox -> ingest thread; publisher thread; screen; a clean stop."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import queue
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from central import documents, keys, revocation
from central.config import Config
from central.explaining import why_of
from central.ingest import Ingest
from central.lock import locked
from central.mqtt import Link
from central.people.rosters import publish_rosters
from central.publisher import ESCALATION_PREFIX, SUMMARY_PREFIX, Publisher
from central.registry import Registry, take_registry
from central.resident.start import start_residents
from central.retention import retain_until
from central.rollout_watch import watch
from central.screen.server import OperatorsServer
from central.site_gates import publish_gates
from central.store.sqlite import SqliteStore
from central.store_health import StoreHealth, StoreTrouble, store_message, store_topics
from central.views import Board
from central.watching import publish_watch
from checkpoint import topics
from checkpoint.wire import Answer
from webscreen.heart import Heart
from webscreen.notify import notifier_from
from webscreen.supervisor import Supervisor, Ward

DOCUMENT_PREFIX: Final = f"{topics.PREFIX}/document/"
_INBOX: Final = 1024
_IDLE_S: Final = 0.1
# One message is one transaction, and one round of publishing a few: each may wait half a minute for the database, and
# the broker's word takes ten seconds. A busy hour is many short turns, and every turn is a sign of life.
_LIMIT_S: Final = 120.0
_STORE_FAILED_S: Final = 1.0
# Retained messages arrive right after the subscription; what comes later is reconciled at the next start.
_RECONCILE_S: Final = 2.0
_DAY_MS: Final = 86_400_000
_PURGE_EVERY_S: Final = 60.0
_RENEWAL_EVERY_S: Final = 60.0
_ROLLOUTS_EVERY_S: Final = 5.0
# A batch makes some ten thousand short-lived values and no cycles: looking for cycles among them costs a tenth of it.
_GC_AFTER: Final = 20_000

_log = structlog.get_logger()


class ThreadFailedError(RuntimeError):
    """A thread ended that must not: without it the collector only looks alive."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came: `done` tells the broker that it need not come again."""

    topic: str
    payload: bytes
    retained: bool
    done: Callable[[], None]


def now_ms() -> int:
    """UTC of this machine."""
    return time.time_ns() // 1_000_000


class Collector:
    """The running collector. `start`, then `stop`; both from one thread."""

    def __init__(self, config: Config, store: SqliteStore, registry: Registry, health: StoreHealth) -> None:
        self._config = config
        self._health = health
        # What subscribers were told of the store; at a new connection the broker may retain something old.
        self._told: StoreTrouble | None = None
        self._tell_anew = True
        self._store_topics = store_topics(registry.names())
        self._registry = registry
        self._ingest_store = store
        self._publish_store = SqliteStore(config.database)
        self._ingest = Ingest(store, keys.load_key(config.keys_dir, "collector"), registry, now_ms)
        self._inbox: queue.Queue[Incoming] = queue.Queue(_INBOX)
        self._stopping = threading.Event()
        self._retained: set[str] = set()
        # Documents as the broker retains them, and those of them that nobody has held against the store yet.
        self._documents: dict[str, bytes] = {}
        self._documents_heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        broker = config.content.broker
        self._link = Link(broker.client_id, broker.user, config.broker_password(), _SUBSCRIPTIONS, self._receive)
        self._publisher = Publisher(self._publish_store, registry, self._link, now_ms, config.content.collector.source)
        bodies = {"ingest": self._ingest_loop, "publish": self._publish_loop}
        self._hearts = {name: Heart(name, _LIMIT_S) for name in bodies}
        # Daemons: a hung thread must not keep the process, which a limit ends while it stops.
        self._threads = [
            threading.Thread(target=self._supervised, args=(body, self._hearts[name]), name=name, daemon=True)
            for name, body in bodies.items()
        ]
        self.failed = threading.Event()

    def start(self) -> None:
        """Take up what is left of earlier runs, then the network."""
        read = self._ingest.read_again()
        if read:
            _log.info("read_again", records=read)
        for thread in self._threads:
            thread.start()
        broker = self._config.content.broker
        self._link.start(broker.host, broker.port)

    def stop(self) -> None:
        """What is in the inbox is not answered, and so comes again."""
        self._stopping.set()
        self._link.quiet()
        for thread in self._threads:
            thread.join()
        self._link.stop()
        self._publish_store.close()

    def wards(self) -> list[Ward]:
        """Every thread, for the supervisor. None is replaced: each may hold a transaction or the connection."""
        return [Ward(heart) for heart in (*self._hearts.values(), self._link.heart)]

    def _supervised(self, body: Callable[[Heart], None], heart: Heart) -> None:
        heart.begin()
        try:
            body(heart)
        except Exception:
            # Without this thread the collector only looks alive: end the process, so that it is started again.
            _log.exception("thread_failed", thread=threading.current_thread().name)
            self.failed.set()
        heart.end()

    # Network thread

    def _receive(self, topic: str, payload: bytes, retained: bool, done: Callable[[], None]) -> None:
        if topic.startswith((SUMMARY_PREFIX, ESCALATION_PREFIX)):
            if retained and payload:
                self._retained.add(topic)
            done()
            return
        if topic.startswith(DOCUMENT_PREFIX):
            self._documents[topic] = payload
            self._documents_heard.put(topic)
            done()
            return
        try:
            self._inbox.put_nowait(Incoming(topic, payload, retained, done))
        except queue.Full:
            # Only a sender that ignores QoS gets here; gates ask again.
            _log.warning("inbox_full", topic=topic)
            done()

    # Ingest thread

    def _ingest_loop(self, heart: Heart) -> None:
        while not self._stopping.is_set():
            heart.beat()
            try:
                message = self._inbox.get(timeout=_IDLE_S)
            except queue.Empty:
                continue
            self._take(message)

    def _take(self, message: Incoming) -> None:
        try:
            answers = self._answers(message)
        except sqlite3.Error as error:
            # Nothing was taken and nothing is answered: the gates hold their records and ask again.
            self._store_failed(message.topic, error)
            answers = []
        else:
            self._health.worked(message.topic)
        message.done()
        for answer in answers:
            self._link.answer(topics.watermark(answer.gate), self._ingest.sign(answer))

    def _store_failed(self, what: str, error: sqlite3.Error) -> None:
        self._health.failed(what, error)
        _log.error("store_failed", error=str(error), what=what)
        self._stopping.wait(_STORE_FAILED_S)

    def _answers(self, message: Incoming) -> list[Answer]:
        source = topics.from_gate(message.topic)
        if source is None:
            return []
        gate, kind = source
        if kind == "records":
            return self._ingest.batch(gate, message.payload)
        if kind == "state":
            return self._ingest.hello(gate, message.payload, retained=message.retained)
        self._ingest.alarm(gate, message.payload)
        return []

    # Publisher thread

    def _publish_loop(self, heart: Heart) -> None:
        # At start always; later when the broker has forgotten everything, retained topics too.
        self._link.fresh.set()
        next_purge_s = next_renewal_s = next_rollouts_s = 0.0
        while not self._stopping.is_set():
            heart.beat()
            self._reconcile()
            self._hold_documents()
            heart.beat()
            done = self._publish_once()
            self._tell_of_store()
            heart.beat()
            if time.monotonic() >= next_purge_s:
                next_purge_s = time.monotonic() + _PURGE_EVERY_S
                self._purge()
            # A store that was put back first hears from the broker what it has forgotten. Then at once: gates may have
            # waited for this collector for as long as their lists last.
            if time.monotonic() >= next_renewal_s and not self._link.fresh.is_set():
                next_renewal_s = time.monotonic() + _RENEWAL_EVERY_S
                self._renew_lists()
            if time.monotonic() >= next_rollouts_s:
                next_rollouts_s = time.monotonic() + _ROLLOUTS_EVERY_S
                self._in_store("rollouts", lambda: watch(self._publish_store, self._registry, now_ms()))
            if not done:
                self._stopping.wait(_IDLE_S)

    def _reconcile(self) -> None:
        if not self._link.fresh.is_set() or not self._link.connected.is_set():
            return
        self._link.fresh.clear()
        self._stopping.wait(_RECONCILE_S)
        self._tell_anew = True
        try:
            taken = self._take_back(dict(self._documents))
            self._publisher.reconcile(self._retained - self._store_topics.keys())
        except sqlite3.Error as error:
            self._store_failed("reconcile", error)
            self._link.fresh.set()
            return
        self._health.worked("reconcile")
        if taken:
            _log.warning("documents_taken_back", topics=taken, why="the broker had newer ones than this store")

    def _hold_documents(self) -> None:
        """What somebody else put in the place of a document is replaced by the store's: a gate that was away, or has
        just started, would get nothing newer than what is there."""
        if self._documents_heard.empty() or self._link.fresh.is_set():
            return
        heard = {self._documents_heard.get() for _ in range(self._documents_heard.qsize())}
        try:
            replaced = documents.replaced(self._publish_store, {topic: self._documents[topic] for topic in heard})
            if replaced:
                self._take_back(replaced)
                with self._publish_store.transaction():
                    self._publish_store.touch(sorted(replaced))
        except sqlite3.Error as error:
            self._store_failed("documents", error)
            for topic in heard:
                self._documents_heard.put(topic)
            return
        self._health.worked("documents")
        if replaced:
            _log.warning("documents_replaced", topics=sorted(replaced), why="the broker had others than this store")

    def _take_back(self, heard: dict[str, bytes]) -> list[str]:
        try:
            return documents.take_back(self._config, self._publish_store, heard, now_ms())
        except ValueError as error:
            # Without the key nobody can say which of them is genuine: the store's are.
            _log.error("documents_not_judged", error=str(error))
            return []

    def _publish_once(self) -> int:
        if not self._link.connected.is_set():
            return 0
        try:
            done = self._publisher.tick()
        except sqlite3.Error as error:
            self._store_failed("publish", error)
            return 0
        self._health.worked("publish")
        return done

    def _tell_of_store(self) -> None:
        """Past the store: it is what fails. Told anew after each new connection, also that all is well."""
        trouble = self._health.trouble
        if not self._link.connected.is_set() or (trouble == self._told and not self._tell_anew):
            return
        told = [
            self._link.publish(topic, store_message(path, trouble), retain=True)
            for topic, path in self._store_topics.items()
        ]
        if all(confirmed() for confirmed in told):
            self._told, self._tell_anew = trouble, False

    def _renew_lists(self) -> None:
        """Status lists say when they were made, and end: they are signed anew also when nobody changes anything. So are
        the lists of each site's gates and the watch lists; and each week has its own secrets of time steps."""
        try:
            renewed = revocation.renew_status(self._config, self._publish_store, now_ms())
            with self._publish_store.transaction():
                renewed += publish_gates(self._config, self._publish_store, now_ms())
            renewed += publish_rosters(self._config, self._publish_store, now_ms())
            renewed += publish_watch(self._config, self._publish_store, self._registry, now_ms())
        except sqlite3.Error as error:
            self._store_failed("renew", error)
        except ValueError as error:
            # A key that can't be read, or a list that grew too long: gates go on with what they have.
            _log.error("lists_not_renewed", error=str(error))
        else:
            self._health.worked("renew")
            if renewed:
                _log.info("lists_renewed", scopes=renewed)

    def _purge(self) -> None:
        before_ms = now_ms() - self._config.content.collector.retention_days * _DAY_MS
        self._in_store("purge", lambda: retain_until(self._publish_store, before_ms))

    def _in_store(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except sqlite3.Error as error:
            self._store_failed(what, error)
            return
        self._health.worked(what)


_SUBSCRIPTIONS: Final = (
    topics.ALL_RECORDS,
    topics.ALL_ALARMS,
    topics.ALL_STATES,
    f"{SUMMARY_PREFIX}#",
    f"{ESCALATION_PREFIX}#",
    f"{DOCUMENT_PREFIX}#",
)


def run_collector(config: Config) -> None:
    """Run until SIGTERM or SIGINT, or until a thread hangs (exit code 4).

    Raises ConfigError, InUseError, KeyFileError, RegistryError, ScreenError, StoreError or ThreadFailedError.
    """
    log_as_json()
    notifier = notifier_from(os.environ)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        stack.enter_context(locked(config.data_dir))
        stack.callback(faulthandler.cancel_dump_traceback_later)
        stack.callback(notifier.close)
        store = SqliteStore(config.database)
        stack.callback(store.close)
        registry = take_registry(config, store, now_ms())
        screen = config.content.screen
        health = StoreHealth(now_ms)
        board = Board(config.database, registry, now_ms, lambda: health.trouble)
        server = OperatorsServer(screen.host, screen.port, board, why=partial(why_of, config.database))
        port = server.start()
        stack.callback(server.stop)
        residents = start_residents(config, registry, now_ms, stack)
        collector = Collector(config, store, registry, health)
        stack.callback(collector.stop)
        collector.start()
        gc.freeze()
        gc.set_threshold(_GC_AFTER)
        _log.info("started", database=str(config.database), tree=registry.tree.version, screen=f"{screen.host}:{port}")
        supervisor = Supervisor(lambda: [Ward(server.heart), *residents, *collector.wards()], notifier, lambda _: None)
        stack.callback(supervisor.stop)
        while not stop.wait(supervisor.turn_s):
            supervisor.turn()
            if collector.failed.is_set():
                raise ThreadFailedError("a thread of the collector failed; its log says why")
        _log.info("stopping")


def log_as_json() -> None:
    """One JSON object a line on standard error: no secrets, and nothing of a pass."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
