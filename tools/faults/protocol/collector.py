"""What a schedule does to the collector: backups, restarts, failing transactions, two workers, retention, an update."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from central.ingest import Ingest
from central.store.sqlite import SqliteStore
from checkpoint import records, wire
from tools.faults.protocol.ground import must
from tools.faults.protocol.samples import COLLECTOR_KEY, DAY_MS
from tools.faults.protocol.way import Way

_TABLES: Final = ("record", "payload", "gap", "leaf", "counted", "alarm_case", "copy", "epoch", "dim", "signed_head")
# Where, in the middle of the first worker's message, the second one begins.
_MIDDLES: Final = ("epoch", "gaps", "lines", "next_record_id", "counted", "parent_heads", "copies", "save_epoch")


class CollectorActs(Way):
    """The acts on `store`, `ingest` and `publisher`."""

    def backup(self, a: int, b: int) -> None:
        self.take_backup()

    def restore(self, a: int, b: int) -> None:
        """The collector's disk is replaced, and an older copy of the store put in its place."""
        self.faults.add("restore")
        self.seen["collector restored"] += 1
        self.store.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.store_file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self.backups[a % len(self.backups)], self.store_file)
        self.forgotten.clear()
        self._start()

    def collector_restart(self, a: int, b: int) -> None:
        self.seen["collector restarted"] += 1
        self.store.close()
        self._start()

    def _start(self) -> None:
        """As the daemon starts: what an older program could not read is read first."""
        self.open_collector()
        self.seen["unread became readable"] += self.ingest.read_again()
        for gate, data in self.retained.items():
            self.to_collector((gate, "state", data), retained=True)
        self.publisher.reconcile([])

    def collector_fails(self, a: int, b: int) -> None:
        """The transaction breaks just before its end: nothing of that message was taken."""
        if not self.up:
            return
        item = self.up[a % len(self.up)]
        before = self._dump()
        error = sqlite3.OperationalError("disk I/O error")
        with (
            patch.object(SqliteStore, "touch", side_effect=error),
            patch.object(SqliteStore, "save_epoch", side_effect=error),
        ):
            try:
                self.to_collector(item)
            except sqlite3.OperationalError:
                self.seen["transaction failed"] += 1
                must(self._dump() == before, "a transaction that fails leaves nothing")

    def _dump(self) -> list[tuple[int, ...]]:
        return [self.store.connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in _TABLES]  # noqa: S608

    def two_workers(self, a: int, b: int) -> None:
        """A second worker takes a message of the same gate, perhaps the same one, in the middle of the first's."""
        if not self.up:
            return
        first = self.up[a % len(self.up)]
        second = next((item for item in self.up[b % len(self.up) :] if item[0] == first[0]), first)
        middle = _MIDDLES[b // 4 % len(_MIDDLES)]
        with closing(SqliteStore(self.store_file)) as store:
            # The one that has to wait is told so at once, and comes again afterwards.
            store.connection.execute("PRAGMA busy_timeout = 0")
            worker = Ingest(store, COLLECTOR_KEY, self.registry, lambda: self.now_ms)
            interrupted = getattr(self.store, middle)
            done: list[list[wire.Answer] | None] = []

            def interrupting(*words: Any, **named: Any) -> Any:
                found = interrupted(*words, **named)
                if not done:
                    done.append(self._try(worker, second))
                return found

            setattr(self.store, middle, interrupting)
            try:
                answers = _give(self.ingest, first)
            finally:
                delattr(self.store, middle)
            if done and done[0] is not None:
                self.answered(second[0], done[0])
            self.answered(first[0], answers)
            if not done or done[0] is None:
                self.answered(second[0], _give(worker, second))

    def _try(self, worker: Ingest, item: tuple[str, str, bytes]) -> list[wire.Answer] | None:
        try:
            return _give(worker, item)
        except sqlite3.OperationalError:
            self.seen["second worker waited"] += 1
            return None

    def forget(self, a: int, b: int) -> None:
        """The collector's retention: payloads of what came more than a day ago."""
        before = self._payloads()
        with self.store.transaction():
            self.store.purge_payloads(self.now_ms - DAY_MS, 100)
        gone = before - self._payloads()
        self.seen["payload forgotten"] += len(gone)
        self.forgotten |= gone

    def _payloads(self) -> set[int]:
        return {row[0] for row in self.store.connection.execute("SELECT record_id FROM payload")}

    def learn(self, a: int, b: int) -> None:
        """A newer collector, which reads what the old one could not."""
        self.reads_newer = True
        records.PAYLOAD_VERSION = 3  # type: ignore[misc]
        self.seen["unread became readable"] += self.ingest.read_again()

    def publish(self, a: int, b: int) -> None:
        self.heard.takes = b % 2 == 0
        self.pass_time(500)
        self.publisher.tick()


def _give(ingest: Ingest, item: tuple[str, str, bytes]) -> list[wire.Answer]:
    gate, topic, payload = item
    if topic == "alarm":
        ingest.alarm(gate, payload)
        return []
    return ingest.hello(gate, payload) if topic == "state" else ingest.batch(gate, payload)
