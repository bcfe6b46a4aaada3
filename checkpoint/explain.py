"""One verdict explained from its record: every check, the rule that asked for it, what decided, what is not known.

    found = explain(verdict, outcome, policy)   # policy: the text of that id and version, None when it is not at hand
    sheets(found)                               # checkpoint.explain_sheet: the same as tables of texts

Nothing is guessed: what a record does not hold, and what only the policy's text could say, stands in `unrecorded`.
Personal data only as records have them: of a pass its class, party size and the last four signs of its id.
"""

from __future__ import annotations

import msgspec

from checkpoint import explain_words as words
from checkpoint.explain_facts import FactLine, facts_of
from checkpoint.explain_rule import gate_condition, rule_of, why_asked
from checkpoint.explain_words import Said, joined, number, plain, reason_said, said
from checkpoint.policy_schema import Policy, Rule
from checkpoint.records import CheckResult, OutcomeOf, Override, ReadingKept, Verdict

__all__ = ["CheckLine", "Explanation", "FactLine", "ReadingLine", "Said", "explain"]

_FAILS = ("failed", "missing", "not_obtained")


class CheckLine(msgspec.Struct, frozen=True):
    """One answer to one check. The first four are codes of the record; `decided`: this one made the verdict."""

    check: str
    mode: str
    result: str
    reason: str
    value: str
    limit: str
    name: Said
    mode_said: Said
    result_said: Said
    reason_said: Said
    why: Said
    decided: bool


class ReadingLine(msgspec.Struct, frozen=True):
    """One judged measurement, degrees Celsius as text; empty where the record has none."""

    site: Said
    judged_c: str
    level_c: str
    excess_c: str
    limit_c: str
    object_c: str
    ambient_c: str
    body_c: str
    marks: Said


class Explanation(msgspec.Struct, frozen=True):
    """Why a passage had its verdict. `decided_by`: a check, `gate` for a condition of the gate, empty if nothing
    stopped it; `rule`: its name, empty if it can't be told."""

    verdict: str
    reason: str
    decided_by: str
    outcome: str
    policy: str
    policy_version: int
    rule: str
    headline: Said
    facts: tuple[FactLine, ...]
    checks: tuple[CheckLine, ...]
    readings: tuple[ReadingLine, ...]
    missing: tuple[Said, ...]
    unrecorded: tuple[Said, ...]


def explain(
    verdict: Verdict, outcome: OutcomeOf | None, policy: Policy | None, override: Override | None = None
) -> Explanation:
    """Total: any payload that can be stored gives an explanation. A policy of another id or version is not looked at.

    `outcome`, `override`: of the same passage, where there is one.
    """
    if policy is not None and (policy.id, policy.version) != (verdict.policy, verdict.policy_version):
        policy = None
    rule = None if policy is None else rule_of(verdict, policy)
    known = policy if rule is not None else None
    at = _deciding(verdict)
    decided_by = verdict.checks[at].check if at is not None else "" if verdict.verdict == "allow" else "gate"
    lines = tuple(
        _check(result, why_asked(result, verdict, rule, known, decided_by), place == at)
        for place, result in enumerate(verdict.checks)
    )
    return Explanation(
        verdict=verdict.verdict,
        reason=verdict.reason,
        decided_by=decided_by,
        outcome=outcome.outcome if outcome else "",
        policy=verdict.policy,
        policy_version=verdict.policy_version,
        rule=rule.name if rule else "",
        headline=_headline(verdict, decided_by, known),
        facts=facts_of(verdict, outcome, override, policy, rule),
        checks=lines,
        readings=tuple(_reading(reading, verdict) for reading in verdict.readings),
        missing=_missing(verdict),
        unrecorded=_unrecorded(verdict, policy, rule, decided_by),
    )


def _deciding(verdict: Verdict) -> int | None:
    """Place of the answer that made the verdict: the first failing one with its reason."""
    if verdict.verdict == "allow":
        return None
    places = (at for at, result in enumerate(verdict.checks) if _stops(result) and result.reason == verdict.reason)
    return next(places, None)


def _stops(result: CheckResult) -> bool:
    return result.result in _FAILS


