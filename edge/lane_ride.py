"""Vehicles at a lane whose policy asks everybody in them: each a passage of their own, and one opening for all.

The vehicle's pass is laid aside until everybody has a verdict; then the vehicle gets its own, which alone moves the
barrier. What becomes of the vehicle has become of everybody in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from checkpoint.passes import Presented
from checkpoint.records import Note
from checkpoint.verdict import Decision
from checkpoint.verdict_case import FIXED
from checkpoint.verdict_watch import DISCREET
from edge.attempt import Attempt, rule_of
from edge.brought import Brought
from edge.clock import Moment
from edge.deciding import gathered, pass_decides
from edge.facts import GuardDecided
from edge.lane_records import readings_of, verdict_payload
from edge.masks import MaskLooks
from edge.opening import Ended
from edge.ride import Occupant, Ride, is_other_vehicle, is_vehicles, with_refused

if TYPE_CHECKING:
    from edge.lane import Lane

_LEFT: Final = Ended("abandoned", "")
# Of somebody who showed nothing in time nothing is known that speaks against another try.
_NOTHING_SHOWN: Final = "pass_missing"


def laid_aside(lane: Lane, payload: bytes, presented: Presented, now: Moment) -> bool:
    """Whether this is the vehicle's pass, which waits for everybody in it; or one that has been used in it before."""
    held = presented.pass_
    # One whose vehicle has its verdict already only waits for its outcome.
    ride = lane.ride if lane.attempt is not None else None
    if ride is not None and held is not None and ride.has(held.pass_id):
        return True
    if held is None or not is_vehicles(presented) or (ride is None and not _asks_everybody(lane, presented)):
        return False
    lane.begin_attempt_if_spent(now)
    if lane.attempt is None or (ride is not None and lane.attempt is ride.vehicle):
        return False
    if ride is None:
        ride = lane.ride = _ride(lane, lane.new_passage(now.at_ms))
    _show_for_vehicle(lane, ride, payload, presented, now)
    return True


def _ride(lane: Lane, passage: bytes) -> Ride:
    return Ride(passage, lane.world.policy, lane.aboard)


def _show_for_vehicle(lane: Lane, ride: Ride, payload: bytes, presented: Presented, now: Moment) -> None:
    if ride.vehicle is None:
        ride.vehicle = Attempt(now.mono_ms, lane.new_taking(), brought=Brought(lane.plates))
        # Whoever comes next has the whole time to show a pass.
        if lane.attempt is not None and lane.attempt.presented is None:
            lane.attempt.began_ms = now.mono_ms
    vehicle = ride.vehicle
    halt = "two_vehicles" if is_other_vehicle(vehicle.presented, presented) else ""
    vehicle.present(payload, presented, ride.passage, now, halt)
    lane.halted = lane.halted or bool(halt)
    lane.in_view.judged(payload, now.mono_ms)
    lane.presence.acted(now.mono_ms, round(lane.world.policy.timeouts.measure_s * 1000))
    vehicle.ended = pass_decides(vehicle, lane.settings, lane.world, now)
    if halt or vehicle.ended or (ride.is_full and ride.occupants and not _is_being_judged(lane)):
        _turn_to_vehicle(lane, ride, vehicle, now)


def _is_being_judged(lane: Lane) -> bool:
    """Whether somebody has shown something and waits for their verdict: nobody is left out who has begun."""
    return lane.attempt is not None and lane.attempt.passage is not None


def _turn_to_vehicle(lane: Lane, ride: Ride, vehicle: Attempt, now: Moment) -> None:
    """It is the vehicle's turn to be judged. Whoever had begun to show something has not been."""
    begun, judged_before = lane.attempt, {one.passage for one in ride.occupants}
    passage = begun.passage if begun is not None and begun is not vehicle else None
    if begun is not None and passage is not None and passage not in judged_before:
        lane.outcome(passage, _LEFT, begun.holder, 0)
    shown = vehicle.presented
    if ride.occupants and shown is not None and shown.pass_ is not None:
        # As many as were judged: each of them has answered for themselves.
        vehicle.presented = replace(shown, pass_=replace(shown.pass_, party_size=ride.seen))
        vehicle.riders = ride.told()
    vehicle.presented_ms = now.mono_ms
    lane.attempt = vehicle


def judged(lane: Lane, attempt: Attempt, decision: Decision, now: Moment) -> bool:
    """Whether this verdict is on somebody in a vehicle: it is written down, and moves nothing."""
    ride = lane.ride
    if ride is None:
        if decision.verdict != "allow" or not _asks_everybody(lane, attempt.presented):
            return False
        ride = lane.ride = _ride(lane, attempt.passage or lane.new_passage(now.at_ms))
        if is_vehicles(attempt.presented):
            # Shown before, and judged again after a guard's word: the people in it come first all the same.
            ride.vehicle = attempt
            lane.next_occupant(attempt, now)
            return True
        ride.passage = lane.new_passage(now.at_ms)
    if attempt is ride.vehicle:
        return False
    if attempt.presented is None and ride.vehicle is None:
        # Everybody has been asked, and nobody has shown what the vehicle needs.
        attempt.passage, ride.vehicle = ride.passage, attempt
        return False
    _write_down(lane, ride, attempt, decision, now)
    _go_on(lane, ride, attempt, now)
    return True


