"""What a guard does at a lane: admits, refuses, notes a reading, clears a pass, lets in who came without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkpoint.passes import Pass
from checkpoint.records import Note
from checkpoint.temperature import judge_manual
from edge.clock import Moment
from edge.effects import ClearPass
from edge.facts import GuardDecided
from edge.lane_declared import document_seen, symptoms
from edge.lane_mask import guard_saw
from edge.lane_records import class_of, override_payload
from edge.lane_ride import counted
from edge.lane_ways import open_way
from edge.opening import Ended
from edge.shown import Shown
from edge.standing import standing

if TYPE_CHECKING:
    from edge.lane import Lane

# What a guard can clear: the same person may well stand there.
CLEARABLE: Final = frozenset({"passback", "seen_elsewhere"})


def guard_decides(lane: Lane, act: GuardDecided, now: Moment) -> None:
    """An act that names a passage counts only while that one waits, any other only for who stood there for it."""
    waiting = lane.shown if lane.shown and lane.shown.open else None
    if act.passage and (waiting is None or waiting.passage.hex() != act.passage):
        return
    if not act.passage and not standing(lane).is_meant(act.act, act.stands):
        return
    match act.act:
        case "measured":
            _measured_by_hand(lane, act, waiting, now)
        case "clear_passback":
            _clear(lane, act, waiting, now)
        case "mask_seen" | "mask_absent":
            guard_saw(lane, act, waiting, now)
        case "symptoms":
            symptoms(lane, act, waiting, now)
        case "document_seen":
            document_seen(lane, act, waiting, now)
        case "occupants":
            counted(lane, act, now)
        case "refuse":
            _refuse(lane, act, waiting)
        case "admit" | "open" | "walk_up":
            _admit(lane, act, waiting, now)


def _refuse(lane: Lane, act: GuardDecided, waiting: Shown | None) -> None:
    if waiting:
        payload = override_payload(lane.settings.where, act, class_of(waiting.holder))
        lane.commit("override", payload, waiting.passage)
        lane.finish_shown("refused_by_guard")


def _admit(lane: Lane, act: GuardDecided, waiting: Shown | None, now: Moment) -> None:
    waiting = lane.drill.waiting(act, waiting)
    passage = waiting.passage if waiting else lane.new_passage(now.at_ms)
    holder = waiting.holder if waiting else None
    if waiting is None:
        lane.drill.is_real(passage)
    lane.commit("override", override_payload(lane.settings.where, act, class_of(holder)), passage)
    if holder:
        lane.retests.settle(holder)
    if lane.drill.keeps_shut(lane, passage):
        lane.finish_shown("admitted_by_guard")
        return
    if waiting:
        waiting.open = False
    lane.move_barrier(passage)
    if act.act == "walk_up":
        # Behind the barrier: a disk that takes no note must not keep the guard from opening.
        lane.commit("note", _walk_up_note(lane, act), passage)
    _open(lane, passage, holder, now)


def _open(lane: Lane, passage: bytes, holder: Pass | None, now: Moment) -> None:
    if lane.opening is None:
        open_way(lane, passage, "guard", lane.admitted(holder), now)
    else:
        lane.outcome(passage, Ended("admitted_by_guard", "opened_unconfirmed"), holder, 0)
        lane.opening.share(now.mono_ms)


def _walk_up_note(lane: Lane, act: GuardDecided) -> Note:
    told = {"reason": act.reason, "by": act.by, "plate": act.plate, "visited": act.visited}
    return Note(1, "walk_up", {"lane": lane.settings.where.lane, **{key: text for key, text in told.items() if text}})


def _measured_by_hand(lane: Lane, act: GuardDecided, waiting: Shown | None, now: Moment) -> None:
    if act.object_c is None:
        return
    detail = {"lane": lane.settings.where.lane, "object_c": f"{act.object_c}", "by": act.by, "manual": "yes"}
    lane.commit("note", Note(1, "measured_by_hand", detail), waiting.passage if waiting else None)
    if waiting:
        judged = judge_manual(act.object_c, now.at_ms, lane.world.policy.temperature)
        waiting.readings, waiting.by_hand = (*waiting.readings, *judged.readings), True


def _clear(lane: Lane, act: GuardDecided, waiting: Shown | None, now: Moment) -> None:
    """Written down, told to the site, and judged anew with every other check: clearing a pass lets nobody in."""
    if waiting is None or waiting.presented is None or waiting.holder is None:
        return
    if waiting.decision.reason not in CLEARABLE:
        return
    detail = {"lane": lane.settings.where.lane, "why": waiting.decision.reason, "reason": act.reason, "by": act.by}
    lane.commit("note", Note(1, "passback_cleared", detail), waiting.passage)
    if not lane.drill.has(waiting.passage):
        lane.want(ClearPass(waiting.holder.pass_id, waiting.passage, now.at_ms))
    lane.judge_again(waiting.presented, now)
