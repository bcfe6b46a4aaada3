"""What people did while nothing could be recorded: kept in memory, and written down as `reconstructed` afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from checkpoint.drill import as_drill, is_drill
from checkpoint.records import Egress, Note, Override
from edge.clock import Moment
from edge.outbox_values import OutboxFailingError


@dataclass(frozen=True, slots=True)
class HeldAct:
    """A guard's decision, or a way out that was freed, at `moment`; `error` is what kept it from being recorded."""

    payload: Override | Egress
    passage: bytes | None
    error: OutboxFailingError
    moment: Moment

    def note(self) -> Note:
        """What is recorded of it later: everything that the record itself would have said."""
        facts = {"site": self.payload.where.site, "lane": self.payload.where.lane, "at_ms": str(self.moment.at_ms)}
        match self.payload:
            case Override(act=act, reason=reason, by=by):
                note = Note(1, "override", {**facts, "act": act, "reason": reason, "by": by})
                return as_drill(note) if is_drill(self.payload) else note
            case Egress(cause=cause, opened_mono_ms=opened_mono_ms):
                return Note(1, "egress", {**facts, "cause": cause, "opened_mono_ms": str(opened_mono_ms)})