def _headline(verdict: Verdict, decided_by: str, policy: Policy | None) -> Said:
    """Verdict, reason, and what made it so."""
    what, why = said(words.VERDICTS, verdict.verdict), reason_said(verdict.reason)
    head = Said(f"{what.zh}：{why.zh}", f"{what.en}: {why.en}")
    if verdict.drill:
        head = Said(f"演练 · {head.zh}", f"DRILL · {head.en}")
    if decided_by == "gate":
        by = gate_condition(verdict, policy)
        return Said(f"{head.zh}（{by.zh}）", f"{head.en} ({by.en})")
    if decided_by:
        check = said(words.CHECKS, decided_by)
        return Said(f"{head.zh}（由{check.zh}判定）", f"{head.en} (decided by {check.en})")
    return head


def _check(result: CheckResult, why: Said, decided: bool) -> CheckLine:
    return CheckLine(
        check=plain(result.check),
        mode=plain(result.mode),
        result=plain(result.result),
        reason=plain(result.reason),
        value=number(result.value),
        limit=number(result.limit),
        name=said(words.CHECKS, result.check),
        mode_said=said(words.MODES, result.mode),
        result_said=said(words.RESULTS, result.result),
        reason_said=reason_said(result.reason),
        why=why,
        decided=decided,
    )


def _reading(reading: ReadingKept, verdict: Verdict) -> ReadingLine:
    site = words.MANUAL if reading.manual else said(words.BODY_SITES, reading.body_site)
    return ReadingLine(
        site=site,
        judged_c=number(reading.judged_c),
        level_c=number(reading.level_c),
        excess_c="" if reading.excess_c is None else plain(f"{reading.excess_c:+.2f}"),
        limit_c=_limit_of(reading, verdict),
        object_c=number(reading.object_c),
        ambient_c=number(reading.ambient_c),
        body_c=number(reading.body_c),
        marks=joined(tuple(said(words.MARKS, mark) for mark in reading.quality)),
    )


def _limit_of(reading: ReadingKept, verdict: Verdict) -> str:
    """What this reading was held against: the check that was judged by this very value keeps it."""
    found = (
        result.limit
        for result in verdict.checks
        if result.check == "temperature" and result.value is not None and result.value == reading.judged_c
    )
    return number(next(found, None))


def _missing(verdict: Verdict) -> tuple[Said, ...]:
    """Checks that were asked for and have no answer."""
    found = (result for result in verdict.checks if result.result in ("missing", "not_obtained"))
    return tuple(_of_check(result) for result in found)


def _of_check(result: CheckResult) -> Said:
    check, why = said(words.CHECKS, result.check), reason_said(result.reason)
    return Said(f"{check.zh}：{why.zh}", f"{check.en}: {why.en}")


def _unrecorded(verdict: Verdict, policy: Policy | None, rule: Rule | None, decided_by: str) -> tuple[Said, ...]:
    """What a record of this version does not hold, of that which this verdict rests on."""
    name = f"{plain(verdict.policy)} v{verdict.policy_version}"
    judged = [reading for reading in verdict.readings if reading.judged_c is not None and not reading.manual]
    fell_back = verdict.reason == "allowed_by_fail_table" or any(r.result == "not_obtained" for r in verdict.checks)
    notes = (
        (
            policy is None,
            Said(f"策略 {name} 的文本不在此处：规则与方式的由来不明",
                 f"the text of policy {name} is not here: no rule, and not why each check had its mode"),
        ),
        (
            policy is not None and rule is None,
            Said(f"此处的策略 {name} 无规则或不止一条规则（时段不同）与记录的检查项相符：规则不明",
                 f"policy {name} as it is here has no rule, or several at different hours, that asks for these checks: "
                 "the rule can't be told"),
        ),
        (
            any(not _limit_of(reading, verdict) for reading in judged),
            Said("本版未记录：个别读数的限值", "not recorded by this version: the limit of some readings"),
        ),
        (
            fell_back or (decided_by == "gate" and verdict.reason.startswith("policy_")),
            Said("本版未记录：异常已持续多久", "not recorded by this version: how long the fault had lasted"),
        ),
        (
            verdict.reason == "way_out",
            Said("本版未记录：若在入口会因何被拦",
                 "not recorded by this version: what would have held somebody on the way in"),
        ),
    )  # fmt: skip
    return tuple(note for holds, note in notes if holds)
