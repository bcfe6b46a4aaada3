"""The verdict: allow, deny or escalate, decided from pass, checks, policy and the gate's state by rules alone.

    presented = read_pass(payload, trust, now_s)                  # None: nobody has shown a code
    facts = {"temperature": (temperature_fact(judged),)}          # one for each person; leave out what nobody made
    state = GateState(site="lakeview", here=("lakeview", "grid-7"), grids=("grid-7",), direction="in",
                      lane_kind="person", attendance="none", lists_age_s=40.0, policy_age_s=40.0)
    decision = decide(presented, facts, policy, state, now_s)     # the same inputs always give the same decision

The first step that fails decides. What is missing, stale or failed never becomes `allow`, except where the policy's
fail table says so, for residents of this site and for a limited time; and a lane that leads out holds nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from checkpoint.passes import Presented
from checkpoint.policy_rule import CheckName, joined
from checkpoint.policy_schema import Policy
from checkpoint.reasons import ALL, LISTED_DENIALS
from checkpoint.records import CheckResult
from checkpoint.verdict_case import FIXED, Case, Finding, class_for
from checkpoint.verdict_facts import CheckFact, Decision, Facts, GateState, PassUse, Retest, temperature_fact
from checkpoint.verdict_pass import stops_at_pass
from checkpoint.verdict_steps import check_gate, findings_of
from checkpoint.verdict_watch import discreet

__all__ = [
    "CheckFact", "Decision", "Facts", "GateState", "PassUse", "Retest",
    "class_for", "decide", "ends_at_pass", "temperature_fact",
]  # fmt: skip


def decide(
    presented: Presented | None, facts: Facts, policy: Policy, state: GateState, now_s: float
) -> Decision:  # fmt: skip
    """The verdict on one passage. Total: any input gives a decision, and what nobody foresaw escalates.

    `presented` None: no pass was shown. `state.status` says what the status lists know of it.
    `now_s` in seconds UTC by the gate's clock; it is looked at only while that clock is trusted.
    """
    case = _case(presented, facts, policy, state, now_s)
    findings, results = _walk(case)
    stop = _deciding(findings)
    decision = Decision(
        verdict=stop.verdict if stop and stop.verdict else "allow",
        reason=stop.reason if stop else _why_allowed(findings),
        results=results,
        tags=_tags(findings, case),
        warnings=_unique(finding.warning for finding in findings),
        call="",
        rule=case.rule.name,
        zone_level=policy.level_of(state.grids),
        retest_of=case.retest.passage if case.retest else None,
    )
    decision = discreet(replace(decision, call=_call(decision, case)))
    return _way_out(decision) if state.direction == "out" and not state.other_free_exit else decision


def ends_at_pass(presented: Presented, policy: Policy, state: GateState, now_s: float) -> bool:
    """Whether the pass alone decides, so that nobody need be measured first."""
    return stops_at_pass(_case(presented, {}, policy, state, now_s))


def _case(
    presented: Presented | None, facts: Facts, policy: Policy, state: GateState, now_s: float
) -> Case:  # fmt: skip
    asked_by = (policy.level_of(state.grids), class_for(presented, policy), state.direction, state.attendance)
    found = policy.rules_for(*asked_by, state.lane_kind)
    # The hour is looked at only where it makes a difference, and only while the clock is trusted.
    if len(found) > 1 and state.clock_untrusted_for_s is None:
        found = policy.rules_for(*asked_by, state.lane_kind, state.local)
    rule = found[0] if len(found) == 1 else joined(found)
    return Case(presented, facts, policy, rule, state, now_s, hour_untold=len(found) > 1)


def _walk(case: Case) -> tuple[list[Finding], tuple[CheckResult, ...]]:
    """Every step in the policy's order. Steps after the first failing one count only for what they already know."""
    findings: list[Finding] = []
    results: list[CheckResult] = []
    order: list[CheckName | None] = list(case.rule.checks)
    # The gate's own conditions come after the pass: they need to know whose it is, and a forged one needs no more.
    order.insert(1 if order[:1] == ["pass"] else 0, None)
    for check in order:
        if check is None:
            findings += check_gate(case)
            continue
        mode = case.rule.mode_of(check)
        is_known = case.presented is not None if check == "pass" else bool(case.facts.get(check))
        if mode == "off" or (_deciding(findings) and not is_known):
            results.append(CheckResult(check, mode, "skipped", "", None, None))
            continue
        found = findings_of(check, case)
        findings += found
        results += [result for finding in found if (result := finding.as_result(mode))]
    return findings, tuple(results)


def _deciding(findings: Iterable[Finding]) -> Finding | None:
    """The first failing step; after an escalation other than fever or symptoms, a listed denial further on."""
    stops = [finding for finding in findings if finding.verdict in ("deny", "escalate")]
    if not stops or stops[0].verdict == "deny" or any(stop.reason in FIXED for stop in stops):
        return next((stop for stop in stops if stop.reason in FIXED), stops[0]) if stops else None
    return next((stop for stop in stops if stop.reason in LISTED_DENIALS), stops[0])


def _why_allowed(findings: list[Finding]) -> str:
    # Only the table's `allow` has a tag of what was missing; a mode that holds nobody has none.
    by_table = any(
        finding.tag == "unmeasured" or (finding.tag and finding.result == "not_obtained") for finding in findings
    )
    return "allowed_by_fail_table" if by_table else "all_ok"


def _tags(findings: list[Finding], case: Case) -> tuple[str, ...]:
    state = case.state
    said = (
        ("offline", state.offline),
        ("card", case.presented is not None and case.presented.variant == "card"),
        ("plate", case.presented is not None and case.presented.variant == "plate"),
        ("assisted", state.assisted),
        ("party", case.people > 1),
        ("weak_binding", state.weak_binding),
        ("retest", case.retest is not None),
        ("site_apart", state.apart and _asks_the_site(case)),
    )
    return _unique([*(finding.tag for finding in findings), *(tag for tag, holds in said if holds)])


def _asks_the_site(case: Case) -> bool:
    """Whether anything here rests on what the site's other gates have seen."""
    one_entry = case.holder is not None and case.holder.uses is not None
    return one_entry or case.policy.passback.mode != "off" or case.rule.mode_of("quota") != "off"


def _unique(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for code in codes if code))


def _call(decision: Decision, case: Case) -> str:
    """Whom to call: by the policy, else by the table; where nobody is on guard, the administrator instead."""
    codes = decision.warnings if decision.verdict == "allow" else (decision.reason,)
    told = next((roles for code in codes if (roles := _told(code, case.policy))), ())
    if case.state.attendance == "none":
        told = tuple("administrator" if role == "guard" else role for role in told)
    return " ".join(_unique(told))


def _told(code: str, policy: Policy) -> tuple[str, ...]:
    """Whose business a reason is."""
    named = policy.told.get(code)
    if named is not None:
        return (named,) if isinstance(named, str) else named
    row = ALL.get(code)
    return (row.call,) if row is not None and row.call else ()


def _way_out(decision: Decision) -> Decision:
    """A lane that leads out warns and calls, but holds nobody in."""
    if decision.verdict == "allow":
        return decision
    return replace(
        decision,
        verdict="allow",
        reason="way_out",
        tags=_unique((*decision.tags, "way_out")),
        warnings=_unique((decision.reason, *decision.warnings)),
    )
