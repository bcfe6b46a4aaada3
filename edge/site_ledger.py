"""The site's ledger: who went through which of its gates when, as far as this gate knows, in a database of its own.

A set of crossings that grows, and forgets by age: taking one twice, or in another order, changes nothing. A power cut
may lose the last of them; the other gates still have them. The disk is a convenience here: while it takes nothing the
ledger lives in memory.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from checkpoint.site_rules import Crossing
from checkpoint.site_wire import digest_of
from edge import site_ledger_schema as sql
from edge.outbox_tail import is_torn

_log = structlog.get_logger(__name__)

HOUR_MS: Final = 3_600_000
MOST_DAYS: Final = 35
MOST_CROSSINGS: Final = 200_000
# How many there are in a stretch of time, and the exclusive or of their digests.
Known = tuple[int, int]
NOTHING: Final[Known] = (0, 0)
# Nobody else writes this file, and the core waits here.
_BUSY_S: Final = 0.2
# A crossing touches a page of each index: small pages spare the card.
_PAGE_BYTES: Final = 1024
_encode = msgspec.msgpack.Encoder().encode


class SiteLedger:
    """Crossings of the whole site. Used from one thread at a time; a disk that fails is logged, never raised.

    Of two crossings under one name (gate, passage, move) the earlier counts, whichever came first.
    """

    def __init__(self, gate: str, path: Path | None = None) -> None:
        """`gate`: this one. `path`: the database's file; None keeps everything in memory."""
        self._gate = gate
        self._path = path
        self._untold: list[Crossing] = []
        # Own crossings of this run whose time waits for a correction.
        self._undated: list[Crossing] = []
        self._on_disk = False
        self._connection = self._opened()
        self._hours: dict[int, Known] = {}
        self._count_again()

    @property
    def on_disk(self) -> bool:
        """Whether a restart would find what is taken now."""
        return self._on_disk

    def close(self) -> None:
        self._connection.close()

    # --- what lanes call -----------------------------------------------------------------------------------------

    def take(self, crossing: Crossing, dated: bool = True) -> bool:
        """Somebody went through. Returns whether that was news. Call it when the outcome is on record.

        `dated` False: this gate's clock is not believed now; the other gates hear of it when `correct` is called.
        """
        news = self._put(crossing, dated)
        if news and crossing.gate == self._gate:
            (self._untold if dated else self._undated).append(crossing)
        return news

    def clear(self, pass_id: bytes, passage: bytes, at_ms: int) -> Crossing:
        """A guard has looked into it: what this pass did up to now is not held against it, at any gate of the site."""
        last = self.last(pass_id)
        # Another gate's clock may be ahead of this one.
        at_ms = max(at_ms, last.at_ms + 1) if last else at_ms
        crossing = Crossing(at_ms, self._gate, passage, "cleared", pass_id, None, 1)
        self.take(crossing)
        return crossing

    def of_pass(self, pass_id: bytes, since_ms: int = 0) -> tuple[Crossing, ...]:
        """This pass at all gates of the site, oldest first."""
        return self._read(sql.BY_HOLDER, pass_id, since_ms)

    def last(self, pass_id: bytes) -> Crossing | None:
        """Where this pass was last, or that it was cleared since."""
        return next(reversed(self.of_pass(pass_id)), None)

    def exits(self, household: bytes, since_ms: int) -> tuple[Crossing, ...]:
        """When somebody of this household went out, at any gate of the site, oldest first."""
        return self._read(sql.EXITS, household, since_ms)

    # --- what the link to the other gates calls ------------------------------------------------------------------

    def take_untold(self) -> tuple[Crossing, ...]:
        """Own crossings that nobody has been told of yet; they count as told then."""
        untold, self._untold = tuple(self._untold), []
        return untold

    def correct(self, offset_ms: int) -> None:
        """The clock was `offset_ms` behind while it was not believed: what was taken since is dated, and told."""
        undated, self._undated = self._undated, []
        for crossing in undated:
            self.take(msgspec.structs.replace(crossing, at_ms=max(0, crossing.at_ms + offset_ms)))

    def learn(self, *crossings: Crossing) -> bool:
        """Take what another gate tells, of itself or of any gate of the site. Returns whether there was news.

        All at once: each by itself would cost ten times as much, while somebody waits in a lane.
        """
        self._rows(sql.BEGIN)
        news = [self._put(crossing, dated=True) for crossing in crossings]
        # Without one the disk has failed in between, and memory has them.
        if self._connection.in_transaction:
            try:
                self._connection.execute(sql.COMMIT)
            except sqlite3.Error as error:
                # What is lost by it comes again.
                self._leave_disk(error)
        return any(news)

    def known(self, first_hour: int, hours: int) -> Known:
        """What is known of a stretch of hours, counted since 1970: two gates that know the same get the same."""
        count = digest = 0
        for hour in range(first_hour, first_hour + hours):
            one = self._hours.get(hour, NOTHING)
            count, digest = count + one[0], digest ^ one[1]
        return count, digest

    def between(self, first_hour: int, hours: int, after: Crossing | None, at_most: int) -> tuple[Crossing, ...]:
        """The oldest `at_most` of a stretch of hours, counted since 1970, that come after one of them, or all."""
        least = (0, "", b"", "") if after is None else after.age_key
        return self._read(sql.BETWEEN, first_hour * HOUR_MS, (first_hour + hours) * HOUR_MS, *least, at_most)

    def forget(self, now_ms: int, days: float, at_most: int = MOST_CROSSINGS) -> int:
        """Let go of what is older than `days`, and of the oldest if there are too many. Returns the hour since 1970
        from which on everything is kept. Goes back to the disk too, if that takes something again."""
        if self._path is not None and not self._on_disk:
            self._return_to_disk(self._path)
        floor = round(now_ms - min(days, MOST_DAYS) * 24 * HOUR_MS) // HOUR_MS
        too_many = self._rows(sql.NTH_NEWEST, at_most)
        if too_many:
            floor = max(floor, too_many[0][0] // HOUR_MS + 1)
        self._rows(sql.DELETE_BEFORE, floor * HOUR_MS)
        self._hours = {hour: known for hour, known in self._hours.items() if hour >= floor}
        return floor

    # --- storage -------------------------------------------------------------------------------------------------

    def _put(self, crossing: Crossing, dated: bool) -> bool:
        counted = None
        for *held, was_dated in self._rows(sql.ONE, crossing.gate, crossing.passage, crossing.move):
            counted = Crossing(*held) if was_dated else None
            if not dated or (counted is not None and _rank(counted) <= _rank(crossing)):
                return False
        self._rows(sql.PUT, *msgspec.structs.astuple(crossing), dated)
        # Only now: a disk that fails makes all be counted again.
        if counted is not None:
            self._count(counted, -1)
        if dated:
            self._count(crossing, 1)
        return True

    def _count(self, crossing: Crossing, change: int) -> None:
        hour = crossing.at_ms // HOUR_MS
        count, digest = self._hours.get(hour, NOTHING)
        self._hours[hour] = count + change, digest ^ digest_of(crossing)

    def _count_again(self) -> None:
        self._hours = {}
        for crossing in self._read(sql.DATED):
            self._count(crossing, 1)

    def _read(self, statement: str, *values: object) -> tuple[Crossing, ...]:
        return tuple(Crossing(*row[:-1]) for row in self._rows(statement, *values))

    def _rows(self, statement: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._leave_disk(error)
            return self._connection.execute(statement, values).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._path is not None:
            try:
                return self._open_file(self._path)
            except sqlite3.Error as error:
                _log.error("site_ledger_not_opened", path=str(self._path), error=str(error))
        return _connect(":memory:")

    def _open_file(self, path: Path) -> sqlite3.Connection:
        try:
            connection = _connect(str(path))
        except sqlite3.Error as error:
            if not is_torn(error):
                raise
            # What it held comes again from the other gates.
            _log.error("site_ledger_torn", path=str(path), error=str(error))
            _discard(path)
            connection = _connect(str(path))
        self._on_disk = True
        return connection

    def _leave_disk(self, error: sqlite3.Error) -> None:
        """Go on in memory with what can still be read."""
        if not self._on_disk:
            raise error
        _log.error("site_ledger_in_memory", path=str(self._path), error=str(error))
        memory = _connect(":memory:")
        rows = _all_rows(self._connection)
        memory.executemany(sql.PUT, rows)
        self._connection.close()
        self._connection, self._on_disk = memory, False
        self._count_again()

    def _return_to_disk(self, path: Path) -> None:
        try:
            file = _connect(str(path))
        except sqlite3.Error:
            return
        try:
            file.execute(sql.BEGIN)
            file.executemany(sql.PUT, _all_rows(self._connection))
            file.execute(sql.COMMIT)
        except sqlite3.Error:
            file.close()
            return
        self._connection.close()
        self._connection, self._on_disk = file, True
        # The file may know what could not be read when it was left.
        self._count_again()
        _log.info("site_ledger_on_disk", path=str(path))


def _connect(name: str) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    connection = sqlite3.connect(name, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        # A process that dies loses nothing. A power cut may lose the last crossings; other gates give them back.
        connection.execute("PRAGMA synchronous = NORMAL")
        sql.create_tables(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _all_rows(connection: sqlite3.Connection) -> list[Any]:
    """Everything, or nothing where even reading fails."""
    try:
        return connection.execute(sql.ALL).fetchall()
    except sqlite3.Error:
        return []


def _discard(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _rank(crossing: Crossing) -> tuple[int, bytes]:
    """Which of two that bear one name counts: the smaller."""
    return crossing.at_ms, _encode(crossing)
