"""Which rule of a policy asked for what a record holds, why that one, and why each check had its mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from checkpoint import explain_words as words
from checkpoint.explain_words import Said, joined, number, plain, reason_said, said
from checkpoint.policy_rule import CLOSED, RuleReason
from checkpoint.policy_rule import joined as joined_rule
from checkpoint.policy_schema import FailRow, Policy, Rule
from checkpoint.records import CheckResult, Verdict
from checkpoint.verdict_case import FIXED, FOREIGN

# A record keeps the code, and with it the row of the fail table that was asked.
_CONDITION_OF: Final = {
    "lists_stale": "lists_stale",
    "status_missing": "lists_stale",
    "policy_stale": "policy_stale",
    "policy_expired": "policy_stale",
    "clock_untrusted": "clock_untrusted",
    "document_undated": "clock_untrusted",
    "travel_undated": "clock_untrusted",
    "travel_unlisted": "lists_stale",
    "watch_unlisted": "lists_stale",
    "temperature_unmeasured": "thermometer_down",
    "temperature_low": "temperature_low",
    "mask_missing": "camera_down",
    "mask_unchecked": "camera_down",
    "not_obtained_cold": "not_obtained",
    "not_obtained_heat": "not_obtained",
    "document_unchecked": "reader_down",
    "vehicle_unchecked": "reader_down",
}
_RULE_REASONS: Final = frozenset(get_args(RuleReason))
_NO_RULE: Final = Said("策略文本不在，规则不明", "its policy is not at hand, so the rule is not known")


def rule_of(verdict: Verdict, policy: Policy) -> Rule | None:
    """The rule by which this verdict was made; None where this text of the policy can't have asked for its checks.

    A record names no rule. It keeps everything that a rule is chosen by, except that a foreign pass which counts as
    a visitor's is recorded as no pass: both are tried.
    """
    asked = [(result.check, result.mode) for result in verdict.checks]
    for pass_class in _classes_of(verdict):
        found = policy.rules_for(
            verdict.zone_level, pass_class, verdict.where.direction, verdict.attendance, verdict.where.lane_kind
        )
        # The record does not hold the hour: of rules with hours that one is taken which alone fits what was asked.
        fitting = [
            rule
            for rule in _among(found, verdict)
            if _could_have_said(rule, verdict) and _could_have_asked(rule, policy, asked)
        ]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _among(found: tuple[Rule, ...], verdict: Verdict) -> tuple[Rule, ...]:
    """Which of the rules for some hour may have been used: all joined where the gate could not tell the hour."""
    if len(found) == 1:
        return found
    code = "clock_untrusted"
    if verdict.reason == code or code in verdict.tags or any(result.reason == code for result in verdict.checks):
        return (joined_rule(found),)
    # Whoever came in has the tag if there was any doubt; what stopped somebody before may hide it.
    knew = verdict.verdict == "allow" and verdict.reason != "way_out"
    return found if knew else (*found, joined_rule(found))


def _could_have_said(rule: Rule, verdict: Verdict) -> bool:
    """What the rule itself says, a curfew for example, stands in the record; nothing of the kind if it says nothing."""
    word = rule.reason or ""
    if verdict.reason in _RULE_REASONS or set(verdict.tags) & _RULE_REASONS:
        return word == verdict.reason or word in verdict.tags
    return rule.verdict != "warn" and not (word and verdict.reason in ("all_ok", "allowed_by_fail_table"))


def _classes_of(verdict: Verdict) -> tuple[str | None, ...]:
    if verdict.pass_facts is not None:
        return (verdict.pass_class,)
    is_foreign = any(result.reason in FOREIGN for result in verdict.checks)
    return ("visitor", None) if is_foreign else (None, "visitor")


def _could_have_asked(rule: Rule, policy: Policy, asked: Sequence[tuple[str, str]]) -> bool:
    """Every check of the rule stands in the record in its order, as often as there are answers, and in its mode."""
    names = list(dict.fromkeys(check for check, _ in asked))
    own = {("pass", policy.passback.mode)}
    return names == list(rule.checks) and all(
        mode == rule.modes.get(check, "enforce") or (check, mode) in own  # type: ignore[call-overload]
        for check, mode in asked
    )


def conditions(rule: Rule) -> Said:
    """To whom a rule applies, in words; what it leaves out matches anything."""
    parts = (
        *_any_of("区域等级", "zone level", rule.level, words.LEVELS),
        *_any_of("人员类别", "class", rule.classes, words.CLASSES),
        *_any_of("方向", "direction", _one(rule.direction), words.DIRECTIONS),
        *_any_of("值守", "attendance", rule.attendance, words.ATTENDANCE),
        *_any_of("通道", "lane", _one(rule.lane_kind), words.KINDS),
        *_hours(rule),
    )
    return joined(parts, "，") if parts else Said("适用于所有人", "holds for everybody")


def _hours(rule: Rule) -> tuple[Said, ...]:
    if not rule.has_hours:
        return ()
    days = joined(tuple(said(words.DAYS, day) for day in rule.days or ()))
    span = "" if rule.begins is None else f"{rule.begins}-{rule.ends}"
    return (Said(f"时段为{days.zh}{span}", " ".join(part for part in ("at", days.en, span) if part)),)


def passed_over(verdict: Verdict, policy: Policy, chosen: Rule) -> tuple[Said, ...]:
    """The rules before the chosen one, each with the first thing that did not fit."""
    none_fits = len(policy.rules) if chosen is CLOSED else 0
    before = policy.rules[: next((at for at, rule in enumerate(policy.rules) if rule is chosen), none_fits)]
    return tuple(_named(rule, _misfit(rule, verdict)) for rule in before)


def _misfit(rule: Rule, verdict: Verdict) -> Said:
    where = verdict.where
    keys = (
        ("区域等级", "zone level", rule.level, verdict.zone_level, words.LEVELS),
        ("方向", "direction", _one(rule.direction), where.direction, words.DIRECTIONS),
        ("值守", "attendance", rule.attendance, verdict.attendance, words.ATTENDANCE),
        ("通道", "lane", _one(rule.lane_kind), where.lane_kind, words.KINDS),
        ("人员类别", "class", rule.classes, verdict.pass_class, words.CLASSES),
    )
    if rule.level is None and verdict.zone_level == "closed":
        return Said("不用于封闭区域", "not for a closed zone")
    missed = (key for key in keys if key[2] is not None and key[3] not in key[2])
    asked_by = (verdict.zone_level, verdict.pass_class, where.direction, verdict.attendance, where.lane_kind)
    if rule.has_hours and rule.matches(*asked_by):
        return _hours(rule)[0]
    zh, en, wanted, _, table = next(missed, keys[-1])
    return next(iter(_any_of(f"只限{zh}", f"only {en}", wanted, table)), Said("不适用", "does not apply"))


def _named(rule: Rule, why: Said) -> Said:
    name = plain(rule.name)
    return Said(f"{name}（{why.zh}）", f"{name} ({why.en})")


def _one(key: str | None) -> tuple[str, ...] | None:
    return None if key is None else (key,)


def _any_of(zh: str, en: str, keys: Sequence[str] | None, table: dict[str, Said]) -> tuple[Said, ...]:
    if keys is None:
        return ()
    either = joined(tuple(said(table, key) for key in keys), "或", " or ")
    return (Said(f"{zh}为{either.zh}", f"{en} {either.en}"),)


def why_asked(result: CheckResult, verdict: Verdict, rule: Rule | None, policy: Policy | None, decided_by: str) -> Said:
    """Which rule asked for this check, why in that mode, and what became of its answer."""
    parts = (_of_mode(result, rule, policy), *_of_answer(result, verdict, policy, decided_by))
    return joined(parts, "；", "; ")


def _of_mode(result: CheckResult, rule: Rule | None, policy: Policy | None) -> Said:
    if rule is None or policy is None:
        return _NO_RULE
    name, listed = plain(rule.name), rule.modes.get(result.check)  # type: ignore[call-overload]
    if result.mode == (listed or "enforce"):
        if listed is None:
            return Said(
                f"规则“{name}”列有此项，未另定即强制", f'listed by rule "{name}", enforced unless it says otherwise'
            )
        return Said(f"规则“{name}”定为此", f'set so by rule "{name}"')
    return Said("一码两用另有规定", "one pass in two hands has a mode of its own ([passback])")


def _of_answer(result: CheckResult, verdict: Verdict, policy: Policy | None, decided_by: str) -> tuple[Said, ...]:
    if result.result == "skipped":
        before = said(words.CHECKS, decided_by) if decided_by != "gate" else Said("关口状态", "a condition of the gate")
        is_off = result.mode == "off"
        return () if is_off or not decided_by else (Said(f"此前已由{before.zh}判定", f"decided before by {before.en}"),)
    if result.result == "ok":
        return ()
    if result.reason in FIXED:
        return (Said("各种方式下都须上报", "escalates in every mode"),)
    if result.mode in ("warn", "record"):
        return (Said("不拦人", "holds nobody"),)
    # A low reading where people can warm up is refused before the table is asked.
    is_low = result.reason == "temperature_low" and verdict.verdict != "deny"
    by_table = result.result == "not_obtained" or is_low
    return _of_fail_table(result.reason, verdict, policy) if by_table else ()


def _of_fail_table(code: str, verdict: Verdict, policy: Policy | None) -> tuple[Said, ...]:
    """What the policy's fail table says where a cause of the gate's own has kept a check from being made."""
    condition = _CONDITION_OF.get(code)
    if policy is None or condition is None or not hasattr(policy.fail, condition):
        return ()
    row: FailRow = getattr(policy.fail, condition)
    column = {"guard": row.guard, "remote": row.remote}.get(verdict.attendance, row.none)
    until = "" if column.for_s is None else f" {number(column.for_s)} s"
    name, who = said(words.CONDITIONS, condition), said(words.ATTENDANCE, verdict.attendance)
    residents, others = said(words.VERDICTS, column.residents), said(words.VERDICTS, column.others)
    return (
        Said(
            f"异常表“{name.zh}”{who.zh}：本院居民{residents.zh}{until}，其他人{others.zh}",
            f"fail table, {name.en}, {who.en}: residents of this site {residents.en}{until}, others {others.en}",
        ),
    )


def gate_condition(verdict: Verdict, policy: Policy | None) -> Said:
    """Why a condition of the gate, or the rule itself, decided, not a check."""
    what = reason_said(verdict.reason)
    if verdict.reason in _RULE_REASONS:
        return Said(f"规则本身所定：{what.zh}", f"the rule itself says so: {what.en}")
    lead = Said(f"关口状态：{what.zh}", f"a condition of the gate: {what.en}")
    return joined((lead, *_of_fail_table(verdict.reason, verdict, policy)), "；", "; ")
