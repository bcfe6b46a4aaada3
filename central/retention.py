"""Deletes personal data whose time is over: payloads of records, the watch list, people; logs counts only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import structlog

from central.people.forgetting import forget
from central.store.sqlite import SqliteStore

_log = structlog.get_logger(__name__)

_RECORDS_AT_ONCE: Final = 5000


def retain_until(store: SqliteStore, before_ms: int) -> None:
    """One turn: what is older than `before_ms` goes, at most 5,000 records and 500 people. Raises sqlite3.Error."""
    with store.transaction():
        purged = store.purge_payloads(before_ms, _RECORDS_AT_ONCE)
    if purged:
        _log.info("payloads_purged", records=purged)
    if ended := store.watched_over(before_ms):
        with store.transaction():
            store.drop_watched(before_ms)
        _log.info("watch_entries_forgotten", entries=ended)
    forgotten = forget(store, before_ms)
    if forgotten:
        _log.info("people_forgotten", **asdict(forgotten))
