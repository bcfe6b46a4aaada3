"""The drill that is on at this gate: begun and ended by orders and presses, kept on disk, over by itself in time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
import structlog

from checkpoint.drill import DRILL, Drill, DrillError, begin, carried, left_ms
from checkpoint.records import Kind, Note, Payload
from edge.clock import Moment
from edge.outbox_files import sync_folder, write_whole
from edge.status import DrillView

_log = structlog.get_logger(__name__)

FILE: Final = "drill.json"
ORDER_FILE: Final = "drill-order.json"
_MOST_BYTES: Final = 4096
# Orders are looked for this often, and obeyed while they are no older than this.
_LOOK_MS: Final = 250
ORDER_HOLDS_MS: Final = 30_000
# Whoever gives an order may be another user than the gate's.
ORDER_MODE: Final = 0o644
_TIME_IS_UP: Final = "time"
_T = TypeVar("_T")


class DrillOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a command asks of the running gate: it is worth 30 s of the boot in which it was given."""

    act: Literal["start", "stop"]
    by: str
    boot_id: str
    mono_ms: int
    minutes: int = 0
    with_barrier: bool = False


class DrillDesk:
    """Used by the core thread alone. `record` puts a note on record and says whether it is on disk; `tell(part, text)`
    is for the next heartbeat."""

    def __init__(
        self,
        folder: Path,
        boot_id: bytes,
        record: Callable[[Kind, Payload], bool],
        tell: Callable[[str, str], None],
    ) -> None:
        self._file = folder / FILE
        self._order_file = folder / ORDER_FILE
        self._boot_id = boot_id
        self._record = record
        self._tell = tell
        self._looked_ms: int | None = None
        self._obeyed: DrillOrder | None = None
        self.now: Drill | None = None

    def left_ms(self, now: Moment) -> int:
        """How much of the drill is left; 0 without one."""
        if self.now is None:
            return 0
        return left_ms(self.now, boot_id=self._boot_id, at_ms=now.at_ms, mono_ms=now.mono_ms, trusted=now.trusted)

    def view(self, now: Moment) -> DrillView | None:
        """What the screens say of it."""
        drill = self.now
        return DrillView(drill.by, -(-self.left_ms(now) // 1000), drill.with_barrier) if drill is not None else None

    def _load(self, now: Moment) -> None:
        """At start: a drill whose time is not over goes on, any other ends."""
        kept = read_file(self._file, Drill)
        if kept is None:
            return
        rest = carried(kept, boot_id=self._boot_id, at_ms=now.at_ms, mono_ms=now.mono_ms, trusted=now.trusted)
        if rest is None:
            self._end(_TIME_IS_UP, kept)
        elif rest is kept or self._keep(rest):
            self._begin(rest)
            self._note("drill_goes_on", rest, left_s=str(self.left_ms(now) // 1000))
        else:
            self._end("disk", rest)

    def turn(self, now: Moment) -> None:
        """Often: is it over, and is there an order? The first time: was one on when the gate ended?"""
        if self._looked_ms is None:
            self._load(now)
        if self.now is not None and self.left_ms(now) == 0:
            self._end(_TIME_IS_UP, self.now)
        if self._looked_ms is None or now.mono_ms - self._looked_ms >= _LOOK_MS:
            self._looked_ms = now.mono_ms
            self._obey(now)

    def stop(self, by: str) -> None:
        """Ended by hand. A file that can't be read goes too."""
        if self.now is not None:
            self._end(by, self.now)
        elif self._file.exists():
            self._forget()

    def _obey(self, now: Moment) -> None:
        if not self._order_file.exists():
            return
        order = read_file(self._order_file, DrillOrder)
        if order is not None and order != self._obeyed and order.boot_id == self._boot_id.hex():
            self._obeyed = order
            self._carry_out(order, now)
        # Whoever gave it waits for this.
        try:
            self._order_file.unlink(missing_ok=True)
        except OSError as error:
            _log.error("drill_order_stays", path=str(self._order_file), error=str(error))

    def _carry_out(self, order: DrillOrder, now: Moment) -> None:
        if not 0 <= now.mono_ms - order.mono_ms <= ORDER_HOLDS_MS:
            _log.warning("drill_order_too_old", given_mono_ms=order.mono_ms, mono_ms=now.mono_ms)
        elif order.act == "stop":
            self.stop(order.by)
        else:
            self._start(order, now)

    def _start(self, order: DrillOrder, now: Moment) -> None:
        """On disk and on record first: a drill that leaves no trace does not begin."""
        try:
            drill = begin(
                order.by, order.minutes, order.with_barrier,
                boot_id=self._boot_id, at_ms=now.at_ms, mono_ms=now.mono_ms, trusted=now.trusted,
            )  # fmt: skip
        except DrillError as error:
            _log.warning("drill_refused", why=str(error))
            return
        if self.now is not None:
            self._end(order.by, self.now)
        if not self._keep(drill):
            return
        if self._note("drill_started", drill, minutes=str(order.minutes), barrier=barrier_word(drill)):
            self._begin(drill)
        else:
            self._forget()

    def _begin(self, drill: Drill) -> None:
        self.now = drill
        self._tell(DRILL, barrier_word(drill))

    def _end(self, why: str, drill: Drill) -> None:
        self.now = None
        self._tell(DRILL, "")
        self._forget()
        self._note("drill_ended", drill, ended=why)

    def _note(self, code: str, drill: Drill, **facts: str) -> bool:
        _log.info(code, by=drill.by, **facts)
        return self._record("note", Note(1, code, {"by": drill.by, **facts}))

    def _keep(self, drill: Drill) -> bool:
        try:
            write_whole(self._file, msgspec.json.encode(drill))
        except OSError as error:
            _log.error("drill_not_kept", path=str(self._file), error=str(error))
            return False
        return True

    def _forget(self) -> None:
        try:
            self._file.unlink(missing_ok=True)
            sync_folder(self._file.parent)
        except OSError as error:
            # It is over in this run; after a restart it would go on, at most to its end.
            _log.error("drill_not_forgotten", path=str(self._file), error=str(error))


def barrier_word(drill: Drill) -> str:
    """What verdicts do to the barrier meanwhile."""
    return "moves" if drill.with_barrier else "stays shut"


def read_file(path: Path, form: type[_T]) -> _T | None:
    """What the file holds; None without it, and for one that is torn: then there is no drill."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=form)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("drill_file_unreadable", path=str(path), error=str(error))
        return None
