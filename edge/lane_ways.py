"""The way through a lane: barrier, beam, door, buttons and fire, from the moment that it opens to its outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from checkpoint.records import Note, Outcome
from edge.clock import Moment
from edge.facts import BarrierMoved, WayOutFreed
from edge.lane_alarms import of_barrier
from edge.lane_records import egress_payload
from edge.opening import By, Ended, Opening

if TYPE_CHECKING:
    from edge.lane import Lane

_NOBODY_SAW: Final = "opened_unconfirmed"


def open_way(lane: Lane, passage: bytes, by: By, admitted: int, now: Moment) -> None:
    """The lane counts from now on who goes through, until the outcome of `passage` is known."""
    timeouts = lane.world.policy.timeouts
    factor = timeouts.assisted_factor if lane.assisted else 1.0
    wait_ms = round(timeouts.crossing_s * factor * (1 + 0.5 * (admitted - 1)) * 1000)
    lane.opening = Opening(passage, by, admitted, now.mono_ms, lane.settings.pulse_ms, wait_ms)
    _let_in(lane, passage, by)
    if lane.door is not None:
        lane.door.let(now.mono_ms + max(wait_ms, lane.settings.pulse_ms))


def _let_in(lane: Lane, passage: bytes, by: By) -> None:
    holder = lane.shown.holder if lane.shown and lane.shown.passage == passage else None
    claimed = [holder.plate] if holder and holder.plate else []
    # Whoever pushes a button inside is not the vehicle that waits outside.
    lane.gone.let_in([*lane.plates, *claimed] if by in ("verdict", "guard") else [])


def fire_is(lane: Lane, active: bool, now: Moment) -> None:
    if lane.fire and not active and lane.door is not None:
        # The last pulse of a relay that was held, and whoever walks out by it.
        lane.door.let(now.mono_ms + round(lane.world.policy.timeouts.crossing_s * 1000))
    lane.fire = active


def crossed(lane: Lane, now: Moment) -> None:
    if lane.opening is not None:
        lane.opening.crossed(now.mono_ms)
    elif not lane.fire:
        lane.commit("note", Note(1, "tailgating", {"lane": lane.settings.where.lane}), None)
        lane.want(*lane.tailgating.seen("somebody went through without an opening", now.mono_ms))


def barrier_moved(lane: Lane, fact: BarrierMoved, now: Moment) -> None:
    lane.want(of_barrier("barrier", fact.ok, "a pulse was not taken"))
    if lane.opening is not None and lane.opening.passage == fact.passage:
        lane.opening.moved(fact.ok, now.mono_ms)


def way_out(lane: Lane, fact: WayOutFreed, now: Moment) -> None:
    passage = lane.new_passage(now.at_ms)
    lane.drill.is_real(passage)
    lane.commit("egress", egress_payload(lane.settings.where, fact), passage)
    lane.want(of_barrier("way_out", fact.ok, fact.cause))
    outcome: Outcome = "egress" if fact.cause == "exit_button" else "fire"
    if not fact.ok:
        lane.outcome(passage, Ended("abandoned", "barrier_not_moved"), None, 0)
    elif lane.opening is None:
        open_way(lane, passage, fact.cause, 1, now)
    else:
        lane.outcome(passage, Ended(outcome, ""), None, 0)
        lane.opening.share(now.mono_ms)


def end_opening(lane: Lane, now: Moment) -> None:
    """Write down what became of the opening, once that is known."""
    opening = lane.opening
    if opening is None:
        return
    beam_works = lane.settings.has_beam and "board" not in lane.down
    ended = opening.ended(now.mono_ms, beam_works) if not lane.fire else None
    if opening.tailgated and not lane.drill.has(opening.passage):
        detail = f"{opening.crossings} went through where {opening.admitted} were admitted"
        lane.want(*lane.tailgating.seen(detail, now.mono_ms))
    if ended is None:
        return
    if not lane.settings.has_barrier and ended.outcome == _NOBODY_SAW and not ended.reason:
        # Nothing has opened, and nothing has seen them go on: they were told that they may.
        ended = replace(ended, reason="no_barrier")
    shown = lane.shown if lane.shown and lane.shown.passage == opening.passage else None
    lane.outcome(opening.passage, ended, shown.holder if shown else None, opening.crossings)
    if ended.reason == "barrier_not_moved" and shown:
        shown.decision = replace(shown.decision, verdict="escalate", reason="barrier_not_moved")
    _let_go(lane, opening, ended, now)


def _let_go(lane: Lane, opening: Opening, ended: Ended, now: Moment) -> None:
    """Whoever stands here now is somebody new, but a vehicle that never left the loop has the plate it had."""
    is_waiting = opening.by in ("exit_button", "fire") or not (ended.went_through or opening.crossings)
    plates = lane.plates if is_waiting and not lane.presence.weak else []
    lane.leave(now)
    lane.opening, lane.plates = None, plates
    if is_waiting:
        lane.gone.stayed()
    else:
        lane.gone.drove_off(now.mono_ms)
    lane.presence.restart()
