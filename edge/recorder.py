"""Everything the core puts on record: commits, faults, and what was held in memory while the disk took nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import structlog

from checkpoint.drill import as_drill, is_drill
from checkpoint.records import Egress, Fault, Kind, Note, OutcomeOf, Override, Payload, Verdict
from edge.clock import Clock, Moment
from edge.effects import Commit
from edge.faults import FaultBook, HeldFault, OpenFault, cleared_payload
from edge.held import HeldAct
from edge.lane_records import NO_CLASS
from edge.outbox import Outbox, OutboxFailingError, OutboxFullError, Stored

_log = structlog.get_logger(__name__)

# What people do while nothing can be recorded is kept in memory, up to here.
MOST_HELD: Final = 200
_RETRY_MS: Final = 2000
# The part that faults of the disk name.
_STORAGE: Final = "outbox"
_DISK_FAULTS: Final = ("disk_full", "disk_failing")
_DETAIL_CHARACTERS: Final = 200


class Recorder:
    """Used by the core thread alone. `copy` sends an alarm copy of a record, `wake` says that there is a new one."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        book: FaultBook,
        copy: Callable[[Stored], None],
        wake: Callable[[], None],
    ) -> None:
        self.recording = True
        # Records of a clock that was not believed wait for a `clock` record.
        self.undated = False
        # Passages without an outcome may be on disk that no lane is busy with any more.
        self.unsettled = True
        self._outbox = outbox
        self._clock = clock
        self._book = book
        self._copy = copy
        self._wake = wake
        self._held: list[HeldAct] = []
        self._not_held = 0
        self._retry_ms = 0

    @property
    def place(self) -> tuple[bytes, int]:
        """Epoch and number of the newest record."""
        return self._outbox.epoch, self._outbox.last

    def commit_or_hold(self, effect: Commit) -> bool:
        """Whether what stands behind this record may happen: it is on disk, or a person answers for it."""
        try:
            self._commit(effect)
            return True
        except OutboxFailingError as error:
            self._failing(error)
            if not isinstance(effect.payload, Override | Egress):
                return False
            self._hold(HeldAct(effect.payload, effect.passage, error, self._clock.now()))
            return True

    def record(self, kind: Kind, payload: Payload) -> None:
        """Append a record that concerns no passage."""
        self._try(Commit(kind, payload, None))

    # --- faults --------------------------------------------------------------------------------------------------

    def fault(self, payload: Fault) -> None:
        """Something is wrong; told once until it is over."""
        if (payload.name, payload.device, payload.lane) in self._book:
            return
        _log.warning("fault", name=payload.name, device=payload.device, lane=payload.lane, detail=payload.detail)
        self._record_fault(HeldFault(payload, self._clock.now().at_ms))

    def fault_over(self, device: str, lane: str, name: str = "") -> None:
        """The part works again: all its faults end. With a `name`, only that one."""
        self._book.held_over(device, lane, name)
        for fault in self._book.named(device, lane):
            if name in ("", fault.name):
                self._clear(fault)

    def _record_fault(self, fault: HeldFault) -> None:
        payload = fault.payload
        stored = self._try(Commit("fault", payload, None, urgent=True)) if self.recording else None
        if stored is None:
            self._book.hold(fault)
            return
        self._book.opened(payload, stored.epoch, stored.number, fault.since_ms)
        if fault.over:
            self.fault_over(payload.device, payload.lane, payload.name)

    def _clear(self, fault: OpenFault) -> None:
        stored = self._try(Commit("cleared", cleared_payload(fault), None, urgent=True)) if self.recording else None
        if stored is None:
            self._book.ended(fault)
            return
        self._book.cleared(fault)
        _log.info("fault_over", name=fault.name, device=fault.device, lane=fault.lane)

    # --- storage -------------------------------------------------------------------------------------------------

    def look_after(self, now: Moment, busy: Collection[bytes]) -> None:
        """Call at every tick. `busy`: passages whose outcome a lane will still tell."""
        if now.mono_ms >= self._retry_ms:
            self._retry_ms = now.mono_ms + _RETRY_MS
            self._try_to_record_again()
            self._look_at_reserve()
        if self.recording and self.unsettled:
            self.settle(busy)

    def settle(self, busy: Collection[bytes]) -> None:
        """Passages that nobody is busy with any more and that have no outcome are closed as abandoned. Who sat in a
        vehicle whose outcome was written down has shared it."""
        try:
            left = self._outbox.open_passages()
        except OutboxFailingError as error:
            self._failing(error)
            return
        self.unsettled = False
        vehicles: dict[bytes, OutcomeOf | None] = {}
        for one in left:
            if one.passage in busy:
                continue
            vehicle = one.payload.of_vehicle if isinstance(one.payload, Verdict) else None
            if vehicle is not None and vehicle not in vehicles:
                # Those in one vehicle were judged one after the other, and this is the first of them.
                vehicles[vehicle] = self._outbox.outcome_after(one, vehicle)
            shared = vehicles.get(vehicle) if vehicle is not None else None
            self._try(Commit("outcome", _ended(one.payload, shared), one.passage))

    def _try(self, effect: Commit) -> Stored | None:
        try:
            return self._commit(effect)
        except OutboxFailingError as error:
            self._failing(error)
            return None

    def _commit(self, effect: Commit) -> Stored:
        stored = self._outbox.append(effect.kind, effect.payload, self._clock.now(), effect.passage)
        self.undated = effect.kind != "clock" and (self.undated or stored.header.clock == "untrusted")
        if effect.urgent:
            self._copy(stored)
        self._wake()
        if not self.recording:
            self._works_again()
        return stored

    def _hold(self, act: HeldAct) -> None:
        if len(self._held) < MOST_HELD:
            self._held.append(act)
        else:
            self._not_held += 1

    def _failing(self, error: OutboxFailingError) -> None:
        if self.recording:
            _log.error("not_recorded", error=str(error))
        self.recording = False
        name = "disk_full" if isinstance(error, OutboxFullError) else "disk_failing"
        if (name, _STORAGE, "") not in self._book:
            payload = Fault(1, name, _STORAGE, "", str(error)[:_DETAIL_CHARACTERS], 1)
            self._book.hold(HeldFault(payload, self._clock.now().at_ms))

    def _try_to_record_again(self) -> None:
        try:
            self._outbox.recover()
        except OutboxFailingError as error:
            self._failing(error)
            return
        if not self.recording:
            self._works_again()

    def _works_again(self) -> None:
        """Everything that was held goes on record, oldest first; what fails again is held again."""
        _log.info("recording_again")
        self.recording, self.unsettled = True, True
        self._record_held_acts()
        for name in _DISK_FAULTS:
            self._book.held_over(_STORAGE, "", name)
        for ended in self._book.take_ended():
            self._clear(ended)
        for fault in self._book.take_held():
            self._record_fault(fault)

    def _record_held_acts(self) -> None:
        held, self._held = self._held, []
        for number, act in enumerate(held):
            try:
                self._outbox.append_reconstructed(act.note(), act.moment, act.error, act.passage)
                self.undated = self.undated or not act.moment.trusted
            except OutboxFailingError as error:
                self._held = held[number:]
                self._failing(error)
                return
        if self._not_held:
            count, self._not_held = str(self._not_held), 0
            self.record("note", Note(1, "acts_not_held", {"count": count}))

    def _look_at_reserve(self) -> None:
        """Said while there is still time: without its reserve the gate works only as long as the last space lasts."""
        if self.recording and not self._outbox.reserve_held:
            self.fault(Fault(1, "disk_full", _STORAGE, "", "the reserve is in use; free space", 2))
        elif self.recording:
            self.fault_over(_STORAGE, "", "disk_full")


def _ended(began: Verdict | Override | Egress, shared: OutcomeOf | None) -> OutcomeOf:
    """`shared`: the outcome of the vehicle that they sat in."""
    facts = began.pass_facts if isinstance(began, Verdict) else None
    pass_class = NO_CLASS if isinstance(began, Egress) else began.pass_class
    pass_id = facts.pass_id if facts else None
    outcome, reason = (shared.outcome, shared.reason) if shared else ("abandoned", "gate_restarted")
    ended = OutcomeOf(1, began.where, outcome, pass_class, reason, 0, pass_id)
    return as_drill(ended) if is_drill(began) else ended
