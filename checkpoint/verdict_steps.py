"""The steps of a verdict: what each check of the policy, and each condition of the gate, says about one passage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from checkpoint.passes import Pass, PassClass, Presented, in_scope
from checkpoint.policy_schema import CheckName, Condition, Mode, Policy, Rule
from checkpoint.reasons import ALL
from checkpoint.records import CheckResult, VerdictName
from checkpoint.verdict_facts import CheckFact, Facts, GateState, Retest

# A fever that two places of the body agree on is answered by a person, whatever the check's mode.
_FIXED: Final = frozenset({"fever"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step says. `verdict` None: the passage may go on. `check` None: a condition of the gate."""

    check: CheckName | None
    result: str
    reason: str
    verdict: VerdictName | None = None
    value: float | str | None = None
    limit: float | str | None = None
    tag: str = ""
    warning: str = ""

    def as_result(self, mode: Mode) -> CheckResult | None:
        if self.check is None:
            return None
        return CheckResult(self.check, mode, self.result, self.reason, self.value, self.limit)


@dataclass(frozen=True, slots=True)
class Case:
    """One passage as it is looked at: everything a step may need."""

    presented: Presented | None
    facts: Facts
    policy: Policy
    rule: Rule
    state: GateState
    now_s: float

    @property
    def holder(self) -> Pass | None:
        """The pass whose signature and profile hold, usable or not."""
        return self.presented.pass_ if self.presented else None

    @property
    def retest(self) -> Retest | None:
        """The low reading that this passage repeats, if that was not too long ago."""
        retest = self.state.retest
        return retest if retest and retest.age_s <= self.policy.temperature.retest_valid_s else None

    @property
    def people(self) -> int:
        """How many have to be measured."""
        return self.holder.party_size if self.holder and self.rule.party == "each" else 1

    @property
    def is_resident_here(self) -> bool:
        resident: PassClass = "resident"
        held = self.holder
        return held is not None and held.pass_class == resident and self.state.site in held.scope


def by_default(code: str) -> VerdictName:
    """The table's verdict; what the table doesn't know, or never lets decide, is a person's decision."""
    row = ALL.get(code)
    return row.verdict if row is not None and row.verdict in ("deny", "escalate") else "escalate"


def in_mode(finding: Finding, mode: Mode) -> Finding:
    """Only `enforce` holds anybody; `warn` says so aloud, `record` only writes it down."""
    if mode == "enforce" or finding.verdict is None or finding.reason in _FIXED:
        return finding
    return replace(finding, verdict=None, warning=finding.reason if mode == "warn" else "")


def under(condition: Condition, for_s: float | None, case: Case) -> VerdictName:
    """The fail table's answer: `allow` only for residents of this site, and only while the condition is young."""
    column = case.policy.fail.row(condition).column(case.state.attendance)
    if not case.is_resident_here:
        return column.others
    if column.residents != "allow":
        return column.residents
    is_in_time = column.for_s is None or (for_s is not None and for_s <= column.for_s)
    return "allow" if is_in_time else column.others


def _conditional(
    check: CheckName | None, reason: str, condition: Condition, for_s: float | None, case: Case
) -> Finding:
    """A finding that the fail table decides."""
    answer = under(condition, for_s, case)
    tag = "unmeasured" if check == "temperature" else condition
    if answer == "allow":
        return Finding(check, "not_obtained", reason, tag=tag, warning=reason)
    return Finding(check, "not_obtained", reason, answer)


def lists_are_stale(case: Case) -> bool:
    age_s = case.state.lists_age_s
    return age_s is None or age_s > case.policy.fail.lists_stale.after_s


def _past(age_s: float | None, after_s: float) -> float | None:
    return None if age_s is None else max(0.0, age_s - after_s)


