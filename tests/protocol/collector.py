"""What a schedule does to the collector: backups, restarts, failing transactions, retention, a newer program."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from unittest.mock import patch

from central.store.sqlite import SqliteStore
from checkpoint import records
from tests.protocol.computers import DAY_MS


class CollectorActs:
    """The part of `World` that acts on `store`, `ingest` and `publisher`."""

    def backup(self, a: int, b: int) -> None:
        target = self.folder / f"backup-{next(self.names)}.db"
        self.store.backup(target)
        self.backups.append(target)

    def restore(self, a: int, b: int) -> None:
        self.faults.add("restore")
        self.store.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.store_file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self.backups[a % len(self.backups)], self.store_file)
        self.open_collector()
        self.collector_starts()

    def collector_restart(self, a: int, b: int) -> None:
        self.store.close()
        self.open_collector()
        self.collector_starts()

    def collector_starts(self) -> None:
        for gate, data in self.retained.items():
            self.to_collector((gate, "state", data), retained=True)
        self.publisher.reconcile([])

    def collector_fails(self, a: int, b: int) -> None:
        """The transaction breaks just before its end: nothing of that message was taken."""
        if self.up:
            item = self.up[a % len(self.up)]
            before = self.dump()
            error = sqlite3.OperationalError("disk I/O error")
            with (
                patch.object(SqliteStore, "touch", side_effect=error),
                patch.object(SqliteStore, "save_epoch", side_effect=error),
            ):
                try:
                    self.to_collector(item)
                except sqlite3.OperationalError:
                    assert self.dump() == before

    def dump(self) -> list[tuple[int, ...]]:
        tables = ("record", "payload", "gap", "leaf", "counted", "alarm_case", "copy", "epoch", "dim")
        return [self.store.connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]

    def forget(self, a: int, b: int) -> None:
        """The collector's retention: payloads of what came more than a day ago."""
        with self.store.transaction():
            self.store.purge_payloads(self.now_ms - DAY_MS, 100)

    def learn(self, a: int, b: int) -> None:
        """A newer collector, which reads what the old one could not."""
        self.reads_newer = True
        records.PAYLOAD_VERSION = 2
        self.ingest.read_again()

    def publish(self, a: int, b: int) -> None:
        self.heard.takes = b % 2 == 0
        self.pass_time(500)
        self.publisher.tick()
