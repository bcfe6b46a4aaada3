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
from checkpoint.policy_schema import CheckName, Policy
from checkpoint.reasons import ALL, LISTED_DENIALS
from checkpoint.records import CheckResult
from checkpoint.verdict_case import Case, Finding, class_for
from checkpoint.verdict_facts import CheckFact, Decision, Facts, GateState, PassUse, Retest, temperature_fact
from checkpoint.verdict_pass import stops_at_pass
from checkpoint.verdict_steps import check_gate, findings_of

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
    decision = replace(decision, call=_call(decision, state))
    return _way_out(decision) if state.direction == "out" and not state.other_free_exit else decision


def ends_at_pass(presented: Presented, policy: Policy, state: GateState, now_s: float) -> bool:
    """Whether the pass alone decides, so that nobody need be measured first."""
    return stops_at_pass(_case(presented, {}, policy, state, now_s))


def _case(
    presented: Presented | None, facts: Facts, policy: Policy, state: GateState, now_s: float
) -> Case:  # fmt: skip
    level = policy.level_of(state.grids)
    pass_class = class_for(presented, policy)
    rule = policy.rule_for(level, pass_class, state.direction, state.attendance, state.lane_kind)
    return Case(presented, facts, policy, rule, state, now_s)


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
    """The first failing step; after an escalation other than fever, a listed denial further on."""
    stops = [finding for finding in findings if finding.verdict in ("deny", "escalate")]
    if not stops or stops[0].verdict == "deny" or any(stop.reason == "fever" for stop in stops):
        return next((stop for stop in stops if stop.reason == "fever"), stops[0]) if stops else None
    return next((stop for stop in stops if stop.reason in LISTED_DENIALS), stops[0])


def _why_allowed(findings: list[Finding]) -> str:
    by_table = any(finding.result == "not_obtained" or finding.tag == "unmeasured" for finding in findings)
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


def _call(decision: Decision, state: GateState) -> str:
    """Whom to call; where nobody is on guard, the administrator instead of the guard."""
    codes = decision.warnings if decision.verdict == "allow" else (decision.reason,)
    call = next((row.call for code in codes if (row := ALL.get(code)) and row.call), "")
    return "administrator" if call == "guard" and state.attendance == "none" else call


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