def pass_refusal(case: Case, presented: Presented) -> str:
    """Code of what is wrong with the pass, the clock aside; empty if nothing is."""
    held = presented.pass_
    if held is not None and (presented.valid or presented.by_clock):
        if held.format not in case.policy.passes.formats:
            return "format_not_enabled"
        if not in_scope(held, case.state.here):
            return "out_of_scope"
    if presented.valid:
        return "" if held is not None else "unexplained"
    row = ALL.get(presented.reason)
    return presented.reason if row is not None and row.step in ("pass", "policy") else "unexplained"


def check_pass(case: Case) -> list[Finding]:
    """The pass: shown, genuine, for here, in its time; and whether lists and clock are good enough to say so."""
    presented = case.presented
    if presented is None or presented.reason == "pass_missing":
        return [Finding("pass", "missing", "pass_missing", "escalate")]
    refusal = pass_refusal(case, presented)
    hangs_on_clock = not refusal or (presented.by_clock and refusal == presented.reason)
    if hangs_on_clock and case.state.clock_untrusted_for_s is not None:
        doubt = _conditional("pass", "clock_untrusted", "clock_untrusted", case.state.clock_untrusted_for_s, case)
        return [doubt] if doubt.verdict else [doubt, *_old_lists(case)]
    if refusal == "key_unknown" and lists_are_stale(case):
        return [Finding("pass", "failed", refusal, "escalate", presented.shown)]
    if refusal:
        return [Finding("pass", "failed", refusal, by_default(refusal), presented.shown)]
    return _old_lists(case) or [Finding("pass", "ok", "pass_valid")]


def _old_lists(case: Case) -> list[Finding]:
    if not lists_are_stale(case):
        return []
    over_s = _past(case.state.lists_age_s, case.policy.fail.lists_stale.after_s)
    return [_conditional("pass", "lists_stale", "lists_stale", over_s, case)]


def check_gate(case: Case) -> list[Finding]:
    """What holds for every passage whatever its checks: something in the lane, the policy's own time, weak binding."""
    state, after_s = case.state, case.policy.fail.policy_stale.after_s
    findings = []
    if state.halt:
        known = state.halt if state.halt in ALL else "unexplained"
        findings.append(Finding(None, "failed", known, by_default(known)))
    if state.clock_untrusted_for_s is None and not case.policy.in_force_at(case.now_s):
        findings.append(_conditional(None, "policy_expired", "policy_stale", _over_for_s(case), case))
    elif state.policy_age_s is None or state.policy_age_s > after_s:
        over_s = _past(state.policy_age_s, after_s)
        findings.append(_conditional(None, "policy_stale", "policy_stale", over_s, case))
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
        finding = _conditional("temperature", fact.reason, "not_obtained", fact.for_s, case)
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
        return _conditional("temperature", "temperature_unmeasured", "thermometer_down", down_for_s, case)
    return Finding("temperature", "missing", "temperature_missing", "escalate")


def _severity(finding: Finding) -> tuple[int, str, str]:
    """Fever first, then what escalates, what is denied, what may go on: the order people came in decides nothing."""
    rank = 0 if finding.reason in _FIXED else {"escalate": 1, "deny": 2, "allow": 3, None: 3}[finding.verdict]
    return rank, finding.reason, str(finding.value)


def check_other(check: CheckName, case: Case) -> list[Finding]:
    """A check that something else than pass and thermometer answers. Without an answer it is missing, never passed."""
    facts = case.facts.get(check, ())
    if check == "mask" and not facts and (down_for_s := case.state.down_for_s.get("camera_down")) is not None:
        return [_conditional(check, "mask_missing", "camera_down", down_for_s, case)]
    if not facts:
        return [Finding(check, "missing", f"{check}_missing", "escalate")]
    return sorted((_answered(check, fact) for fact in facts), key=_severity)


def _answered(check: CheckName, fact: CheckFact) -> Finding:
    if fact.result == "ok":
        return Finding(check, "ok", fact.reason, None, fact.value, fact.limit)
    reason = fact.reason if fact.reason in ALL else "unexplained"
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
