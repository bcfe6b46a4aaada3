"""Puts the collector together: network -> bounded inbox -> ingest thread; publisher thread; screen; a clean stop."""

from __future__ import annotations

import gc
import logging
import queue
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import structlog

from central import keys
from central.config import Config
from central.ingest import Ingest
from central.lock import locked
from central.mqtt import Link
from central.publisher import ESCALATION_PREFIX, SUMMARY_PREFIX, Publisher
from central.registry import Registry, take_registry
from central.screen.server import OperatorsServer
from central.store.sqlite import SqliteStore
from central.views import Board
from checkpoint import topics
from checkpoint.wire import Answer

_INBOX: Final = 1024
_IDLE_S: Final = 0.1
_STORE_FAILED_S: Final = 1.0
# Retained messages arrive right after the subscription; what comes later is reconciled at the next start.
_RECONCILE_S: Final = 2.0
_DAY_MS: Final = 86_400_000
_PURGE_EVERY_S: Final = 60.0
_PURGE_ROWS: Final = 5000
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

    def __init__(self, config: Config, store: SqliteStore, registry: Registry) -> None:
        self._config = config
        self._registry = registry
        self._ingest_store = store
        self._publish_store = SqliteStore(config.database)
        self._ingest = Ingest(store, keys.load_key(config.keys_dir, "collector"), registry, now_ms)
        self._inbox: queue.Queue[Incoming] = queue.Queue(_INBOX)
        self._stopping = threading.Event()
        self._retained: set[str] = set()
        broker = config.content.broker
        self._link = Link(broker.client_id, broker.user, config.broker_password(), _SUBSCRIPTIONS, self._receive)
        self._publisher = Publisher(self._publish_store, registry, self._link, now_ms, config.content.collector.source)
        self._threads = [
            threading.Thread(target=self._supervised, args=(body,), name=name)
            for name, body in (("ingest", self._ingest_loop), ("publish", self._publish_loop))
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

    def _supervised(self, body: Callable[[], None]) -> None:
        try:
            body()
        except Exception:
            # Without this thread the collector only looks alive: end the process, so that it is started again.
            _log.exception("thread_failed", thread=threading.current_thread().name)
            self.failed.set()

    # Network thread

    def _receive(self, topic: str, payload: bytes, retained: bool, done: Callable[[], None]) -> None:
        if topic.startswith((SUMMARY_PREFIX, ESCALATION_PREFIX)):
            if retained and payload:
                self._retained.add(topic)
            done()
            return
        try:
            self._inbox.put_nowait(Incoming(topic, payload, retained, done))
        except queue.Full:
            # Only a sender that ignores QoS gets here; gates ask again.
            _log.warning("inbox_full", topic=topic)
            done()

    # Ingest thread

    def _ingest_loop(self) -> None:
        while not self._stopping.is_set():
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
            _log.error("store_failed", error=str(error), topic=message.topic)
            self._stopping.wait(_STORE_FAILED_S)
            answers = []
        message.done()
        for answer in answers:
            self._link.answer(topics.watermark(answer.gate), self._ingest.sign(answer))

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

    def _publish_loop(self) -> None:
        # At start always; later when the broker has forgotten everything, retained topics too.
        self._link.fresh.set()
        next_purge_s = 0.0
        while not self._stopping.is_set():
            self._reconcile()
            done = self._publish_once()
            if time.monotonic() >= next_purge_s:
                next_purge_s = time.monotonic() + _PURGE_EVERY_S
                self._purge()
            if not done:
                self._stopping.wait(_IDLE_S)

    def _reconcile(self) -> None:
        if not self._link.fresh.is_set() or not self._link.connected.is_set():
            return
        self._link.fresh.clear()
        self._stopping.wait(_RECONCILE_S)
        self._publisher.reconcile(self._retained)

    def _publish_once(self) -> int:
        if not self._link.connected.is_set():
            return 0
        try:
            return self._publisher.tick()
        except sqlite3.Error as error:
            _log.error("store_failed", error=str(error), thread="publish")
            self._stopping.wait(_STORE_FAILED_S)
            return 0

    def _purge(self) -> None:
        before_ms = now_ms() - self._config.content.collector.retention_days * _DAY_MS
        try:
            with self._publish_store.transaction():
                purged = self._publish_store.purge_payloads(before_ms, _PURGE_ROWS)
        except sqlite3.Error as error:
            _log.error("store_failed", error=str(error), thread="publish")
            return
        if purged:
            _log.info("payloads_purged", records=purged)


_SUBSCRIPTIONS: Final = (
    topics.ALL_RECORDS,
    topics.ALL_ALARMS,
    topics.ALL_STATES,
    f"{SUMMARY_PREFIX}#",
    f"{ESCALATION_PREFIX}#",
)


def run_collector(config: Config) -> None:
    """Run until SIGTERM or SIGINT. Raises ConfigError, InUseError, KeyFileError, RegistryError, ScreenError,
    StoreError or ThreadFailedError."""
    log_as_json()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        stack.enter_context(locked(config.data_dir))
        store = SqliteStore(config.database)
        stack.callback(store.close)
        registry = take_registry(config, store, now_ms())
        screen = config.content.screen
        server = OperatorsServer(screen.host, screen.port, Board(config.database, registry, now_ms))
        port = server.start()
        stack.callback(server.stop)
        collector = Collector(config, store, registry)
        stack.callback(collector.stop)
        collector.start()
        gc.freeze()
        gc.set_threshold(_GC_AFTER)
        _log.info("started", database=str(config.database), tree=registry.tree.version, screen=f"{screen.host}:{port}")
        while not stop.wait(_IDLE_S):
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
