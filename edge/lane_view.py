"""What a lane looks like on the screen: state, reason, prompt, the ticks of its checks. Only reads the lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from checkpoint.policy_schema import CheckName, Rule
from checkpoint.records import CheckResult
from checkpoint.verdict_watch import DISCREET
from edge.attempt import Attempt, awaits_mask, rule_of, wanted_people
from edge.brought import awaited, facts_of
from edge.clock import Moment
from edge.lane import Lane
from edge.lane_declared import document_asked
from edge.lane_guard import CLEARABLE
from edge.lane_mask import mask_facts
from edge.lane_ride import occupants_asked
from edge.lane_sources import lacks_reader, out_of_order, prompt_to_show, short_plate
from edge.masks import prompt_of
from edge.opening import By, Opening
from edge.shown import Shown
from edge.standing import standing
from edge.status import LaneView, Tick, TickState

_TICK_OF: Final[dict[str, TickState]] = {
    "ok": "done",
    "failed": "failed",
    "missing": "missing",
    "not_obtained": "missing",
    "skipped": "off",
}

# Of what held nobody up, the guard is told this much.
_NOTED: Final = (
    "stale_revocation", "site_apart", "passback", "seen_elsewhere", "quota_used", "quota_late", "curfew", "zone_closed",
)  # fmt: skip

_PROMPT_FOR: Final[dict[CheckName, str]] = {"document": "prompt_document", "vehicle": "prompt_plate"}

_OPENED_BY: Final[dict[By, str]] = {"guard": "admitted_by_guard", "exit_button": "exit_button", "fire": "fire"}


def view(lane: Lane, recording: bool) -> LaneView:
    """The lane as it stands now. While nothing can be recorded it opens for nobody by itself, and says so."""
    attempt, shown = lane.attempt, lane.shown
    if not recording:
        return _base(lane, "fault", "not_recorded", _help_prompt(lane), _asked(lane))
    if lane.opening is not None and lane.opening.by != "verdict":
        return _opened_view(lane, lane.opening)
    if shown is not None and (attempt is None or attempt.presented is None):
        return _verdict_view(lane, shown)
    if attempt is None and (reason := out_of_order(lane)):
        return _base(lane, "fault", reason, _help_prompt(lane), _asked(lane))
    if lane.halted:
        return _base(lane, "wait", "", "prompt_step_back", _asked(lane))
    if lane.held and attempt is None:
        return _base(lane, "wait", "", _help_prompt(lane), _asked(lane))
    if attempt is None:
        return _base(lane, "wait", "", prompt_to_show(lane), _asked(lane))
    return _attempt_view(lane, attempt, lane.now)


def _base(lane: Lane, state: str, reason: str, prompt: str, ticks: tuple[Tick, ...]) -> LaneView:
    where, here = lane.settings.where, standing(lane)
    return LaneView(
        name=where.lane,
        direction=where.direction,
        kind=where.lane_kind,
        state=state,  # type: ignore[arg-type]
        reason=reason,
        prompt=prompt,
        ticks=ticks,
        notes=_notes(lane),
        plate=short_plate(lane.plates),
        name_tail=_name_tail(lane),
        document_asked=document_asked(lane),
        occupants_asked=occupants_asked(lane),
        stands=here.token,
        told_apart=here.told_apart,
    )


def _name_tail(lane: Lane) -> str:
    """Of the document of whoever stands here."""
    shown = lane.shown.attempt if lane.shown and lane.shown.open else None
    attempt = lane.attempt or shown
    return attempt.brought.document.name_tail if attempt and attempt.brought.document else ""


def _notes(lane: Lane) -> tuple[str, ...]:
    said = (
        ("assisted", lane.assisted),
        ("binding_weak", lane.presence.weak),
        ("tailgating", lane.opening is not None and lane.opening.tailgated),
        ("measured_by_hand", lane.shown is not None and lane.shown.by_hand),
    )
    decision = lane.shown.decision if lane.shown else None
    noted = {*decision.warnings, *decision.tags} if decision else set()
    return (*(note for note, holds in said if holds), *(code for code in _NOTED if code in noted))


def _opened_view(lane: Lane, opening: Opening) -> LaneView:
    """The way is free, whatever was on the screen before: a guard, a button or the fire input opened it."""
    shown = lane.shown
    ticks = _ticks(shown.decision.results) if shown and shown.passage == opening.passage else _asked(lane)
    return _with(
        _base(lane, "allow", _OPENED_BY[opening.by], "prompt_pass_through", ticks), since_mono_ms=opening.began_ms
    )


def _verdict_view(lane: Lane, shown: Shown) -> LaneView:
    decision, holder = shown.decision, shown.holder
    base = _base(lane, decision.verdict, decision.reason, _prompt_after(lane, shown), _ticks(decision.results))
    last = shown.readings[-1] if shown.readings else None
    return _with(
        base,
        passage=shown.passage.hex(),
        since_mono_ms=shown.since_ms,
        body_site=last.body_site if last and not last.manual else "",
        object_c=(last.body_c if last.object_c is None else last.object_c) if last else None,
        ambient_c=last.ambient_c if last else None,
        pass_class=holder.pass_class if holder else "",
        tail=holder.pass_id.hex()[-4:].upper() if holder else "",
        party_size=holder.party_size if holder else 1,
        party_passed=lane.opening.crossings if lane.opening else 0,
        next_exit=_next_exit(decision.results),
        clearable=decision.reason in CLEARABLE and shown.open,
        call=decision.call if decision.reason == DISCREET or decision.reason in _told(shown) else "",
        mask_asked=shown.waits and any(check.check == "mask" and check.mode != "off" for check in decision.results),
    )


def _told(shown: Shown) -> Mapping[str, object]:
    """Reasons for which the policy says itself who is told."""
    return shown.policy.told if shown.policy is not None else {}


def _next_exit(results: tuple[CheckResult, ...]) -> str:
    """From when on the household may go out again, as the quota says: local time, ISO 8601."""
    used = (result.value for result in results if result.reason == "quota_used")
    return next((value for value in used if isinstance(value, str)), "")


def _attempt_view(lane: Lane, attempt: Attempt, now: Moment) -> LaneView:
    rule = rule_of(attempt.presented, lane.settings, lane.world)
    people, wanted = attempt.taking.people, wanted_people(attempt.holder, rule)
    has_shown = attempt.presented is not None and not attempt.is_partial
    done: set[CheckName] = {"pass"} if has_shown else set()
    done |= {"temperature"} if len(people) >= wanted else set()
    answers = facts_of(attempt.brought, attempt.holder, lane.settings, lane.world, lane.readers, now)
    answers |= mask_facts(attempt, rule, lane.settings, lane.down, now)
    done |= {check for check, facts in answers.items() if facts[0].result == "ok"}
    ticks = tuple(_waiting(lane, rule, check, done) for check in rule.checks)
    base = _base(lane, "wait", "", _prompt_during(lane, attempt, rule, now), ticks)
    last, holder = attempt.taking.last, attempt.holder
    return _with(
        base,
        body_site=attempt.taking.prompt_site if last else "",
        object_c=last.object_c if last else None,
        ambient_c=last.ambient_c if last else None,
        pass_class=holder.pass_class if holder else "",
        tail=holder.pass_id.hex()[-4:].upper() if holder else "",
        party_size=lane.ride.wanted if lane.ride else holder.party_size if holder else 1,
        party_passed=lane.ride.seen if lane.ride else len(people),
        mask_asked=rule.mode_of("mask") != "off",
    )


def _asked(lane: Lane) -> tuple[Tick, ...]:
    """What will be asked of whoever comes next, as far as that is known before the pass is."""
    rule = rule_of(None, lane.settings, lane.world)
    return tuple(_waiting(lane, rule, check, set()) for check in rule.checks)


def _waiting(lane: Lane, rule: Rule, check: CheckName, done: set[CheckName]) -> Tick:
    """A check whose reader is away is missing before anybody comes."""
    state: TickState = "done" if check in done else "missing" if lacks_reader(lane, check) else "waiting"
    return Tick(check, "off" if rule.mode_of(check) == "off" else state)


def _help_prompt(lane: Lane) -> str:
    return "prompt_call" if lane.world.attendance == "none" else "prompt_wait_guard"


def _ticks(results: tuple[CheckResult, ...]) -> tuple[Tick, ...]:
    return tuple(Tick(result.check, _tick_of(result)) for result in results)


def _tick_of(result: CheckResult) -> TickState:
    if result.check == "watch":
        # Whoever stands there can see the ticks too.
        return "done"
    warned = result.mode != "enforce" and result.result == "failed"
    return "warned" if warned else _TICK_OF.get(result.result, "missing")


def _prompt_during(lane: Lane, attempt: Attempt, rule: Rule, now: Moment) -> str:
    if attempt.presented is None:
        return prompt_to_show(lane)
    if attempt.is_partial:
        return "prompt_other_parts"
    if attempt.asked:
        return "prompt_asking"
    if attempt.taking.in_shade:
        return "prompt_shade"
    people, wanted = len(attempt.taking.people), wanted_people(attempt.holder, rule)
    asks = awaited(attempt.brought, attempt.presented, rule, lane.settings, lane.world, lane.readers, now)
    if awaits_mask(attempt, rule, lane.settings, lane.down, now.mono_ms):
        asks = (*(check for check in rule.checks if check == "mask" or check in asks), *asks)
    if asks and not _measures_first(rule, people, wanted, asks[0]):
        return prompt_of(attempt.mask) if asks[0] == "mask" else _PROMPT_FOR[asks[0]]
    if 0 < people < wanted and not attempt.taking.wants_second:
        return "prompt_next_of_party"
    return f"prompt_measure_{attempt.taking.prompt_site}"


def _measures_first(rule: Rule, people: int, wanted: int, check: CheckName) -> bool:
    if rule.mode_of("temperature") == "off" or people >= wanted:
        return False
    return check not in rule.checks or rule.checks.index("temperature") < rule.checks.index(check)


def _prompt_after(lane: Lane, shown: Shown) -> str:
    match shown.decision.verdict, shown.decision.reason:
        case "allow", _:
            return "prompt_pass_through"
        case _, "temperature_low" | "retest_too_early":
            return "prompt_rest_warm"
        case "escalate", "mask_none":
            return "prompt_mask"
        case _, "two_people":
            return "prompt_one_by_one"
        case _, "two_codes":
            return "prompt_one_code"
        case "escalate", _:
            return _help_prompt(lane)
        case _:
            return ""


def _with(view: LaneView, **changes: object) -> LaneView:
    return msgspec.structs.replace(view, **changes)
