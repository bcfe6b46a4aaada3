"""One passage as the steps of a verdict see it, what a step says, and the two tables that have the last word on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from checkpoint.passes import Pass, PassClass, Presented, in_scope
from checkpoint.policy_schema import CheckName, Condition, Mode, Policy, Rule, Worth
from checkpoint.reasons import ALL
from checkpoint.records import CheckResult, VerdictName
from checkpoint.verdict_facts import Facts, GateState, Retest

# A fever that two places of the body agree on, and symptoms that were declared, are answered by a person, whatever the
# check's mode and whatever else is found.
FIXED: Final = frozenset({"fever", "symptoms_declared"})
_RESIDENT: Final[PassClass] = "resident"
_CREW: Final[PassClass] = "emergency"
FOREIGN: Final = frozenset({"foreign_valid", "city_code_ok"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step says. `verdict` None: the passage may go on. `check` None: a condition of the gate.

    `mode`: where it has one of its own beside the check's.
    """

    check: CheckName | None
    result: str
    reason: str
    verdict: VerdictName | None = None
    value: float | str | None = None
    limit: float | str | None = None
    tag: str = ""
    warning: str = ""
    mode: Mode | None = None

    def as_result(self, mode: Mode) -> CheckResult | None:
        if self.check is None:
            return None
        return CheckResult(self.check, self.mode or mode, self.result, self.reason, self.value, self.limit)


@dataclass(frozen=True, slots=True)
class Case:
    """One passage as it is looked at: everything a step may need."""

    presented: Presented | None
    facts: Facts
    policy: Policy
    rule: Rule
    state: GateState
    now_s: float
    # The hour can't be told, and the policy asks something else at another: `rule` is what it asks at any.
    hour_untold: bool = False

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
    def pass_class(self) -> PassClass | None:
        """Whose rules hold; see class_for."""
        return class_for(self.presented, self.policy)

    @property
    def is_resident_here(self) -> bool:
        held = self.holder
        return held is not None and held.pass_class == _RESIDENT and self.state.site in held.scope


def of_rule(case: Case) -> list[Finding]:
    """What the rule itself says: a curfew, a closed zone. A resident whose pass is for here, for this site or an area
    around it, and an emergency crew, are never refused by it: a person decides."""
    said, code = case.rule.verdict, case.rule.reason or ""
    if said is None:
        return []
    if said == "warn":
        return [Finding(None, "ok", code, tag=code, warning=code)]
    held = case.holder
    lives_here = held is not None and held.pass_class == _RESIDENT and in_scope(held, case.state.here)
    must_ask = lives_here or (held is not None and held.pass_class == _CREW)
    return [Finding(None, "failed", code, "escalate" if must_ask else said)]


def by_default(code: str) -> VerdictName:
    """The table's verdict; what the table doesn't know, or never lets decide, is a person's decision."""
    row = ALL.get(code)
    return row.verdict if row is not None and row.verdict in ("deny", "escalate") else "escalate"


def in_mode(finding: Finding, mode: Mode) -> Finding:
    """Only `enforce` holds anybody; `warn` says so aloud, `record` only writes it down."""
    if mode == "enforce" or finding.verdict is None or finding.reason in FIXED:
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


def conditional(check: CheckName | None, reason: str, condition: Condition, for_s: float | None, case: Case) -> Finding:
    """A finding that the fail table decides."""
    answer = under(condition, for_s, case)
    tag = "unmeasured" if check == "temperature" else condition
    if answer == "allow":
        return Finding(check, "not_obtained", reason, tag=tag, warning=reason)
    return Finding(check, "not_obtained", reason, answer)


def past(age_s: float | None, after_s: float) -> float | None:
    """How long an age has been over its limit; None if it never was known."""
    return None if age_s is None else max(0.0, age_s - after_s)


def class_for(presented: Presented | None, policy: Policy) -> PassClass | None:
    """Whose rules hold for who shows this: the pass's class, or a visitor's where the policy takes a foreign pass."""
    if presented is None:
        return None
    if presented.pass_ is not None:
        return presented.pass_.pass_class
    return "visitor" if is_foreign(presented) and worth_of(presented, policy) == "visitor" else None


def is_foreign(presented: Presented) -> bool:
    """Genuine, but of another system: an answer that can never be this project's own pass."""
    return presented.reason in FOREIGN


def worth_of(presented: Presented, policy: Policy) -> Worth:
    """What the policy makes of it."""
    name = presented.format or ""
    return policy.passes.foreign.get(name, "escalate") if name in policy.passes.formats else "deny"