def _write_down(lane: Lane, ride: Ride, attempt: Attempt, decision: Decision, now: Moment) -> None:
    passage, holder = attempt.passage or lane.new_passage(now.at_ms), attempt.holder
    readings = readings_of(attempt.taking.people, attempt.taking.pending_high)
    payload = verdict_payload(lane.settings.where, decision, holder, readings, lane.world, of_vehicle=ride.passage)
    lane.commit("verdict", payload, passage, urgent=decision.verdict == "escalate")
    if holder and not attempt.halt:
        lane.retests.note(holder, decision, passage, now.mono_ms)
    if attempt.payload:
        lane.in_view.judged(attempt.payload, now.mono_ms)
    found = gathered(attempt, lane.settings, lane.world, lane.down, lane.readers, now)
    ride.occupants.append(Occupant(passage, holder, decision, found))


def _go_on(lane: Lane, ride: Ride, attempt: Attempt, now: Moment) -> None:
    vehicle = ride.vehicle
    if ride.refused is not None:
        if vehicle is None:
            vehicle = ride.vehicle = Attempt(now.mono_ms, lane.new_taking(), passage=ride.passage)
        vehicle.riders = ride.told()
        lane.give(vehicle, with_refused(lane.decision_on(vehicle, now), ride.refused), now)
        hold(lane, attempt, ride.refused)
    elif vehicle is not None and ride.is_full:
        _turn_to_vehicle(lane, ride, vehicle, now)
    else:
        lane.next_occupant(attempt, now)


def hold(lane: Lane, attempt: Attempt, decision: Decision) -> None:
    """Somebody in the vehicle is for a guard to look at, and sits in it still: whoever shows a pass next does not make
    another vehicle of it."""
    if decision.verdict != "escalate" or decision.reason == _NOTHING_SHOWN:
        return
    is_of_somebody = decision.reason in FIXED or decision.reason == DISCREET or not is_vehicles(attempt.presented)
    if is_of_somebody and (lane.ride is not None or _asks_everybody(lane, attempt.presented)):
        lane.held = True


def counted(lane: Lane, act: GuardDecided, now: Moment) -> None:
    """The guard says how many sit in the vehicle. It lets nobody in: each of them is still asked."""
    ride = lane.ride
    if ride is None or act.count is None or not occupants_asked(lane):
        return
    detail = {"lane": lane.settings.where.lane, "by": act.by, "count": f"{act.count}"}
    lane.commit("note", Note(1, "occupants", detail), ride.passage)
    ride.counted = act.count
    vehicle = ride.vehicle
    if vehicle is not None and ride.is_full and ride.occupants and not _is_being_judged(lane):
        _turn_to_vehicle(lane, ride, vehicle, now)
    elif vehicle is lane.attempt and not ride.is_full:
        lane.next_occupant(None, now)


def occupants_asked(lane: Lane) -> bool:
    """Whether a guard can say how many sit in the vehicle that stands here."""
    return lane.ride is not None and lane.attempt is not None and lane.opening is None


def share_outcome(lane: Lane, passage: bytes, ended: Ended) -> None:
    """What became of the vehicle became of everybody in it."""
    ride = lane.ride
    if ride is None or ride.passage != passage:
        return
    lane.ride = None
    lane.aboard = ride.seen if ride.counted is None else ride.counted
    for one in ride.occupants:
        lane.outcome(one.passage, ended, one.holder, 0)


def drive_off(lane: Lane) -> None:
    """The vehicle has gone before it had a verdict."""
    ride, opening = lane.ride, lane.opening
    if ride is not None and (opening is None or opening.passage != ride.passage):
        lane.outcome(ride.passage, _LEFT, ride.vehicle.holder if ride.vehicle else None, 0)


def shows_first(lane: Lane, attempt: Attempt, presented: Presented, now: Moment) -> None:
    """In a vehicle people are measured and looked at after their pass: who leaned to the sensor before may be the one
    beside them."""
    if attempt.passage is None and (lane.ride is not None or _asks_everybody(lane, presented)):
        attempt.taking.forget()
        attempt.mask, attempt.began_ms = MaskLooks(attempt.mask.by_guard), now.mono_ms


def ask_again(lane: Lane, now: Moment) -> None:
    """A verdict under one policy never rests on the limits of another: under a new one everybody is asked anew."""
    ride = lane.ride
    if ride is None or lane.attempt is None or ride.policy is lane.world.policy:
        return
    if ride.occupants:
        vehicle = ride.vehicle
        lane.outcome(ride.passage, _LEFT, vehicle.holder if vehicle else None, 0)
        lane.ride = _ride(lane, lane.new_passage(now.at_ms))
        lane.ride.vehicle, lane.ride.counted = vehicle, ride.counted
        if vehicle is not None:
            vehicle.passage, vehicle.riders = lane.ride.passage, {}
        if lane.attempt is vehicle:
            lane.next_occupant(None, now)
    else:
        ride.policy = lane.world.policy


def _asks_everybody(lane: Lane, presented: Presented | None) -> bool:
    if lane.settings.where.lane_kind != "vehicle":
        return False
    return rule_of(presented, lane.settings, lane.world).occupants == "each"
