"""A lane in a drill: which passages are practice, and what of them stays without effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkpoint.drill import Drill, as_drill
from checkpoint.records import Payload
from edge.attempt import Retests
from edge.clock import Moment
from edge.facts import GuardDecided
from edge.shown import Shown

if TYPE_CHECKING:
    from edge.lane import Lane


class LaneDrill:
    """While `on`, every passage is practice, save those that a guard or a way out opens beside it."""

    def __init__(self) -> None:
        self._drill: Drill | None = None
        self._real: set[bytes] = set()
        # Who is to be measured again, as it was before the drill.
        self._retests = Retests()

    @property
    def on(self) -> bool:
        return self._drill is not None

    @property
    def _moves_it(self) -> bool:
        return self._drill is not None and self._drill.with_barrier

    def switch(self, lane: Lane, now: Moment) -> None:
        """Begin or end where the gate does; not before an opening is over, in which nobody is judged anyway."""
        drill = lane.world.drill
        if self._drill == drill or lane.opening is not None:
            return
        lane.leave(now)
        lane.shown = None
        lane.presence.restart()
        if not self.on:
            self._retests = lane.retests
        self._drill = drill
        self._real.clear()
        # Of a drill that follows another at once nobody of the first is asked back.
        lane.retests = Retests() if self.on else self._retests

    def is_real(self, passage: bytes) -> None:
        """This passage is no practice: somebody was let in or out."""
        if self.on:
            self._real.add(passage)

    def has(self, passage: bytes | None) -> bool:
        """Whether it is practice."""
        return self.on and passage is not None and passage not in self._real

    def marked(self, payload: Payload, passage: bytes | None) -> Payload:
        """What is recorded of a passage."""
        return as_drill(payload) if self.has(passage) else payload

    def keeps_shut(self, lane: Lane, passage: bytes) -> bool:
        """Whether this passage opens nothing. Where there is no barrier none is kept shut, and nobody is kept in."""
        settings = lane.settings
        is_only_way_out = settings.where.direction == "out" and not settings.other_free_exit
        return self.has(passage) and settings.has_barrier and not self._moves_it and not is_only_way_out

    def waiting(self, act: GuardDecided, waiting: Shown | None) -> Shown | None:
        """Whom a guard lets in: whoever waits for the word `admit`. Any other opening in a drill is a real one."""
        return waiting if not self.on or act.act == "admit" else None
