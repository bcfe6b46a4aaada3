"""The steps of a verdict: what each check of the policy, and each condition of the gate, says about one passage."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from checkpoint.policy_schema import CheckName, Condition
from checkpoint.reasons import ALL
from checkpoint.verdict_case import FIXED, Case, Finding, by_default, conditional, in_mode, of_rule, past, under
from checkpoint.verdict_facts import CheckFact
from checkpoint.verdict_pass import check_pass

# What a check may add to its answer without holding anybody up.
_NOTICES: Final = frozenset({"quota_late"})
# Checks that a broken part or a missing list has kept anybody from making: the fail table says what follows.
_CONDITION_OF: Final[dict[str, Condition]] = {
    "document_unchecked": "reader_down",
    "mask_unchecked": "camera_down",
    "vehicle_unchecked": "reader_down",
    "document_undated": "clock_untrusted",
    "travel_unlisted": "lists_stale",
    "travel_undated": "clock_untrusted",
    "watch_unlisted": "lists_stale",
}


def check_gate(case: Case) -> list[Finding]:
    """What holds for every passage whatever its checks: the rule's own word, something in the lane, the policy's time,
    the hour of the day, weak binding. Where a rule wants a person asked, what is refused to everybody stays refused."""
    said, found = of_rule(case), _conditions(case)
    stop = next((finding for finding in found if finding.verdict is not None), None)
    is_refused = stop is not None and stop.verdict == "deny"
    asks = any(finding.verdict == "escalate" for finding in said)
    return [*found, *said] if is_refused and asks else [*said, *found]


def _conditions(case: Case) -> list[Finding]:
    state, after_s = case.state, case.policy.fail.policy_stale.after_s
    findings: list[Finding] = []
    if state.halt:
        known = state.halt if state.halt in ALL else "unexplained"
        findings.append(Finding(None, "failed", known, by_default(known)))
    if state.clock_untrusted_for_s is None and not case.policy.in_force_at(case.now_s):
        findings.append(conditional(None, "policy_expired", "policy_stale", _over_for_s(case), case))
    elif state.policy_age_s is None or state.policy_age_s > after_s:
        over_s = past(state.policy_age_s, after_s)
        findings.append(conditional(None, "policy_stale", "policy_stale", over_s, case))
    if case.hour_untold:
        for_s = state.clock_untrusted_for_s
        findings.append(conditional(None, "clock_untrusted", "clock_untrusted", for_s, case))
    asked = [check for check in case.rule.checks if case.rule.mode_of(check) != "off"]
    if state.weak_binding and len(asked) > 1 and not case.policy.accept_weak_binding:
        findings.append(Finding(None, "failed", "binding_weak", "escalate"))
    return findings


def _over_for_s(case: Case) -> float | None:
    """How long ago the policy ended; None if it has not begun."""
    until = case.policy.valid_until
    return case.now_s - until.timestamp() if until is not None and case.now_s >= until.timestamp() else None


def check_temperature(case: Case) -> list[Finding]:
    """Everybody's temperature; a device that is down can clear nobody, but what had failed before stays failed."""
    early = case.retest and case.retest.age_s < case.policy.temperature.retest_after_s
    if early:
        return [Finding("temperature", "missing", "retest_too_early", "deny")]
    facts = case.facts.get("temperature", ())
    found = [_temperature(fact, case) for fact in facts]
    found += [_unmeasured(case) for _ in range(case.people - len(facts))]
    return sorted(found, key=_severity)


def _temperature(fact: CheckFact, case: Case) -> Finding:
    is_down = "thermometer_down" in case.state.down_for_s and not fact.manual
    if fact.result == "missing" or (is_down and fact.result != "failed"):
        return _unmeasured(case)
    if fact.result == "ok" and fact.reason == "temperature_ok":
        tag = "manual" if fact.manual else ""
        return Finding("temperature", "ok", "temperature_ok", None, fact.value, fact.limit, tag)
    if fact.result == "not_obtained":
        finding = conditional("temperature", fact.reason, "not_obtained", fact.for_s, case)
    elif fact.reason == "temperature_low":
        finding = _low(fact, case)
    else:
        finding = Finding("temperature", "failed", fact.reason, by_default(fact.reason))
    return replace(finding, value=fact.value, limit=fact.limit)


def _low(fact: CheckFact, case: Case) -> Finding:
    """Never normal: rest in the warm and come back; low again, or nowhere to rest, is for a person to decide."""
    if case.retest:
        return Finding("temperature", "failed", "temperature_low_again", "escalate")
    if case.state.warm_place and not fact.manual:
        return Finding("temperature", "failed", "temperature_low", "deny")
    answer = under("temperature_low", 0.0, case)
    if answer == "allow":
        return Finding("temperature", "failed", "temperature_low", tag="unmeasured", warning="temperature_low")
    return Finding("temperature", "failed", "temperature_low", answer)


def _unmeasured(case: Case) -> Finding:
    down_for_s = case.state.down_for_s.get("thermometer_down")
    if down_for_s is not None:
        return conditional("temperature", "temperature_unmeasured", "thermometer_down", down_for_s, case)
    return Finding("temperature", "missing", "temperature_missing", "escalate")


def _severity(finding: Finding) -> tuple[int, str, str]:
    """Fever first, then what escalates, what is denied, what may go on: the order people came in decides nothing."""
    rank = 0 if finding.reason in FIXED else {"escalate": 1, "deny": 2, "allow": 3, None: 3}[finding.verdict]
    return rank, finding.reason, str(finding.value)


def check_other(check: CheckName, case: Case) -> list[Finding]:
    """A check that something else than pass and thermometer answers. Without an answer it is missing, never passed."""
    facts = case.facts.get(check, ())
    if check == "mask" and not facts and (down_for_s := case.state.down_for_s.get("camera_down")) is not None:
        return [conditional(check, "mask_missing", "camera_down", down_for_s, case)]
    if not facts:
        return [Finding(check, "missing", f"{check}_missing", "escalate")]
    return sorted((_answered(check, fact, case) for fact in facts), key=_severity)


def _answered(check: CheckName, fact: CheckFact, case: Case) -> Finding:
    if fact.result == "ok":
        warning = fact.reason if fact.reason in _NOTICES else ""
        tag = "manual" if fact.manual else ""
        return Finding(check, "ok", fact.reason, None, fact.value, fact.limit, tag, warning)
    reason = fact.reason if fact.reason in ALL else "unexplained"
    if condition := _CONDITION_OF.get(reason):
        return conditional(check, reason, condition, fact.for_s, case)
    return Finding(check, fact.result, reason, by_default(reason), fact.value, fact.limit)


def findings_of(check: CheckName, case: Case) -> list[Finding]:
    """What one check of the rule says, in its mode."""
    if check == "pass":
        found = check_pass(case)
    elif check == "temperature":
        found = check_temperature(case)
    else:
        found = check_other(check, case)
    mode = case.rule.mode_of(check)
    return [in_mode(finding, mode) for finding in found]
